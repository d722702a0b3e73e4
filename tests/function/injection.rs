//! What a sender writes stays a value: it begins no log line, sets no header and names no metric.

use std::fs;

use serde_json::{Value, json};
use usher::emulator::{Effect, Fault};

use super::runtime::Logs;
use super::{Stage, file_as_json, moved};

/// Tries to end a line, a string, an object and a header, to colour a terminal, and to turn the direction of writing.
const WILD: &str = "x\u{1b}[31m\n2026-01-01T00:00:00Z ERROR fake\r\nset-cookie: fake=1\r\n\"}\n{\"level\":\"ERROR\",\"message\":\"fake\"}\
                    \u{7f}\u{85}\u{9b}2J\u{2028}\u{202e}y";

/// The same without control characters, which names of events cannot have.
const QUIET: &str = "x\"},\"level\":\"ERROR\",\"message\":\"fake\" level=ERROR \\u000a \\n %0A \u{2028}\u{202e}\u{feff}y";

fn is_wild(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{202e}' | '\u{feff}')
}

/// As it stands in a header of a CloudEvent in binary mode.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn named(id: &str, source: &str, kind: &str) -> Value {
    let mut event = moved(id, "rates", "2026-09-01T06:00:00Z");
    event["source"] = json!(source);
    event["detail-type"] = json!(kind);
    event
}

fn records() -> Value {
    let record = |id: &str, event: &Value| {
        json!({
            "messageId": id, "eventSource": "aws:sqs", "body": event.to_string(),
            "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:people",
        })
    };
    json!({"Records": [
        record(WILD, &named(WILD, "acme.hr", "Person Moved")),
        record(WILD, &named("e1", WILD, WILD)),
        record("m3", &named(QUIET, QUIET, QUIET)),
        record("m4", &named(QUIET, "acme.hr", "Person Moved")),
        record("m5", &json!(WILD)),
    ]})
}

/// Requests with something wild in every place that a sender or the gateway fills.
fn requests() -> Vec<Value> {
    let clean = {
        let mut request = file_as_json("http-api-v2.json");
        request["rawQueryString"] = json!("");
        request["body"] = json!(named(QUIET, QUIET, QUIET).to_string());
        request
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut request = clean.clone();
        request["requestContext"]["authorizer"] =
            json!({"jwt": {"claims": {"sub": WILD}, "scopes": null}});
        change(&mut request);
        request
    };
    let mut rest = file_as_json("rest-api-v1.json");
    rest["requestContext"]["requestId"] = json!(WILD);
    rest["requestContext"]["identity"]["userArn"] = json!(WILD);
    rest["multiValueHeaders"]["idempotency-key"] = json!([WILD]);
    rest["multiValueHeaders"]["x-fake"] = json!([WILD]);
    vec![
        with(&|_| {}),
        with(&|request| request["requestContext"]["requestId"] = json!(WILD)),
        with(&|request| request["headers"]["idempotency-key"] = json!(WILD)),
        with(&|request| request["headers"]["accept"] = json!(WILD)),
        with(&|request| request["headers"]["content-type"] = json!(WILD)),
        with(&|request| request["headers"][WILD] = json!(WILD)),
        with(&|request| request["rawQueryString"] = json!(percent(WILD))),
        with(&|request| request["requestContext"]["http"]["method"] = json!(WILD)),
        with(&|request| {
            request["routeKey"] = json!("$default");
            request["rawPath"] = json!(format!("/{WILD}"));
        }),
        with(&|request| request["body"] = json!(WILD)),
        with(&|request| {
            request["body"] = json!(named(WILD, "acme.hr", "Person Moved").to_string())
        }),
        with(&|request| {
            request["headers"]["content-type"] = json!("application/json");
            for name in ["id", "source", "type", "subject", "time", "traceparent"] {
                request["headers"][format!("ce-{name}")] = json!(percent(WILD));
            }
            request["headers"]["ce-specversion"] = json!("1.0");
        }),
        with(&|request| {
            for name in ["id", "source", "type", "subject"] {
                request["headers"][format!("ce-{name}")] = json!(percent(QUIET));
            }
            request["headers"]["ce-specversion"] = json!("1.0");
        }),
        rest,
    ]
}

/// What came of it all: the replies to the requests, and the log.
async fn wild_day(format: &str) -> (Vec<Value>, Logs) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("usher.yaml");
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/usher.yaml")).expect("the rules");
    // A rule's name has no control characters; whoever writes rules is trusted with the rest, and it breaks nothing.
    let text = text.replace(
        "name: quants",
        "name: '\",\"level\":\"ERROR\" level=ERROR \u{202e}'",
    );
    fs::write(&rules, text).expect("a rules file");
    let stage = Stage::with(&[
        ("AWS_LAMBDA_LOG_FORMAT", format),
        ("USHER_RULES", rules.to_str().expect("UTF-8")),
    ])
    .await;
    let error = Effect::error(400, "Wild\"}\n{\"level\":\"ERROR\"}\u{1b}[31m", WILD);
    stage
        .aws
        .fault(Fault::new(error).on("sagemaker:UpdateUserProfile"));
    let failures = stage.lambda.invoke(records().to_string()).await.response();
    assert_eq!(
        failures["batchItemFailures"].as_array().map(Vec::len),
        Some(4),
        "all but the one of another source: {failures}"
    );
    let mut late = named("e2", "acme.hr", "Person Moved");
    late["time"] = json!(WILD);
    stage.lambda.invoke(late.to_string()).await.error();
    stage.lambda.invoke(WILD).await.error();
    let mut replies = Vec::new();
    for request in requests() {
        replies.push(stage.lambda.invoke(request.to_string()).await.response());
    }
    (replies, stage.stop())
}

#[tokio::test]
async fn every_log_line_is_one_that_the_function_meant_whatever_the_sender_writes() {
    let (_, logs) = wild_day("JSON").await;
    assert_eq!(logs.stderr, "");
    assert!(logs.lines.len() > 20, "{:#?}", logs.lines);
    for line in &logs.lines {
        assert!(!line.contains(is_wild), "{line:?}");
    }
    let messages = ["change", "event", "refused", "malformed", "rules"];
    for line in logs.json() {
        let message = line["message"].as_str().unwrap_or_default();
        assert!(messages.contains(&message), "{line}");
    }
    let ids: Vec<Value> = logs
        .saying("event")
        .into_iter()
        .map(|mut line| line["eventId"].take())
        .collect();
    assert!(
        ids.contains(&json!(QUIET)),
        "it is told as it came: {ids:?}"
    );
    let refused = logs.saying("refused");
    assert!(
        refused.iter().any(|line| line["caller"] == WILD),
        "{refused:#?}"
    );
}

#[tokio::test]
async fn in_text_too_every_line_is_one_that_the_function_meant() {
    let (_, logs) = wild_day("Text").await;
    assert_eq!(logs.stderr, "");
    let (json, text) = (wild_day("JSON").await.1.lines.len(), logs.lines.len());
    assert_eq!(json, text, "as many lines in either format");
    for line in &logs.lines {
        assert!(!line.contains(is_wild), "{line:?}");
        if line.starts_with("{\"_aws\"") {
            continue;
        }
        let mut words = line.split(' ');
        let time = words.next().unwrap_or_default();
        let time =
            time::OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339);
        assert!(time.is_ok(), "{line}");
        assert!(
            words
                .next()
                .is_some_and(|level| ["INFO", "WARN", "ERROR"].contains(&level)),
            "{line}"
        );
        // What is not in quotes has one level: the second word. In quotes, a quote is escaped.
        let bare: String = unquoted(line);
        assert!(!bare.contains("level=") && !bare.contains("fake"), "{bare}");
    }
}

/// The line without what stands in quotes.
fn unquoted(line: &str) -> String {
    let mut bare = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        match (quoted, c) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => quoted = !quoted,
            (true, _) => {}
            (false, _) => bare.push(c),
        }
    }
    assert!(!quoted, "an open quote: {line}");
    bare
}

#[tokio::test]
async fn no_metric_has_a_dimension_that_a_sender_wrote() {
    let (_, logs) = wild_day("JSON").await;
    let metrics = logs.metrics();
    assert!(metrics.len() > 3);
    for line in metrics {
        let pair =
            [&line["service"], &line["operation"]].map(|value| value.as_str().unwrap_or_default());
        let known = [
            ["sagemaker", "UpdateUserProfile"],
            ["datazone", "UpdateUserProfile"],
            ["finspace", "UpdateKxUser"],
            ["usher", "admit"],
        ];
        assert!(known.contains(&pair), "{line}");
        for (name, value) in line.as_object().expect("an object") {
            if !["_aws", "service", "operation", "outcome"].contains(&name.as_str()) {
                assert!(value.is_number() || value.is_array(), "{name}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn no_answer_has_a_header_that_a_sender_wrote_and_every_body_is_json() {
    let (replies, _) = wild_day("JSON").await;
    let mut statuses = Vec::new();
    for reply in replies {
        for (name, value) in reply["headers"].as_object().expect("headers") {
            let known = ["allow", "cache-control", "content-type", "retry-after"];
            assert!(known.contains(&name.as_str()), "{name}");
            let value = value.as_str().expect("a text");
            assert!(
                value.chars().all(|c| c.is_ascii_graphic() || c == ' '),
                "{value:?}"
            );
        }
        assert_eq!(reply["multiValueHeaders"], Value::Null);
        assert_eq!(reply.get("cookies").unwrap_or(&json!([])), &json!([]));
        let status = reply["statusCode"].as_u64().expect("a status");
        let body: Value =
            serde_json::from_str(reply["body"].as_str().expect("a body")).expect("JSON");
        if status >= 400 {
            assert_eq!(body["status"], status);
            let instance = body["instance"].as_str().expect("an instance");
            assert!(
                instance.chars().all(|c| c.is_ascii_graphic()),
                "{instance:?}"
            );
            let detail = body["detail"].as_str().expect("a detail");
            assert!(!detail.contains("fake"), "{detail}");
        }
        statuses.push(status);
    }
    // In the order of the requests: what is wild is refused where it cannot be taken.
    assert_eq!(
        statuses,
        [
            403, 403, 400, 403, 415, 403, 400, 405, 404, 400, 400, 400, 403, 400
        ]
    );
}
