//! Function errors: what makes Lambda try again, and what tells a person why it is of no use.

use std::time::Duration;

use serde_json::json;
use usher::emulator::{Effect, Fault};

use super::{Stage, file, file_as_json, moved};

const UPDATE: &str = "sagemaker:UpdateUserProfile";
const RETRY: &str = "Usher.Retry";
const REJECT: &str = "Usher.Reject";

fn event() -> String {
    moved("e1", "rates", "2026-09-01T06:00:00Z").to_string()
}

/// The function error for this payload with this fault.
async fn error(fault: Fault, payload: String) -> (String, String) {
    let stage = Stage::set().await;
    stage.aws.fault(fault);
    let error = stage.lambda.invoke(payload).await.error();
    assert_eq!(stage.stop().stderr, "");
    error
}

#[tokio::test]
async fn what_may_pass_is_a_retry() {
    for effect in [
        Effect::error(500, "InternalServerException", "try again"),
        Effect::Reset { commit: false },
        Effect::Garbage { commit: false },
        Effect::Empty { commit: false },
    ] {
        let (kind, message) = error(Fault::new(effect).on(UPDATE).always(), event()).await;
        assert_eq!(kind, RETRY, "{message}");
        assert!(
            message.starts_with("event e1: sagemaker:UpdateUserProfile: "),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_would_end_the_same_is_a_reject() {
    for (code, text) in [
        ("AccessDeniedException", "jane.doe@example.com may not"),
        (
            "ValidationException",
            "1 validation error: jane.doe@example.com",
        ),
        ("ResourceLimitExceeded", "no more"),
    ] {
        let fault = Fault::new(Effect::error(400, code, text))
            .on(UPDATE)
            .always();
        let (kind, message) = error(fault, event()).await;
        assert_eq!(kind, REJECT, "{message}");
        let expected = format!("event e1: sagemaker:UpdateUserProfile: {code}");
        assert_eq!(message, expected, "the code, and none of AWS's words");
    }
}

#[tokio::test]
async fn a_profile_a_domain_or_a_user_that_is_not_there_is_a_reject() {
    let stage = Stage::set().await;
    let mut nobody = moved("e1", "rates", "2026-09-01T06:00:00Z");
    nobody["detail"]["userName"] = json!("nobody");
    nobody["detail"]["identityCenterUserId"] = json!("00000000-0000-4000-8000-000000000000");
    let (kind, message) = stage.lambda.invoke(nobody.to_string()).await.error();
    assert_eq!(kind, REJECT, "{message}");
    assert!(message.contains("ResourceNotFound"), "{message}");
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_reject_does_not_undo_or_stop_the_events_other_changes() {
    let stage = Stage::set().await;
    stage
        .aws
        .fault(Fault::new(Effect::error(400, "AccessDeniedException", "no")).on(UPDATE));
    let (kind, _) = stage.lambda.invoke(event()).await.error();
    assert_eq!(kind, REJECT);
    assert_eq!(
        stage.writes(),
        ["finspace:UpdateKxUser finspace:kx-user/kx1/jane-doe"]
    );
}

#[tokio::test]
async fn a_service_that_never_answers_does_not_outlast_the_deadline() {
    let stage = Stage::set().await;
    stage.aws.fault(
        Fault::new(Effect::Stall { commit: false })
            .on(UPDATE)
            .always(),
    );
    let reply = stage
        .lambda
        .invoke_within(event(), Duration::from_secs(4))
        .await;
    let (kind, message) = reply.error();
    assert_eq!(kind, RETRY);
    assert!(message.ends_with("Usher.Deadline"), "{message}");
}

#[tokio::test]
async fn a_deadline_that_is_past_counts_as_unknown() {
    let stage = Stage::set().await;
    let reply = stage.lambda.invoke_within(event(), Duration::ZERO).await;
    assert_eq!(reply.response()["disposition"], "done");
}

#[tokio::test]
async fn one_event_of_a_pipe_that_fails_fails_it_and_the_message_counts() {
    let fault = Fault::new(Effect::error(400, "AccessDeniedException", "no"))
        .on("sagemaker:UpdateDomain")
        .always();
    let (kind, message) = error(fault, file("pipes.json")).await;
    assert_eq!(kind, REJECT);
    assert!(
        message.starts_with("1 of 3 events did not succeed; the first: event shardId-"),
        "{message}"
    );
}

#[tokio::test]
async fn sqs_gets_back_what_failed_whether_or_not_it_may_pass() {
    let stage = Stage::set().await;
    stage.aws.fault(
        Fault::new(Effect::error(400, "AccessDeniedException", "no"))
            .about("*/max-mustermann")
            .always(),
    );
    let batch = file_as_json("sqs-batch.json");
    let reply = stage.lambda.invoke(batch.to_string()).await.response();
    let failures = reply["batchItemFailures"].as_array().expect("failures");
    let failed = |n: usize| {
        let id = &batch["Records"][n]["messageId"];
        failures
            .iter()
            .any(|failure| failure["itemIdentifier"] == *id)
    };
    assert_eq!([0, 1, 2, 3, 4].map(failed), [false, true, true, true, true]);
}

#[tokio::test]
async fn a_batch_that_runs_out_of_time_gets_back_exactly_what_is_unfinished() {
    let stage = Stage::set().await;
    stage.aws.fault(
        Fault::new(Effect::Stall { commit: false })
            .about("sagemaker:user-profile/*/max-mustermann")
            .always(),
    );
    let event = |user: &str| {
        let mut event = file_as_json("person-onboarded.json");
        event["detail"]["userName"] = user.into();
        event["id"] = user.into();
        event
    };
    let record = |user: &str| {
        json!({
            "messageId": user,
            "receiptHandle": "r",
            "body": event(user).to_string(),
            "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:usher",
            "awsRegion": "eu-central-1"
        })
    };
    let batch = json!({"Records": [record("max.mustermann"), record("jane.doe")]});
    let reply = stage
        .lambda
        .invoke_within(batch.to_string(), Duration::from_secs(4))
        .await
        .response();
    let unfinished = json!({"batchItemFailures": [{"itemIdentifier": "max.mustermann"}]});
    assert_eq!(reply, unfinished);
}

#[tokio::test]
async fn without_the_ledgers_answer_nothing_is_written_and_the_log_says_what_is_wrong() {
    // The emulator has no DynamoDB.
    let stage = Stage::with(&[("USHER_LEDGER_TABLE", "people-ledger")]).await;
    let (kind, message) = stage.lambda.invoke(event()).await.error();
    assert_eq!(kind, RETRY);
    assert!(message.ends_with("Usher.Ledger"), "{message}");
    assert_eq!(stage.writes(), [""; 0]);
    let changes = stage.stop().saying("change");
    assert!(!changes.is_empty());
    for change in changes {
        let reason = change["reason"].as_str().expect("a reason");
        assert!(reason.contains("people-ledger"), "{reason}");
        assert!(!reason.contains("jane"), "{reason}");
    }
}
