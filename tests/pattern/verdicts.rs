//! Pattern, event, verdict: the table in `verdicts.txt`, by operator. Each case goes through a pattern alone, a set, an
//! explanation, and the naive matcher.

use serde_json::{Value, json};
use usher::pattern::{Pattern, PatternSet};

use crate::{naive, parse, section};

const TABLE: &str = include_str!("verdicts.txt");

/// Checks the cases under a heading.
fn check(heading: &str) {
    let mut count = 0;
    for line in section(TABLE, heading) {
        let [verdict, _source, pattern, event] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not a case: {line}");
        };
        let expected = match verdict.trim() {
            "yes" => true,
            "no" => false,
            other => panic!("no verdict: {other}"),
        };
        verdict_is(expected, &parse(pattern), &parse(event), line);
        count += 1;
    }
    assert!(count > 5, "{heading}");
}

fn verdict_is(expected: bool, pattern: &Value, event: &Value, about: &str) {
    let compiled =
        Pattern::parse(pattern).unwrap_or_else(|problems| panic!("{about}\n{}", problems[0]));
    assert_eq!(compiled.matches(event), expected, "{about}");
    assert_eq!(
        PatternSet::new([&compiled]).matching(event) == [0],
        expected,
        "in a set: {about}"
    );
    assert_eq!(
        compiled.explain(event).matches,
        expected,
        "explained: {about}"
    );
    assert_eq!(
        naive::matches(pattern, event),
        expected,
        "the naive matcher: {about}"
    );
}

#[test]
fn plain_values_match_exactly() {
    check("plain values match exactly");
}

#[test]
fn numbers_match_by_value() {
    check("numbers match by value");
}

#[test]
fn numeric_compares_numbers_only() {
    check("numeric compares numbers only");
}

#[test]
fn prefix_and_suffix_match_strings_only() {
    check("prefix and suffix match strings only");
}

#[test]
fn equals_ignore_case_ignores_case_beyond_ascii() {
    check("equals ignore case ignores case beyond ascii");
}

#[test]
fn wildcard_stars_stand_for_any_characters() {
    check("wildcard stars stand for any characters");
}

#[test]
fn cidr_matches_addresses_of_its_family() {
    check("cidr matches addresses of its family");
}

#[test]
fn exists_is_about_leaves() {
    check("exists is about leaves");
}

#[test]
fn anything_but_needs_a_value_of_whatever_type() {
    check("anything but needs a value of whatever type");
}

#[test]
fn all_fields_must_match() {
    check("all fields must match");
}

#[test]
fn dotted_keys_and_nesting_are_one_path() {
    check("dotted keys and nesting are one path");
}

#[test]
fn an_array_matches_if_any_element_does() {
    check("an array matches if any element does");
}

#[test]
fn fields_under_an_array_of_objects_match_within_one_element() {
    check("fields under an array of objects match within one element");
}

#[test]
fn a_missing_field_is_judged_in_the_element_chosen_before() {
    check("a missing field is judged in the element chosen before");
}

#[test]
fn or_needs_one_of_its_objects() {
    check("or needs one of its objects");
}

#[test]
fn or_is_an_ordinary_field_where_it_cannot_be_the_operator() {
    check("or is an ordinary field where it cannot be the operator");
}

#[test]
fn what_is_no_object_never_matches() {
    for event in [
        json!([]),
        json!("x"),
        json!(null),
        json!(1),
        json!([{"a": 1}]),
    ] {
        verdict_is(
            false,
            &json!({"a": [{"exists": false}]}),
            &event,
            "event-ruler, Event: must be an object",
        );
    }
}

#[test]
fn every_heading_of_the_table_is_checked() {
    let source = include_str!("verdicts.rs");
    for section in TABLE.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        assert!(
            source.contains(&format!("check(\"{heading}\")")),
            "{heading}"
        );
    }
}
