//! Patterns that EventBridge refuses: the table in `refusals.txt`, how problems read, and limits.

use serde_json::{Value, json};
use usher::pattern::{Pattern, Segment};

use crate::{parse, section};

const TABLE: &str = include_str!("refusals.txt");

/// Checks that each pattern under the heading has exactly the problems that are listed.
fn check(heading: &str) {
    let mut count = 0;
    for line in section(TABLE, heading) {
        let [expected, _source, pattern] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not a case: {line}");
        };
        let problems = Pattern::parse(&parse(pattern)).expect_err(line);
        let found = problems
            .iter()
            .map(|problem| format!("{} {}", problem.code, problem.place()));
        assert_eq!(found.collect::<Vec<_>>().join(", "), expected, "{line}");
        assert!(
            problems.iter().all(|problem| !problem.message.is_empty()),
            "{line}"
        );
        count += 1;
    }
    assert!(count > 5, "{heading}");
}

#[test]
fn a_pattern_is_an_object_of_objects_and_non_empty_arrays() {
    check("a pattern is an object of objects and non empty arrays");
}

#[test]
fn operators_are_known_exact_and_alone() {
    check("operators are known exact and alone");
}

#[test]
fn texts_are_strings() {
    check("texts are strings");
}

#[test]
fn numeric_has_an_order() {
    check("numeric has an order");
}

#[test]
fn cidr_is_an_address_and_bits() {
    check("cidr is an address and bits");
}

#[test]
fn wildcards_have_no_double_stars_and_known_escapes() {
    check("wildcards have no double stars and known escapes");
}

#[test]
fn anything_but_takes_one_type_and_four_operators() {
    check("anything but takes one type and four operators");
}

#[test]
fn or_takes_two_or_more_objects() {
    check("or takes two or more objects");
}

#[test]
fn every_heading_of_the_table_is_checked() {
    let source = include_str!("refusals.rs");
    for section in TABLE.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        assert!(
            source.contains(&format!("check(\"{heading}\")")),
            "{heading}"
        );
    }
}

#[test]
fn or_makes_a_thousand_combinations_at_most() {
    let or = |count: usize| {
        Value::from(
            (0..count)
                .map(|n| json!({format!("f{n}"): [n]}))
                .collect::<Vec<_>>(),
        )
    };
    let pattern = |a, b| json!({"a": {"$or": or(a)}, "b": {"$or": or(b)}});
    assert!(Pattern::parse(&pattern(20, 50)).is_ok());
    let problems = Pattern::parse(&pattern(20, 51)).expect_err("too many");
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].code, problems[0].place().as_str()),
        ("too-many-combinations", "b.$or")
    );
    let many: serde_json::Map<String, Value> = (0..60)
        .map(|n| (format!("k{n}"), json!({"$or": or(10)})))
        .collect();
    assert_eq!(
        Pattern::parse(&Value::from(many))
            .expect_err("too many")
            .len(),
        1
    );
}

#[test]
fn every_problem_is_told_with_its_path() {
    let pattern = json!({
        "source": "acme.hr",
        "detail": {"amount": [{"numeric": [">", "5"]}], "a.b": [{"anything-but": [1, null]}, {"prefx": "x"}], "$or": [{"x": [1]}, {"y": []}]},
    });
    let problems = Pattern::parse(&pattern).expect_err("several problems");
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            r#"source: expected an array or an object, found the string "acme.hr" (write ["acme.hr"])"#,
            r#"detail.amount[0].numeric[1]: expected a number, found the string "5""#,
            r#"detail["a.b"][0].anything-but[1]: anything-but takes strings or numbers, found null (for true, false and null list what does match instead)"#,
            r#"detail["a.b"][1]: `prefx` is no operator (write `prefix`)"#,
            r#"detail.$or[1].y: an empty array matches nothing (for any value write [{"exists": true}])"#,
        ]
    );
    let keys = |problem: usize| problems[problem].path.clone();
    assert_eq!(
        keys(1),
        [
            Segment::Key("detail".into()),
            Segment::Key("amount".into()),
            Segment::Index(0),
            Segment::Key("numeric".into()),
            Segment::Index(1),
        ]
    );
}

#[test]
fn a_wrong_case_or_an_underscore_is_helped() {
    let help = |item: Value| {
        let problems = Pattern::parse(&json!({"x": [item]})).expect_err("a problem");
        problems[0].help.clone().expect("help")
    };
    assert!(help(json!({"Anything_But": "x"})).contains("`anything-but`"));
    assert!(help(json!({"NUMERIC": ["=", 1]})).contains("`numeric`"));
    assert!(help(json!({"cidr": "10.0.0.1/32"})).contains("the address itself"));
    assert!(help(json!({"state": ["running"]})).contains("outside the array"));
}

#[test]
fn a_pattern_nested_too_deep_is_refused_and_a_long_one_is_not() {
    let around = |inner: Value| Value::from(serde_json::Map::from_iter([("a".to_owned(), inner)]));
    let nested = |levels: usize| (0..levels).fold(json!(["x"]), |inner, _| around(inner));
    assert!(Pattern::parse(&nested(200)).is_ok());
    let problems = Pattern::parse(&nested(2_000)).expect_err("too deep");
    assert_eq!((problems.len(), problems[0].code), (1, "too-deep"));
    let long = json!({"x": (0..2_000).map(|n| format!("value {n}")).collect::<Vec<_>>()});
    assert!(
        Pattern::parse(&long).is_ok_and(|pattern| pattern.matches(&json!({"x": "value 1999"})))
    );
}
