//! Which names an expression binds itself, and where they can be seen.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;

/// One frame of bindings: a block, a function's parameters, or what `@` and `#` bind along a path.
#[derive(Default)]
struct Frame {
    /// Bound so far, in the order of the source.
    bound: BTreeSet<String>,
    /// Bound anywhere in this frame: a function may use what is bound after it, because it runs later.
    eventually: BTreeSet<String>,
    /// Whether this frame is a function's, so that outer frames are seen when it runs, not where it stands.
    function: bool,
    /// Whether this frame is a path's, in which `:=` does not bind.
    path: bool,
}

/// The frames around the place that is being looked at.
#[derive(Default)]
pub(super) struct Frames(Vec<Frame>);

impl Frames {
    /// A block, or the whole expression: `eventually` are the names that `:=` binds in it.
    pub fn enter_block(&mut self, eventually: BTreeSet<String>) {
        self.0.push(Frame {
            eventually,
            ..Frame::default()
        });
    }

    pub fn enter_function(&mut self, parameters: BTreeSet<String>) {
        self.0.push(Frame {
            bound: parameters,
            function: true,
            ..Frame::default()
        });
    }

    pub fn enter_path(&mut self, carried: BTreeSet<String>) {
        self.0.push(Frame {
            bound: carried,
            path: true,
            ..Frame::default()
        });
    }

    pub fn leave(&mut self) {
        self.0.pop();
    }

    /// `$name := …` has been passed. It binds in the nearest block or function, never in a path.
    pub fn bind(&mut self, name: &str) {
        if let Some(frame) = self.0.iter_mut().rev().find(|frame| !frame.path) {
            frame.bound.insert(name.to_owned());
        }
    }

    pub fn sees(&self, name: &str) -> bool {
        let mut deferred = false;
        for frame in self.0.iter().rev() {
            if frame.bound.contains(name) || deferred && frame.eventually.contains(name) {
                return true;
            }
            deferred |= frame.function;
        }
        false
    }

    /// Every name that can be seen, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|frame| frame.bound.iter().map(String::as_str))
    }
}

/// The (tagged) names that `:=` binds in the frame of `node`: not those of blocks and functions within.
pub(super) fn assigned(node: &AstNode, out: &mut Vec<String>) {
    with_stack(|| {
        if let AstNode::Binary {
            op: BinaryOp::ColonEqual,
            lhs,
            ..
        } = node
            && let AstNode::Variable(name) = lhs.as_ref()
        {
            out.push(name.clone());
        }
        if !matches!(node, AstNode::Block(_) | AstNode::Lambda { .. }) {
            children(node, &mut |child| assigned(child, out));
        }
    });
}

/// The (tagged) names that `@` and `#` bind along the path `node`.
pub(super) fn carried(node: &AstNode, out: &mut Vec<String>) {
    with_stack(|| match node {
        AstNode::Path { steps } => {
            for step in steps {
                out.extend(step.focus.iter().chain(&step.index_var).cloned());
                out.extend(step.stages.iter().filter_map(|stage| match stage {
                    Stage::Index(name) => Some(name.clone()),
                    Stage::Filter(_) | Stage::KeepArray => None,
                }));
                carried(&step.node, out);
            }
        }
        AstNode::Sort { input, .. } | AstNode::ObjectTransform { input, .. } => carried(input, out),
        AstNode::FunctionApplication(inner) => carried(inner, out),
        AstNode::Block(items) => items.iter().for_each(|item| carried(item, out)),
        AstNode::Binary {
            op: BinaryOp::FocusBind | BinaryOp::IndexBind,
            lhs,
            rhs,
        } => {
            if let AstNode::Variable(name) = rhs.as_ref() {
                out.push(name.clone());
            }
            carried(lhs, out);
        }
        _ => {}
    });
}

/// Whether `@` moves the context back to the path's own input somewhere in `node`.
pub(super) fn has_focus(node: &AstNode) -> bool {
    with_stack(|| match node {
        AstNode::Path { steps } => steps
            .iter()
            .any(|step| step.focus.is_some() || has_focus(&step.node)),
        AstNode::Sort { input, .. } | AstNode::ObjectTransform { input, .. } => has_focus(input),
        AstNode::FunctionApplication(inner) => has_focus(inner),
        AstNode::Block(items) => items.iter().any(has_focus),
        AstNode::Binary {
            op: BinaryOp::FocusBind,
            ..
        } => true,
        AstNode::Binary {
            op: BinaryOp::IndexBind,
            lhs,
            ..
        } => has_focus(lhs),
        _ => false,
    })
}

/// Calls `visit` with every direct part of `node`.
pub(super) fn children<'a>(node: &'a AstNode, visit: &mut dyn FnMut(&'a AstNode)) {
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
        AstNode::Path { steps } => steps.iter().for_each(|step| step_children(step, visit)),
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand: part, .. }
        | AstNode::FunctionApplication(part)
        | AstNode::Lambda { body: part, .. } => {
            visit(part);
        }
        AstNode::Function { args: parts, .. }
        | AstNode::Array(parts)
        | AstNode::ArrayGroup(parts)
        | AstNode::Block(parts) => parts.iter().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter().for_each(visit);
        }
        AstNode::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            pattern.iter().for_each(|(key, value)| {
                visit(key);
                visit(value);
            });
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter().for_each(|branch| visit(branch));
        }
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            visit(location);
            visit(update);
            delete.iter().for_each(|delete| visit(delete));
        }
    }
}

fn step_children<'a>(step: &'a PathStep, visit: &mut dyn FnMut(&'a AstNode)) {
    visit(&step.node);
    for stage in &step.stages {
        match stage {
            Stage::Filter(predicate) => visit(predicate),
            Stage::Index(_) | Stage::KeepArray => {}
        }
    }
}
