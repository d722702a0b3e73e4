//! What `explain` says.

use serde_json::{Value, json};
use usher::pattern::Pattern;

fn explain(pattern: Value, event: Value) -> (String, Value) {
    let explanation = Pattern::parse(&pattern).expect("a pattern").explain(&event);
    (
        explanation.to_string(),
        serde_json::to_value(&explanation).expect("JSON"),
    )
}

#[test]
fn it_says_which_field_failed_what_was_expected_and_what_the_event_has() {
    let (text, json) = explain(
        json!({"source": ["acme.hr"], "detail": {"department": [{"prefix": "Quant"}, "Risk"]}}),
        json!({"source": "acme.hr", "detail": {"department": "Sales"}}),
    );
    assert_eq!(
        text,
        "the event does not match\n  \
         no  detail.department: expected a string that starts with \"Quant\" or \"Risk\", found \"Sales\"\n  \
         ok  source: expected \"acme.hr\", found \"acme.hr\""
    );
    assert_eq!(
        json,
        json!({"matches": false, "combinations": 1, "fields": [
            {"path": "detail.department", "matches": false, "expected": ["a string that starts with \"Quant\"", "\"Risk\""],
             "found": {"values": ["Sales"], "more": 0}},
            {"path": "source", "matches": true, "expected": ["\"acme.hr\""], "found": {"values": ["acme.hr"], "more": 0}},
        ]})
    );
}

#[test]
fn it_guesses_the_cause() {
    let note = |pattern: Value, event: Value| {
        let (_, json) = explain(pattern, event);
        json["fields"][0]["note"]
            .as_str()
            .map(str::to_owned)
            .expect("a note")
    };
    assert_eq!(
        note(
            json!({"detail": {"department": ["x"]}}),
            json!({"detail": {"Department": "x"}})
        ),
        "`detail` has no `department`, but it has `Department`; names are compared exactly"
    );
    assert_eq!(
        note(json!({"detail": {"a": ["x"]}}), json!({"source": "x"})),
        "the event has no `detail`"
    );
    assert_eq!(
        note(
            json!({"detail": {"a": [{"exists": true}]}}),
            json!({"detail": {"a": {"b": 1}}})
        ),
        "`detail.a` is an object; patterns match the values inside it"
    );
    assert_eq!(
        note(json!({"r": [{"exists": true}]}), json!({"r": []})),
        "`r` is an empty array, which counts as no value"
    );
    assert_eq!(
        note(json!({"a": {"b": [1]}}), json!({"a": 1})),
        "`a` is a plain value and has no fields"
    );
    assert_eq!(
        note(json!({"a.b": {"c": [1]}}), json!({"a.b": {"d": 1}})),
        "`a.b` has no `c`"
    );
    assert_eq!(
        note(json!({"n": [5]}), json!({"n": "5"})),
        "the event has a string; the pattern asks for a number"
    );
    assert_eq!(
        note(json!({"n": ["5"]}), json!({"n": 5})),
        "the event has a number; the pattern asks for a string"
    );
}

#[test]
fn fields_that_match_in_different_elements_only_are_told_so() {
    let (text, json) = explain(
        json!({"tags": {"key": ["team"], "value": ["quants"]}}),
        json!({"tags": [{"key": "team", "value": "sales"}, {"key": "desk", "value": "quants"}]}),
    );
    assert_eq!(json["fields"][0]["matches"], json!(true));
    assert_eq!(json["fields"][1]["matches"], json!(false));
    assert!(
        text.ends_with("no single element of the arrays around `tags.value` has all the fields"),
        "{text}"
    );
    assert!(
        text.contains("not in the array element in which the fields above match"),
        "{text}"
    );
}

#[test]
fn of_several_combinations_the_closest_is_told() {
    let pattern = json!({"source": ["a"], "$or": [{"x": [1], "y": [1]}, {"x": [2]}]});
    let (text, json) = explain(pattern.clone(), json!({"source": "a", "x": 3}));
    assert!(
        text.starts_with("the event matches none of the pattern's 2 combinations; the closest\n"),
        "{text}"
    );
    let paths: Vec<&Value> = json["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| &field["path"])
        .collect();
    assert_eq!(paths, ["source", "x"]);
    let (text, json) = explain(pattern, json!({"source": "a", "x": 1, "y": 1}));
    assert!(
        text.starts_with("the event matches\n")
            && json["fields"]
                .as_array()
                .is_some_and(|fields| fields.len() == 3)
    );
}

#[test]
fn long_values_are_cut_in_the_events_order() {
    let (text, json) = explain(
        json!({"a": ["x"], "b": ["x"]}),
        json!({"a": [1, 2, 3, 4, 5, 6, 7], "b": "ü".repeat(10_000)}),
    );
    assert!(text.contains("found 1, 2, 3, 4, 5 and 2 more"), "{text}");
    assert_eq!(
        json["fields"][1]["found"]["values"][0]
            .as_str()
            .map(|cut| cut.chars().count()),
        Some(121)
    );
}

#[test]
fn peoples_data_is_in_no_debug_output() {
    let pattern =
        Pattern::parse(&json!({"detail": {"email": ["jane@example.com"]}})).expect("a pattern");
    let explanation = pattern.explain(&json!({"detail": {"email": "joe@example.com"}}));
    let debug = format!("{pattern:?} {explanation:?}");
    assert!(
        debug.contains("detail.email") && !debug.contains("example.com"),
        "{debug}"
    );
}

#[test]
fn an_event_that_is_no_object_is_told_so() {
    let (text, json) = explain(json!({"a": [1]}), json!([1]));
    assert_eq!(
        text,
        "the event does not match\nan event is an object; this is none"
    );
    assert_eq!(json["matches"], json!(false));
}
