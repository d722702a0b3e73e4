//! CloudTrail tells of calls that failed as well: those events are only for rules whose pattern names `detail.errorCode`.

use serde_json::{Value, json};
use usher::pattern::Pattern;
use usher::rules::{ERROR_CODE, Rules, is_failed_call};

const API_CALL: &str = "AWS API Call via CloudTrail";

/// The names of the rules that the event is for, and of those that pass it over. Each pattern is a rule, named by its place.
fn sorted(patterns: &[Value], event: &Value) -> (Vec<String>, Vec<String>) {
    let rules: Vec<Value> = patterns
        .iter()
        .enumerate()
        .map(|(place, pattern)| {
            json!({"name": place.to_string(), "when": pattern, "do": [{
                "call": "sagemaker:UpdateUserProfile",
                "with": {"DomainId": "d-abc", "UserProfileName": "jane", "UserSettings": {"StudioWebPortal": "ENABLED"}},
            }]})
        })
        .collect();
    let file = json!({"version": 1, "rules": rules}).to_string();
    let (rules, _) =
        Rules::load("usher.json", &file).unwrap_or_else(|problems| panic!("{problems}"));
    let names =
        |rules: Vec<&usher::rules::Rule>| rules.into_iter().map(|rule| rule.name.clone()).collect();
    (
        names(rules.matching(event)),
        names(rules.passed_over(event)),
    )
}

fn event(kind: &str, error: Option<Value>) -> Value {
    let mut event = json!({
        "source": "aws.sso-directory", "detail-type": kind, "id": "1", "time": "2026-09-01T06:00:00Z",
        "detail": {"eventName": "AddMemberToGroup", "requestParameters": {"groupId": "g1"}},
    });
    if let Some(error) = error {
        event["detail"]["errorCode"] = error;
    }
    event
}

fn patterns() -> Vec<Value> {
    vec![
        json!({"source": ["aws.sso-directory"]}),
        json!({"detail": {"eventName": ["AddMemberToGroup"]}}),
        json!({"detail": {"errorCode": [{"exists": true}]}}),
        json!({"detail": {"errorCode": ["AccessDenied"]}}),
        json!({"detail": {"errorCode": ["AccessDenied", {"exists": false}]}}),
        json!({"detail": {"errorCode": [{"exists": false}], "eventName": ["AddMemberToGroup"]}}),
        json!({"detail.errorCode": [{"prefix": "Access"}]}),
        // Of alternatives, each counts for itself.
        json!({"$or": [{"detail": {"errorCode": ["Throttling"]}}, {"detail": {"eventName": ["AddMemberToGroup"]}}]}),
        json!({"$or": [{"detail": {"errorCode": ["AccessDenied"]}}, {"detail": {"eventName": ["CreateUser"]}}]}),
        // What only looks like it.
        json!({"detail": {"errorCode": {"errorCode": [{"exists": false}]}, "eventName": ["AddMemberToGroup"]}}),
    ]
}

fn names(places: &[usize]) -> Vec<String> {
    places.iter().map(usize::to_string).collect()
}

#[test]
fn a_failed_call_is_only_for_rules_that_name_the_error_code() {
    let kinds = [
        API_CALL,
        "AWS Service Event via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Console Action via CloudTrail",
    ];
    for kind in kinds {
        let (matching, passed_over) =
            sorted(&patterns(), &event(kind, Some(json!("AccessDenied"))));
        assert_eq!(matching, names(&[2, 3, 4, 6, 8]), "{kind}");
        assert_eq!(passed_over, names(&[0, 1, 7, 9]), "{kind}");
    }
}

#[test]
fn a_call_that_succeeded_is_for_all_that_match() {
    for error in [None, Some(Value::Null)] {
        let called = event(API_CALL, error.clone());
        let (matching, passed_over) = sorted(&patterns(), &called);
        let plain: Vec<String> = patterns()
            .iter()
            .enumerate()
            .filter(|(_, pattern)| Pattern::parse(pattern).expect("a pattern").matches(&called))
            .map(|(place, _)| place.to_string())
            .collect();
        assert_eq!(matching, plain, "{error:?}");
        assert_eq!(passed_over, names(&[]), "{error:?}");
    }
    let (matching, _) = sorted(&patterns(), &event(API_CALL, None));
    assert_eq!(matching, names(&[0, 1, 4, 5, 7, 9]));
}

#[test]
fn an_error_code_in_other_events_is_a_field_like_any_other() {
    for kind in [
        "Person Moved",
        "AWS API Call via CloudTrail (copied)",
        "via cloudtrail",
    ] {
        let told = event(kind, Some(json!("E42")));
        assert!(!is_failed_call(&told), "{kind}");
        let (matching, passed_over) = sorted(&patterns(), &told);
        assert_eq!(matching, names(&[0, 1, 2, 7, 9]), "{kind}");
        assert_eq!(passed_over, names(&[]), "{kind}");
    }
}

#[test]
fn whatever_stands_for_the_error_code_the_call_has_failed() {
    for error in [
        json!(""),
        json!(0),
        json!(false),
        json!(["AccessDenied"]),
        json!({"code": "AccessDenied"}),
    ] {
        assert!(
            is_failed_call(&event(API_CALL, Some(error.clone()))),
            "{error}"
        );
    }
    for none in [
        json!(7),
        json!({"detail-type": API_CALL}),
        json!({"detail-type": 7, "detail": {"errorCode": "x"}}),
    ] {
        assert!(!is_failed_call(&none), "{none}");
    }
}

#[test]
fn the_pattern_alone_answers_as_eventbridge_does() {
    let denied = event(API_CALL, Some(json!("AccessDenied")));
    let pattern = Pattern::parse(&json!({"source": ["aws.sso-directory"]})).expect("a pattern");
    assert!(pattern.matches(&denied));
    assert!(!pattern.matches_naming(ERROR_CODE, &denied));
    assert!(pattern.matches_naming("source", &denied));
    assert!(!pattern.matches_naming("source", &json!([1])));
}
