//! Rules files: what is found in them before any event arrives, and where.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use usher::problem::{Problem, Severity, codes, explain, render};
use usher::rules::{Problems, Rules, Template};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn samples() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("tests/rules")).expect("the directory of samples");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        (
            name.to_owned(),
            fs::read_to_string(&path).expect("a sample"),
        )
    };
    paths.into_iter().map(read).collect()
}

fn problems(name: &str, text: &str) -> Vec<Problem> {
    match Rules::load(name, text) {
        Ok((_, warnings)) => warnings,
        Err(Problems { problems, .. }) => problems,
    }
}

fn errors(text: &str) -> Vec<(&'static str, String)> {
    let found = problems("usher.yaml", text).into_iter();
    found
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| (problem.code, problem.path))
        .collect()
}

fn load(text: &str) -> Rules {
    match Rules::load("usher.yaml", text) {
        Ok((rules, _)) => rules,
        Err(problems) => panic!("{problems}"),
    }
}

/// A rules file with one rule and one call.
fn with(head: &str, arguments: &str) -> String {
    format!(
        "version: 1\n{head}\nrules:\n- name: one\n  when: {{source: [acme.hr]}}\n  do:\n  - call: sagemaker:UpdateUserProfile\n    with:\n      \
         DomainId: d-abc\n      UserProfileName: jane\n      UserSettings: {arguments}\n"
    )
}

#[test]
fn everything_wrong_is_shown_at_its_place() {
    for (name, text) in samples() {
        let found = problems(&name, &text);
        insta::assert_snapshot!(name.clone(), render(&found, &name, &text, false));
    }
}

#[test]
fn every_sample_has_the_problem_it_is_called_after_and_every_code_has_a_sample() {
    // The reason why there is none.
    let without = [
        "event-pattern",     // stands for refusals that patterns may learn
        "expression-failed", // stands for the engine's own errors
        "file-size",         // would be 16 MiB
        "finspace-left-out", // is of a build without the feature
        "overlaps-unknown",  // would be a thousand rules; below
        "pattern-too-deep",  // the file may not be that deep
        "rule-test",         // is about files of tests: tests/rule_tests.rs
    ];
    let mut seen: BTreeSet<&str> = without.into_iter().collect();
    for (name, text) in samples() {
        let stem = name.split('.').next().expect("a stem").to_owned();
        let found = problems(&name, &text);
        let known = codes().any(|code| code == stem);
        assert!(
            !known || found.iter().any(|problem| problem.code == stem),
            "{name} has no such problem"
        );
        for problem in &found {
            assert!(
                explain(problem.code).is_some(),
                "{} is not explained",
                problem.code
            );
        }
        seen.extend(found.iter().map(|problem| problem.code));
    }
    let unseen: Vec<&str> = codes().filter(|code| !seen.contains(code)).collect();
    assert_eq!(unseen, Vec::<&str>::new());
}

#[test]
fn the_codes_of_the_api_and_of_expressions_are_explained() {
    let lists = usher::api::CODES.iter().chain(usher::expression::CODES);
    for (code, _) in lists {
        let text = explain(code).unwrap_or_else(|| panic!("{code} is not explained"));
        assert!(text.contains("\n    "), "{code} has no example");
    }
    assert_eq!(explain("no-such-code"), None);
}

#[test]
fn the_rules_file_of_the_repository_has_one_warning() {
    let text = fs::read_to_string(root().join("usher.yaml")).expect("usher.yaml");
    let (rules, warnings) =
        Rules::load("usher.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    let codes: Vec<&str> = warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["finspace-ended"]);
    let matched = |event: &str| -> Vec<String> {
        let event = fs::read(root().join("events").join(event)).expect("an event");
        let event: Value = serde_json::from_slice(&event).expect("JSON");
        let rules = rules.matching(&event);
        rules.into_iter().map(|rule| rule.name.clone()).collect()
    };
    assert_eq!(matched("person-onboarded.json"), ["everyone", "quants"]);
    assert_eq!(matched("person-moved.json"), ["everyone", "quants"]);
    assert_eq!(matched("person-left.json"), ["leavers"]);
    assert_eq!(matched("team-defaults-changed.json"), ["team-defaults"]);
}

#[test]
fn yaml_and_json_of_one_file_are_the_same_rules() {
    let yaml = fs::read_to_string(root().join("usher.yaml")).expect("usher.yaml");
    let value: Value = serde_saphyr::from_str(&yaml).expect("YAML, to another reader too");
    for json in [
        value.to_string(),
        serde_json::to_string_pretty(&value).expect("JSON"),
        serde_json::to_string_pretty(&value)
            .expect("JSON")
            .replace("  ", "\t"),
    ] {
        assert_eq!(described(&load(&json)), described(&load(&yaml)));
    }
}

/// Everything but places.
fn described(rules: &Rules) -> String {
    let Rules {
        constants,
        guards,
        allow_unknown_values,
        rules,
        ..
    } = rules;
    let mut text = format!("{constants:?} {guards:?} {allow_unknown_values:?}");
    for rule in rules {
        let at = rule.at.as_ref().map(|at| at.source());
        write!(text, "\n{} {:?} {at:?}", rule.name, rule.when).expect("writing to a string");
        for call in &rule.calls {
            let with: Vec<Value> = call
                .with
                .iter()
                .map(|(name, template)| json!([name, plain(template)]))
                .collect();
            write!(text, "\n{} {} {with:?}", call.operation, call.settle)
                .expect("writing to a string");
        }
    }
    text
}

fn plain(template: &Template) -> Value {
    match template {
        Template::Constant(value) => value.clone(),
        Template::Expression(computed) => Value::from(computed.source()),
        Template::Object(members) => members
            .iter()
            .map(|(name, template)| (name.clone(), plain(template)))
            .collect(),
        Template::List(items) => items.iter().map(plain).collect(),
    }
}

#[test]
fn an_expression_is_found_at_its_column_however_it_is_quoted() {
    for (written, column) in [
        (r#""{% 'é' & $nope() %}""#, 31),
        (r#""\u007b% '\"' & $nope() %}""#, 37),
        (r#""{% '\ud83d\ude00' & $nope() %}""#, 42),
        ("'{% ''a'' & $nope() %}'", 33),
        ("|-\n        {% 'a' &\n          $nope() %}", 11),
        (">-\n        {% 'a' &\n          $nope() %}", 11),
        ("\"{% 'a' &\n          $nope() %}\"", 11),
    ] {
        let text = with("", &format!("{{}}\n      TagPropagation: {written}"))
            .replace("TagPropagation", "UserSettings2");
        let text = text
            .replace("      UserSettings: {}\n", "")
            .replace("UserSettings2", "UserSettings");
        let found = problems("usher.yaml", &text);
        let problem = found
            .iter()
            .find(|problem| problem.code == "unknown-function")
            .unwrap_or_else(|| panic!("{written}: {found:#?}"));
        assert_eq!(text.get(problem.span.clone()), Some("$nope"), "{written}");
        assert_eq!(problem.column, column, "{written}");
    }
}

#[test]
fn an_event_that_can_influence_a_role_needs_a_guard() {
    let refused = |head: &str, settings: &str| {
        let found = errors(&with(head, settings));
        assert!(
            found.iter().all(|(code, _)| *code == "unguarded-role"),
            "{settings}: {found:?}"
        );
        !found.is_empty()
    };
    let constants = "constants: {role: \"arn:aws:iam::111122223333:role/studio-\", roles: {a: x}}";
    for settings in [
        r#"{ExecutionRole: "{% detail.role %}"}"#,
        r#"{ExecutionRole: "{% $role & detail.team %}"}"#,
        r#"{ExecutionRole: "{% $lookup($roles, detail.team) %}"}"#,
        r#"{ExecutionRole: "{% $event.detail.team = 'x' ? $role & 'x' : $role & 'y' %}"}"#,
        r#"{ExecutionRole: "{% $states.input.detail.role %}"}"#,
        r#"{ExecutionRole: "{% ($f := function($x) { $x.role }; $f(detail)) %}"}"#,
        r#"{ExecutionRole: "{% detail ~> $string %}"}"#,
        r#"{ExecutionRole: "{% $current.UserSettings.ExecutionRole %}"}"#,
        r#"{ExecutionRole: "{% $string() %}"}"#,
        r#""{% {'ExecutionRole': detail.role} %}""#,
        r#""{% detail %}""#,
        r#"{CanvasAppSettings: "{% detail.canvas %}"}"#,
        r#"{CanvasAppSettings: {EmrServerlessSettings: {ExecutionRoleArn: "{% detail.role %}"}}}"#,
        r#"{JupyterLabAppSettings: {EmrSettings: {AssumableRoleArns: "{% detail.roles %}"}}}"#,
        r#"{JupyterLabAppSettings: {EmrSettings: {AssumableRoleArns: ["{% detail.role %}"]}}}"#,
    ] {
        assert!(refused(constants, settings), "{settings}");
        let guards = format!(
            "{constants}\nguards: {{roles: [\"arn:aws:iam::111122223333:role/studio-*\"]}}"
        );
        assert!(!refused(&guards, settings), "{settings}");
    }
    for settings in [
        r#"{ExecutionRole: "{% $role & 'x' %}"}"#,
        r#"{ExecutionRole: "arn:aws:iam::111122223333:role/x"}"#,
        r#"{StudioWebPortal: "{% detail.portal %}"}"#,
        r#"{SharingSettings: "{% detail.sharing %}"}"#,
        r#"{SecurityGroups: "{% detail.groups %}"}"#,
    ] {
        assert!(!refused(constants, settings), "{settings}");
    }
}

#[test]
fn constant_roles_must_match_a_guard_too() {
    let guards = "guards: {roles: [\"arn:aws:iam::111122223333:role/studio-*\"]}";
    let refused = |role: &str| errors(&with(guards, &format!("{{ExecutionRole: \"{role}\"}}")));
    assert_eq!(refused("arn:aws:iam::111122223333:role/studio-rates"), []);
    for role in [
        "arn:aws:iam::111122223333:role/admin",
        "arn:aws:iam::111122223333:role/studio-x/../admin",
        "arn:aws:iam::444455556666:role/studio-rates",
        "arn:aws:iam::111122223333:role/x/studio-rates",
        "{% 'arn:aws:iam::111122223333:role/' & 'admin' %}",
    ] {
        let found = refused(role);
        assert_eq!(found.len(), 1, "{role}: {found:?}");
        assert_eq!(found[0].0, "role-not-allowed");
    }
}

#[test]
fn an_expression_that_reads_no_event_is_a_constant() {
    let rules = load(&with(
        "constants: {size: [20, 50]}",
        r#"{SpaceStorageSettings: {DefaultEbsStorageSettings: {DefaultEbsVolumeSizeInGb: "{% $size[1] %}", MaximumEbsVolumeSizeInGb: 100}}}"#,
    ));
    let settings = rules.rules[0].calls[0]
        .member("UserSettings")
        .expect("settings");
    assert!(matches!(settings, Template::Constant(_)));
    let expected = json!({"DefaultEbsVolumeSizeInGb": 50, "MaximumEbsVolumeSizeInGb": 100});
    assert_eq!(
        plain(settings)["SpaceStorageSettings"]["DefaultEbsStorageSettings"],
        expected
    );
    let found = errors(&with(
        "constants: {p: Enabled}",
        r#"{StudioWebPortal: "{% $p %}"}"#,
    ));
    let path = "rules[0].do[0].with.UserSettings.StudioWebPortal";
    assert_eq!(found, [("enum", path.to_owned())]);
}

#[test]
fn anchors_can_be_used_but_not_to_make_a_small_file_big() {
    let rules = load(&with(
        "constants: {a: &a {x: [1, 2]}, b: *a}",
        r#"{StudioWebPortal: "{% $string($a) = $string($b) ? 'ENABLED' : 'DISABLED' %}"}"#,
    ));
    assert_eq!(rules.constants["a"], rules.constants["b"]);
    let mut laughs =
        "constants:\n  a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "  a{level}: &a{level} [{uses}]").expect("writing to a string");
    }
    let codes: Vec<_> = errors(&laughs).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["yaml-alias"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let yaml = fs::read_to_string(root().join("usher.yaml")).expect("usher.yaml");
    let windows = format!("\u{feff}{}", yaml.replace('\n', "\r\n"));
    assert_eq!(described(&load(&windows)), described(&load(&yaml)));
    let (_, plain) = Rules::load("usher.yaml", &yaml).expect("rules");
    let (_, other) = Rules::load("usher.yaml", &windows).expect("rules");
    assert_eq!(
        (plain[0].line, plain[0].column),
        (other[0].line, other[0].column)
    );
}

#[test]
fn values_never_turn_into_something_else() {
    for (written, value) in [
        ("\"012345678901\"", json!("012345678901")),
        ("123456789012", json!(123_456_789_012_u64)),
        ("'yes'", json!("yes")),
        ("2026-01-02", json!("2026-01-02")),
        ("10.0.0.1", json!("10.0.0.1")),
        ("~", json!(null)),
        ("1.50", json!(1.5)),
        ("\"\\U0001F600 \\x41\\t\"", json!("😀 A\t")),
    ] {
        let text = with(
            &format!("constants: {{x: {written}}}"),
            "\"{% $x ? null : null %}\"",
        );
        assert_eq!(load(&text).constants["x"], value, "{written}");
    }
    for written in [
        "012345678901",
        "yes",
        "No",
        "on",
        "1_000",
        "0x10",
        "1e3",
        "+1",
        ".5",
        "NULL",
        ".inf",
    ] {
        let text = with(
            &format!("constants: {{x: {written}}}"),
            "\"{% $x ? null : null %}\"",
        );
        let codes: Vec<_> = errors(&text).into_iter().collect();
        assert_eq!(
            codes,
            [("ambiguous-scalar", "constants.x".to_owned())],
            "{written}"
        );
    }
}

#[test]
fn ten_thousand_rules_that_all_overlap_are_compared_in_part() {
    let mut text = String::from("version: 1\nrules:\n");
    // Each two exclude each other, but the patterns list no texts by which that could be seen at once.
    for index in 0..1000 {
        writeln!(
            text,
            "- {{name: r{index}, when: {{detail: {{n: [{index}]}}}}, do: [{{call: sagemaker:UpdateDomain, with: {{DomainId: d-a, \
             DefaultUserSettings: {{SecurityGroups: [sg-{index}]}}}}}}]}}"
        )
        .expect("writing to a string");
    }
    let found = problems("usher.yaml", &text);
    let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["overlaps-unknown"]);
    let texts = text.replace("n: [", "n: [x");
    assert_eq!(problems("usher.yaml", &texts), []);
}

#[test]
fn problems_serialise_for_other_tools() {
    let text = with("", "{StudioWebPortal: Enabled}");
    let found = serde_json::to_value(problems("usher.yaml", &text)).expect("JSON");
    insta::assert_json_snapshot!(found);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let text = " ".repeat(usher::rules::LARGEST + 1);
    assert_eq!(errors(&text), [("file-size", String::new())]);
}

/// Text that is rarely right, but looks like a rules file.
fn mutated() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{", "}", "[", "]", ":", ": ", ",", "\n", "\n  ", "\t", "- ", "\"", "'", "{%", "%}", "&a ",
        "*a", "|", ">-", "#", "~", "yes", "é", "\u{feff}", "\r\n", "\\", "\\u12", "<<", "!x ",
        "---\n", "? ", "0x1", "null", "\u{0}", "$current", "😀",
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, pieces), 1..6);
    let all: Vec<String> = samples().into_iter().map(|(_, text)| text).collect();
    (prop::sample::select(all), edits).prop_map(|(mut text, edits)| {
        for (at, removed, piece) in edits {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((at + removed).min(text.len()));
            text.replace_range(at..end, piece);
        }
        text
    })
}

fn sound(text: &str) -> Result<(), TestCaseError> {
    for name in ["usher.yaml", "usher.json"] {
        let found = problems(name, text);
        for problem in &found {
            prop_assert!(text.get(problem.span.clone()).is_some());
            prop_assert!(problem.line >= 1 && problem.line <= text.matches('\n').count() + 1);
            prop_assert!(explain(problem.code).is_some(), "{}", problem.code);
        }
        prop_assert!(found.is_sorted_by_key(|problem| problem.span.start));
        prop_assert_eq!(
            render(&found, name, text, false).is_empty(),
            found.is_empty()
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_panic_or_point_beside_the_file(text in any::<String>()) {
        sound(&text)?;
    }

    #[test]
    fn no_broken_file_makes_the_loader_panic_or_point_beside_the_file(text in mutated()) {
        sound(&text)?;
    }
}
