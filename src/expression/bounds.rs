//! Keeps what an expression builds small, without a word in the expression about it.
//!
//! The engine bounds time, depth and the length of sequences, but not text: `$a & $a` forty times over is a
//! terabyte, and one call of `$pad` is as long as its argument says. So the tree that is evaluated has a check
//! around every operand from which something bigger can be built. An operand within the limit gives a result within
//! a small multiple of it, which the next operation checks in turn.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;

use super::catalog;
use super::checks::{FACTOR, FIGURE, PICTURE, WEIGHED, WIDTH};
use super::functions::bit;
use super::scope::children;

/// Functions whose result is a product of their arguments.
const MULTIPLYING: &[&str] = &["distinct", "formatNumber", "join", "replace"];
/// Functions whose result is no bigger than a checked argument, and finite if it is a number.
const HARMLESS: &[&str] = &[
    "boolean",
    "contains",
    "count",
    "exists",
    "hash",
    "kxUserName",
    "length",
    "lowercase",
    "not",
    "profileName",
    "substring",
    "substringAfter",
    "substringBefore",
    "toMillis",
    "trim",
    "type",
    "uppercase",
];
/// A text in the source that is short whatever it is multiplied with.
const LONG_LITERAL: usize = 1024;
/// How many operands `a & b & c …` may have before the parts are checked too.
const UNCHECKED_OPERANDS: usize = 16;

/// The functions of our own that a call in `node` can reach, as [bits](bit): all whose names occur in it, whatever they stand for
/// there.
pub(super) fn functions_in(node: &AstNode) -> u32 {
    with_stack(|| {
        let mut found = match node {
            AstNode::Function { name, .. }
            | AstNode::Variable(name)
            | AstNode::ParentVariable(name) => bit(name),
            _ => 0,
        };
        children(node, &mut |child| found |= functions_in(child));
        found
    })
}

/// Puts the checks into `node`. `inner` says that names may refer to what the expression built, not to its input.
pub(super) fn bound(node: &mut AstNode, inner: bool) {
    with_stack(|| bound_here(node, inner));
}

fn bound_here(node: &mut AstNode, inner: bool) {
    match node {
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
        AstNode::Path { steps } => bound_steps(steps, inner),
        AstNode::Binary { op, lhs, rhs } => bound_binary(*op, lhs, rhs, inner),
        AstNode::Unary { operand, .. } => bound(operand, inner),
        AstNode::Function { name, args, .. } => bound_call(name, args, false, inner),
        AstNode::Call { procedure, args } => {
            bound(procedure, inner);
            args.iter_mut()
                .for_each(|arg| check_operand(arg, WEIGHED, inner));
        }
        // A tail call must stay the last thing that a function does; its arguments are checked.
        AstNode::Lambda {
            body, thunk: true, ..
        } => bound(body, true),
        AstNode::Lambda {
            body, thunk: false, ..
        } => check_operand(body, WEIGHED, true),
        AstNode::Array(items) | AstNode::ArrayGroup(items) => {
            items
                .iter_mut()
                .for_each(|item| check_operand(item, WEIGHED, inner));
        }
        AstNode::Block(items) => items.iter_mut().for_each(|item| bound(item, inner)),
        AstNode::Object(pairs) => bound_pairs(pairs, inner),
        AstNode::ObjectTransform { input, pattern } => {
            bound(input, inner);
            bound_pairs(pattern, true);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            bound(condition, inner);
            bound(then_branch, inner);
            if let Some(branch) = else_branch {
                bound(branch, inner);
            }
        }
        AstNode::FunctionApplication(applied) => bound(applied, inner),
        AstNode::Sort { input, terms } => {
            bound(input, inner);
            terms.iter_mut().for_each(|(term, _)| bound(term, true));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            bound(location, true);
            bound(update, true);
            if let Some(delete) = delete {
                bound(delete, true);
            }
        }
    }
}

fn bound_steps(steps: &mut [PathStep], inner: bool) {
    for (index, step) in steps.iter_mut().enumerate() {
        if index > 0 && !step.is_tuple && !step.inner_tuple {
            bound_step(&mut step.node);
        } else {
            bound(&mut step.node, inner || index > 0);
        }
        for stage in &mut step.stages {
            match stage {
                Stage::Filter(predicate) => bound(predicate, true),
                Stage::KeepArray | Stage::Index(_) => {}
            }
        }
    }
}

/// A step is evaluated for each item of the step before, and the results are put in one list: a big value that has
/// nothing to do with the item counts each time.
fn bound_step(node: &mut AstNode) {
    match node {
        AstNode::Variable(name) if !name.is_empty() => check_operand(node, WEIGHED, true),
        AstNode::ParentVariable(_) => check_operand(node, WEIGHED, true),
        AstNode::Block(items) => {
            if let Some((last, others)) = items.split_last_mut() {
                others.iter_mut().for_each(|item| bound(item, true));
                check_operand(last, WEIGHED, true);
            }
        }
        AstNode::FunctionApplication(applied) => bound_step(applied),
        _ => bound(node, true),
    }
}

fn bound_pairs(pairs: &mut [(AstNode, AstNode)], inner: bool) {
    for (key, value) in pairs {
        check_operand(key, WEIGHED, inner);
        check_operand(value, WEIGHED, inner);
    }
}

fn bound_binary(op: BinaryOp, lhs: &mut AstNode, rhs: &mut AstNode, inner: bool) {
    match op {
        BinaryOp::Concatenate => {
            check_operand(lhs, WEIGHED, inner);
            check_operand(rhs, WEIGHED, inner);
        }
        BinaryOp::ChainPipe => {
            // The left side becomes the call's first argument.
            if let AstNode::Function { name, args, .. } = rhs {
                check_operand(lhs, check_for(name), inner);
                bound_call(name, args, true, inner);
            } else {
                check_operand(lhs, WEIGHED, inner);
                bound(rhs, inner);
            }
        }
        // The left sides of these are names, not values.
        BinaryOp::ColonEqual | BinaryOp::FocusBind | BinaryOp::IndexBind => {
            if !matches!(lhs, AstNode::Variable(_)) {
                bound(lhs, inner);
            }
            if !matches!(rhs, AstNode::Variable(_)) || op == BinaryOp::ColonEqual {
                bound(rhs, inner);
            }
        }
        _ => {
            bound(lhs, inner);
            bound(rhs, inner);
        }
    }
}

fn bound_call(name: &str, args: &mut Vec<AstNode>, chained: bool, inner: bool) {
    let check = check_for(name);
    let left_out = |required| !chained && args.len() + 1 == required;
    if check != WEIGHED
        && catalog::known(name).is_some_and(|known| known.context && left_out(known.required))
    {
        // An argument that is left to the context is checked like the others once it is written out.
        args.insert(0, AstNode::Variable(String::new()));
    }
    args.iter_mut()
        .for_each(|arg| check_operand(arg, check, inner));
}

fn check_for(function: &str) -> &'static str {
    match function {
        "pad" => WIDTH,
        "formatInteger" => FIGURE,
        "fromMillis" => PICTURE,
        _ if MULTIPLYING.contains(&function) => FACTOR,
        _ => WEIGHED,
    }
}

fn check_operand(node: &mut AstNode, check: &str, inner: bool) {
    bound(node, inner);
    if needs_check(node, check, inner) {
        let operand = std::mem::replace(node, AstNode::Null);
        *node = AstNode::Function {
            name: check.to_owned(),
            args: vec![operand],
            is_builtin: true,
        };
    }
}

fn needs_check(node: &AstNode, check: &str, inner: bool) -> bool {
    match node {
        // Written out in the source, or made of parts that are checked where they stand. An array or object must
        // stay visible to the engine as a constructor.
        AstNode::Boolean(_) | AstNode::Null | AstNode::Undefined | AstNode::Placeholder => false,
        AstNode::String(text) => check == PICTURE || check != WEIGHED && text.len() > LONG_LITERAL,
        AstNode::Array(_) | AstNode::ArrayGroup(_) | AstNode::Object(_) => check != WEIGHED,
        AstNode::Regex { .. } | AstNode::Lambda { .. } | AstNode::Transform { .. } => false,
        AstNode::Number(_) => check == WIDTH || check == FIGURE,
        AstNode::Unary { operand, .. } => {
            check != WEIGHED || !matches!(operand.as_ref(), AstNode::Number(_))
        }
        AstNode::Binary {
            op: BinaryOp::Concatenate,
            ..
        } => check != WEIGHED || operands(node) > UNCHECKED_OPERANDS,
        AstNode::Binary { op, .. } => match op {
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::LessThan
            | BinaryOp::LessThanOrEqual
            | BinaryOp::GreaterThan
            | BinaryOp::GreaterThanOrEqual
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::In => false,
            // Arithmetic for what is not finite.
            _ => true,
        },
        AstNode::Function { name, .. } => check != WEIGHED || !HARMLESS.contains(&name.as_str()),
        AstNode::Path { steps } => match steps.as_slice() {
            [
                PathStep {
                    node: AstNode::Array(_),
                    ..
                },
            ] => false,
            [first, ..] if !inner && check == WEIGHED => {
                !matches!(first.node, AstNode::Name(_) | AstNode::ParentVariable(_))
                    || steps.iter().any(|step| {
                        !matches!(step.node, AstNode::Name(_) | AstNode::ParentVariable(_))
                    })
            }
            _ => true,
        },
        AstNode::Name(_) | AstNode::ParentVariable(_) | AstNode::Wildcard => {
            inner || check != WEIGHED
        }
        AstNode::Variable(_)
        | AstNode::Descendant
        | AstNode::Parent(_)
        | AstNode::Call { .. }
        | AstNode::Block(_)
        | AstNode::ObjectTransform { .. }
        | AstNode::Conditional { .. }
        | AstNode::FunctionApplication(_)
        | AstNode::Sort { .. } => true,
    }
}

/// How many operands a chain of `&` joins.
fn operands(node: &AstNode) -> usize {
    let mut count = 1;
    let mut node = node;
    while let AstNode::Binary {
        op: BinaryOp::Concatenate,
        lhs,
        ..
    } = node
    {
        count += 1;
        node = lhs;
    }
    count
}
