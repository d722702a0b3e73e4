//! What an event must be like.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{MAX_DEPTH, MAX_NAME, MAX_STRING, Malformed, kind};

pub(super) fn name_problem(members: &Map<String, Value>, name: &str) -> Option<String> {
    const EXPECTED: &str = "a non-empty string is expected";
    match members.get(name) {
        None => Some(format!("`{name}` is missing; {EXPECTED}")),
        Some(Value::String(text)) if text.is_empty() => {
            Some(format!("`{name}` is empty; {EXPECTED}"))
        }
        Some(Value::String(text)) if text.chars().count() > MAX_NAME => Some(format!(
            "`{name}` is too long; at most {MAX_NAME} characters are allowed"
        )),
        // It stands in log lines, headers and error messages.
        Some(Value::String(text)) if text.chars().any(char::is_control) => Some(format!(
            "`{name}` contains a control character; none is allowed"
        )),
        Some(Value::String(_)) => None,
        Some(other) => Some(format!("`{name}` is {}; {EXPECTED}", kind(other))),
    }
}

pub(super) fn detail_problem(members: &Map<String, Value>) -> Option<String> {
    match members.get("detail") {
        Some(Value::Object(_)) => None,
        Some(other) => Some(format!(
            "`detail` is {}; an object is expected",
            kind(other)
        )),
        None => Some("`detail` is missing; an object is expected".to_owned()),
    }
}

pub(super) fn event_time(
    members: &Map<String, Value>,
    default: OffsetDateTime,
) -> Result<OffsetDateTime, String> {
    const EXPECTED: &str = "a time as in RFC 3339 is expected, such as 2026-03-01T09:00:00Z";
    match members.get("time") {
        None => Ok(default),
        Some(Value::String(text)) => OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| format!("`time` is no time; {EXPECTED}")),
        Some(other) => Err(format!("`time` is {}; {EXPECTED}", kind(other))),
    }
}

/// Walks with its own stack: what arrives does not choose how deep ours grows. Gives the number of values.
pub(super) fn within_bounds(document: &Value) -> Result<usize, Malformed> {
    let mut open = vec![(document, 0)];
    let mut values = 0;
    while let Some((value, depth)) = open.pop() {
        values += 1;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => short_enough(text)?,
            Value::Array(items) => {
                deep_enough(depth)?;
                open.extend(items.iter().map(|item| (item, depth + 1)));
            }
            Value::Object(members) => {
                deep_enough(depth)?;
                for (name, member) in members {
                    short_enough(name)?;
                    open.push((member, depth + 1));
                }
            }
        }
    }
    Ok(values)
}

/// Whether an object or a list may stand within so many others.
pub(super) fn deep_enough(depth: usize) -> Result<(), Malformed> {
    match depth < MAX_DEPTH {
        true => Ok(()),
        false => Err(Malformed::too_deep("the event")),
    }
}

pub(super) fn short_enough(text: &str) -> Result<(), Malformed> {
    if text.len() <= MAX_STRING {
        return Ok(());
    }
    let message = format!("the event has a string of more than {MAX_STRING} bytes");
    Err(Malformed::new(400, "string-too-long", message))
}
