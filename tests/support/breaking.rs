//! Valid calls with every member, and the same calls with one constraint of the model broken at a time.
//!
//! Both are made from the API models themselves, so a new model extends the tests by itself.

use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use usher::api::{Kind, Operation, Pattern, Segment, Shape, UNBOUNDED};

/// Arguments in which one constraint is broken.
pub struct Break {
    /// Where.
    pub path: Vec<Segment>,
    /// The code of the violation that must be found there.
    pub code: &'static str,
    /// What was done, for messages.
    pub what: String,
    /// The whole arguments.
    pub arguments: Value,
    /// The broken value, where one stands at `path`: to try it as an expression's result too.
    #[allow(dead_code)] // not every test tries that
    pub value: Option<Value>,
}

/// Valid arguments with every member that the model has, in accord with the couplings as well.
pub fn maximal(operation: Operation) -> Value {
    let mut arguments = largest(operation.input());
    for settings in operation.settings() {
        // What AWS documents about members together: see `couplings`.
        let mut set = |member: &str, value: &str| {
            if arguments[settings].get(member).is_some() {
                arguments[settings][member] = json!(value);
            }
        };
        set("DefaultLandingUri", "studio::");
        set("StudioWebPortal", "ENABLED");
        set("AutoMountHomeEFS", "Enabled");
        if let Some(app) = arguments[settings].get_mut("JupyterServerAppSettings") {
            app["DefaultResourceSpec"]["InstanceType"] = json!("system");
        }
    }
    if operation == Operation::SageMakerUpdateDomain {
        arguments["AppSecurityGroupManagement"] = json!("Service");
    }
    arguments
}

/// Every way to break one constraint of an operation's model, at every path.
pub fn breaks(operation: Operation) -> Vec<Break> {
    let whole = maximal(operation);
    let mut found = Vec::new();
    walk(
        operation.input(),
        &whole,
        &mut Vec::new(),
        &mut |path, code, what, change| {
            let mut arguments = whole.clone();
            let value = match change {
                Change::Set(value) => {
                    *get_mut(&mut arguments, path) = value.clone();
                    Some(value)
                }
                Change::Remove => {
                    let (last, parent) = path.split_last().expect("a member has a parent");
                    let Segment::Key(name) = last else {
                        panic!("only members are removed")
                    };
                    let parent = get_mut(&mut arguments, parent)
                        .as_object_mut()
                        .expect("members stand in objects");
                    parent.shift_remove(name);
                    None
                }
            };
            found.push(Break {
                path: path.to_vec(),
                code,
                what,
                arguments,
                value,
            });
        },
    );
    found
}

/// Values that the model allows, at every path of the maximal arguments: the one that stands there, every value of an
/// enumeration, the least and the greatest number, the shortest and the longest list.
#[allow(dead_code)] // not every test tries them
pub fn valid_values(operation: Operation) -> Vec<(Vec<Segment>, Value)> {
    let mut found = Vec::new();
    collect_valid(
        operation.input(),
        &maximal(operation),
        &mut Vec::new(),
        &mut found,
    );
    found
}

fn collect_valid(
    shape: Shape,
    value: &Value,
    path: &mut Vec<Segment>,
    found: &mut Vec<(Vec<Segment>, Value)>,
) {
    let mut valid = vec![value.clone()];
    match shape.kind() {
        Kind::Structure { .. } => {
            for member in shape.members() {
                if let Some(value) = value.get(member.name) {
                    path.push(member.name.into());
                    collect_valid(member.shape, value, path, found);
                    path.pop();
                }
            }
        }
        Kind::List { item, min, max } => {
            let items = value.as_array().expect("a list");
            valid.push(json!(items[..min as usize]));
            if max != UNBOUNDED {
                valid.push(json!(vec![items[0].clone(); max as usize]));
            }
            for (index, value) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                collect_valid(item, value, path, found);
                path.pop();
            }
        }
        Kind::Map { .. } => panic!("no update takes a map: teach this generator to make one"),
        Kind::String { values, .. } => {
            valid.extend(values.values().iter().map(|value| json!(value)))
        }
        Kind::Integer { min, max } => valid.extend([json!(min), json!(max)]),
    }
    valid.dedup();
    found.extend(valid.into_iter().map(|value| (path.clone(), value)));
}

enum Change {
    Set(Value),
    Remove,
}

type Report<'a> = dyn FnMut(&[Segment], &'static str, String, Change) + 'a;

fn get_mut<'a>(value: &'a mut Value, path: &[Segment]) -> &'a mut Value {
    path.iter().fold(value, |value, segment| match segment {
        // A new member appears where there is none.
        Segment::Key(key) => value
            .as_object_mut()
            .expect("an object")
            .entry(key.clone())
            .or_insert(Value::Null),
        Segment::Index(index) => &mut value[index],
    })
}

fn walk(shape: Shape, value: &Value, path: &mut Vec<Segment>, report: &mut Report<'_>) {
    wrong_types(shape, path, report);
    match shape.kind() {
        Kind::Structure { union, .. } => structure(shape, union, value, path, report),
        Kind::List { item, min, max } => {
            let items = value.as_array().expect("a list");
            if min > 0 {
                let fewer = json!(items[..min as usize - 1]);
                report(
                    path,
                    "list-too-short",
                    format!("{} elements", min - 1),
                    Change::Set(fewer),
                );
            }
            if max != UNBOUNDED {
                let more = vec![items[0].clone(); max as usize + 1];
                report(
                    path,
                    "list-too-long",
                    format!("{} elements", more.len()),
                    Change::Set(json!(more)),
                );
            }
            for (index, value) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                walk(item, value, path, report);
                path.pop();
            }
        }
        Kind::Map { .. } => panic!("no update takes a map: teach this generator to break one"),
        Kind::String {
            min, max, values, ..
        } => {
            let text = value.as_str().expect("a string");
            if values.values().is_empty() {
                strings(shape, text, [min, max], path, report);
            } else {
                enumeration(values.values(), path, report);
            }
        }
        Kind::Integer { min, max } => {
            report(
                path,
                "below-minimum",
                format!("{}", min - 1),
                Change::Set(json!(min - 1)),
            );
            report(
                path,
                "above-maximum",
                format!("{}", max + 1),
                Change::Set(json!(max + 1)),
            );
            report(
                path,
                "above-maximum",
                "a huge number".into(),
                Change::Set(json!(u64::MAX)),
            );
            report(
                path,
                "wrong-type",
                "a fraction".into(),
                Change::Set(json!(min as f64 + 0.5)),
            );
        }
    }
}

fn wrong_types(shape: Shape, path: &[Segment], report: &mut Report<'_>) {
    let mut others = vec![Value::Null, json!(true)];
    match shape.kind() {
        Kind::Structure { .. } | Kind::Map { .. } => {
            others.extend([json!(7), json!("text"), json!([])])
        }
        Kind::List { .. } => others.extend([json!(7), json!("text"), json!({})]),
        Kind::String { .. } => others.extend([json!(7), json!([]), json!({})]),
        Kind::Integer { .. } => others.extend([json!("7"), json!([]), json!({})]),
    }
    for other in others {
        report(path, "wrong-type", other.to_string(), Change::Set(other));
    }
}

fn structure(
    shape: Shape,
    union: bool,
    value: &Value,
    path: &mut Vec<Segment>,
    report: &mut Report<'_>,
) {
    let members = value.as_object().expect("an object");
    path.push("NoSuchMember".into());
    report(
        path,
        "unknown-member",
        "a member the API does not have".into(),
        Change::Set(json!("x")),
    );
    path.pop();
    if union {
        report(path, "union", "no member".into(), Change::Set(json!({})));
        let both: Map<String, Value> = shape
            .members()
            .iter()
            .map(|member| (member.name.to_owned(), largest(member.shape)))
            .collect();
        report(
            path,
            "union",
            "every member".into(),
            Change::Set(Value::Object(both)),
        );
    }
    for member in shape.members() {
        let Some(value) = members.get(member.name) else {
            assert!(union, "{} is missing in the maximal call", member.name);
            continue;
        };
        path.push(member.name.into());
        if member.required {
            report(path, "missing-member", "removed".into(), Change::Remove);
        }
        // The same name in another case is another name.
        let upper = member.name.to_uppercase();
        if shape.member(&upper).is_none() {
            let last = path.pop();
            path.push(upper.as_str().into());
            report(
                path,
                "unknown-member",
                "the name in capitals".into(),
                Change::Set(value.clone()),
            );
            path.pop();
            path.extend(last);
        }
        walk(member.shape, value, path, report);
        path.pop();
    }
}

fn strings(
    shape: Shape,
    text: &str,
    [min, max]: [u32; 2],
    path: &[Segment],
    report: &mut Report<'_>,
) {
    if min > 0 {
        let short: String = text.chars().take(min as usize - 1).collect();
        report(
            path,
            "too-short",
            format!("{short:?}"),
            Change::Set(json!(short)),
        );
    }
    if max != UNBOUNDED {
        let last = text.chars().last().unwrap_or('a').to_string();
        let missing = max as usize + 1 - text.chars().count();
        let long = text.to_owned() + &last.repeat(missing);
        report(
            path,
            "too-long",
            format!("{} characters", max + 1),
            Change::Set(json!(long)),
        );
    }
    if let Some(pattern) = shape.pattern() {
        let wrong = mismatches(pattern, text, min, max);
        assert!(!wrong.is_empty(), "nothing mismatches {}", pattern.model());
        for wrong in wrong {
            report(
                path,
                "pattern",
                format!("{wrong:?}"),
                Change::Set(json!(wrong)),
            );
        }
    }
}

fn enumeration(values: &[&str], path: &[Segment], report: &mut Report<'_>) {
    let first = values[0];
    let mut wrong = vec![
        "no-such-value".to_owned(),
        String::new(),
        format!("{first}x"),
        format!(" {first}"),
    ];
    wrong.extend([first.to_lowercase(), first.to_uppercase()]);
    for wrong in wrong
        .into_iter()
        .filter(|wrong| !values.contains(&wrong.as_str()))
    {
        report(
            path,
            "enum",
            format!("{wrong:?}"),
            Change::Set(json!(wrong)),
        );
    }
}

/// Texts of the right length that do not match: with a strange character at the start, in the middle, at the end, or
/// everywhere.
fn mismatches(pattern: Pattern, text: &str, min: u32, max: u32) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let count = characters.len();
    let mut found: Vec<String> = Vec::new();
    for strange in ['\n', ' ', '!', 'é', '٣', '/'] {
        let spots = [
            0..1,
            count / 2..count / 2 + 1,
            count.saturating_sub(1)..count,
            0..count,
        ];
        for spot in spots {
            let replaced =
                |(index, c): (usize, &char)| if spot.contains(&index) { strange } else { *c };
            found.push(characters.iter().enumerate().map(replaced).collect());
        }
        found.push(format!("{text}{strange}"));
        found.push(format!("{strange}{text}"));
    }
    let fits = |text: &String| (min as usize..=max as usize).contains(&text.chars().count());
    found.retain(|text| fits(text) && !pattern.matches(text));
    found.dedup();
    found
}

/// A valid value with everything in it; a list has one element, of a union one for each member.
fn largest(shape: Shape) -> Value {
    match shape.kind() {
        Kind::Structure { .. } => shape
            .members()
            .iter()
            .map(|member| (member.name.to_owned(), largest(member.shape)))
            .collect(),
        Kind::List { item, .. } => match item.kind() {
            Kind::Structure { union: true, .. } => {
                let one = |member: &usher::api::Member| json!({member.name: largest(member.shape)});
                item.members().iter().map(one).collect()
            }
            _ => json!([largest(item)]),
        },
        Kind::Map { .. } => panic!("no update takes a map: teach this generator to make one"),
        Kind::Integer { min, .. } => json!(min),
        Kind::String {
            min, max, values, ..
        } => match (values.values().first(), shape.pattern()) {
            (Some(value), _) => json!(value),
            (None, Some(pattern)) => json!(sample(pattern, min, max)),
            (None, None) => json!("text".repeat(min as usize / 4 + 1)),
        },
    }
}

/// A text that matches, the same each time.
fn sample(pattern: Pattern, min: u32, max: u32) -> String {
    let inner = pattern
        .whole()
        .trim_start_matches('^')
        .trim_end_matches('$');
    // Anything but a line's end would be legal for `.`, and unreadable in a failure.
    let readable = inner
        .replace(r"[^\n\r\u0085\u2028\u2029]", "[a-z0-9]")
        .replace("[^/]", "[a-z0-9]");
    let strategy = string_regex(&readable).unwrap_or_else(|error| panic!("{readable}: {error}"));
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let room = min as usize..=(max as usize).min(200);
    (0..10_000)
        .map(|_| {
            strategy
                .new_tree(&mut runner)
                .expect("patterns generate")
                .current()
        })
        .find(|text| room.contains(&text.chars().count()) && pattern.matches(text))
        .unwrap_or_else(|| panic!("no sample for {}", pattern.model()))
}
