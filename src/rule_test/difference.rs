//! Where an expectation and what was found differ.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::yaml::flow;
use super::{Expectation, Expected};

/// One place where the expectation and what was found are not the same. There is no `Debug`: it is about a person.
#[derive(Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The target and the member, or what else it is about.
    pub place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl Difference {
    fn new(place: impl Into<String>, expected: Option<String>, found: Option<String>) -> Self {
        Self {
            place: place.into(),
            expected,
            found,
        }
    }

    /// The test does not say what it expects.
    pub(super) fn nothing_expected() -> Self {
        let how = "nothing: the test has no `expect`; `usher test --update` writes it";
        Self::new("expect", Some(how.to_owned()), None)
    }
}

/// The place, then what was expected and what was found, each on a line.
impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.place)?;
        if let Some(expected) = &self.expected {
            writeln!(out, "  - {expected}")?;
        }
        if let Some(found) = &self.found {
            writeln!(out, "  + {found}")?;
        }
        Ok(())
    }
}

impl Expectation {
    /// Where this expectation and what was found differ.
    pub(super) fn differences(&self, found: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        if let (Some(expected), Some(found)) = (&self.matches, &found.matches)
            && expected != found
        {
            differences.push(Difference::new(
                "matches",
                Some(rules(expected)),
                Some(rules(found)),
            ));
        }
        let mut targets: Vec<&str> = Vec::new();
        for target in self.targets().chain(found.targets()) {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        for target in targets {
            self.differ_in(found, target, &mut differences);
        }
        differences
    }

    fn targets(&self) -> impl Iterator<Item = &str> {
        let changes = self.changes.iter().map(|(target, _)| target);
        let ended = self
            .refused
            .iter()
            .chain(&self.failed)
            .map(|(target, _)| target);
        changes
            .chain(ended)
            .chain(&self.unchanged)
            .map(String::as_str)
    }

    fn differ_in(&self, found: &Self, target: &str, differences: &mut Vec<Difference>) {
        match (self.end(target), found.end(target)) {
            (End::Changed(expected), End::Changed(found)) => {
                differences.extend(member_differences(target, expected, found));
            }
            // Who does not mention it expects that nothing happens to it.
            (End::Nothing, End::Unchanged) => {}
            (expected, is) if expected == is => {}
            (expected, is) => {
                let reasons = found.reasons.iter().filter(|(known, _)| known == target);
                let reasons: String = reasons.map(|(_, reason)| format!(" ({reason})")).collect();
                let is = is.text().map(|text| text + &reasons);
                differences.push(Difference::new(target, expected.text(), is));
            }
        }
    }

    fn end(&self, target: &str) -> End<'_> {
        if let Some((_, members)) = self.changes.iter().find(|(known, _)| known == target) {
            End::Changed(members)
        } else if let Some((_, guard)) = self.refused.iter().find(|(known, _)| known == target) {
            End::Refused(guard)
        } else if let Some((_, code)) = self.failed.iter().find(|(known, _)| known == target) {
            End::Failed(code)
        } else if self.unchanged.iter().any(|known| known == target) {
            End::Unchanged
        } else {
            End::Nothing
        }
    }
}

/// How a target ended.
#[derive(PartialEq)]
enum End<'a> {
    Changed(&'a [(String, Expected)]),
    Refused(&'a str),
    Failed(&'a str),
    Unchanged,
    Nothing,
}

impl End<'_> {
    fn text(&self) -> Option<String> {
        match self {
            Self::Changed(members) => {
                let members: Vec<String> = members.iter().map(|(path, _)| path.clone()).collect();
                Some(format!("changed: {}", members.join(", ")))
            }
            Self::Refused(guard) => Some(format!("refused: {guard}")),
            Self::Failed(code) => Some(format!("failed: {code}")),
            Self::Unchanged => Some("unchanged".to_owned()),
            Self::Nothing => None,
        }
    }
}

fn member_differences(
    target: &str,
    expected: &[(String, Expected)],
    found: &[(String, Expected)],
) -> Vec<Difference> {
    let find = |list: &[(String, Expected)], path: &str| {
        let named = list.iter().find(|(known, _)| known == path);
        named.map(|(_, member)| member.clone())
    };
    let mut differences = Vec::new();
    for (path, wanted) in expected {
        let place = format!("{target} {path}");
        match find(found, path) {
            None => differences.push(Difference::new(place, Some(shown(wanted)), None)),
            Some(is) if wanted.holds(&is) => {}
            Some(mut is) => {
                if wanted.from.is_none() {
                    is.from = None;
                } else {
                    is.from = Some(is.from.unwrap_or_default());
                }
                differences.push(Difference::new(
                    place,
                    Some(shown(wanted)),
                    Some(shown(&is)),
                ));
            }
        }
    }
    for (path, is) in found {
        if find(expected, path).is_none() {
            differences.push(Difference::new(
                format!("{target} {path}"),
                None,
                Some(shown(is)),
            ));
        }
    }
    differences
}

impl Expected {
    /// Whether what was found is what is expected here.
    fn holds(&self, found: &Self) -> bool {
        let from = found.from.as_ref().unwrap_or(&Value::Null);
        self.to == found.to && self.from.as_ref().is_none_or(|expected| expected == from)
    }
}

fn shown(member: &Expected) -> String {
    flow(&member.to_value())
}

fn rules(names: &[String]) -> String {
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}
