//! Generated patterns and events against the naive matcher, and arbitrary JSON against panics.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};
use usher::pattern::{Pattern, PatternSet};

use crate::naive;

/// Few keys, so that patterns and events meet; with dots, and with a character that sorts before the dot.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a.b", "b.c", "a-b", "a.b.c"]).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[abAB]{0,4}",
        1 => prop::sample::select(vec!["ß", "SS", "ss", "Ä", "ä", "K", "\u{212a}", "σς", "Σ", "İ", "i\u{307}", "ab*", "a\\b"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["10.0.0.1", "10.0.0.200", "::1", "0:0:0:0:0:0:0:1", "2001:db8::8", "::ffff:a00:1", "10.0.0"]).prop_map(str::to_owned),
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-3i64..4).prop_map(Value::from),
        2 => (-12i64..13).prop_map(|quarters| json!(quarters as f64 / 4.0)),
        1 => prop::sample::select(vec![json!(5e9), json!(5_000_000_000i64), json!(123_456_789_012i64), json!(0.000001)]),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![4 => text().prop_map(Value::from), 3 => number(), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)]
}

fn wildcard() -> impl Strategy<Value = String> {
    vec(prop_oneof![3 => "[abAB]{1,2}", 2 => Just("*".to_owned()), 1 => Just("\\*".to_owned()), 1 => Just("\\\\".to_owned())], 0..5)
        .prop_map(|parts| parts.concat().replace("**", "*").replace("**", "*"))
}

fn block() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        "10.0.0.0/24",
        "10.0.0.7/25",
        "0.0.0.0/0",
        "::/127",
        "2001:db8::/32",
        "::ffff:a00:0/8",
    ])
    .prop_map(Value::from)
}

fn numeric() -> impl Strategy<Value = Value> {
    let one = (
        prop::sample::select(vec!["=", "<", "<=", ">", ">="]),
        -3i64..4,
    )
        .prop_map(|(operator, bound)| json!([operator, bound]));
    let range = (
        prop::sample::select(vec![">", ">="]),
        -3i64..2,
        prop::sample::select(vec!["<", "<="]),
        2i64..4,
    )
        .prop_map(|(above, low, below, high)| json!([above, low, below, high]));
    prop_oneof![one, range]
}

fn one_or_list(texts: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Value> {
    let texts = texts.boxed();
    prop_oneof![
        texts.clone().prop_map(Value::from),
        vec(texts, 1..3).prop_map(Value::from)
    ]
}

fn anything_but() -> impl Strategy<Value = Value> {
    prop_oneof![
        one_or_list(text()),
        (-3i64..4).prop_map(Value::from),
        vec(-3i64..4, 1..4).prop_map(Value::from),
        one_or_list("[abAB]{1,2}").prop_map(|operand| json!({ "prefix": operand })),
        one_or_list("[abAB]{1,2}").prop_map(|operand| json!({ "suffix": operand })),
        one_or_list(text()).prop_map(|operand| json!({ "equals-ignore-case": operand })),
        one_or_list(wildcard()).prop_map(|operand| json!({ "wildcard": operand })),
    ]
}

fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => scalar(),
        2 => any::<bool>().prop_map(|flag| json!({ "exists": flag })),
        1 => text().prop_map(|text| json!({ "prefix": text })),
        1 => text().prop_map(|text| json!({ "suffix": text })),
        1 => text().prop_map(|text| json!({ "equals-ignore-case": text })),
        1 => text().prop_map(|text| json!({ "prefix": { "equals-ignore-case": text } })),
        1 => text().prop_map(|text| json!({ "suffix": { "equals-ignore-case": text } })),
        1 => wildcard().prop_map(|text| json!({ "wildcard": text })),
        1 => numeric().prop_map(|operand| json!({ "numeric": operand })),
        1 => block().prop_map(|operand| json!({ "cidr": operand })),
        2 => anything_but().prop_map(|operand| json!({ "anything-but": operand })),
    ]
}

fn object(members: impl Strategy<Value = Value>, most: usize) -> impl Strategy<Value = Value> {
    vec((key(), members), 1..=most)
        .prop_map(|members| Value::from(members.into_iter().collect::<Map<String, Value>>()))
}

fn pattern() -> impl Strategy<Value = Value> {
    let leaf = vec(item(), 1..4).prop_map(Value::from);
    let members = leaf.prop_recursive(3, 12, 4, |inner| {
        let with_or = (
            object(inner.clone(), 2),
            vec(object(inner.clone(), 2), 2..4),
            any::<bool>(),
        )
            .prop_map(|(object, or, first)| {
                let Value::Object(members) = object else {
                    return object;
                };
                let or = ("$or".to_owned(), Value::from(or));
                let all: Map<String, Value> = if first {
                    [or].into_iter().chain(members).collect()
                } else {
                    members.into_iter().chain([or]).collect()
                };
                Value::from(all)
            });
        prop_oneof![3 => object(inner, 3), 1 => with_or]
    });
    object(members, 4)
}

fn event() -> impl Strategy<Value = Value> {
    let members = scalar().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![2 => object(inner.clone(), 4), 3 => vec(inner, 0..4).prop_map(Value::from), 1 => Just(json!({}))]
    });
    object(members, 5)
}

/// Several fields with close names and values that are easily met: what matters is which elements of arrays they choose.
fn crossing_pattern() -> impl Strategy<Value = Value> {
    let part = prop::sample::select(vec!["a", "b", "a-b"]);
    let path = vec(part, 1..4).prop_map(|parts| parts.join("."));
    let item = prop_oneof![
        3 => (0..2).prop_map(Value::from),
        2 => Just(json!({"exists": false})),
        1 => Just(json!({"exists": true})),
    ];
    let fields = vec((path, vec(item, 1..3).prop_map(Value::from)), 2..6);
    fields.prop_map(|fields| Value::from(fields.into_iter().collect::<Map<String, Value>>()))
}

fn crossing_object(members: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec!["a", "b", "a-b", "a.b", "b.a"]).prop_map(str::to_owned);
    vec((key, members), 1..4)
        .prop_map(|members| Value::from(members.into_iter().collect::<Map<String, Value>>()))
}

fn crossing_event() -> impl Strategy<Value = Value> {
    let members = (0..2).prop_map(Value::from).prop_recursive(6, 60, 4, |inner| {
        prop_oneof![2 => crossing_object(inner.clone()), 3 => vec(inner, 0..4).prop_map(Value::from)]
    });
    crossing_object(members)
}

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).map_or(Value::Null, Value::from)),
    ];
    let name = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "$or",
            "prefix",
            "suffix",
            "equals-ignore-case",
            "wildcard",
            "numeric",
            "cidr",
            "exists",
            "anything-but",
            "a",
            "a.b",
            "",
            "."
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "<",
            "=",
            ">=",
            "*a*",
            "**",
            "\\",
            "10.0.0.0/8",
            "::1",
            "10.0.0.1"
        ])
        .prop_map(str::to_owned),
    ]
    .boxed();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        name.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(name.clone(), inner, 0..6).prop_map(|members| Value::from(
                members.into_iter().collect::<Map<String, Value>>()
            )),
        ]
    })
}

proptest! {
    // PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), ..ProptestConfig::default() })]

    #[test]
    fn the_naive_matcher_agrees(pattern in pattern(), events in vec(event(), 1..6)) {
        let compiled = Pattern::parse(&pattern);
        prop_assume!(!compiled.as_ref().is_err_and(|problems| problems.iter().all(|problem| problem.code == "too-complex")));
        let compiled = compiled.map_err(|problems| TestCaseError::fail(format!("{pattern}: {}", problems[0])))?;
        for event in events {
            let expected = naive::matches(&pattern, &event);
            prop_assert_eq!(compiled.matches(&event), expected, "{} {}", &pattern, &event);
            prop_assert_eq!(compiled.explain(&event).matches, expected, "{} {}", &pattern, &event);
        }
    }

    #[test]
    fn the_naive_matcher_agrees_on_crossing_arrays(patterns in vec(crossing_pattern(), 1..8), events in vec(crossing_event(), 1..8)) {
        for pattern in patterns {
            let compiled = Pattern::parse(&pattern).map_err(|problems| TestCaseError::fail(format!("{pattern}: {}", problems[0])))?;
            for event in &events {
                prop_assert_eq!(compiled.matches(event), naive::matches(&pattern, event), "{} {}", &pattern, event);
            }
        }
    }

    #[test]
    fn a_set_answers_as_its_patterns_do(patterns in vec(pattern(), 0..12), events in vec(event(), 1..6)) {
        let patterns: Vec<Pattern> = patterns.iter().filter_map(|pattern| Pattern::parse(pattern).ok()).collect();
        let set = PatternSet::new(&patterns);
        for event in events {
            let expected: Vec<usize> = (0..patterns.len()).filter(|index| patterns[*index].matches(&event)).collect();
            prop_assert_eq!(set.matching(&event), expected, "{}", &event);
        }
    }

    #[test]
    fn an_operator_answers_as_the_naive_one_does(items in vec(item(), 1..4), value in prop_oneof![scalar(), vec(scalar(), 0..4).prop_map(Value::from)]) {
        let (pattern, event) = (json!({ "x": items }), json!({ "x": value }));
        if let Ok(compiled) = Pattern::parse(&pattern) {
            prop_assert_eq!(compiled.matches(&event), naive::matches(&pattern, &event), "{} {}", &pattern, &event);
            prop_assert_eq!(PatternSet::new([&compiled]).matching(&event).len(), usize::from(compiled.matches(&event)));
        }
    }

    #[test]
    fn patterns_that_cannot_both_match_never_do(a in pattern(), b in pattern(), event in object(scalar(), 5)) {
        if let (Ok(a), Ok(b)) = (Pattern::parse(&a), Pattern::parse(&b)) {
            let both = a.matches(&event) && b.matches(&event);
            prop_assert!(!both || usher::pattern::could_both_match(&a, &b), "{a:?} {b:?} {event}");
        }
    }

    #[test]
    fn no_json_makes_it_panic(pattern in anything(), event in anything()) {
        match Pattern::parse(&pattern) {
            Ok(compiled) => {
                let matches = compiled.matches(&event);
                prop_assert_eq!(compiled.explain(&event).matches, matches);
                prop_assert_eq!(PatternSet::new([&compiled]).matching(&event).len(), usize::from(matches));
                prop_assert!(!compiled.explain(&event).to_string().is_empty());
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
            }
        }
    }
}
