//! Many patterns in one pass, and work that does not grow.

use serde_json::{Value, json};
use usher::pattern::{Pattern, PatternSet, could_both_match};

fn compile(pattern: Value) -> Pattern {
    Pattern::parse(&pattern).unwrap_or_else(|problems| panic!("{pattern}: {}", problems[0]))
}

fn set(patterns: impl IntoIterator<Item = Value>) -> PatternSet {
    let patterns: Vec<Pattern> = patterns.into_iter().map(compile).collect();
    PatternSet::new(&patterns)
}

#[test]
fn patterns_and_sets_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Pattern>();
    shared::<PatternSet>();
    let pattern = compile(json!({"a": [1]}));
    assert!(pattern.clone().matches(&json!({"a": 1})));
}

#[test]
fn positions_come_in_order_and_once() {
    let set = set([
        json!({"$or": [{"a": [1]}, {"b": [{"exists": true}]}]}),
        json!({"a": [2]}),
        json!({"c": [{"exists": false}]}),
        json!({"a": [{"anything-but": 2}]}),
        json!({"a": [1, 1]}),
    ]);
    assert_eq!(set.matching(&json!({"a": 1, "b": 2})), [0, 2, 3, 4]);
    assert_eq!(set.matching(&json!({"c": 1})), [0usize; 0]);
    assert_eq!(set.matching(&json!([1])), [0usize; 0]);
    assert_eq!(PatternSet::new([]).matching(&json!({"a": 1})), [0usize; 0]);
}

/// Patterns that share `source` and `detail-type` and differ in one field.
fn distinct(count: usize, item: impl Fn(usize) -> Value) -> PatternSet {
    set((0..count).map(|n| {
        json!({"source": ["acme.hr"], "detail-type": ["Person Moved", "Person Onboarded"], "detail": {"team": [item(n)]}})
    }))
}

#[test]
fn with_distinct_values_only_the_patterns_that_can_match_are_checked() {
    let event = |team: Value| json!({"source": "acme.hr", "detail-type": "Person Moved", "detail": {"team": team, "other": [1, 2, 3]}});
    let cases: [(PatternSet, Value); 7] = [
        (
            distinct(10_000, |n| json!(format!("team-{n}"))),
            json!("team-4321"),
        ),
        (distinct(10_000, |n| json!(n)), json!(4321.0)),
        (
            distinct(2_000, |n| json!({"prefix": format!("{n:04}-")})),
            json!("1321-x"),
        ),
        (
            distinct(2_000, |n| json!({"suffix": format!("-{n:04}")})),
            json!("x-1321"),
        ),
        (
            distinct(
                2_000,
                |n| json!({"equals-ignore-case": format!("Team {n}")}),
            ),
            json!("TEAM 1321"),
        ),
        (
            distinct(2_000, |n| json!({"numeric": [">=", n, "<", n + 1]})),
            json!(1321.5),
        ),
        (
            distinct(2_000, |n| json!({"wildcard": format!("{n:04}/*.png")})),
            json!("1321/a.png"),
        ),
    ];
    for (set, team) in cases {
        let event = event(team);
        assert_eq!(
            (set.matching(&event).len(), set.checked(&event)),
            (1, 1),
            "{event}"
        );
        assert_eq!(
            set.checked(&json!({"source": "acme.hr", "detail": {"team": "none"}})),
            0
        );
    }
    let blocks = distinct(
        2_000,
        |n| json!({"cidr": format!("10.{}.{}.0/24", n / 200, n % 200)}),
    );
    assert_eq!(blocks.checked(&event(json!("10.3.7.9"))), 1);
}

#[test]
fn selective_fields_are_used_whatever_stands_beside_them() {
    let set = set((0..1_000).map(|n| {
        json!({"source": [{"prefix": "acme."}], "x": [{"exists": false}], "y": [{"anything-but": "no"}], "z": [format!("{n}"), {"exists": false}], "w": [n]})
    }));
    let event = json!({"source": "acme.hr", "y": "yes", "w": 500});
    assert_eq!(set.matching(&event), [500]);
    assert_eq!(set.checked(&event), 1);
}

#[test]
fn an_event_may_be_deep() {
    let deep = (0..200).fold(json!("x"), |inner, level| {
        if level % 3 == 0 {
            json!([inner])
        } else {
            json!({ "a": inner })
        }
    });
    let event = json!({ "a": deep });
    let path = vec!["a"; 1 + (0..200).filter(|level| level % 3 != 0).count()].join(".");
    let pattern = compile(json!({ path: ["x"] }));
    assert!(pattern.matches(&event) && pattern.explain(&event).matches);
    assert!(!compile(json!({"a.a": ["x"]})).matches(&event));
}

#[test]
fn an_event_may_be_wide() {
    let people: Vec<Value> = (0..30_000)
        .map(|n| json!({"name": format!("p{n}"), "team": n % 7, "tags": [{"k": n}, {"k": 1}]}))
        .collect();
    let event = json!({ "people": people });
    let pattern = |team: usize| {
        compile(
            json!({"people": {"name": ["p29999"], "team": [team], "tags": {"k": [{"anything-but": 0}]}}}),
        )
    };
    assert!(pattern(29_999 % 7).matches(&event));
    assert!(!pattern(29_999 % 7 + 1).matches(&event));
    let absent = compile(
        json!({"people": {"name": [{"prefix": "p"}], "none": [{"exists": false}], "team": [6], "tags": {"k": [29994]}}}),
    );
    assert_eq!(absent.matches(&event), 29_994 % 7 == 6);
}

#[test]
fn an_event_that_multiplies_choices_ends() {
    let many = |from: usize| {
        (0..2_000)
            .map(|n| json!({"x": n + from, "y": n, "z": n}))
            .collect::<Vec<_>>()
    };
    let event = json!({"a": {"b": {"c": many(0)}, "b.c": many(1)}, "a.b": {"c": many(2)}, "a.b.c": many(3)});
    let pattern = compile(
        json!({"a": {"b": {"c": {"x": [{"exists": true}], "y": [{"exists": true}], "z": ["none"]}}}}),
    );
    assert!(!pattern.matches(&event));
    let crossed = json!({"a": (0..2_000).map(|n| json!([n])).collect::<Vec<_>>(), "a-b": many(0), "a-b.x": [[1]]});
    let pattern = compile(
        json!({"a": [{"exists": true}], "a-b": {"x": [{"exists": true}]}, "a-b.y": ["none"], "a.x": ["none"]}),
    );
    assert!(!pattern.matches(&crossed));
}

#[test]
fn worst_case_wildcards_end() {
    let text = "a".repeat(1_000_000) + "b";
    let pattern = compile(json!({"x": [{"wildcard": "*a*a*a*c*"}]}));
    assert!(!pattern.matches(&json!({ "x": text })));
    let pattern = compile(json!({"x": [{"wildcard": "*a*a*a*b*"}]}));
    assert!(pattern.matches(&json!({ "x": text })));
}

#[test]
fn overlap_is_denied_only_where_values_exclude_each_other() {
    let hr = compile(json!({"source": ["acme.hr"], "detail-type": ["Person Moved"]}));
    let quants =
        compile(json!({"source": ["acme.hr"], "detail": {"department": [{"prefix": "Quant"}]}}));
    let sales = compile(json!({"detail": {"department": ["Sales"]}}));
    assert!(could_both_match(&hr, &quants) && could_both_match(&hr, &sales));
    assert!(!could_both_match(&quants, &sales));
}
