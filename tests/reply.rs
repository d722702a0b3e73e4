//! Reports → what each source expects to hear.

use proptest::prelude::*;
use serde_json::{Value, json};
use time::OffsetDateTime;
use usher::event::{Defaults, Event, Malformed};
use usher::ingress::{Context, HttpAsk, HttpRequest, Origin, PayloadFormat, read};
use usher::reply::{Answer, Answered, ErrorKind, FunctionError, reply};
use usher::report::{Cause, ChangeReport, Disposition, Failure, MemberChange, Outcome, Report};

fn event(id: &str) -> Event {
    let document = json!({
        "id": id, "source": "acme.hr", "detail-type": "Person Moved", "time": "2026-09-01T06:00:09Z",
        "detail": {"email": "jane.doe@example.com"},
    });
    let defaults = Defaults {
        id: "unused",
        time: OffsetDateTime::UNIX_EPOCH,
    };
    Event::from_json(document, &defaults).expect("an event")
}

fn change(outcome: Outcome, error: Option<Failure>) -> ChangeReport {
    ChangeReport {
        call: "sagemaker:UpdateUserProfile",
        target: Some("sagemaker:user-profile/d-abc123def456/jane-doe".to_owned()),
        rules: vec!["everyone".to_owned()],
        outcome,
        members: vec![MemberChange {
            path: "UserSettings.ExecutionRole".to_owned(),
            from: Some(json!("arn:aws:iam::111122223333:role/studio-base")),
            to: Some(json!("arn:aws:iam::111122223333:role/studio-rates")),
        }],
        attempts: 1,
        millis: 41,
        error,
        throttles: 0,
        repeated: false,
    }
}

fn failed(cause: Cause, code: &str, retryable: bool) -> ChangeReport {
    let error = Failure {
        code: code.to_owned(),
        message: "why".to_owned(),
        retryable,
        cause,
    };
    change(Outcome::Failed, Some(error))
}

fn updated() -> ChangeReport {
    change(Outcome::Updated, None)
}

fn throttled() -> ChangeReport {
    failed(Cause::Unfinished, "ThrottlingException", true)
}

fn denied() -> ChangeReport {
    failed(Cause::Service, "AccessDeniedException", false)
}

fn report(id: &str, changes: Vec<ChangeReport>) -> Answer {
    Answer::Report(Report::new(
        &event(id),
        vec!["everyone".to_owned()],
        changes,
    ))
}

fn malformed() -> Answer {
    Answer::Malformed(Malformed::event(
        "`source` is missing; a non-empty string is expected",
    ))
}

/// As items `0`, `1`, ….
fn answered(answers: Vec<Answer>) -> Vec<Answered> {
    let number = |(index, answer): (usize, Answer)| Answered {
        item: index.to_string(),
        answer,
    };
    answers.into_iter().enumerate().map(number).collect()
}

fn http(many: bool) -> HttpRequest {
    HttpRequest {
        id: "JKJaXmPLvHcESHA=".to_owned(),
        format: PayloadFormat::V2,
        dry_run: false,
        many,
        caller: None,
        ask: HttpAsk::Events,
    }
}

/// The response with its body as JSON.
fn response(request: HttpRequest, answers: Vec<Answer>) -> Value {
    let mut response = reply(&Origin::Http(request), answered(answers)).expect("HTTP never fails");
    let body = response["body"].as_str().expect("a body");
    response["body"] = serde_json::from_str(body).expect("a JSON body");
    response
}

fn error(origin: &Origin, answers: Vec<Answer>) -> FunctionError {
    reply(origin, answered(answers)).expect_err("a function error")
}

#[test]
fn a_report_says_what_section_seven_of_the_design_says() {
    let refused = Failure {
        code: "RoleNotAllowed".to_owned(),
        message: "the role matches none of guards.roles".to_owned(),
        retryable: false,
        cause: Cause::Guard,
    };
    let unnamed = ChangeReport {
        target: None,
        members: Vec::new(),
        attempts: 0,
        ..failed(Cause::Values, "Expression", false)
    };
    let changes = vec![updated(), change(Outcome::Refused, Some(refused)), unnamed];
    insta::assert_json_snapshot!(
        "a_report",
        Report::new(&event("e1"), vec!["everyone".to_owned()], changes)
    );
}

#[test]
fn the_disposition_follows_from_the_changes() {
    let cases = [
        (vec![], Disposition::Done),
        (
            vec![
                updated(),
                change(Outcome::Created, None),
                change(Outcome::Unchanged, None),
            ],
            Disposition::Done,
        ),
        (
            vec![change(Outcome::Stale, None), updated()],
            Disposition::Done,
        ),
        (
            vec![change(Outcome::Refused, None), updated()],
            Disposition::Reject,
        ),
        (vec![updated(), denied()], Disposition::Reject),
        (vec![change(Outcome::Failed, None)], Disposition::Reject),
        (
            vec![denied(), change(Outcome::Refused, None), throttled()],
            Disposition::Retry,
        ),
    ];
    for (changes, expected) in cases {
        assert_eq!(
            Report::new(&event("e"), Vec::new(), changes).disposition,
            expected
        );
    }
}

#[test]
fn who_invoked_for_one_event_gets_its_report() {
    for origin in [Origin::EventBridge, Origin::Sns, Origin::Direct] {
        let value =
            reply(&origin, answered(vec![report("e1", vec![updated()])])).expect("a report");
        assert_eq!(
            (&value["event"]["id"], &value["disposition"]),
            (&json!("e1"), &json!("done"))
        );
    }
}

#[test]
fn who_invoked_with_an_array_gets_an_array_however_short() {
    let reports = |n: usize| (0..n).map(|_| report("e", Vec::new())).collect::<Vec<_>>();
    for n in [0, 1, 3] {
        let value = reply(&Origin::Pipes, answered(reports(n))).expect("reports");
        assert_eq!(value.as_array().expect("an array").len(), n);
    }
}

#[test]
fn function_errors_name_the_event_and_the_first_failures_code() {
    let direct = |changes| error(&Origin::Direct, vec![report("e1", changes)]);
    let retry = direct(vec![denied(), throttled()]);
    assert_eq!(
        retry.to_string(),
        "Usher.Retry: event e1: sagemaker:UpdateUserProfile: ThrottlingException"
    );
    let reject = direct(vec![updated(), denied()]);
    assert_eq!(
        reject.to_string(),
        "Usher.Reject: event e1: sagemaker:UpdateUserProfile: AccessDeniedException"
    );
    let refused = direct(vec![change(Outcome::Refused, None)]);
    assert_eq!(
        refused.to_string(),
        "Usher.Reject: event e1: sagemaker:UpdateUserProfile: refused"
    );
    let malformed = error(&Origin::EventBridge, vec![malformed()]);
    assert_eq!(
        malformed.to_string(),
        "Usher.Reject: item 0: malformed-event: `source` is missing; a non-empty string is expected"
    );
}

#[test]
fn of_several_events_one_to_be_tried_again_decides() {
    let answers = vec![
        report("a", vec![denied()]),
        malformed(),
        report("c", vec![throttled()]),
        report("d", vec![]),
    ];
    let error = error(&Origin::Pipes, answers);
    assert_eq!(error.kind, ErrorKind::Retry);
    assert_eq!(
        error.message,
        "1 of 4 events did not succeed; the first: event c: sagemaker:UpdateUserProfile: ThrottlingException"
    );
}

#[test]
fn a_payload_that_cannot_be_read_is_a_function_error_too() {
    let context = Context {
        request_id: "r",
        now: OffsetDateTime::UNIX_EPOCH,
    };
    let problem = read(b"{", &context).expect_err("a malformed payload");
    assert_eq!(
        FunctionError::from(&problem).to_string(),
        "Usher.Reject: the payload cannot be read: malformed-json: the payload ends in the middle of its JSON, at line 1, column 1"
    );
}

#[test]
fn no_function_error_says_who_it_is_about() {
    let error = error(&Origin::Direct, vec![report("e1", vec![denied()])]);
    assert!(!error.to_string().contains("jane"), "{error}");
}

#[test]
fn no_debug_prints_values_of_members() {
    let answers = [
        report("e1", vec![updated(), denied()]),
        Answer::Plan(json!({"role": "studio-rates"})),
    ];
    for answer in answers {
        let debug = format!("{answer:?}");
        assert!(
            !debug.contains("studio-") && !debug.contains("why"),
            "{debug}"
        );
    }
}

#[test]
fn sqs_hears_of_the_messages_that_are_to_come_again() {
    let answers = || {
        vec![
            report("a", vec![updated()]),
            malformed(),
            report("c", vec![change(Outcome::Stale, None)]),
            report("d", vec![throttled()]),
        ]
    };
    let ids = |fifo| {
        let value = reply(&Origin::Sqs { fifo }, answered(answers())).expect("SQS never fails");
        serde_json::from_value::<Vec<Value>>(value["batchItemFailures"].clone()).expect("an array")
    };
    let item = |id: &str| json!({"itemIdentifier": id});
    assert_eq!(ids(false), [item("1"), item("3")]);
    assert_eq!(
        ids(true),
        [item("1"), item("2"), item("3")],
        "everything behind the first failure"
    );
}

#[test]
fn sqs_replies_are_what_aws_lambda_events_takes_them_for() {
    for answers in [vec![], vec![malformed()]] {
        let count = answers.len();
        let value =
            reply(&Origin::Sqs { fifo: false }, answered(answers)).expect("SQS never fails");
        let parsed: aws_lambda_events::sqs::SqsBatchResponse =
            serde_json::from_value(value).expect("its shape");
        assert_eq!(parsed.batch_item_failures.len(), count);
    }
}

#[test]
fn http_statuses_follow_from_the_causes() {
    let stale = || change(Outcome::Stale, None);
    let refused = || change(Outcome::Refused, None);
    let busy = || failed(Cause::Busy, "ResourceInUse", true);
    let values = || failed(Cause::Values, "Expression", false);
    let missing = || failed(Cause::NoSuchTarget, "ResourceNotFound", false);
    let trouble = || failed(Cause::Service, "InternalServerException", true);
    let cases = [
        (vec![], 200, false),
        (
            vec![updated(), change(Outcome::Unchanged, None)],
            200,
            false,
        ),
        (vec![updated(), stale()], 409, false),
        (vec![busy()], 409, true),
        (vec![stale(), busy(), updated()], 409, true),
        (vec![refused(), stale()], 403, false),
        (vec![values()], 422, false),
        (vec![missing(), updated()], 404, false),
        (vec![denied(), refused()], 502, false),
        (vec![trouble()], 503, true),
        (vec![throttled(), denied(), values(), refused()], 503, true),
        (vec![values(), refused(), missing()], 403, false),
        (vec![busy(), denied()], 502, true),
    ];
    for (changes, status, again) in cases {
        let response = response(http(false), vec![report("e", changes)]);
        assert_eq!(response["statusCode"], status);
        assert_eq!(
            response["headers"].get("retry-after").is_some(),
            again,
            "{status}"
        );
    }
}

#[test]
fn http_answers_look_like_this() {
    let problem = |status, code, message: &str, allow| {
        let ask = HttpAsk::Problem {
            problem: Malformed::new(status, code, message),
            allow,
        };
        HttpRequest { ask, ..http(false) }
    };
    let dry = |many| HttpRequest {
        dry_run: true,
        ..http(many)
    };
    let plan = || Answer::Plan(json!({"changes": []}));
    let openapi = HttpRequest {
        ask: HttpAsk::OpenApi,
        ..http(false)
    };
    let mixed = || {
        vec![
            report("a", vec![updated()]),
            malformed(),
            report("c", vec![throttled()]),
        ]
    };
    let cases = [
        (
            "one_done",
            response(http(false), vec![report("a", vec![updated()])]),
        ),
        (
            "one_refused",
            response(
                http(false),
                vec![report("a", vec![change(Outcome::Refused, None)])],
            ),
        ),
        ("one_malformed", response(http(false), vec![malformed()])),
        (
            "one_stale",
            response(
                http(false),
                vec![report("a", vec![change(Outcome::Stale, None)])],
            ),
        ),
        (
            "several_done",
            response(http(true), vec![report("a", vec![]), report("b", vec![])]),
        ),
        ("several_mixed", response(http(true), mixed())),
        ("none_at_all", response(http(true), vec![])),
        ("a_plan", response(dry(false), vec![plan()])),
        (
            "plans_and_a_malformed_event",
            response(dry(true), vec![plan(), malformed()]),
        ),
        (
            "wrong_method",
            response(
                problem(
                    405,
                    "method-not-allowed",
                    "this path takes POST only",
                    Some("POST"),
                ),
                vec![],
            ),
        ),
        (
            "too_large",
            response(
                problem(413, "too-large", "the body is too large", None),
                vec![],
            ),
        ),
        (
            "the_document",
            response(openapi, vec![Answer::Document(json!({"openapi": "3.1.0"}))]),
        ),
    ];
    for (name, response) in cases {
        insta::assert_json_snapshot!(name, response);
    }
}

#[test]
fn http_answers_are_what_aws_lambda_events_takes_them_for() {
    use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
    let value = |format| {
        let request = HttpRequest {
            format,
            ..http(false)
        };
        reply(&Origin::Http(request), answered(vec![malformed()])).expect("HTTP never fails")
    };
    let v1 = value(PayloadFormat::V1);
    let members: Vec<&String> = v1.as_object().expect("an object").keys().collect();
    assert_eq!(
        members,
        ["statusCode", "headers", "body", "isBase64Encoded"]
    );
    let v1: ApiGatewayProxyResponse = serde_json::from_value(v1).expect("1.0");
    let v2: ApiGatewayV2httpResponse =
        serde_json::from_value(value(PayloadFormat::V2)).expect("2.0");
    assert_eq!((v1.status_code, v2.status_code), (400, 400));
    let content_type = v2.headers.get("content-type").expect("a content type");
    assert_eq!(content_type, "application/problem+json");
}

#[test]
fn an_instance_is_a_uri_whatever_the_request_is_called() {
    let request = HttpRequest {
        id: "a b\r\n=ü-1".to_owned(),
        ..http(false)
    };
    let response = response(request, vec![malformed()]);
    assert_eq!(
        response["body"]["instance"],
        "urn:usher:request:a%20b%0D%0A%3D%C3%BC-1"
    );
}

fn answers() -> impl Strategy<Value = Answer> {
    let changes = prop::sample::select(vec![
        updated(),
        denied(),
        throttled(),
        change(Outcome::Stale, None),
        change(Outcome::Refused, None),
        failed(Cause::Busy, "ResourceInUse", true),
    ]);
    prop_oneof![
        4 => prop::collection::vec(changes, 0..4).prop_map(|changes| report("e", changes)),
        1 => Just(malformed()),
    ]
}

proptest! {
    #[test]
    fn sqs_names_exactly_the_messages_that_are_not_done(answers in prop::collection::vec(answers(), 0..10)) {
        let expected: Vec<Value> = answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| answer.disposition() != Disposition::Done)
            .map(|(index, _)| json!({"itemIdentifier": index.to_string()}))
            .collect();
        let value = reply(&Origin::Sqs { fifo: false }, answered(answers)).expect("SQS never fails");
        prop_assert_eq!(value, json!({"batchItemFailures": expected}));
    }

    #[test]
    fn a_fifo_queue_loses_only_what_stands_before_the_first_failure(answers in prop::collection::vec(answers(), 0..10)) {
        let done = answers.iter().take_while(|answer| answer.disposition() == Disposition::Done).count();
        let expected: Vec<Value> = (done..answers.len()).map(|index| json!({"itemIdentifier": index.to_string()})).collect();
        let value = reply(&Origin::Sqs { fifo: true }, answered(answers)).expect("SQS never fails");
        prop_assert_eq!(value, json!({"batchItemFailures": expected}));
    }

    #[test]
    fn an_array_over_http_is_answered_place_by_place(answers in prop::collection::vec(answers(), 0..10)) {
        let malformed: Vec<bool> = answers.iter().map(|answer| matches!(answer, Answer::Malformed(_))).collect();
        let response = response(http(true), answers);
        let body = &response["body"];
        let reports = if response["statusCode"] == 200 { body } else { &body["reports"] };
        let found: Vec<bool> = reports.as_array().expect("an array").iter().map(|report| report.get("problem").is_some()).collect();
        prop_assert_eq!(found, malformed);
    }

    #[test]
    fn a_function_error_and_a_retry_after_mean_the_same_dispositions(answers in prop::collection::vec(answers(), 0..6)) {
        let retry = answers.iter().any(|answer| answer.disposition() == Disposition::Retry);
        let done = answers.iter().all(|answer| answer.disposition() == Disposition::Done);
        let direct = reply(&Origin::Pipes, answered(answers.clone()));
        let response = response(http(true), answers);
        prop_assert_eq!(direct.is_ok(), done);
        prop_assert_eq!(direct.is_err_and(|error| error.kind == ErrorKind::Retry), retry);
        prop_assert_eq!(response["headers"].get("retry-after").is_some(), retry);
    }
}
