//! How messages put what was found and what is allowed.

use serde_json::Value;

use super::{Kind, Member, Shape, UNBOUNDED};

/// How many names or values a message lists.
const LISTED: usize = 20;

/// The most characters of a wrong name or value that a message repeats.
const SHOWN: usize = 80;

/// A value as a message shows it: its type, and itself when it is a scalar, shortened.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A string in quotes, escaped as JSON, shortened.
pub(super) fn quoted(text: &str) -> String {
    Value::String(shortened(text)).to_string()
}

/// The first characters of a text.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The names of some members.
pub(super) fn names_of(members: &'static [Member]) -> impl ExactSizeIterator<Item = &'static str> {
    members.iter().map(|member| member.name)
}

/// The first of some names, and how many there are beyond.
pub(super) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let beyond = names.len().saturating_sub(LISTED);
    let mut text = names.take(LISTED).collect::<Vec<_>>().join(", ");
    if beyond > 0 {
        text.push_str(&format!(" and {beyond} others"));
    }
    text
}

/// How long something may be.
pub(super) fn between(min: u32, max: u32) -> String {
    match (min, max) {
        (_, UNBOUNDED) => format!("at least {min}"),
        (0, max) => format!("at most {max}"),
        (min, max) if min == max => format!("exactly {min}"),
        (min, max) => format!("{min} to {max}"),
    }
}

/// Which numbers are right.
pub(super) fn whole_number(min: i64, max: i64) -> String {
    match max {
        // The bound of the type, not one that AWS documents.
        max if max >= i64::from(i32::MAX) => format!("a whole number from {min}"),
        max => format!("a whole number from {min} to {max}"),
    }
}

/// Which values are right.
pub(super) fn described(shape: Shape) -> String {
    match shape.kind() {
        Kind::Structure { .. } | Kind::Map { .. } => "an object".to_owned(),
        Kind::List { .. } => "a list".to_owned(),
        Kind::String { values, .. } if values.values().is_empty() => "a string".to_owned(),
        Kind::String { values, .. } => {
            format!("one of {}", listed(values.values().iter().copied()))
        }
        Kind::Integer { min, max } => whole_number(min, max),
    }
}
