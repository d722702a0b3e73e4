//! What should come of an event, and what did, in the same form.

use serde_json::{Map, Value};

use super::yaml::Writer;
use crate::guard::Refusal;
use crate::plan::{Action, Plan, Planned};
use crate::report::MemberChange;

/// What should come of an event. Everything that it does not mention should not happen; a target that is as it should be
/// need not be mentioned. There is no `Debug`: it is about a person.
#[derive(Clone, Default)]
pub struct Expectation {
    /// The rules that match, in file order; `None` does not care.
    pub matches: Option<Vec<String>>,
    /// By target, then by the path of the member.
    pub changes: Vec<(String, Vec<(String, Expected)>)>,
    /// Targets that some rule asks for and that are as they should be.
    pub unchanged: Vec<String>,
    /// By target, the guard that refuses it.
    pub refused: Vec<(String, String)>,
    /// By target, or by call when no target could be named, the code of the failure.
    pub failed: Vec<(String, String)>,
    /// Why a target was refused or failed, for whoever reads the difference; no part of what is compared.
    pub(super) reasons: Vec<(String, String)>,
}

/// What becomes of a member.
#[derive(Clone, PartialEq)]
pub struct Expected {
    /// What it was: `null` when it was not there, `None` when that does not matter.
    pub from: Option<Value>,
    pub to: Value,
}

impl Expectation {
    /// What a test would have to expect to pass.
    pub(super) fn of(matched: &[String], plan: &Plan) -> Self {
        let mut found = Self {
            matches: Some(matched.to_vec()),
            ..Self::default()
        };
        for planned in &plan.changes {
            found.add(planned);
        }
        found
    }

    /// An event that may not arrive over HTTP.
    pub(super) fn not_admitted(refusal: &Refusal) -> Self {
        Self {
            matches: Some(Vec::new()),
            refused: vec![("event".to_owned(), refusal.guard.to_owned())],
            reasons: vec![("event".to_owned(), refusal.reason.clone())],
            ..Self::default()
        }
    }

    fn add(&mut self, planned: &Planned) {
        let target = planned.target.as_deref().unwrap_or(planned.call).to_owned();
        let code = planned.error.as_ref().map(|error| error.code.clone());
        let code = code.unwrap_or_default();
        if let Some(error) = &planned.error {
            self.reasons.push((target.clone(), error.message.clone()));
        }
        match planned.action {
            Action::Change => self.changes.push((target, members(&planned.members))),
            Action::Unchanged => self.unchanged.push(target),
            Action::Refused => self.refused.push((target, code)),
            // Two rules may both fail to name a target of one call.
            Action::Failed => match self.failed.iter_mut().find(|(known, _)| *known == target) {
                Some((_, known)) if *known == code => {}
                Some((_, known)) => *known = format!("{known}, {code}"),
                None => self.failed.push((target, code)),
            },
        }
    }

    /// As it would stand in a file.
    pub(super) fn to_value(&self) -> Value {
        let mut whole = Map::new();
        if let Some(matches) = &self.matches {
            let value = match matches.is_empty() {
                true => Value::from("none"),
                false => matches.iter().cloned().collect(),
            };
            whole.insert("matches".to_owned(), value);
        }
        let mut put = |name: &str, value: Map<String, Value>| {
            if !value.is_empty() {
                whole.insert(name.to_owned(), value.into());
            }
        };
        let changes = self.changes.iter().map(|(target, members)| {
            let members = members
                .iter()
                .map(|(path, member)| (path.clone(), member.to_value()));
            (target.clone(), Value::Object(members.collect()))
        });
        put("changes", changes.collect());
        let texts = |list: &[(String, String)]| {
            let pairs = list
                .iter()
                .map(|(target, text)| (target.clone(), Value::from(text.as_str())));
            pairs.collect::<Map<_, _>>()
        };
        put("refused", texts(&self.refused));
        put("failed", texts(&self.failed));
        if !self.unchanged.is_empty() {
            whole.insert(
                "unchanged".to_owned(),
                self.unchanged.iter().cloned().collect(),
            );
        }
        Value::Object(whole)
    }

    /// As YAML in block style. Members of members stay on their line.
    pub(super) fn to_yaml(&self, indent: usize) -> String {
        let mut writer = Writer::new(indent);
        match self.to_value() {
            Value::Object(whole) if whole.is_empty() => writer.line(0, "expect", Some("{}")),
            Value::Object(whole) => {
                writer.line(0, "expect", None);
                for (name, part) in &whole {
                    // The changes go one level deeper: target, member, then the values.
                    writer.member(1, name, part, if name == "changes" { 3 } else { 2 });
                }
            }
            _ => {}
        }
        writer.text
    }
}

impl Expected {
    pub(super) fn to_value(&self) -> Value {
        match &self.from {
            None => self.to.clone(),
            Some(from) => serde_json::json!({"from": from, "to": self.to}),
        }
    }
}

fn members(changes: &[MemberChange]) -> Vec<(String, Expected)> {
    let expected = |change: &MemberChange| Expected {
        from: change.from.clone(),
        to: change.to.clone().unwrap_or_default(),
    };
    changes
        .iter()
        .map(|change| (change.path.clone(), expected(change)))
        .collect()
}
