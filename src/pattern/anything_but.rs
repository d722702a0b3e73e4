//! Reads the operand of `anything-but`.

use serde_json::Value;

use super::numeric::bounded;
use super::operand::{single, text, unknown, wildcard};
use super::operator::Excluded;
use super::problem::{Problems, found};

const OPERATORS: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// `anything-but`: a string, a number, a list of one type, or one of four operators with a string or a list of strings.
pub(super) fn read<'p>(operand: &'p Value, problems: &mut Problems<'p>) -> Option<Excluded> {
    match operand {
        Value::Object(members) => {
            let (name, operand) = single(members, problems)?;
            if !OPERATORS.contains(&name) {
                return unknown(name, operand, &OPERATORS, problems);
            }
            problems.within(name, |problems| excluded_by(name, operand, problems))
        }
        Value::Array(items) => list(items, problems, |item, problems| match item {
            Value::Object(_) => problems.refuse(
                "operand",
                "an operator inside the list of anything-but".to_owned(),
                Some("write {\"anything-but\": {\"prefix\": [\"a\", \"b\"]}}".to_owned()),
            ),
            Value::String(_) | Value::Number(_) => Some(item),
            other => excluded_type(other, problems),
        })
        .and_then(|items| values(&items, problems)),
        Value::String(_) | Value::Number(_) => values(&[operand], problems),
        other => excluded_type(other, problems),
    }
}

fn excluded_type<T>(other: &Value, problems: &mut Problems<'_>) -> Option<T> {
    problems.refuse(
        "operand",
        format!(
            "anything-but takes strings or numbers, found {}",
            found(other)
        ),
        Some("for true, false and null list what does match instead".to_owned()),
    )
}

/// Strings only or numbers only.
fn values(items: &[&Value], problems: &mut Problems<'_>) -> Option<Excluded> {
    if items.iter().all(|item| item.is_string()) {
        let mut texts: Vec<Box<str>> = items
            .iter()
            .filter_map(|item| item.as_str())
            .map(Box::from)
            .collect();
        texts.sort_unstable();
        texts.dedup();
        return Some(Excluded::Texts(texts.into()));
    }
    if items.iter().any(|item| item.is_string()) {
        return problems.refuse(
            "mixed-types",
            "strings and numbers in one list of anything-but".to_owned(),
            Some("use a list of strings or a list of numbers".to_owned()),
        );
    }
    let mut numbers = items
        .iter()
        .map(|item| bounded(item, problems))
        .collect::<Option<Vec<i64>>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Some(Excluded::Numbers(numbers.into()))
}

fn excluded_by<'p>(
    name: &'p str,
    operand: &'p Value,
    problems: &mut Problems<'p>,
) -> Option<Excluded> {
    if name == "wildcard" {
        return each(operand, problems, wildcard)
            .map(|wildcards| Excluded::Wildcards(wildcards.into()));
    }
    let affix = matches!(name, "prefix" | "suffix");
    let texts = each(operand, problems, |item, problems| match item {
        Value::String(text) if text.is_empty() && affix => problems.refuse(
            "operand",
            "an empty string excludes every string".to_owned(),
            None,
        ),
        Value::Object(_) => problems.refuse(
            "operand",
            format!(
                "`{name}` inside anything-but takes a string or a list of strings, found an object"
            ),
            Some("EventBridge cannot combine it with equals-ignore-case here".to_owned()),
        ),
        item => text(item, problems).map(Box::<str>::from),
    })?
    .into_boxed_slice();
    Some(match name {
        "prefix" => Excluded::Prefixes(texts),
        "suffix" => Excluded::Suffixes(texts),
        _ => Excluded::IgnoreCase(texts),
    })
}

/// Reads a string or each item of a list.
fn each<'p, T>(
    operand: &'p Value,
    problems: &mut Problems<'p>,
    mut read: impl FnMut(&'p Value, &mut Problems<'p>) -> Option<T>,
) -> Option<Vec<T>> {
    match operand {
        Value::Array(items) => list(items, problems, read),
        other => read(other, problems).map(|one| vec![one]),
    }
}

/// Reads every item, so that all their problems are told; the list must not be empty.
fn list<'p, T>(
    items: &'p [Value],
    problems: &mut Problems<'p>,
    mut read: impl FnMut(&'p Value, &mut Problems<'p>) -> Option<T>,
) -> Option<Vec<T>> {
    if items.is_empty() {
        return problems.refuse(
            "empty-array",
            "an empty array: expected at least one value".to_owned(),
            None,
        );
    }
    let read: Vec<Option<T>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| problems.within(index, |problems| read(item, problems)))
        .collect();
    read.into_iter().collect()
}
