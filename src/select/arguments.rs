//! The arguments of a selected call: at once, or once the target has been read.

use std::borrow::{Borrow, Cow};

use serde_json::{Map, Value};

use super::fill::Fill;
use super::{Selected, evaluation};
use crate::event::Event;
use crate::expression::{Evaluation, Uses};
use crate::report::Failure;
use crate::rules::{CallTemplate, Rule, Rules, Template};

pub(super) enum Arguments {
    /// They are the same whatever the target is like.
    Fixed(Value),
    /// The same as text, which takes a sixth of the tree: a batch can have tens of thousands.
    Packed(Box<str>),
    Failed(Box<Failure>),
    /// They depend on what the target is like; so far there are those that name it.
    Open(Value),
}

/// Whether an expression of a template uses what is asked about. As deep as the template, which was bounded when the file was
/// read.
pub(super) fn uses(template: &Template, what: &impl Fn(&Uses) -> bool) -> bool {
    match template {
        Template::Constant(_) => false,
        Template::Expression(computed) => what(computed.uses()),
        Template::Object(members) => members.iter().any(|(_, template)| uses(template, what)),
        Template::List(items) => items.iter().any(|template| uses(template, what)),
    }
}

pub(super) fn arguments(
    rule: &Rule,
    call: &CallTemplate,
    identity: Value,
    evaluation: &Evaluation,
) -> Result<Value, Failure> {
    let mut fill = Fill::new(rule, evaluation);
    let mut arguments = match identity {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, template) in &call.with {
        if arguments.contains_key(name) {
            continue;
        }
        if let Some(value) = fill.member(name, template)? {
            arguments.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(arguments))
}

impl Selected<'_> {
    /// Whether an argument depends on what the target is like.
    pub fn uses_current(&self) -> bool {
        matches!(self.arguments, Arguments::Open(_))
    }

    /// Keeps it as small as can be.
    pub(crate) fn pack(&mut self) {
        if let Arguments::Fixed(arguments) = &self.arguments {
            self.arguments = Arguments::Packed(arguments.to_string().into_boxed_str());
        }
    }

    /// The arguments, now that the target has been observed.
    ///
    /// # Errors
    /// When an expression fails or yields nothing.
    pub fn arguments(
        &self,
        rules: &Rules,
        event: &Event,
        current: &Value,
    ) -> Result<Value, Failure> {
        self.filled(|| open([self], rules, event, current))
    }

    /// The same, where the event and the target have been made ready for several calls.
    pub(crate) fn evaluated(&self, evaluation: &Evaluation) -> Result<Value, Failure> {
        self.filled(|| Ok(evaluation))
    }

    fn filled<E: Borrow<Evaluation>>(
        &self,
        evaluation: impl FnOnce() -> Result<E, Failure>,
    ) -> Result<Value, Failure> {
        match &self.arguments {
            Arguments::Fixed(arguments) => Ok(arguments.clone()),
            // It was written from such a value.
            Arguments::Packed(text) => Ok(serde_json::from_str(text).unwrap_or_default()),
            Arguments::Failed(failure) => Err(failure.as_ref().clone()),
            Arguments::Open(identity) => {
                let evaluation = evaluation()?;
                arguments(self.rule, self.call, identity.clone(), evaluation.borrow())
            }
        }
    }

    /// Arguments that are the same whatever the target is like, for the last time: what is not packed is not there any more.
    pub(crate) fn take_arguments(&mut self) -> Result<Value, Failure> {
        match &mut self.arguments {
            Arguments::Fixed(arguments) => Ok(std::mem::take(arguments)),
            Arguments::Packed(text) => Ok(serde_json::from_str(text).unwrap_or_default()),
            Arguments::Failed(failure) => Err(failure.as_ref().clone()),
            // Nobody asks for them without the target.
            Arguments::Open(identity) => Ok(identity.clone()),
        }
    }
}

/// An event and an observed target, made ready for the arguments of these calls that depend on it.
pub(crate) fn open<'a>(
    calls: impl IntoIterator<Item = &'a Selected<'a>>,
    rules: &Rules,
    event: &Event,
    current: &Value,
) -> Result<Evaluation, Failure> {
    let calls: Vec<_> = calls
        .into_iter()
        .filter(|call| call.uses_current())
        .collect();
    let any = |what: &dyn Fn(&Uses) -> bool| {
        calls.iter().any(|selected| {
            let CallTemplate {
                operation, with, ..
            } = selected.call;
            // What names the target is known.
            let mut others = with
                .iter()
                .filter(|(name, _)| !operation.identity().contains(&name.as_str()));
            others.any(|(_, template)| uses(template, &what))
        })
    };
    // Mostly they look at the target and at nothing else.
    let event = match any(&|uses| uses.event) {
        true => event.read(),
        false => Cow::Owned(Value::Null),
    };
    let none = Map::new();
    let constants = match any(&|uses| !uses.constants.is_empty()) {
        true => &rules.constants,
        false => &none,
    };
    evaluation(constants, &event, Some(current))
}
