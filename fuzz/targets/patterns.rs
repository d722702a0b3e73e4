//! Patterns, one a line, and an event on the last line: the set, the explanation and the naive matcher of the tests all agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use usher::pattern::{Pattern, PatternSet, could_both_match};

#[path = "../../tests/pattern/naive.rs"]
mod naive;

/// The naive matcher tries everything; beyond this it would not end.
const NAIVE: usize = 300;

fuzz_target!(|text: &str| {
    let values: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let Some((event, patterns)) = values.split_last() else {
        return;
    };
    let compiled: Vec<(&Value, Pattern)> = patterns
        .iter()
        .filter_map(|pattern| match Pattern::parse(pattern) {
            Ok(compiled) => Some((pattern, compiled)),
            Err(problems) => {
                assert!(!problems.is_empty());
                for problem in problems {
                    assert!(!problem.message.is_empty() && !problem.place().is_empty());
                }
                None
            }
        })
        .collect();
    let set = PatternSet::new(compiled.iter().map(|(_, pattern)| pattern));
    let matching = set.matching(event);
    for (position, (source, pattern)) in compiled.iter().enumerate() {
        let matches = pattern.matches(event);
        assert_eq!(matching.contains(&position), matches, "the set: {source}");
        assert_eq!(
            pattern.explain(event).matches,
            matches,
            "the explanation: {source}"
        );
        let printed: Value = serde_json::from_str(&source.to_string()).expect("JSON");
        let again = Pattern::parse(&printed).expect("what was accepted is accepted again");
        assert_eq!(again.matches(event), matches, "parsed again: {source}");
        if naive_can(source, event) {
            assert_eq!(
                naive::matches(source, event),
                matches,
                "the naive one: {source}"
            );
        }
    }
    if !has_array(event) {
        let both = |(a, b): (usize, usize)| could_both_match(&compiled[a].1, &compiled[b].1);
        assert!(matching.windows(2).all(|pair| both((pair[0], pair[1]))));
    }
});

/// It knows no limits to numbers and no difference between what is nested and what is dotted.
fn naive_can(pattern: &Value, event: &Value) -> bool {
    let texts = (pattern.to_string(), event.to_string());
    texts.0.len() + texts.1.len() <= NAIVE && plain(pattern) && plain(event)
}

fn plain(value: &Value) -> bool {
    match value {
        Value::Number(number) => number
            .as_i64()
            .is_some_and(|number| number.abs() < 1_000_000),
        Value::Array(items) => items.iter().all(plain),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| !name.contains('.') && plain(value)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn has_array(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(members) => members.values().any(has_array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
