//! Payloads → events: every file in `events/` as a snapshot, every bad input with its answer, and properties over any bytes.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use usher::event::{Event, MAX_DEPTH, MAX_STRING, Malformed};
use usher::ingress::{
    Context, Delivery, HttpAsk, HttpRequest, Item, MAX_EVENTS, MAX_HTTP_BODY, MAX_HTTP_EVENTS,
    MAX_PAYLOAD, Origin, read,
};

/// 2026-11-21T08:00:00Z
const NOW: OffsetDateTime = match OffsetDateTime::from_unix_timestamp(1_795_248_000) {
    Ok(now) => now,
    Err(_) => OffsetDateTime::UNIX_EPOCH,
};
const CONTEXT: Context<'_> = Context {
    request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    now: NOW,
};

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).expect("a time")
}

fn delivery(payload: &Value) -> Delivery {
    read(payload.to_string().as_bytes(), &CONTEXT).expect("a payload that can be read")
}

fn problem(payload: &[u8]) -> Malformed {
    read(payload, &CONTEXT).expect_err("a payload that cannot be read")
}

fn only(delivery: &Delivery) -> &Result<Event, Malformed> {
    assert_eq!(delivery.items.len(), 1);
    &delivery.items[0].event
}

fn message(item: &Item) -> &str {
    &item.event.as_ref().expect_err("a malformed item").message
}

fn request(delivery: &Delivery) -> &HttpRequest {
    match &delivery.origin {
        Origin::Http(request) => request,
        other => panic!("{other:?} is not HTTP"),
    }
}

fn http_problem(delivery: &Delivery) -> (&Malformed, Option<&'static str>) {
    match &request(delivery).ask {
        HttpAsk::Problem { problem, allow } => (problem, *allow),
        other => panic!("{other:?} is no problem"),
    }
}

fn event() -> Value {
    json!({"source": "acme.hr", "detail-type": "Person Moved", "detail": {"userName": "jane.doe"}})
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().expect("an object").remove(name);
    value
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

/// Every file in `events/`, by name: a new one extends the tests by itself.
fn files() -> Vec<PathBuf> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/events")).expect("the events");
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// A delivery as JSON, for people to read in the snapshots.
fn shown(delivery: &Delivery) -> Value {
    let origin = match &delivery.origin {
        Origin::Sqs { fifo } => json!({"sqs": {"fifo": fifo}}),
        Origin::Http(HttpRequest {
            id,
            format,
            dry_run,
            many,
            caller,
            ask,
        }) => {
            let ask = format!("{ask:?}");
            json!({"http": {"id": id, "format": format!("{format:?}"), "dryRun": dry_run, "many": many, "caller": caller, "ask": ask}})
        }
        other => json!(format!("{other:?}")),
    };
    let items: Vec<Value> = delivery
        .items
        .iter()
        .map(|Item { id, group, event }| match event {
            Ok(event) => json!({"item": id, "group": group, "event": event.document()}),
            Err(Malformed { code, message, status }) => {
                json!({"item": id, "group": group, "malformed": {"code": code, "message": message, "status": status}})
            }
        })
        .collect();
    json!({"origin": origin, "items": items})
}

#[test]
fn every_file_in_events_is_read() {
    for path in files() {
        let payload = fs::read(&path).expect("a readable file");
        let delivery = read(&payload, &CONTEXT).expect("a payload that can be read");
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        insta::assert_json_snapshot!(name, shown(&delivery));
    }
}

#[test]
fn only_the_two_poisoned_batches_among_the_files_have_a_malformed_item() {
    let mut malformed = Vec::new();
    for path in files() {
        let delivery = read(&fs::read(&path).expect("a file"), &CONTEXT).expect("readable");
        let bad = delivery
            .items
            .iter()
            .filter(|item| item.event.is_err())
            .count();
        if bad > 0 {
            malformed.push((
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
                bad,
            ));
        }
    }
    malformed.sort();
    assert_eq!(
        malformed,
        [
            ("cloudevents-batch".to_owned(), 1),
            ("sqs-batch".to_owned(), 1)
        ]
    );
}

#[test]
fn the_files_are_what_the_services_send_according_to_aws_lambda_events() {
    fn parses<T: serde::de::DeserializeOwned>(name: &str) {
        let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).expect("a file");
        if let Err(error) = serde_json::from_str::<T>(&text) {
            panic!("{name}: {error}");
        }
    }
    use aws_lambda_events::{apigw, eventbridge, sns, sqs};
    parses::<sqs::SqsEvent>("sqs-batch");
    parses::<sqs::SqsEvent>("sqs-fifo");
    parses::<sns::SnsEvent>("sns");
    parses::<apigw::ApiGatewayProxyRequest>("rest-api-v1");
    parses::<apigw::ApiGatewayV2httpRequest>("http-api-v2");
    parses::<apigw::ApiGatewayV2httpRequest>("function-url-base64");
    for name in [
        "person-onboarded",
        "person-moved",
        "person-left",
        "team-defaults-changed",
        "okta-user-deactivated",
    ] {
        parses::<eventbridge::EventBridgeEvent<Value>>(name);
    }
}

#[test]
fn a_payload_that_is_no_json_or_no_object_is_refused_with_the_place() {
    let cases: [(&[u8], &str, u16); 9] = [
        (
            b"",
            "the payload ends in the middle of its JSON, at line 1, column 0",
            400,
        ),
        (
            b"{\"source\": \"acme",
            "the payload ends in the middle of its JSON, at line 1, column 16",
            400,
        ),
        (
            b"{\"a\": 1,}",
            "the payload is not JSON: it breaks off at line 1, column 9",
            400,
        ),
        (
            b"{} {}",
            "the payload is not JSON: it breaks off at line 1, column 4",
            400,
        ),
        (b"{\"a\": \"\xff\"}", "the payload is not UTF-8", 400),
        (
            b"7",
            "the payload is a number; an object or an array is expected",
            400,
        ),
        (
            b"\"hello\"",
            "the payload is a string; an object or an array is expected",
            400,
        ),
        (
            b"null",
            "the payload is null; an object or an array is expected",
            400,
        ),
        (
            b"true",
            "the payload is a boolean; an object or an array is expected",
            400,
        ),
    ];
    for (payload, message, status) in cases {
        let problem = problem(payload);
        assert_eq!(
            (problem.message.as_str(), problem.status),
            (message, status)
        );
    }
}

#[test]
fn seven_megabytes_are_too_large_whoever_sends_them() {
    let large = "x".repeat(7_000_000);
    assert!(large.len() > MAX_PAYLOAD);
    let direct = with(event(), "detail", json!({"note": large}));
    let problem = problem(direct.to_string().as_bytes());
    assert_eq!((problem.status, problem.code), (413, "too-large"));

    let over_http = delivery(&v2("POST", "/events", &[], &large));
    assert_eq!(http_problem(&over_http).0.status, 413);
    assert_eq!(request(&over_http).id, CONTEXT.request_id);
}

#[test]
fn two_hundred_levels_are_too_deep_and_cost_no_neighbour() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep_event = format!(r#"{{"source":"a","detail-type":"b","detail":{{"x":{deep}}}}}"#);
    let direct = read(deep_event.as_bytes(), &CONTEXT).expect("a delivery");
    assert_eq!(
        only(&direct).as_ref().expect_err("too deep").code,
        "too-deep"
    );

    let several = format!("[{deep_event},{}]", event());
    let pipes = read(several.as_bytes(), &CONTEXT).expect("a delivery");
    assert_eq!(
        pipes.items[0].event.as_ref().expect_err("too deep").code,
        "too-deep"
    );
    assert!(pipes.items[1].event.is_ok());

    let deepest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let pipes = read(deepest.as_bytes(), &CONTEXT).expect("a delivery");
    assert_eq!(
        only(&pipes).as_ref().expect_err("too deep").code,
        "too-deep"
    );
}

#[test]
fn the_depth_bound_is_exact() {
    for (levels, fits) in [(MAX_DEPTH - 2, true), (MAX_DEPTH - 1, false)] {
        let inner = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let text = format!(r#"{{"source":"a","detail-type":"b","detail":{{"x":{inner}}}}}"#);
        let delivery = read(text.as_bytes(), &CONTEXT).expect("a delivery");
        assert_eq!(only(&delivery).is_ok(), fits, "{levels}");
    }
}

#[test]
fn an_event_that_lacks_something_says_what() {
    let too_long = "x".repeat(257);
    let cases = [
        (
            without(event(), "detail-type"),
            "`detail-type` is missing; a non-empty string is expected",
        ),
        (
            without(event(), "source"),
            "`source` is missing; a non-empty string is expected",
        ),
        (
            with(event(), "source", json!("")),
            "`source` is empty; a non-empty string is expected",
        ),
        (
            with(event(), "source", json!("a\nb")),
            "`source` contains a control character; none is allowed",
        ),
        (
            with(event(), "source", json!(too_long)),
            "`source` is too long; at most 256 characters are allowed",
        ),
        (
            with(event(), "detail", json!(7)),
            "`detail` is a number; an object is expected",
        ),
        (
            with(event(), "detail", json!([])),
            "`detail` is an array; an object is expected",
        ),
        (
            without(event(), "detail"),
            "`detail` is missing; an object is expected",
        ),
        (
            with(event(), "id", json!(1)),
            "`id` is a number; a non-empty string is expected",
        ),
        (
            with(event(), "id", json!("")),
            "`id` is empty; a non-empty string is expected",
        ),
        (
            with(event(), "time", json!("yesterday")),
            "`time` is no time; a time as in RFC 3339 is expected, such as 2026-03-01T09:00:00Z",
        ),
        (
            with(event(), "time", json!(1_772_434_805)),
            "`time` is a number; a time as in RFC 3339 is expected, such as 2026-03-01T09:00:00Z",
        ),
        (
            json!({"detail": {}}),
            "`source` is missing; a non-empty string is expected; `detail-type` is missing; a non-empty string is expected",
        ),
    ];
    for (payload, expected) in cases {
        let delivery = delivery(&payload);
        let problem = only(&delivery).as_ref().expect_err("a malformed event");
        assert_eq!(
            (problem.message.as_str(), problem.code, problem.status),
            (expected, "malformed-event", 400)
        );
    }
}

#[test]
fn a_string_beyond_the_bound_is_refused_and_one_at_it_is_not() {
    for (length, fits) in [(MAX_STRING, true), (MAX_STRING + 1, false)] {
        let payload = with(event(), "detail", json!({"note": "x".repeat(length)}));
        assert_eq!(only(&delivery(&payload)).is_ok(), fits);
        let payload = with(event(), "detail", json!({"x".repeat(length): 1}));
        assert_eq!(only(&delivery(&payload)).is_ok(), fits);
    }
}

#[test]
fn of_a_name_that_stands_twice_the_last_counts() {
    let text = r#"{"source":"a","detail-type":"b","detail":{"n":1},"detail":{"n":2},"source":"c"}"#;
    let delivery = read(text.as_bytes(), &CONTEXT).expect("a delivery");
    let event = only(&delivery).as_ref().expect("an event");
    assert_eq!(
        (event.source(), event.document()["detail"]["n"].clone()),
        ("c", json!(2))
    );
}

#[test]
fn no_message_and_no_debug_repeats_the_body() {
    let secret = "p-10042-secret";
    let payloads = [
        json!({"source": {"x": secret}, "detail-type": [secret], "detail": secret, "time": secret, "id": {}}),
        json!({"Records": [{"eventSource": secret}]}),
        json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": secret}]}),
        json!({"Records": secret}),
        json!({"specversion": secret, "id": "1", "source": "s", "type": "t", "data_base64": secret}),
        with(event(), "detail", json!({"secret": secret})),
        v2("POST", "/events", &[("content-type", secret)], secret),
        v2("POST", "/events", &[("idempotency-key", "x")], secret),
        v2(
            "POST",
            "/events",
            &[],
            &json!({"source": "a", "detail": secret}).to_string(),
        ),
        v2(secret, secret, &[], secret),
        json!({"requestContext": {}, "rawPath": {"x": secret}}),
    ];
    for payload in payloads {
        let result = read(payload.to_string().as_bytes(), &CONTEXT);
        assert!(!format!("{result:?}").contains(secret), "{result:?}");
    }
}

fn sqs_record(id: Value, body: Value) -> Value {
    json!({"messageId": id, "body": body, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:q"})
}

#[test]
fn one_poison_message_among_ten_costs_the_other_nine_nothing() {
    let poisons = [
        json!("not JSON"),
        json!(""),
        json!("[]"),
        json!(null),
        json!(7),
        json!({"a": 1}),
        json!(without(event(), "detail-type").to_string()),
        json!(r#"{"Type":"Notification","TopicArn":"t","Message":{}}"#),
        json!(r#"{"specversion":"0.3"}"#),
    ];
    for poison in poisons {
        let records: Vec<Value> = (0..10)
            .map(|n| {
                let body = if n == 4 {
                    poison.clone()
                } else {
                    json!(event().to_string())
                };
                sqs_record(json!(format!("m{n}")), body)
            })
            .collect();
        let delivery = delivery(&json!({"Records": records}));
        let bad: Vec<&str> = delivery
            .items
            .iter()
            .filter(|item| item.event.is_err())
            .map(|item| item.id.as_str())
            .collect();
        assert_eq!((delivery.items.len(), bad), (10, vec!["m4"]), "{poison}");
    }
}

#[test]
fn attributes_of_a_wrong_type_cost_a_record_nothing() {
    let mut record = sqs_record(json!("m0"), json!(event().to_string()));
    for attributes in [
        json!(7),
        json!({"SentTimestamp": 5, "MessageGroupId": []}),
        json!({"SentTimestamp": "x"}),
        json!(null),
    ] {
        record["attributes"] = attributes;
        record["messageAttributes"] = json!("no object");
        let delivery = delivery(&json!({"Records": [record]}));
        assert_eq!(only(&delivery).as_ref().expect("an event").time(), NOW);
    }
}

#[test]
fn an_sqs_record_without_a_message_id_fails_the_batch() {
    let good = sqs_record(json!("m0"), json!(event().to_string()));
    for bad in [
        json!(7),
        sqs_record(json!(null), json!("")),
        sqs_record(json!(""), json!("")),
        sqs_record(json!(1), json!("")),
    ] {
        let payload = json!({"Records": [good, bad]});
        assert!(
            problem(payload.to_string().as_bytes())
                .message
                .contains("record 1"),
            "{bad}"
        );
    }
}

#[test]
fn the_first_record_may_be_the_broken_one() {
    let payload = json!({"Records": [{"messageId": "m0"}, sqs_record(json!("m1"), json!(event().to_string()))]});
    let delivery = delivery(&payload);
    assert_eq!(
        message(&delivery.items[0]),
        "the message has no body; a string is expected"
    );
    assert!(delivery.items[1].event.is_ok());
}

#[test]
fn records_of_another_service_and_of_none_are_refused() {
    let cases = [
        (
            json!({"Records": [{"eventSource": "aws:s3"}]}),
            "that is not read here",
        ),
        (json!({"Records": []}), "do not say where they come from"),
        (
            json!({"Records": [{}, 7, null]}),
            "do not say where they come from",
        ),
        (json!({"Records": {}}), "is no array"),
    ];
    for (payload, expected) in cases {
        assert!(
            problem(payload.to_string().as_bytes())
                .message
                .contains(expected),
            "{payload}"
        );
    }
}

#[test]
fn an_event_without_its_own_gets_the_id_and_time_of_the_sqs_message() {
    let mut record = sqs_record(json!("m7"), json!(event().to_string()));
    record["attributes"] = json!({"SentTimestamp": "1772434805120", "MessageGroupId": "g"});
    let delivery = delivery(&json!({"Records": [record]}));
    let event = only(&delivery).as_ref().expect("an event");
    assert_eq!(
        (event.id(), event.time()),
        ("m7", at("2026-03-02T07:00:05.12Z"))
    );
    assert_eq!(event.document()["time"], "2026-03-02T07:00:05.12Z");
    assert_eq!(
        delivery.items[0].group, None,
        "a standard queue's groups say nothing about order"
    );
}

#[test]
fn an_sns_record_is_read_by_itself() {
    let record = |sns: Value| json!({"EventSource": "aws:sns", "Sns": sns});
    let good = record(
        json!({"MessageId": "n1", "Timestamp": "2026-09-01T06:00:10.204Z", "Message": event().to_string()}),
    );
    let delivery = delivery(&json!({"Records": [record(json!("text")), good, record(json!({}))]}));
    assert_eq!(
        message(&delivery.items[0]),
        "the SNS record has no `Sns` object; one is expected"
    );
    assert_eq!(
        message(&delivery.items[2]),
        "`Message` of the SNS envelope is missing; a string is expected"
    );
    let event = delivery.items[1].event.as_ref().expect("an event");
    assert_eq!(
        (event.id(), event.time()),
        ("n1", at("2026-09-01T06:00:10.204Z"))
    );
}

#[test]
fn an_sns_envelope_in_an_sns_envelope_is_no_event() {
    let inner = json!({"Type": "Notification", "TopicArn": "t", "Message": event().to_string()});
    let outer = json!({"Type": "Notification", "TopicArn": "t", "Message": inner.to_string()});
    assert!(only(&delivery(&inner)).is_ok());
    assert!(only(&delivery(&outer)).is_err());
}

#[test]
fn items_of_a_pipe_are_read_one_by_one() {
    let kinesis =
        |data: &str| json!({"eventSource": "aws:kinesis", "eventID": "shard:1", "data": data});
    let payload = json!([event(), 7, null, kinesis("!"), kinesis("eyI="), {"eventSource": "aws:sqs", "body": 1}, []]);
    let delivery = delivery(&payload);
    assert_eq!(delivery.origin, Origin::Pipes);
    let errors: Vec<&str> = delivery.items.iter().skip(1).map(message).collect();
    assert_eq!(
        errors,
        [
            "the event is a number; an object is expected",
            "the event is null; an object is expected",
            "`data` of the record is not base64",
            "the event ends in the middle of its JSON, at line 1, column 2",
            "`body` of the record is a number; a string is expected",
            "the event is an array; an object is expected",
        ]
    );
    let first = delivery.items[0].event.as_ref().expect("an event");
    assert_eq!(first.id(), format!("{}-0", CONTEXT.request_id));
}

#[test]
fn more_events_than_a_batch_can_have_are_refused() {
    let payload = format!("[{}0]", "0,".repeat(MAX_EVENTS));
    assert_eq!(problem(payload.as_bytes()).code, "too-many-events");
}

fn cloud_event() -> Value {
    json!({"specversion": "1.0", "id": "1", "source": "acme.hr", "type": "Person Moved", "data": {"n": 1}})
}

#[test]
fn a_cloud_event_says_everything_that_is_wrong_with_it() {
    let cases = [
        (
            with(cloud_event(), "specversion", json!("0.3")),
            "`specversion` is not the string \"1.0\"; other versions are not read",
        ),
        (
            with(cloud_event(), "id", json!(null)),
            "`id` is missing; a non-empty string is expected",
        ),
        (
            with(cloud_event(), "subject", json!(5)),
            "`subject` is a number; a string is expected",
        ),
        (
            with(cloud_event(), "data", json!("text")),
            "`data` holds a string; an object is expected",
        ),
        (
            with(cloud_event(), "data_base64", json!("e30=")),
            "`data` and `data_base64` are both there; one is expected",
        ),
        (
            with(without(cloud_event(), "data"), "data_base64", json!("%")),
            "`data_base64` is not base64",
        ),
        (
            with(without(cloud_event(), "data"), "data_base64", json!("/w==")),
            "`data_base64` does not hold UTF-8",
        ),
        (
            with(without(cloud_event(), "data"), "data_base64", json!({})),
            "`data_base64` is an object; a string is expected",
        ),
        (
            with(
                without(without(cloud_event(), "type"), "id"),
                "source",
                json!(""),
            ),
            "`id` is missing; a non-empty string is expected; `source` is empty; a non-empty string is expected; \
             `type` is missing; a non-empty string is expected",
        ),
    ];
    for (payload, expected) in cases {
        let delivery = delivery(&payload);
        assert_eq!(
            message(&delivery.items[0]),
            format!("the CloudEvent is not right: {expected}")
        );
    }
}

#[test]
fn a_cloud_event_keeps_its_extensions_but_cannot_claim_what_a_bus_says() {
    let mut payload = cloud_event();
    payload["tenant"] = json!("north");
    payload["account"] = json!("999999999999");
    payload["detail"] = json!({"n": 2});
    let delivery = delivery(&payload);
    let document = only(&delivery).as_ref().expect("an event").document();
    assert_eq!(
        (&document["tenant"], &document["detail"]),
        (&json!("north"), &json!({"n": 1}))
    );
    assert_eq!(document.get("account"), None);
}

fn v2(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {"http": {"method": method}, "stage": "$default", "requestId": "gw-1"},
        "body": body, "isBase64Encoded": false,
    })
}

#[test]
fn a_request_that_is_wrong_gets_its_own_status() {
    let body = event().to_string();
    let post = |headers: &[(&str, &str)], body: &str| v2("POST", "/events", headers, body);
    let query = |query: &str| with(post(&[], &body), "rawQueryString", json!(query));
    let base64 = |body: &str| with(post(&[], body), "isBase64Encoded", json!(true));
    let json_type = ("content-type", "application/json");
    let batch_type = ("content-type", "application/cloudevents-batch+json");
    let long = "k".repeat(300);
    let many = json!(vec![0; MAX_HTTP_EVENTS + 1]).to_string();
    let cases = [
        (v2("POST", "/nowhere", &[], &body), 404, "not-found"),
        (v2("POST", "/events/1", &[], &body), 404, "not-found"),
        (v2("GET", "/events", &[], ""), 405, "method-not-allowed"),
        (
            v2("POST", "/openapi.json", &[], ""),
            405,
            "method-not-allowed",
        ),
        (
            post(&[("accept", "text/html")], &body),
            406,
            "not-acceptable",
        ),
        (
            post(&[("accept", "*/*, application/json;q=0")], &body),
            406,
            "not-acceptable",
        ),
        (
            post(&[("content-type", "text/plain")], &body),
            415,
            "unsupported-media-type",
        ),
        (
            post(
                &[("content-type", "application/json; charset=latin1")],
                &body,
            ),
            415,
            "unsupported-media-type",
        ),
        (
            post(&[("content-type", "text/plain"), ("ce-id", "1")], &body),
            415,
            "unsupported-media-type",
        ),
        (query("dryRun=yes"), 400, "malformed-query"),
        (query("dryRun"), 400, "malformed-query"),
        (query("dryrun=true"), 400, "malformed-query"),
        (query("dryRun=true&dryRun=false"), 400, "malformed-query"),
        (
            post(&[("idempotency-key", "")], &body),
            400,
            "malformed-idempotency-key",
        ),
        (
            post(&[("idempotency-key", &long)], &body),
            400,
            "malformed-idempotency-key",
        ),
        (post(&[json_type], ""), 400, "malformed-json"),
        (
            post(&[batch_type], &cloud_event().to_string()),
            400,
            "malformed-event",
        ),
        (post(&[], "[1,"), 400, "malformed-json"),
        (base64("!!"), 400, "malformed-body"),
        (base64("/w=="), 400, "malformed-body"),
        (post(&[], &many), 413, "too-many-events"),
        (post(&[], &"x".repeat(MAX_HTTP_BODY + 1)), 413, "too-large"),
        (
            base64(&"eHh4".repeat(MAX_HTTP_BODY / 3 + 1)),
            413,
            "too-large",
        ),
        (
            json!({"requestContext": {}, "rawPath": 7}),
            400,
            "malformed-json",
        ),
        (
            json!({"requestContext": {}, "httpMethod": 7}),
            400,
            "malformed-json",
        ),
    ];
    for (payload, status, code) in cases {
        let delivery = delivery(&payload);
        let (problem, allow) = http_problem(&delivery);
        assert_eq!(
            (problem.status, problem.code),
            (status, code),
            "{}",
            problem.message
        );
        assert_eq!(allow.is_some(), status == 405);
        assert!(delivery.items.is_empty());
    }
}

#[test]
fn one_wrong_event_over_http_is_a_malformed_item() {
    let structured = [("content-type", "application/cloudevents+json")];
    for payload in [
        v2("POST", "/events", &[], "{"),
        v2("POST", "/events", &[], "7"),
        v2("POST", "/events", &[], "{}"),
        v2("POST", "/events", &structured, &event().to_string()),
        v2("POST", "/events", &structured, "[]"),
        v2(
            "POST",
            "/events",
            &[("ce-id", "1"), ("ce-type", "%ff")],
            "{}",
        ),
        v2("POST", "/events", &[("ce-id", "1")], "{"),
    ] {
        let delivery = delivery(&payload);
        assert_eq!(request(&delivery).ask, HttpAsk::Events);
        assert_eq!(
            only(&delivery)
                .as_ref()
                .expect_err("a malformed event")
                .status,
            400
        );
    }
}

#[test]
fn a_body_at_the_bound_and_a_hundred_events_are_taken() {
    let hundred = json!(vec![event(); MAX_HTTP_EVENTS]).to_string();
    let padded = format!("{hundred}{}", " ".repeat(MAX_HTTP_BODY - hundred.len()));
    let delivery = delivery(&v2("POST", "/events", &[], &padded));
    assert!(request(&delivery).many);
    assert_eq!(
        delivery
            .items
            .iter()
            .filter(|item| item.event.is_ok())
            .count(),
        MAX_HTTP_EVENTS
    );
}

#[test]
fn requests_are_routed_whatever_stands_before_the_path() {
    let stage = |mut payload: Value, stage: &str| {
        payload["requestContext"]["stage"] = json!(stage);
        payload
    };
    let route = |payload: Value, key: &str| with(payload, "routeKey", json!(key));
    let to = |path: &str| v2("POST", path, &[], &event().to_string());
    for payload in [
        to("/events"),
        to("/events/"),
        stage(to("/prod/events"), "prod"),
        stage(to("/prod/events/"), "prod"),
        stage(to("/events"), "events-of-people"),
        route(to("/people/v1/events"), "POST /events"),
        route(stage(to("/prod/events"), "prod"), "ANY /{proxy+}"),
    ] {
        assert_eq!(
            request(&delivery(&payload)).ask,
            HttpAsk::Events,
            "{payload}"
        );
    }
    let openapi = stage(v2("GET", "/prod/openapi.json", &[], ""), "prod");
    assert_eq!(request(&delivery(&openapi)).ask, HttpAsk::OpenApi);
}

#[test]
fn what_accept_allows_is_json_or_a_range_around_it() {
    for accept in [
        "application/json",
        "*/*",
        "text/html, application/*;q=0.1",
        "application/json;q=0.5, */*;q=0",
        "",
        "nonsense",
    ] {
        let payload = v2(
            "POST",
            "/events",
            &[("accept", accept)],
            &event().to_string(),
        );
        assert_eq!(
            request(&delivery(&payload)).ask,
            HttpAsk::Events,
            "{accept}"
        );
    }
}

#[test]
fn events_over_http_are_named_by_the_key_or_by_the_gateways_request() {
    let id = |headers: &[(&str, &str)], body: &Value| -> Vec<String> {
        let delivery = delivery(&v2("POST", "/events", headers, &body.to_string()));
        delivery
            .items
            .iter()
            .map(|item| item.event.as_ref().expect("an event").id().to_owned())
            .collect()
    };
    let own = with(event(), "id", json!("own"));
    assert_eq!(id(&[], &event()), ["gw-1"]);
    assert_eq!(id(&[("idempotency-key", "k")], &event()), ["k"]);
    assert_eq!(id(&[("idempotency-key", "\"k\"")], &event()), ["k"]);
    assert_eq!(id(&[("idempotency-key", "k")], &own), ["own"]);
    assert_eq!(
        id(&[("Idempotency-Key", "k")], &json!([event(), own, event()])),
        ["k-0", "own", "k-2"]
    );
}

#[test]
fn dry_runs_are_asked_for_in_both_payload_formats() {
    let v1 = |query: Value, several: Value| {
        json!({
            "httpMethod": "POST", "path": "/events", "headers": null, "body": event().to_string(), "requestContext": {},
            "queryStringParameters": query, "multiValueQueryStringParameters": several,
        })
    };
    let v2 = |query: &str| {
        with(
            v2("POST", "/events", &[], &event().to_string()),
            "rawQueryString",
            json!(query),
        )
    };
    for (payload, expected) in [
        (v1(json!({"dryRun": "true"}), json!(null)), true),
        (v1(json!(null), json!({"dryRun": ["true"]})), true),
        (v1(json!(null), json!(null)), false),
        (v2("dryRun=true"), true),
        (v2("dry%52un=true"), true),
        (v2("dryRun=false"), false),
    ] {
        let delivery = delivery(&payload);
        assert_eq!(
            (request(&delivery).dry_run, &request(&delivery).ask),
            (expected, &HttpAsk::Events),
            "{payload}"
        );
    }
}

/// JSON with the names that steer `read`, so that the properties get past the first test.
fn payloads() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "Records",
        "eventSource",
        "EventSource",
        "messageId",
        "body",
        "Sns",
        "Message",
        "Type",
        "TopicArn",
        "source",
        "detail-type",
        "detail",
        "id",
        "time",
        "specversion",
        "type",
        "data",
        "data_base64",
        "requestContext",
        "httpMethod",
        "rawPath",
        "headers",
        "content-type",
        "ce-id",
        "account",
        "region",
        "attributes",
        "isBase64Encoded",
    ]);
    let texts = prop::sample::select(vec![
        "",
        "aws:sqs",
        "aws:sns",
        "aws:kinesis",
        "1.0",
        "POST",
        "/events",
        "{}",
        "[]",
        "e30=",
        "[{",
        "acme.hr",
        "\u{0}",
        "application/cloudevents-batch+json",
        "2026-03-02T07:00:04Z",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &CONTEXT);
    }

    #[test]
    fn no_json_panics_and_none_that_can_be_read_lies_about_its_events(payload in payloads()) {
        if let Ok(delivery) = read(payload.to_string().as_bytes(), &CONTEXT) {
            for event in delivery.items.iter().filter_map(|item| item.event.as_ref().ok()) {
                prop_assert!(!event.id().is_empty() && !event.source().is_empty() && !event.detail_type().is_empty());
                prop_assert!(event.document()["detail"].is_object());
                prop_assert!(event.document()["time"].is_string());
            }
        }
    }

    #[test]
    fn no_cut_and_no_flipped_byte_of_a_real_payload_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for path in files() {
            let mut payload = fs::read(path).expect("a file");
            let end = payload.trim_ascii_end().len();
            let at = at.index(end);
            prop_assert!(read(&payload[..at], &CONTEXT).is_err());
            payload[at] = byte;
            let _ = read(&payload, &CONTEXT);
        }
    }

    #[test]
    fn every_record_of_an_sqs_batch_is_one_item_in_its_place(bodies in prop::collection::vec(payloads(), 1..12)) {
        let records: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| {
                // Half of them as text, as a queue has them; half as whatever they are.
                let body = if n % 2 == 0 { json!(body.to_string()) } else { body.clone() };
                sqs_record(json!(format!("m{n}")), body)
            })
            .collect();
        let delivery = delivery(&json!({"Records": records}));
        let ids: Vec<String> = delivery.items.into_iter().map(|item| item.id).collect();
        let expected: Vec<String> = (0..bodies.len()).map(|n| format!("m{n}")).collect();
        prop_assert_eq!(ids, expected);
    }
}

/// No tree is made of a long text, whatever is around the event in it.
#[test]
fn a_long_message_is_the_event_that_a_short_one_is() {
    let sns = |message: &Value| {
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:111122223333:people",
        "MessageId": "m-1", "Timestamp": "2026-03-02T07:00:04Z", "Message": message.to_string()})
    };
    let cloud = json!({"specversion": "1.0", "id": "c-1", "source": "/hr", "type": "moved", "data": {"team": "Rates"}});
    let bare = without(without(event(), "id"), "time");
    let bodies = [
        event(),
        bare.clone(),
        with(event(), "time", json!("yesterday")),
        with(event(), "detail", json!([1])),
        with(event(), "source", json!("a\u{1}b")),
        without(event(), "source"),
        cloud.clone(),
        sns(&bare),
        sns(&cloud),
    ];
    let noise = json!(vec![json!({"n": [1.5, "é\n", null, true]}); 4000]);
    for body in bodies {
        let long = match body.get("Message").and_then(Value::as_str) {
            Some(inner) => {
                let inner = with(
                    serde_json::from_str(inner).expect("JSON"),
                    "noise",
                    noise.clone(),
                );
                with(body.clone(), "Message", json!(inner.to_string()))
            }
            None => with(body.clone(), "noise", noise.clone()),
        };
        let read = |body: &Value| {
            let record = sqs_record(json!("d-1"), json!(body.to_string()));
            let delivery = delivery(&json!({"Records": [record]}));
            let event = only(&delivery).clone();
            event.map(|event| {
                let names = [event.id(), event.source(), event.detail_type()].map(str::to_owned);
                let mut document = event.document();
                if let Some(members) = document.as_object_mut() {
                    members.remove("noise");
                }
                (names, event.time(), without(document, "extensions"))
            })
        };
        assert_eq!(read(&long), read(&body), "{body}");
    }
}
