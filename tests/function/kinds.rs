//! Every file in `events/`, each in a sample world of its own: what the function answers, and what it wrote.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::runtime::Reply;
use super::{Stage, file, file_as_json};

/// Makes of a reply what is the same each time: durations go, times that the payload does not have are the present, and a body is shown
/// as the JSON that it is. Changes stand in order of their targets: which one is made first is not this test's matter.
fn steady(value: &mut Value, payload: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| steady(item, payload)),
        Value::Object(members) => {
            for (name, member) in members {
                if let ("changes", Value::Array(changes)) = (name.as_str(), &mut *member) {
                    changes.sort_by_key(|change| change["target"].to_string());
                }
                match (name.as_str(), &*member) {
                    ("millis", Value::Number(_)) => *member = json!("[millis]"),
                    ("time", Value::String(time)) if !payload.contains(time.as_str()) => {
                        *member = json!("[time]");
                    }
                    ("body", Value::String(body)) => {
                        *member = serde_json::from_str(body).expect("a body in JSON");
                        steady(member, payload);
                    }
                    _ => steady(member, payload),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn shown(name: &str) -> Value {
    let stage = Stage::set().await;
    let payload = file(name);
    let mut reply = match stage.lambda.invoke(payload.as_str()).await {
        Reply::Response(response) => json!({"response": response}),
        Reply::Error { kind, message } => json!({"errorType": kind, "errorMessage": message}),
    };
    steady(&mut reply, &payload);
    let shown = json!({"reply": reply, "writes": stage.writes()});
    let logs = stage.stop();
    assert_eq!(logs.stderr, "", "{name}");
    shown
}

macro_rules! kinds {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                insta::assert_json_snapshot!(stringify!($test), shown($name).await);
            }
        )*

        #[test]
        fn every_file_in_events_is_tried() {
            let names = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/events")).expect("events");
            let names = names.map(|entry| entry.expect("an entry").file_name());
            let names: BTreeSet<_> = names
                .map(|name| name.into_string().expect("UTF-8"))
                .filter(|name| name.ends_with(".json"))
                .collect();
            assert_eq!(names, BTreeSet::from([$($name.to_owned()),*]));
        }
    };
}

kinds! {
    someone_joins_by_eventbridge: "person-onboarded.json",
    someone_moves_by_eventbridge: "person-moved.json",
    someone_leaves_by_eventbridge: "person-left.json",
    a_teams_defaults_change_by_eventbridge: "team-defaults-changed.json",
    identity_centers_own_event_concerns_no_rule: "identity-center-user-created.json",
    a_new_member_of_a_group_of_identity_center_concerns_no_rule: "identity-center-group-joined.json",
    a_member_who_leaves_a_group_of_identity_center_concerns_no_rule: "identity-center-group-left.json",
    a_call_that_was_denied_concerns_no_rule: "identity-center-group-denied.json",
    a_user_deleted_in_identity_center_concerns_no_rule: "identity-center-user-deleted.json",
    oktas_partner_event_concerns_no_rule: "okta-user-deactivated.json",
    a_new_member_of_a_group_of_okta_concerns_no_rule: "okta-group-joined.json",
    entras_cloudevent_concerns_no_rule: "entra-user-updated.json",
    a_user_deleted_in_entra_concerns_no_rule: "entra-user-deleted.json",
    a_mover_of_entra_concerns_no_rule: "entra-mover.json",
    a_leaver_of_entra_concerns_no_rule: "entra-leaver.json",
    a_plain_event_handed_over_directly: "direct.json",
    an_sns_notification: "sns.json",
    a_pipe_of_three_sorts_of_records: "pipes.json",
    an_sqs_batch_of_every_sort_of_body_and_one_letter: "sqs-batch.json",
    an_sqs_fifo_batch: "sqs-fifo.json",
    a_rest_api_request: "rest-api-v1.json",
    an_http_api_request_that_only_asks: "http-api-v2.json",
    a_function_url_request_in_base64: "function-url-base64.json",
    a_structured_cloudevent: "cloudevents-structured.json",
    a_binary_cloudevent: "cloudevents-binary.json",
    a_batch_of_cloudevents_one_of_them_invalid: "cloudevents-batch.json",
}

fn message(id: &str, body: &str, fifo: bool) -> Value {
    let suffix = if fifo { ".fifo" } else { "" };
    json!({
        "messageId": id,
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"SentTimestamp": "1788242410020", "MessageGroupId": "group"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:111122223333:usher{suffix}"),
        "awsRegion": "eu-central-1",
    })
}

/// Ten messages about ten times, the fourth of which is no event.
fn ten(fifo: bool) -> String {
    let records = (0..10).map(|n| {
        let at = format!("2026-09-01T06:00:{n:02}Z");
        let body = match n {
            3 => "{\"source\": 7}".to_owned(),
            _ => super::moved(&format!("e{n}"), "rates", &at).to_string(),
        };
        message(&format!("m{n}"), &body, fifo)
    });
    json!({"Records": records.collect::<Vec<_>>()}).to_string()
}

fn failures(reply: Value) -> Vec<String> {
    let failures = reply["batchItemFailures"]
        .as_array()
        .expect("failures")
        .clone();
    let id = |failure: Value| {
        failure["itemIdentifier"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    failures.into_iter().map(id).collect()
}

#[tokio::test]
async fn one_poison_message_among_ten_comes_back_alone() {
    let stage = Stage::set().await;
    let reply = stage.lambda.invoke(ten(false)).await;
    assert_eq!(failures(reply.response()), ["m3"]);
    assert_eq!(
        stage.writes(),
        [
            "finspace:UpdateKxUser finspace:kx-user/kx1/jane-doe",
            "sagemaker:UpdateUserProfile sagemaker:user-profile/d-abc123def456/jane-doe",
        ],
        "nine events about one person are one write of each target"
    );
    assert_eq!(stage.stop().saying("event").len(), 9);
}

#[tokio::test]
async fn on_a_fifo_queue_everything_behind_the_poison_message_comes_back() {
    let stage = Stage::set().await;
    let reply = stage.lambda.invoke(ten(true)).await;
    let expected = ["m3", "m4", "m5", "m6", "m7", "m8", "m9"];
    assert_eq!(failures(reply.response()), expected);
}

#[tokio::test]
async fn the_same_event_twice_changes_nothing_the_second_time() {
    let stage = Stage::set().await;
    let event = file("person-moved.json");
    let first = stage.lambda.invoke(event.as_str()).await.response();
    let writes = stage.writes();
    let second = stage.lambda.invoke(event.as_str()).await.response();
    assert_eq!(stage.writes(), writes);
    let outcomes = |report: &Value| -> BTreeSet<String> {
        let changes = report["changes"].as_array().expect("changes").clone();
        changes
            .iter()
            .map(|change| change["outcome"].to_string())
            .collect()
    };
    assert!(outcomes(&first).contains("\"updated\""));
    assert_eq!(
        outcomes(&second),
        BTreeSet::from(["\"unchanged\"".to_owned()])
    );
}

#[tokio::test]
async fn an_older_event_that_comes_late_is_stale_and_done() {
    let stage = Stage::set().await;
    let newer = super::moved("newer", "rates", "2026-09-02T00:00:00Z").to_string();
    stage.lambda.invoke(newer).await.response();
    let writes = stage.writes();
    let older = super::moved("older", "equities", "2026-09-01T00:00:00Z").to_string();
    let report = stage.lambda.invoke(older).await.response();
    assert_eq!(report["disposition"], "done");
    for change in report["changes"].as_array().expect("changes") {
        assert_eq!(change["outcome"], "stale");
    }
    assert_eq!(stage.writes(), writes);
}

#[tokio::test]
async fn several_invocations_at_once_are_each_answered_with_their_own_reply() {
    let stage = Stage::with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]).await;
    let (moved, left, nothing, poison) = tokio::join!(
        stage.lambda.invoke(file("team-defaults-changed.json")),
        stage.lambda.invoke(file("person-onboarded.json")),
        stage.lambda.invoke(file("okta-user-deactivated.json")),
        stage.lambda.invoke(ten(false)),
    );
    let id = |name: &str| file_as_json(name)["id"].clone();
    assert_eq!(
        moved.response()["event"]["id"],
        id("team-defaults-changed.json")
    );
    assert_eq!(left.response()["event"]["id"], id("person-onboarded.json"));
    assert_eq!(nothing.response()["changes"], json!([]));
    assert_eq!(failures(poison.response()), ["m3"]);
    let logs = stage.stop();
    assert_eq!(logs.saying("event").len(), 3 + 9);
    assert_eq!(logs.stderr, "");
}

#[tokio::test]
async fn nothing_is_called_that_the_permissions_do_not_name() {
    let stage = Stage::set().await;
    for name in [
        "person-onboarded.json",
        "person-left.json",
        "team-defaults-changed.json",
    ] {
        stage.lambda.invoke(file(name)).await.response();
    }
    let operations = usher::api::Operation::ALL;
    let named = operations
        .iter()
        .flat_map(|operation| usher::aws::actions(*operation));
    let mut named: BTreeSet<String> = named.map(ToString::to_string).collect();
    named.remove("iam:PassRole");
    let called: BTreeSet<String> = stage
        .aws
        .requests()
        .iter()
        .map(|request| request.call())
        .collect();
    assert_eq!(called, named);
}
