//! `usher test`: the tests of the rules file in this repository, and what happens to tests that fail.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use usher::rules::Rules;

const ROLE: &str = "arn:aws:iam::111122223333:role/studio-";

/// A folder with a small rules file and a test file.
fn folder(tests: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = format!(
        "version: 1
guards:
  roles: [\"{ROLE}*\"]
  protected: [\"sagemaker:user-profile/*/admin-*\"]
  sources: {{http: [acme.web]}}
rules:
  - name: moved
    when: {{source: [acme.hr]}}
    do:
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: d-abc
          UserProfileName: \"{{% detail.user %}}\"
          UserSettings:
            ExecutionRole: \"{{% '{ROLE}' & detail.team %}}\"
"
    );
    let event = r#"{"source": "acme.hr", "detail-type": "Moved", "detail": {"user": "jane", "team": "rates"}}"#;
    write(&folder, "usher.yaml", &rules);
    write(&folder, "event.json", event);
    write(&folder, "usher.test.yaml", tests);
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).expect("a written file");
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect("a file")
}

fn usher(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher"))
        .arg("test")
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("usher runs")
}

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "exit {}\n{}{}",
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr)
    )
}

const FAILING: &str = r#"# What the rules should do.
tests:
  - name: right
    event: event.json   # the sample
    given:
      sagemaker:user-profile/d-abc/jane: {UserSettings: {ExecutionRole: "arn:aws:iam::111122223333:role/studio-base"}}
    expect:
      changes:
        sagemaker:user-profile/d-abc/jane:
          UserSettings.ExecutionRole: {from: "arn:aws:iam::111122223333:role/studio-base", to: "arn:aws:iam::111122223333:role/studio-rates"}

  # Wrong in every way.
  - name: another role
    event: event.json
    expect:
      matches: [moved, left]
      changes:
        sagemaker:user-profile/d-abc/jane:
          UserSettings.ExecutionRole: {from: old, to: "arn:aws:iam::111122223333:role/studio-x"}
          UserSettings.StudioWebPortal: ENABLED
        sagemaker:user-profile/d-abc/max: {UserSettings.ExecutionRole: x}   # nobody's

  - {name: refused, event: {source: acme.hr, detail-type: Moved, detail: {user: admin-root, team: rates}}, expect: {changes: {}}}

  - name: nothing set
    event: {source: acme.hr, detail-type: Moved, detail: {user: jane, team: "a b"}}
    expect: {unchanged: ["sagemaker:user-profile/d-abc/jane"]}
  - name: new   # has no expectation yet
    event: {source: acme.it, detail-type: Moved, detail: {}}   # of another source
"#;

/// Runs the tests beside a rules file: they pass, and each rule is reached by one.
fn passes_and_reaches_every_rule(rules: &str) -> Rules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = rules.replace(".yaml", ".test.yaml");
    let output = usher(root, &["--json", "--rules", rules, &tests]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["failed"], 0);
    let tests = answer["files"][0]["tests"].as_array().expect("tests");
    let reached = |rule: &str| {
        tests.iter().any(|test| {
            test["rules"]
                .as_array()
                .is_some_and(|rules| rules.iter().any(|name| name == rule))
        })
    };
    let text = fs::read_to_string(root.join(rules)).expect("a rules file");
    let (loaded, warnings) =
        Rules::load(rules, &text).unwrap_or_else(|problems| panic!("{problems}"));
    for rule in &loaded.rules {
        assert!(
            reached(&rule.name),
            "no test reaches the rule {} of {rules}",
            rule.name
        );
    }
    let codes: Vec<&str> = warnings.iter().map(|warning| warning.code).collect();
    // Only the first one still calls FinSpace.
    let expected: &[&str] = if rules == "usher.yaml" {
        &["finspace-ended"]
    } else {
        &[]
    };
    assert_eq!(codes, expected, "{rules}");
    loaded
}

#[test]
fn the_rule_tests_of_the_repository_pass_and_reach_every_rule() {
    passes_and_reaches_every_rule("usher.yaml");
}

#[test]
fn the_samples_pass_their_tests_reach_every_rule_and_have_no_warnings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut samples: Vec<String> = fs::read_dir(root.join("docs/samples"))
        .expect("the samples")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .filter(|name| !name.ends_with(".test.yaml"))
        .collect();
    samples.sort();
    assert_eq!(samples, ["entra.yaml", "identity-center.yaml", "okta.yaml"]);
    let documentation = fs::read_to_string(root.join("docs/sources.md")).expect("docs/sources.md");
    for sample in samples {
        passes_and_reaches_every_rule(&format!("docs/samples/{sample}"));
        assert!(
            documentation.contains(&format!("(samples/{sample})")),
            "docs/sources.md does not say how the events of {sample} arrive"
        );
    }
}

#[test]
fn every_event_of_another_system_is_in_a_test_of_its_sample() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join("events")).expect("events") {
        let name = entry.expect("an entry").file_name();
        let name = name.into_string().expect("UTF-8");
        let samples = ["identity-center", "okta", "entra"];
        let Some(sample) = samples.iter().find(|sample| name.starts_with(*sample)) else {
            continue;
        };
        let tests = root.join(format!("docs/samples/{sample}.test.yaml"));
        let tests = fs::read_to_string(tests).expect("the sample's tests");
        assert!(tests.contains(&format!("events/{name}\n")), "{name}");
    }
}

#[test]
fn a_test_that_fails_shows_what_was_expected_and_what_was_found() {
    let folder = folder(FAILING);
    insta::assert_snapshot!(shown(&usher(folder.path(), &[])));
    assert_eq!(read(&folder, "usher.test.yaml"), FAILING);
}

#[test]
fn an_update_rewrites_what_failed_and_nothing_else() {
    let folder = folder(FAILING);
    let output = usher(folder.path(), &["--update"]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let updated = read(&folder, "usher.test.yaml");
    insta::assert_snapshot!(updated);
    let output = usher(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    // What passes is not touched.
    assert_eq!(usher(folder.path(), &["--update"]).status.code(), Some(0));
    assert_eq!(read(&folder, "usher.test.yaml"), updated);
}

#[test]
fn an_expectation_that_other_tests_share_is_not_rewritten() {
    let tests = "tests:
- {name: a, event: event.json, expect: &nothing {changes: {}}}
- {name: b, event: event.json, expect: *nothing}
";
    let folder = folder(tests);
    let output = usher(folder.path(), &["--update"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        shown(&output).contains("cannot be rewritten safely"),
        "{}",
        shown(&output)
    );
    assert_eq!(read(&folder, "usher.test.yaml"), tests);
}

#[test]
fn junit_tells_the_failures_and_their_places() {
    let tests = FAILING.replace("name: another role", "name: another <role> & more");
    let folder = folder(&tests);
    let output = usher(folder.path(), &["--junit", "results.xml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(read(&folder, "results.xml"));
}

#[test]
fn every_mistake_in_a_test_file_is_shown_at_its_place() {
    let folder = folder(
        r#"tests:
  - name: one
    event: no-such-file.json
    given: {sagemaker:user/jane: {}, "sagemaker:user-profile/d-abc": {}}
    expect: {changes: [x], refuse: {}}
  - name: one
    event: {source: acme.hr}
    given:
      sagemaker:user-profile/d-abc/jane: {UserSettings: {ExecutionRol: x, SecurityGroups: sg-1}, Usersettings: {}}
      datazone:user-profile/dzd_1/jane: 7
    expect: {matches: moved, unchanged: {}, failed: {a: 1}, changes: {a: {b: {form: 1}}}}
  - event: 7
    given: usher.yaml
"#,
    );
    insta::assert_snapshot!(shown(&usher(folder.path(), &[])));
}

#[test]
fn what_aws_has_can_be_a_world_or_nothing_at_all() {
    let folder = folder(
        r#"tests:
  - name: a world
    event: event.json
    given: world.json
    expect:
      changes:
        sagemaker:user-profile/d-abc/jane:
          UserSettings.ExecutionRole: {from: "arn:aws:iam::111122223333:role/old", to: "arn:aws:iam::111122223333:role/studio-rates"}
  - name: a world without the profile
    event: {source: acme.hr, detail-type: Moved, detail: {user: max, team: rates}}
    given: world.json
    expect: {failed: {sagemaker:user-profile/d-abc/max: ResourceNotFound}}
  - name: a target that is not there
    event: event.json
    given: {sagemaker:user-profile/d-abc/JANE: missing}
    expect: {failed: {sagemaker:user-profile/d-abc/jane: ResourceNotFound}}
  - name: an event over HTTP from a source that may not
    event: http.json
    expect: {matches: none, refused: {event: guards.sources.http}}
"#,
    );
    let profile = r#"{"describe": {"UserSettings": {"ExecutionRole": "arn:aws:iam::111122223333:role/old"}}}"#;
    let world = format!(
        r#"{{"account": "111122223333", "region": "eu-central-1", "sagemaker": {{"domains": {{"d-abc": {{"userProfiles": {{"Jane": {profile}}}}}}}}}}}"#
    );
    write(&folder, "world.json", &world);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("events/http-api-v2.json");
    write(
        &folder,
        "http.json",
        &fs::read_to_string(sample).expect("an event"),
    );
    let output = usher(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(shown(&output).contains("4 passed, 0 failed"));
}

#[test]
fn without_test_files_it_says_which_one_to_write() {
    let folder = folder("tests: []\n");
    fs::remove_file(folder.path().join("usher.test.yaml")).expect("a file to remove");
    let output = usher(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        shown(&output).contains("write usher.test.yaml"),
        "{}",
        shown(&output)
    );
}

#[test]
fn a_test_file_in_json_stays_json_when_it_is_rewritten() {
    let folder = folder("tests: []");
    fs::remove_file(folder.path().join("usher.test.yaml")).expect("a file to remove");
    let role = format!("{ROLE}base");
    let tests = serde_json::json!({"tests": [
        {"name": "new", "event": "event.json", "given": {"sagemaker:user-profile/d-abc/jane": {"UserSettings": {"ExecutionRole": role}}}},
        {"name": "old", "event": "event.json", "expect": {"changes": {}}},
    ]});
    write(&folder, "usher.test.json", &format!("{tests:#}"));
    let output = usher(folder.path(), &["--update"]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let updated: Value = serde_json::from_str(&read(&folder, "usher.test.json")).expect("JSON");
    let changed = &updated["tests"][0]["expect"]["changes"]["sagemaker:user-profile/d-abc/jane"]["UserSettings.ExecutionRole"];
    assert_eq!(
        *changed,
        serde_json::json!({"from": role, "to": format!("{ROLE}rates")})
    );
    let output = usher(folder.path(), &["--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&answer["passed"], &answer["failed"]),
        (&Value::from(2), &Value::from(0))
    );
}

#[test]
fn a_file_with_mistakes_is_told_to_programs_too() {
    let folder = folder("tests:\n- {name: one, event: no-such-file.json}\n");
    let output = usher(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let problem = &answer["broken"][0]["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["line"]),
        (&Value::from("rule-test"), &Value::from(2)),
        "{answer}"
    );
}
