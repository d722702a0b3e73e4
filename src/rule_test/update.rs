//! The expectations of a test file, rewritten; all else stays as it is, comments too.

use serde_json::Value;

use super::{Expectation, RuleTest, Suite, Verdict};
use crate::document;

/// Why a test file cannot be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the expectations cannot be rewritten safely, perhaps because of an anchor; write them by hand"
)]
pub struct NotUpdated;

pub(super) fn updated(suite: &Suite, verdicts: &[Verdict]) -> Result<Option<String>, NotUpdated> {
    let mut text = suite.text.clone();
    let mut wanted = Vec::new();
    // From the end, so that the places before stay what they are.
    for (index, test) in suite.tests.iter().enumerate().rev() {
        let Some(verdict) = verdicts.get(index).filter(|verdict| !verdict.passed) else {
            continue;
        };
        let expect = new_expectation(test, verdict);
        if text.get(test.place.span.clone()).is_none() {
            return Err(NotUpdated);
        }
        text.replace_range(test.place.span.clone(), &written(test, &expect));
        wanted.push((index, expect.to_value()));
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    match is_right(&suite.text, &text, &wanted) {
        true => Ok(Some(text)),
        false => Err(NotUpdated),
    }
}

/// What was found; which rules matched is only said where it was before, or where none did.
fn new_expectation(test: &RuleTest, verdict: &Verdict) -> Expectation {
    let mut expect = verdict.found.clone();
    let said = test
        .expect
        .as_ref()
        .is_some_and(|expect| expect.matches.is_some());
    let none = expect.matches.as_ref().is_some_and(Vec::is_empty);
    if !said && !none {
        expect.matches = None;
    }
    // Whoever did not care about old values need not begin to.
    let Some(old) = &test.expect else {
        return expect;
    };
    for (target, members) in &mut expect.changes {
        let old = old.changes.iter().find(|(known, _)| known == target);
        for (path, member) in members {
            let old = old.and_then(|(_, members)| members.iter().find(|(known, _)| known == path));
            match old.map(|(_, old)| old.from.is_some()) {
                Some(false) => member.from = None,
                Some(true) => member.from = Some(member.from.take().unwrap_or_default()),
                None => {}
            }
        }
    }
    expect
}

/// In braces as JSON, which the file may be.
fn written(test: &RuleTest, expect: &Expectation) -> String {
    let is_new = test.place.span.is_empty();
    match (test.place.flow, is_new) {
        (true, true) => format!(", \"expect\": {}", expect.to_value()),
        (true, false) => format!("\"expect\": {}", expect.to_value()),
        (false, true) => {
            let indent = " ".repeat(test.place.indent);
            format!("\n{indent}{}", expect.to_yaml(test.place.indent))
        }
        (false, false) => expect.to_yaml(test.place.indent),
    }
}

/// Whether the new text says what it should and nothing else has changed.
fn is_right(old: &str, new: &str, wanted: &[(usize, Value)]) -> bool {
    let (Ok((old, _)), Ok((new, problems))) = (document::read(old), document::read(new)) else {
        return false;
    };
    let mut old = old.to_value();
    for (index, expect) in wanted {
        match old
            .pointer_mut(&format!("/tests/{index}"))
            .and_then(Value::as_object_mut)
        {
            Some(test) => test.insert("expect".to_owned(), expect.clone()),
            None => return false,
        };
    }
    problems.is_empty() && old == new.to_value()
}
