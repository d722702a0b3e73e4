//! Guesses why a field does not match, for whoever wrote the pattern.

use serde_json::{Map, Value};

use super::field::Field;

/// The value would match if it were a number instead of a string, or the other way round.
pub(super) fn wrong_type(field: &Field, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let number: Value = serde_json::from_str(text).ok()?;
            (number.is_number() && field.accepts(&number))
                .then(|| "the event has a string; the pattern asks for a number".to_owned())
        }
        Value::Number(number) => field
            .accepts(&Value::from(number.to_string()))
            .then(|| "the event has a number; the pattern asks for a string".to_owned()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Why there is nothing at the path: follows it as far as the event goes.
pub(super) fn missing(event: &Value, path: &str) -> Option<String> {
    let mut at = event;
    let mut rest = path;
    let mut walked = String::new();
    loop {
        at = match at {
            Value::Object(members) => {
                let Some((key, after, next)) = longest_key(members, rest) else {
                    return near(members, rest, &walked);
                };
                if !walked.is_empty() {
                    walked.push('.');
                }
                walked.push_str(key);
                rest = after;
                next
            }
            Value::Array(items) => match items.iter().find(|item| item.is_object()) {
                Some(item) if !rest.is_empty() => item,
                None if items.is_empty() => {
                    return Some(format!(
                        "`{walked}` is an empty array, which counts as no value"
                    ));
                }
                _ => return None,
            },
            _ => return Some(format!("`{walked}` is a plain value and has no fields")),
        };
        if rest.is_empty() && at.is_object() {
            return Some(format!(
                "`{walked}` is an object; patterns match the values inside it"
            ));
        }
    }
}

/// The member that continues the path, the rest of the path behind it, and its value.
fn longest_key<'e, 'p>(
    members: &'e Map<String, Value>,
    rest: &'p str,
) -> Option<(&'p str, &'p str, &'e Value)> {
    let ends = rest
        .match_indices('.')
        .map(|(dot, _)| dot)
        .chain([rest.len()]);
    ends.filter_map(|end| {
        let key = rest.get(..end)?;
        let after = rest.get(end + 1..).unwrap_or_default();
        Some((key, after, members.get(key)?))
    })
    .next_back()
    .filter(|_| !rest.is_empty())
}

/// A member whose name differs from the one looked for in little, or what is missing where.
fn near(members: &Map<String, Value>, rest: &str, walked: &str) -> Option<String> {
    let wanted = rest.split('.').next().unwrap_or_default();
    let likeness = |key: &str| strsim::jaro_winkler(&key.to_lowercase(), &wanted.to_lowercase());
    let best = members
        .keys()
        .map(|key| (likeness(key), key))
        .filter(|(likeness, _)| *likeness > 0.9)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let inside = if walked.is_empty() {
        "the event".to_owned()
    } else {
        format!("`{walked}`")
    };
    match best {
        Some((_, key)) => Some(format!(
            "{inside} has no `{wanted}`, but it has `{key}`; names are compared exactly"
        )),
        None => Some(format!("{inside} has no `{wanted}`")),
    }
}
