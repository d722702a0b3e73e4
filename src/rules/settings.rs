//! The constants that rules set, by what they set them on.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::overlaps::Placed;
use super::{CallTemplate, Template};
use crate::api::Operation;
use crate::document::Step;
use crate::hash::Table;

/// One constant that a rule sets.
pub(super) struct Setting<'a> {
    /// Its rule's position among those that are right.
    pub rule: usize,
    pub call: usize,
    pub path: Vec<Step<'a>>,
    pub value: &'a Json,
}

/// Settings of the same member of what can be the same target, each group in the file's order.
pub(super) fn settings<'a>(rules: &[Placed<'a>]) -> Vec<Vec<Setting<'a>>> {
    // By target and path: positions among the settings.
    let mut targets: Table<(Operation, Identity<'a>), Table<Vec<Step<'a>>, usize>> =
        Table::default();
    let mut settings: Vec<Vec<Setting<'a>>> = Vec::new();
    for (position, placed) in rules.iter().enumerate() {
        for (call_position, call) in placed.rule.calls.iter().enumerate() {
            let Some(identity) = identity(call) else {
                continue;
            };
            let groups = targets.entry((call.operation, identity)).or_default();
            for (path, value) in leaves(call) {
                let group = match groups.get(path.as_slice()) {
                    Some(group) => *group,
                    None => {
                        groups.insert(path.clone(), settings.len());
                        settings.push(Vec::new());
                        settings.len() - 1
                    }
                };
                let setting = Setting {
                    rule: position,
                    call: call_position,
                    path,
                    value,
                };
                if let Some(group) = settings.get_mut(group) {
                    group.push(setting);
                }
            }
        }
    }
    settings
}

/// What is written for the members that name the target, and whether it is computed.
type Identity<'a> = Vec<(Cow<'a, str>, bool)>;

fn identity(call: &CallTemplate) -> Option<Identity<'_>> {
    let written = |name: &&str| match call.member(name)? {
        Template::Constant(Json::String(text)) => Some((text.into(), false)),
        Template::Constant(value) => Some((value.to_string().into(), false)),
        Template::Expression(computed) => Some((computed.source().into(), true)),
        Template::Object(_) | Template::List(_) => None,
    };
    call.operation.identity().iter().map(written).collect()
}

/// The constants of a call, objects taken apart: those merge member by member.
fn leaves(call: &CallTemplate) -> Vec<(Vec<Step<'_>>, &Json)> {
    let mut leaves = Leaves::default();
    for (name, template) in &call.with {
        if !call.operation.identity().contains(&name.as_str()) {
            leaves.below(name, |leaves| leaves.template(template));
        }
    }
    leaves.found
}

#[derive(Default)]
struct Leaves<'t> {
    found: Vec<(Vec<Step<'t>>, &'t Json)>,
    path: Vec<Step<'t>>,
}

impl<'t> Leaves<'t> {
    fn below(&mut self, name: &'t str, collect: impl FnOnce(&mut Self)) {
        self.path.push(Step::Key(name));
        collect(self);
        self.path.pop();
    }

    fn template(&mut self, template: &'t Template) {
        match template {
            Template::Constant(value) => self.value(value),
            Template::Object(members) => members
                .iter()
                .for_each(|(name, template)| self.below(name, |leaves| leaves.template(template))),
            Template::Expression(_) | Template::List(_) => {}
        }
    }

    fn value(&mut self, value: &'t Json) {
        match value {
            Json::Object(members) => members
                .iter()
                .for_each(|(name, value)| self.below(name, |leaves| leaves.value(value))),
            value => self.found.push((self.path.clone(), value)),
        }
    }
}
