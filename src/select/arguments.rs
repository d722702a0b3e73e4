//! The arguments of a selected call: at once, or once the target has been read.

use std::borrow::{Borrow, Cow};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::common::{Common, SharedFailure};
use super::fill::Fill;
use super::{Selected, evaluation};
use crate::call::Target;
use crate::event::Event;
use crate::expression::{Evaluation, Uses};
use crate::report::Failure;
use crate::rules::{CallTemplate, Rule, Rules};

pub(super) enum Arguments {
    /// They are the same whatever the target is like.
    Fixed(Box<Value>),
    /// The same as text, which takes a sixth of the tree, without those that name the target: they are left to it, and calls that want
    /// the same of different people can share the others.
    Packed(Arc<str>),
    Failed(SharedFailure),
    /// They depend on what the target is like.
    Open,
}

impl Arguments {
    /// `identity` are those that name the target.
    pub fn new(rule: &Rule, call: &CallTemplate, identity: Value, evaluation: &Evaluation) -> Self {
        if reads(call, |uses| uses.current) {
            return Self::Open;
        }
        // The event is at hand in the engine's own form now; making that again costs as much as the event is big.
        match filled(rule, call, identity, evaluation) {
            Ok(arguments) => Self::Fixed(Box::new(arguments)),
            Err(failure) => Self::Failed(failure.into()),
        }
    }
}

/// Whether an argument that does not name the target reads what is asked about.
fn reads(call: &CallTemplate, what: impl Fn(&Uses) -> bool) -> bool {
    let mut found = false;
    each_use(call, &mut |uses| found |= what(uses));
    found
}

/// What the arguments that do not name the target read.
fn each_use<'a>(call: &'a CallTemplate, found: &mut impl FnMut(&'a Uses)) {
    let identity = call.operation.identity();
    let arguments = call.with.iter();
    arguments
        .filter(|(name, _)| !identity.contains(&name.as_str()))
        .for_each(|(_, template)| template.each(&mut |computed| found(computed.uses())));
}

/// The arguments that name the target, and all others.
fn filled(
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
        matches!(self.arguments, Arguments::Open)
    }

    /// Whether the event is read again once the target has been observed.
    pub fn reads_event(&self) -> bool {
        self.uses_current() && reads(self.call, |uses| !uses.event.is_nothing())
    }

    /// Becomes a call on `target`, which is the same in the service's eyes, though its name may be spelled in another way.
    pub(crate) fn move_to(&mut self, target: &Target) {
        // The arguments that name it are its own.
        if self.target.name() == target.name() {
            self.target = target.clone();
        }
    }

    /// Keeps it as small as can be, and shares what it has in common with those before it.
    pub(crate) fn pack(&mut self, common: &mut Common) {
        match &mut self.arguments {
            Arguments::Fixed(arguments) => {
                let mut arguments = std::mem::take(&mut **arguments);
                if let Value::Object(members) = &mut arguments {
                    members
                        .retain(|name, _| !self.call.operation.identity().contains(&name.as_str()));
                }
                let mut text = arguments.to_string().into();
                common.text(&mut text);
                self.arguments = Arguments::Packed(text);
            }
            Arguments::Failed(failure) => common.failure(failure),
            Arguments::Packed(_) | Arguments::Open => {}
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
            Arguments::Fixed(arguments) => Ok(arguments.as_ref().clone()),
            Arguments::Packed(text) => Ok(unpacked(&self.target, text)),
            Arguments::Failed(failure) => Err(failure.alone()),
            Arguments::Open => {
                let identity = identity(&self.target).collect();
                filled(self.rule, self.call, identity, evaluation()?.borrow())
            }
        }
    }

    /// Arguments that are the same whatever the target is like, for the last time: what is not packed is not there any more.
    pub(crate) fn take_arguments(&mut self) -> Result<Value, Failure> {
        match &mut self.arguments {
            Arguments::Fixed(arguments) => Ok(std::mem::take(arguments)),
            Arguments::Packed(text) => Ok(unpacked(&self.target, text)),
            Arguments::Failed(failure) => Err(failure.alone()),
            // Nobody asks for them without the target.
            Arguments::Open => Ok(identity(&self.target).collect()),
        }
    }
}

fn unpacked(target: &Target, text: &str) -> Value {
    // It was written from such members.
    let others: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    identity(target).chain(others).collect()
}

/// The arguments that name the target, as they spell it.
fn identity(target: &Target) -> impl Iterator<Item = (String, Value)> {
    let identity = target.identity();
    identity.map(|(name, value)| (name.to_owned(), Value::from(value)))
}

/// An event and an observed target, made ready for the arguments of these calls that depend on it.
pub(crate) fn open<'a>(
    calls: impl IntoIterator<Item = &'a Selected<'a>>,
    rules: &Rules,
    event: &Event,
    current: &Value,
) -> Result<Evaluation, Failure> {
    let calls = calls.into_iter().filter(|call| call.uses_current());
    let mut reads = Vec::new();
    let mut constant = false;
    for call in calls {
        each_use(call.call, &mut |uses| {
            reads.push(&uses.event);
            constant |= !uses.constants.is_empty();
        });
    }
    // Mostly they look at the target and at nothing else.
    let event = match reads.iter().all(|reads| reads.is_nothing()) {
        true => Cow::Owned(Value::Null),
        false => event.read_part(&reads),
    };
    let none = Map::new();
    let constants = match constant {
        true => &rules.constants,
        false => &none,
    };
    evaluation(constants, event, &reads, Some(current))
}
