//! What an expression reads, and which of its names mean nothing: both known without an event.
//!
//! Local variables add nothing to what an expression reads: whatever they hold was read where they were bound, and that is counted
//! there. So one question is left for every name, `$`, `*` and `**`: is its context the event (`root`), or a value that the
//! expression made of things counted already? In doubt it is the event. Of a path into the event the names are counted up to the
//! first step that is anything else, with all that is below.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;

use super::scope::{Frames, assigned, carried, children, has_focus};
use super::syntax::Parsed;
use super::tokens::untag;
use super::{ExpressionProblem, Scope};
use crate::event::Reads;

/// What an expression can depend on. It may name more than the value really depends on, never less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// What it reads of the event.
    pub event: Reads,
    /// Whether it reads `$current`.
    pub current: bool,
    /// The constants it reads.
    pub constants: BTreeSet<String>,
    /// The functions it names, its own excepted.
    pub functions: BTreeSet<String>,
}

/// Analyses a parsed expression. Ranges in problems count from the source's first byte.
pub(super) fn analyse(parsed: &Parsed, scope: &Scope<'_>) -> (Uses, Vec<ExpressionProblem>) {
    let mut analysis = Analysis {
        parsed,
        scope,
        frames: Frames::default(),
        uses: Uses::default(),
        problems: Vec::new(),
        passes_function: false,
        calls_value: false,
    };
    analysis.frames.enter_block(names(assigned, &parsed.tagged));
    analysis.visit(&parsed.tagged, true);
    analysis.context(analysis.passes_function && analysis.calls_value);
    // What would be missed would be a wrong value, so that of whatever could be followed wrongly nothing is left out.
    let reads = !analysis.uses.event.is_nothing();
    analysis.context(reads && !is_plain_data(&parsed.tagged));
    let mut problems = analysis.problems;
    problems.sort_by_key(|problem| problem.range.start);
    problems.dedup();
    (analysis.uses, problems)
}

/// The names that `collect` finds in `node`, without their tags.
fn names(collect: fn(&AstNode, &mut Vec<String>), node: &AstNode) -> BTreeSet<String> {
    let mut tagged = Vec::new();
    collect(node, &mut tagged);
    tagged.iter().map(|name| untag(name).0.to_owned()).collect()
}

pub(super) struct Analysis<'a> {
    pub parsed: &'a Parsed,
    pub scope: &'a Scope<'a>,
    pub frames: Frames,
    pub uses: Uses,
    pub problems: Vec<ExpressionProblem>,
    /// Whether a function of JSONata's own is passed on, and whether one that is a value is called where the context is the event: what
    /// such a call leaves out, that function may take from the context.
    pub passes_function: bool,
    pub calls_value: bool,
}

impl Analysis<'_> {
    pub fn visit(&mut self, node: &AstNode, root: bool) {
        with_stack(|| self.visit_here(node, root));
    }

    fn visit_here(&mut self, node: &AstNode, root: bool) {
        match node {
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. } => {}
            AstNode::Name(name) if root => self.uses.event.add([name.as_str()]),
            AstNode::Name(_) => {}
            AstNode::Wildcard | AstNode::Descendant => self.context(root),
            // `%` can climb out of a path to where the path began.
            AstNode::ParentVariable(_) | AstNode::Parent(_) => self.uses.event.add_whole(),
            AstNode::Variable(name) if name.is_empty() => self.context(root),
            AstNode::Variable(name) => self.variable(name),
            AstNode::Path { steps } => self.carrying(node, |this| this.steps(steps, root)),
            AstNode::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs, root),
            AstNode::Unary { operand, .. } => self.visit(operand, root),
            AstNode::Function {
                name,
                args,
                is_builtin,
            } => {
                self.function(name, args, *is_builtin, false, root);
            }
            AstNode::Call { procedure, args } => {
                self.visit(procedure, root);
                self.calls_value |= root;
                args.iter().for_each(|arg| self.visit(arg, root));
            }
            AstNode::Lambda {
                params,
                body,
                signature,
                ..
            } => self.lambda(params, body, signature.as_deref()),
            AstNode::Array(items) | AstNode::ArrayGroup(items) => {
                items.iter().for_each(|item| self.visit(item, root));
            }
            AstNode::Block(items) => {
                let bound = items
                    .iter()
                    .flat_map(|item| names(assigned, item))
                    .collect();
                self.frames.enter_block(bound);
                items.iter().for_each(|item| self.visit(item, root));
                self.frames.leave();
            }
            AstNode::Object(pairs) => self.pairs(pairs, root),
            AstNode::ObjectTransform { input, pattern } => self.carrying(node, |this| {
                this.visit(input, root);
                this.pairs(pattern, root && has_focus(input));
            }),
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.visit(condition, root);
                self.visit(then_branch, root);
                else_branch
                    .iter()
                    .for_each(|branch| self.visit(branch, root));
            }
            AstNode::FunctionApplication(inner) => self.visit(inner, root),
            AstNode::Sort { input, terms } => self.carrying(node, |this| {
                this.visit(input, root);
                let root = root && has_focus(input);
                terms.iter().for_each(|(term, _)| this.visit(term, root));
            }),
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                // A function of one argument, and that is the context of all three.
                self.visit(location, false);
                self.visit(update, false);
                delete.iter().for_each(|delete| self.visit(delete, false));
            }
        }
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], root: bool) {
        for (key, value) in pairs {
            self.visit(key, root);
            self.visit(value, root);
        }
    }

    /// Visits a path with the variables in sight that `@` and `#` bind along it.
    fn carrying(&mut self, node: &AstNode, visit: impl FnOnce(&mut Self)) {
        let mut tagged = Vec::new();
        carried(node, &mut tagged);
        if tagged.is_empty() {
            return visit(self);
        }
        tagged.iter().for_each(|name| self.check_binding(name));
        self.frames
            .enter_path(tagged.iter().map(|name| untag(name).0.to_owned()).collect());
        visit(self);
        self.frames.leave();
    }

    fn steps(&mut self, steps: &[PathStep], mut root: bool) {
        if let [
            PathStep {
                node: AstNode::Variable(first),
                ..
            },
            PathStep {
                node: AstNode::Name(second),
                ..
            },
            ..,
        ] = steps
        {
            self.states_member(first, second);
        }
        let path = event_path(steps, root);
        for (place, step) in steps.iter().enumerate() {
            match &path {
                Some(path) if place == 0 => self.uses.event.add(path.iter().copied()),
                _ => self.visit(&step.node, root),
            }
            // After `@$x` the context is what the step was applied to, again.
            // Behind `a@$x^(b)` and the like it is not another either; and where the path ends so, all of it is what the path yields.
            root &= step.focus.is_some() || has_focus(&step.node);
            self.context(root);
            for stage in &step.stages {
                match stage {
                    Stage::Filter(predicate) => self.visit(predicate, root),
                    Stage::Index(_) | Stage::KeepArray => {}
                }
            }
        }
    }

    /// The context is used as it is.
    pub fn context(&mut self, root: bool) {
        if root {
            self.uses.event.add_whole();
        }
    }

    fn states_member(&mut self, first: &str, second: &str) {
        if untag(first).0 == "states" && second != "input" {
            let message =
                format!("`$states.{second}` is not bound; `$states` has `input` only, the event");
            self.report("unknown-variable", first, message, None);
        }
    }

    fn binary(&mut self, op: BinaryOp, lhs: &AstNode, rhs: &AstNode, root: bool) {
        match (op, lhs, rhs) {
            (BinaryOp::ColonEqual, AstNode::Variable(name), _) => {
                self.visit(rhs, root);
                self.check_binding(name);
                self.frames.bind(untag(name).0);
            }
            (BinaryOp::FocusBind | BinaryOp::IndexBind, _, AstNode::Variable(_)) => {
                self.visit(lhs, root)
            }
            (
                BinaryOp::ChainPipe,
                _,
                AstNode::Function {
                    name,
                    args,
                    is_builtin,
                },
            ) => {
                self.visit(lhs, root);
                self.function(name, args, *is_builtin, true, root);
            }
            (BinaryOp::ChainPipe, _, AstNode::Path { steps }) => {
                self.visit(lhs, root);
                self.chained_path(rhs, steps, root);
            }
            _ => {
                self.visit(lhs, root);
                self.visit(rhs, root);
            }
        }
    }

    /// `x ~> $f()[0]`: the call is the first step of a path.
    fn chained_path(&mut self, path: &AstNode, steps: &[PathStep], root: bool) {
        match steps {
            [
                PathStep {
                    node:
                        AstNode::Function {
                            name,
                            args,
                            is_builtin,
                        },
                    stages,
                    ..
                },
            ] => {
                self.function(name, args, *is_builtin, true, root);
                for stage in stages {
                    match stage {
                        Stage::Filter(predicate) => self.visit(predicate, false),
                        Stage::Index(_) | Stage::KeepArray => {}
                    }
                }
            }
            _ => self.visit(path, root),
        }
    }

    fn lambda(&mut self, params: &[String], body: &AstNode, signature: Option<&str>) {
        // A parameter that may be left to the context is filled where the function is called, which can be anywhere.
        self.context(signature.is_some_and(|signature| signature.contains('-')));
        params.iter().for_each(|name| self.check_binding(name));
        self.frames
            .enter_function(params.iter().map(|name| untag(name).0.to_owned()).collect());
        self.frames.enter_block(names(assigned, body));
        self.visit(body, true);
        self.frames.leave();
        self.frames.leave();
    }
}

/// Whether it takes values by their paths and computes with them, without bindings, functions of its own, or steps that climb or
/// change the order.
fn is_plain_data(node: &AstNode) -> bool {
    let is_plain = match node {
        AstNode::Path { steps } => steps.iter().all(|step| {
            let named = |stage: &Stage| matches!(stage, Stage::Index(_));
            step.focus.is_none() && step.index_var.is_none() && !step.stages.iter().any(named)
        }),
        AstNode::Binary { op, .. } => !matches!(
            op,
            BinaryOp::ColonEqual | BinaryOp::FocusBind | BinaryOp::IndexBind
        ),
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Unary { .. }
        | AstNode::FunctionApplication(_)
        | AstNode::Function { .. }
        | AstNode::Array(_)
        | AstNode::ArrayGroup(_)
        | AstNode::Block(_)
        | AstNode::Object(_)
        | AstNode::Conditional { .. } => true,
        AstNode::Placeholder
        | AstNode::ParentVariable(_)
        | AstNode::Parent(_)
        | AstNode::Call { .. }
        | AstNode::Lambda { .. }
        | AstNode::ObjectTransform { .. }
        | AstNode::Sort { .. }
        | AstNode::Transform { .. } => false,
    };
    let mut all = is_plain;
    if all {
        with_stack(|| children(node, &mut |child| all = all && is_plain_data(child)));
    }
    all
}

/// The names by which a path goes into the event, as far as they follow one another plainly. Nothing if it does not begin so.
fn event_path(steps: &[PathStep], root: bool) -> Option<Vec<&str>> {
    let is_plain = |step: &PathStep| {
        step.stages.is_empty() && step.focus.is_none() && step.index_var.is_none()
    };
    let is_event = |step: &PathStep, name: &str| {
        let named = matches!(&step.node, AstNode::Variable(tagged) if untag(tagged).0 == name);
        named && is_plain(step)
    };
    let input = |step: &PathStep| matches!(&step.node, AstNode::Name(name) if name == "input");
    let names = match steps {
        [first, second, rest @ ..]
            if is_event(first, "states") && input(second) && is_plain(second) =>
        {
            rest
        }
        [first, rest @ ..] if is_event(first, "event") || root && is_event(first, "") => rest,
        _ if root => steps,
        _ => return None,
    };
    let mut path = Vec::new();
    for step in names {
        match &step.node {
            // After `@$x` the context is what the step was applied to, again: of that, anything may be read.
            AstNode::Name(name) if step.focus.is_none() => path.push(name.as_str()),
            _ => break,
        }
        if !is_plain(step) {
            break;
        }
    }
    (!path.is_empty()).then_some(path)
}
