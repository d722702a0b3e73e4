//! What the function writes about its work, and what it never writes.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use usher::emulator::{Effect, Fault};
use usher::telemetry::metrics::{BY_OUTCOME, DIMENSIONS, METRICS, NAMESPACE};

use super::runtime::Logs;
use super::{Stage, file, file_as_json, moved};

const UPDATE: &str = "sagemaker:UpdateUserProfile";

/// What is planted in events, requests and the environment, and must never be read in a log.
const SECRETS: [&str; 9] = [
    "planted.person@example.com",
    "planted-given-name",
    "planted-department",
    "planted-token",
    "planted-secret-key",
    "planted-session-token",
    "planted-cookie",
    "planted-key",
    "planted-message",
];

/// An event with something secret in most places.
fn planted(id: &str, user: &str) -> Value {
    let mut event = moved(id, "rates", "2026-09-01T06:00:00Z");
    event["detail"]["userName"] = json!(user);
    event["detail"]["email"] = json!(SECRETS[0]);
    event["detail"]["givenName"] = json!(SECRETS[1]);
    event["detail"]["department"] = json!(format!("Quant {}", SECRETS[2]));
    event["detail"][SECRETS[7]] = json!(["planted-token"]);
    event
}

fn request(body: &str) -> String {
    let mut request = file_as_json("http-api-v2.json");
    request["rawQueryString"] = json!("");
    request["headers"]["authorization"] = json!("Bearer planted-token");
    request["headers"]["x-amz-security-token"] = json!("planted-token");
    request["cookies"] = json!(["session=planted-cookie"]);
    request["body"] = json!(body);
    request.to_string()
}

/// Events that succeed, fail, are refused and are none, by several ways in.
async fn busy_day(level: &str, format: &str) -> Logs {
    let stage = Stage::with(&[
        ("AWS_LAMBDA_LOG_LEVEL", level),
        ("AWS_LAMBDA_LOG_FORMAT", format),
    ])
    .await;
    let say = |code, status| {
        Effect::error(
            status,
            code,
            "planted-message about planted.person@example.com",
        )
    };
    stage
        .lambda
        .invoke(planted("fine", "jane.doe").to_string())
        .await
        .response();
    stage
        .aws
        .fault(Fault::new(say("AccessDeniedException", 400)).on(UPDATE));
    stage
        .lambda
        .invoke(planted("denied", "max.mustermann").to_string())
        .await
        .error();
    stage
        .lambda
        .invoke(planted("refused", "admin.root").to_string())
        .await
        .error();
    stage
        .lambda
        .invoke(planted("unknown", "nobody").to_string())
        .await
        .error();
    let mut number = planted("number", "jane.doe");
    number["detail"]["team"] = json!({"planted-key": "planted-token"});
    stage.lambda.invoke(number.to_string()).await.error();
    let mut broken = planted("broken", "jane.doe");
    broken["time"] = json!("planted-token");
    stage.lambda.invoke(broken.to_string()).await.error();
    let half = planted("half", "jane.doe").to_string();
    stage
        .lambda
        .invoke(&half.as_bytes()[..half.len() / 2])
        .await
        .error();
    stage
        .lambda
        .invoke(request(&planted("http", "jane.doe").to_string()))
        .await
        .response();
    stage
        .lambda
        .invoke(request("{\"source\": \"planted-token\", planted-key}"))
        .await
        .response();
    let mut aws = planted("aws", "jane.doe");
    aws["source"] = json!("aws.sso");
    stage
        .lambda
        .invoke(request(&aws.to_string()))
        .await
        .response();
    stage.stop()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test]
async fn nothing_that_was_planted_is_in_any_line() {
    for format in ["JSON", "Text"] {
        let logs = busy_day("INFO", format).await;
        assert_eq!(logs.stderr, "");
        assert!(logs.lines.len() > 20, "{:#?}", logs.lines);
        for line in &logs.lines {
            for secret in SECRETS {
                assert!(!line.contains(secret), "{secret}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn tokens_and_credentials_are_in_no_line_at_any_level() {
    let logs = busy_day("TRACE", "JSON").await;
    assert!(logs.lines.len() > 20);
    for line in logs.lines.iter().chain([&logs.stderr]) {
        for secret in [
            "planted-secret-key",
            "planted-session-token",
            "Bearer",
            "planted-cookie",
        ] {
            assert!(!line.contains(secret), "{secret}: {line}");
        }
    }
}

#[tokio::test]
async fn time_and_level_stand_at_the_top_of_every_line() {
    let logs = busy_day("INFO", "JSON").await;
    for line in logs.json() {
        let time = OffsetDateTime::parse(text(&line["timestamp"]), &Rfc3339);
        assert!(time.is_ok(), "{line}");
        assert!(
            ["INFO", "WARN", "ERROR"].contains(&text(&line["level"])),
            "{line}"
        );
        assert!(!text(&line["message"]).is_empty(), "{line}");
    }
}

#[tokio::test]
async fn each_failure_is_logged_once_and_each_change_and_event_has_its_line() {
    let logs = busy_day("INFO", "JSON").await;
    let mut bad = logs.json();
    bad.retain(|line| line["level"] != "INFO" && line["message"] != "rules");
    let told: Vec<String> = bad
        .iter()
        .map(|line| {
            let [level, message, code] = ["level", "message", "code"].map(|name| text(&line[name]));
            format!("{} {level} {message} {code}", text(&line["requestId"]))
        })
        .collect();
    let of = |request: &str| -> Vec<&str> {
        let prefix = format!("{request} ");
        told.iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .collect()
    };
    assert_eq!(of("request-1"), [""; 0]);
    assert_eq!(of("request-2"), ["ERROR change AccessDeniedException"]);
    assert!(
        of("request-3").contains(&"WARN change guards.protected"),
        "{told:#?}"
    );
    assert_eq!(
        of("request-4").len(),
        2,
        "a profile and a kdb user that are not there: {told:#?}"
    );
    assert_eq!(of("request-6"), ["WARN malformed malformed-event"]);
    assert_eq!(of("request-7"), ["WARN malformed malformed-json"]);
    assert_eq!(of("request-8"), [""; 0]);
    assert_eq!(of("request-9"), ["WARN malformed malformed-json"]);
    assert_eq!(of("request-10"), ["WARN refused guards.sources.http"]);
    assert_eq!(logs.saying("event").len(), 6);
}

#[tokio::test]
async fn a_change_and_an_event_say_what_became_of_them() {
    let stage = Stage::set().await;
    stage
        .lambda
        .invoke(request(
            &moved("e1", "rates", "2026-09-01T06:00:00Z").to_string(),
        ))
        .await
        .response();
    let logs = stage.stop();
    let changes = logs.saying("change");
    let wanted = changes.iter().find(|line| line["call"] == UPDATE);
    let mut change = wanted.expect("a change of the profile").clone();
    let changed = change.as_object_mut().expect("an object");
    changed.remove("timestamp");
    assert!(
        changed
            .remove("millis")
            .is_some_and(|millis| millis.is_u64())
    );
    assert_eq!(
        change,
        json!({
            "level": "INFO", "message": "change", "requestId": "request-1", "eventId": "e1", "call": UPDATE,
            "target": "sagemaker:user-profile/d-abc123def456/jane-doe", "rules": "everyone,quants",
            "outcome": "updated", "attempts": 1,
        })
    );
    let mut event = logs.saying("event").remove(0);
    let said = event.as_object_mut().expect("an object");
    said.remove("timestamp");
    assert!(said.remove("millis").is_some_and(|millis| millis.is_u64()));
    assert_eq!(
        event,
        json!({
            "level": "INFO", "message": "event", "requestId": "request-1", "eventId": "e1", "source": "acme.hr",
            "detailType": "Person Moved", "rules": "everyone,quants", "changes": 3, "attempts": 2, "disposition": "done",
            "caller": "arn:aws:sts::111122223333:assumed-role/hr-publisher/hr-sync",
        })
    );
}

#[tokio::test]
async fn a_dry_run_is_logged_as_a_plan_and_counts_in_no_metric() {
    let stage = Stage::set().await;
    stage
        .lambda
        .invoke(file("http-api-v2.json"))
        .await
        .response();
    let logs = stage.stop();
    assert_eq!(logs.saying("plan").len(), 1);
    assert_eq!(logs.saying("change").len(), 0);
    assert_eq!(logs.metrics(), [Value::Null; 0]);
}

#[tokio::test]
async fn the_level_holds() {
    let warnings = busy_day("WARN", "JSON").await;
    assert!(!warnings.json().is_empty());
    assert!(warnings.json().iter().all(|line| line["level"] != "INFO"));
    assert_eq!(
        warnings.metrics(),
        [Value::Null; 0],
        "Lambda would drop them anyway"
    );
    let errors = busy_day("ERROR", "JSON").await;
    assert!(!errors.json().is_empty());
    assert!(errors.json().iter().all(|line| line["level"] == "ERROR"));
}

#[tokio::test]
async fn text_can_be_read_and_metrics_stay_json() {
    let stage = Stage::with(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]).await;
    stage
        .lambda
        .invoke(file("person-moved.json"))
        .await
        .response();
    let logs = stage.stop();
    let event = logs.lines.iter().find(|line| line.contains(" INFO event "));
    let event = event.expect("a line for the event");
    assert!(
        event.contains(" source=acme.hr detailType=\"Person Moved\" rules=everyone,quants "),
        "{event}"
    );
    let metrics = logs
        .lines
        .iter()
        .filter(|line| line.starts_with("{\"_aws\""));
    assert!(metrics.count() > 0);
}

/// The lines as the specification wants them (CloudWatch user guide, embedded metric format specification).
fn valid(line: &Value) {
    let now = OffsetDateTime::now_utc().unix_timestamp() * 1000;
    let stamp = line["_aws"]["Timestamp"].as_i64().expect("a timestamp");
    assert!((now - stamp).abs() < 60_000, "{line}");
    for directive in line["_aws"]["CloudWatchMetrics"]
        .as_array()
        .expect("directives")
    {
        assert_eq!(directive["Namespace"], NAMESPACE);
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            let unit = METRICS
                .iter()
                .find(|(name, _)| metric["Name"] == *name)
                .map(|(_, unit)| *unit);
            assert_eq!(Some(text(&metric["Unit"])), unit);
            let value = &line[text(&metric["Name"])];
            let values = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            assert!((1..=100).contains(&values.len()), "{line}");
            assert!(values.iter().all(Value::is_number), "{line}");
        }
        for set in directive["Dimensions"].as_array().expect("dimension sets") {
            for name in set.as_array().expect("a set") {
                assert!(!text(&line[text(name)]).is_empty(), "{name}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn metric_lines_are_valid_and_have_exactly_the_dimensions_that_the_template_asks_for() {
    let metrics = busy_day("INFO", "JSON").await.metrics();
    assert!(metrics.len() > 5);
    for line in &metrics {
        valid(line);
        let directives = &line["_aws"]["CloudWatchMetrics"];
        assert_eq!(directives[0]["Dimensions"], json!([DIMENSIONS]));
        if line["operation"] != "admit" {
            let [service, operation] = DIMENSIONS;
            assert_eq!(
                directives[1]["Dimensions"],
                json!([[service, operation, BY_OUTCOME]])
            );
            assert_eq!(
                directives[1]["Metrics"],
                json!([{"Name": "Changes", "Unit": "Count"}])
            );
        }
    }
    let sum = |name: &str| -> u64 { metrics.iter().filter_map(|line| line[name].as_u64()).sum() };
    assert!(
        sum("Refused") >= 2,
        "a protected profile, and a source that may not"
    );
}

#[tokio::test]
async fn metrics_count_attempts_throttles_stale_and_repeated_events() {
    let stage = Stage::set().await;
    let slower = Effect::Error {
        status: 400,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        headers: [("x-amz-retry-after".to_owned(), "1".to_owned())].into(),
    };
    stage
        .aws
        .fault(Fault::new(slower.clone()).on("sagemaker:DescribeUserProfile"));
    stage.aws.fault(Fault::new(slower).on(UPDATE).times(2));
    let event = moved("e1", "rates", "2026-09-01T06:00:00Z").to_string();
    stage.lambda.invoke(event.as_str()).await.response();
    stage.lambda.invoke(event.as_str()).await.response();
    let older = moved("e0", "equities", "2026-08-01T06:00:00Z").to_string();
    stage.lambda.invoke(older).await.response();
    let metrics = stage.stop().metrics();
    let of = |outcome: &str| -> Value {
        let found = metrics.iter().find(|line| {
            line["operation"] == "UpdateUserProfile"
                && line["service"] == "sagemaker"
                && line["outcome"] == outcome
        });
        found.unwrap_or_else(|| panic!("{outcome}")).clone()
    };
    let counts = |line: Value| {
        ["Changes", "Attempts", "Throttles", "Stale", "Duplicates"].map(|name| line[name].as_u64())
    };
    assert_eq!(counts(of("updated")), [1, 3, 3, 0, 0].map(Some));
    assert_eq!(counts(of("unchanged")), [1, 0, 0, 0, 1].map(Some));
    assert_eq!(counts(of("stale")), [1, 0, 0, 1, 0].map(Some));
    assert_eq!(of("updated")["Latency"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_call_that_failed_changes_nothing_and_the_line_says_which_rules_passed_it_over() {
    let rules = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/samples/identity-center.yaml"
    );
    let stage = Stage::with(&[("USHER_RULES", rules)]).await;
    let denied = file("identity-center-group-denied.json");
    stage.lambda.invoke(denied).await.response();
    assert_eq!(stage.writes(), [""; 0]);
    let logs = stage.stop();
    let event = logs.saying("event").remove(0);
    assert_eq!(
        [
            &event["rules"],
            &event["passedOver"],
            &event["changes"],
            &event["disposition"]
        ],
        [
            &json!(""),
            &json!("joins a team"),
            &json!(0),
            &json!("done")
        ]
    );
    assert_eq!(logs.saying("change").len(), 0);
}
