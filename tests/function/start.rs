//! Starts that fail, each with a message that says what to do.

use std::fs;

use super::runtime::start_that_fails;

/// Fails with exit code 1, says all of `parts` on standard error and nothing that looks like a crash.
#[track_caller]
fn fails(settings: &[(&str, &str)], parts: &[&str]) {
    let (code, stdout, stderr) = start_that_fails(settings);
    assert_eq!(code, 1, "{stderr}");
    // What there may be before: warnings about a rules file that is otherwise right.
    for line in stdout.lines() {
        assert!(
            line.contains("\"level\":\"WARN\",\"message\":\"rules\""),
            "{line}"
        );
    }
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is missing in: {stderr}");
    }
    assert!(!stderr.contains("panic"), "{stderr}");
    assert!(!stderr.contains("planted"), "{stderr}");
}

#[test]
fn a_rules_file_that_is_not_there_is_named() {
    fails(
        &[("USHER_RULES", "/nowhere/usher.yaml")],
        &["cannot read /nowhere/usher.yaml", "No such file"],
    );
}

#[test]
fn without_a_rules_file_the_places_where_it_could_be_are_named() {
    fails(
        &[("USHER_RULES", "")],
        &[
            "there is no rules file",
            "/opt/usher.yaml",
            "USHER_RULES is not set",
        ],
    );
}

#[test]
fn every_problem_of_a_bad_rules_file_is_shown_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    let rules = "version: 1\nrules:\n  - name: a\n    when: {source: [acme.hr]}\n    do:\n      \
                 - call: sagemaker:UpdateUserProfil\n        with: {}\n  - name: b\n    when: {source: acme.hr}\n    do: []\n";
    fs::write(&path, rules).expect("the file is written");
    let path = path.to_str().expect("UTF-8");
    fails(
        &[("USHER_RULES", path)],
        &["sagemaker:UpdateUserProfil", "rules.yaml:6", "rules.yaml:9"],
    );
}

#[test]
fn a_rules_file_that_is_not_utf_8_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    fs::write(&path, b"version: 1\n# \xff\n").expect("the file is written");
    let path = path.to_str().expect("UTF-8");
    fails(&[("USHER_RULES", path)], &["cannot read", "UTF-8"]);
}

#[test]
fn every_bad_setting_is_named_with_what_is_allowed() {
    fails(
        &[
            ("USHER_CONCURRENCY", "many"),
            ("USHER_DEADLINE_MARGIN_MS", "-1"),
            ("AWS_LAMBDA_LOG_FORMAT", "XML"),
            ("AWS_LAMBDA_LOG_LEVEL", "LOUD"),
        ],
        &[
            "USHER_CONCURRENCY=\"many\" is not allowed; it is a whole number from 1 to 1000",
            "USHER_DEADLINE_MARGIN_MS=\"-1\" is not allowed; it is a whole number of milliseconds",
            "AWS_LAMBDA_LOG_FORMAT=\"XML\" is not allowed; it is JSON or Text",
            "AWS_LAMBDA_LOG_LEVEL=\"LOUD\" is not allowed; it is TRACE, DEBUG",
        ],
    );
}

#[test]
fn without_a_region_it_says_how_to_set_one() {
    fails(
        &[("AWS_REGION", "")],
        &["no AWS region is set; set AWS_REGION"],
    );
}

#[test]
fn without_credentials_it_says_which_variable_is_missing_and_what_is_not_read() {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let missing = format!("there are no AWS credentials: {name} is not set");
        fails(
            // There is a profile; the function is not for it.
            &[(name, ""), ("AWS_PROFILE", "default")],
            &[&missing, "reads no profile files"],
        );
    }
}

#[test]
fn what_the_sdk_would_pass_over_stops_the_start() {
    fails(
        &[
            ("AWS_USE_FIPS_ENDPOINT", "yes"),
            ("AWS_ENDPOINT_URL_SAGEMAKER", "127.0.0.1:4599"),
        ],
        &[
            "AWS_USE_FIPS_ENDPOINT=\"yes\" is not allowed; it is true or false",
            "AWS_ENDPOINT_URL_SAGEMAKER=\"127.0.0.1:4599\" is not allowed; it is a URL with http or https",
        ],
    );
}
