//! A call as a rule writes it: which operation, and its arguments, some of which are still to be computed.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use crate::api::{Operation, Segment};
use crate::expression::Expression;

/// One call of a rule.
#[derive(Debug, Clone)]
pub struct CallTemplate {
    /// What to call.
    pub operation: Operation,
    /// The arguments, in the file's order.
    pub with: Vec<(String, Template)>,
    /// The members whose enumerations may have values that the model does not know: those of the call, of the file, and
    /// those that are so by default.
    pub allow_unknown_values: Vec<String>,
    /// `settle: wait`: whether to wait until the service has done what it accepted.
    pub settle: bool,
    /// The line in the rules file, from 1.
    pub line: usize,
}

/// A value of the rules file.
#[derive(Debug, Clone)]
pub enum Template {
    /// As it stands, with everything in it.
    Constant(Value),
    /// To be computed.
    Expression(Computed),
    /// An object in which something is to be computed.
    Object(Vec<(String, Template)>),
    /// A list in which something is to be computed.
    List(Vec<Template>),
}

/// An expression and its place. Equal texts share one compiled expression.
#[derive(Debug, Clone)]
pub struct Computed {
    /// What to evaluate.
    pub expression: Arc<Expression>,
    /// The line in the rules file, from 1.
    pub line: usize,
    /// The column of the string in its line, in characters, from 1.
    pub column: usize,
}

impl Deref for Computed {
    type Target = Expression;

    fn deref(&self) -> &Expression {
        &self.expression
    }
}

impl Template {
    /// Hands over every expression in it, in the file's order. As deep as the file, whose depth is bounded when it is read.
    pub fn each<'a>(&'a self, found: &mut impl FnMut(&'a Computed)) {
        match self {
            Self::Constant(_) => {}
            Self::Expression(computed) => found(computed),
            Self::Object(members) => members
                .iter()
                .for_each(|(_, template)| template.each(found)),
            Self::List(items) => items.iter().for_each(|template| template.each(found)),
        }
    }
}

impl CallTemplate {
    /// The first-level member of this name.
    pub fn member(&self, name: &str) -> Option<&Template> {
        let found = self.with.iter().find(|(member, _)| member == name)?;
        Some(&found.1)
    }

    /// The expression that the value at a path is computed by: the one that stands there or around it.
    pub fn computed_at(&self, path: &[Segment]) -> Option<&Computed> {
        let (first, rest) = path.split_first()?;
        let Segment::Key(name) = first else {
            return None;
        };
        let mut template = self.member(name)?;
        for segment in rest {
            template = match (template, segment) {
                (Template::Object(members), Segment::Key(key)) => {
                    &members.iter().find(|(name, _)| name == key)?.1
                }
                (Template::List(items), Segment::Index(index)) => items.get(*index)?,
                _ => break,
            };
        }
        match template {
            Template::Expression(computed) => Some(computed),
            Template::Constant(_) | Template::Object(_) | Template::List(_) => None,
        }
    }

    /// Every expression of the arguments with its path, in the file's order.
    pub fn expressions(&self) -> Vec<(Vec<Segment>, &Computed)> {
        let mut found = Vec::new();
        for (name, template) in &self.with {
            collect(template, &mut vec![Segment::Key(name.clone())], &mut found);
        }
        found
    }
}

// As deep as the file, whose depth is bounded when it is read.
fn collect<'a>(
    template: &'a Template,
    path: &mut Vec<Segment>,
    found: &mut Vec<(Vec<Segment>, &'a Computed)>,
) {
    let mut step = |segment: Segment, template: &'a Template| {
        path.push(segment);
        collect(template, path, found);
        path.pop();
    };
    match template {
        Template::Constant(_) => {}
        Template::Expression(computed) => found.push((path.clone(), computed)),
        Template::Object(members) => members
            .iter()
            .for_each(|(name, template)| step(Segment::Key(name.clone()), template)),
        Template::List(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, template)| step(Segment::Index(index), template)),
    }
}
