//! HTTP: each status that the README lists, from the real function.

use serde_json::{Value, json};
use usher::emulator::{Effect, Fault};

use super::{Stage, file_as_json, moved};

/// `POST /events` through an HTTP API, with this body.
fn post(body: impl Into<String>) -> Value {
    let mut request = file_as_json("http-api-v2.json");
    request["rawQueryString"] = json!("");
    request["queryStringParameters"] = json!({});
    request["body"] = json!(body.into());
    request
}

/// The same request at another path, by this method.
fn at(method: &str, path: &str, mut request: Value) -> Value {
    request["routeKey"] = json!("$default");
    request["requestContext"]["routeKey"] = json!("$default");
    request["rawPath"] = json!(path);
    request["requestContext"]["http"]["path"] = json!(path);
    request["requestContext"]["http"]["method"] = json!(method);
    request
}

/// What came back: status, headers, body.
struct Answer {
    status: u64,
    headers: Value,
    body: Value,
}

async fn ask(stage: &Stage, request: &Value) -> Answer {
    let response = stage.lambda.invoke(request.to_string()).await.response();
    let body = response["body"].as_str().expect("a body");
    let answer = Answer {
        status: response["statusCode"].as_u64().expect("a status"),
        headers: response["headers"].clone(),
        body: serde_json::from_str(body).expect("a body in JSON"),
    };
    let kind = if answer.status == 200 {
        "application/json"
    } else {
        "application/problem+json"
    };
    assert_eq!(answer.headers["content-type"], kind);
    if answer.status != 200 {
        assert_eq!(answer.body["status"], answer.status);
        for member in ["type", "title", "detail", "instance"] {
            assert!(answer.body[member].is_string(), "{member}: {}", answer.body);
        }
    }
    answer
}

/// Asks a new function, and expects this status and this sort of problem. Gives the answer and what was written.
async fn problem(request: &Value, status: u64, kind: &str) -> (Answer, Vec<String>) {
    problem_with(None, request, status, kind).await
}

async fn problem_with(
    fault: Option<Fault>,
    request: &Value,
    status: u64,
    kind: &str,
) -> (Answer, Vec<String>) {
    let stage = Stage::set().await;
    if let Some(fault) = fault {
        stage.aws.fault(fault);
    }
    let answer = ask(&stage, request).await;
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.body["type"], format!("urn:usher:problem:{kind}"));
    let writes = stage.writes();
    assert_eq!(stage.stop().stderr, "");
    (answer, writes)
}

fn jane() -> Value {
    moved("e1", "rates", "2026-09-01T06:00:00Z")
}

const UPDATE: &str = "sagemaker:UpdateUserProfile";

#[tokio::test]
async fn status_200_with_the_report() {
    let stage = Stage::set().await;
    let answer = ask(&stage, &post(jane().to_string())).await;
    assert_eq!(
        (answer.status, &answer.body["disposition"]),
        (200, &json!("done"))
    );
    assert_eq!(stage.writes().len(), 2);
}

#[tokio::test]
async fn an_empty_array_and_an_event_that_nothing_matches_are_successes() {
    let stage = Stage::set().await;
    assert_eq!(ask(&stage, &post("[]")).await.body, json!([]));
    let mut event = jane();
    event["detail-type"] = json!("Person Promoted");
    let answer = ask(&stage, &post(event.to_string())).await;
    assert_eq!((answer.status, &answer.body["changes"]), (200, &json!([])));
}

#[tokio::test]
async fn an_event_without_an_id_gets_the_idempotency_key_or_else_the_requests_id() {
    let stage = Stage::set().await;
    let mut event = jane();
    event.as_object_mut().expect("an object").remove("id");
    let mut request = post(event.to_string());
    let answer = ask(&stage, &request).await;
    assert_eq!(answer.body["event"]["id"], "hr-2026-000412");
    request["headers"]
        .as_object_mut()
        .expect("headers")
        .remove("idempotency-key");
    let answer = ask(&stage, &request).await;
    assert_eq!(
        answer.body["event"]["id"],
        request["requestContext"]["requestId"]
    );
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let stage = Stage::set().await;
    let answer = ask(&stage, &at("GET", "/openapi.json", post(""))).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body["openapi"]
            .as_str()
            .expect("a version")
            .starts_with("3.1")
    );
    assert!(answer.body["paths"]["/events"]["post"].is_object());
}

#[tokio::test]
async fn status_400_for_bodies_that_are_no_events() {
    let stage = Stage::set().await;
    let mut no_type = jane();
    no_type
        .as_object_mut()
        .expect("an object")
        .remove("detail-type");
    let mut no_time = jane();
    no_time["time"] = json!("yesterday");
    let truncated = jane().to_string().split_off(0)[..100].to_owned();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = format!("{{\"source\":\"a\",\"detail-type\":\"b\",\"detail\":{{\"d\":{deep}}}}}");
    for (body, kind, detail) in [
        (String::new(), "malformed-json", "empty"),
        (truncated, "malformed-json", "ends in the middle"),
        ("7".to_owned(), "malformed-event", "a number"),
        (
            r#"{"source":"a","detail-type":"b","detail":7}"#.to_owned(),
            "malformed-event",
            "`detail` is a number",
        ),
        (
            no_type.to_string(),
            "malformed-event",
            "`detail-type` is missing",
        ),
        (no_time.to_string(), "malformed-event", "`time` is no time"),
        (deep, "too-deep", "at most 64 levels"),
    ] {
        let answer = ask(&stage, &post(body)).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.body["type"], format!("urn:usher:problem:{kind}"));
        let said = answer.body["detail"].as_str().expect("a detail");
        assert!(said.contains(detail), "{said}");
    }
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn status_400_for_base64_that_is_none_and_for_bytes_that_are_no_text() {
    let mut request = post("not base64!");
    request["isBase64Encoded"] = json!(true);
    problem(&request, 400, "malformed-body").await;
    request["body"] = json!("//79");
    problem(&request, 400, "malformed-body").await;
}

#[tokio::test]
async fn status_400_for_a_dry_run_that_is_misspelt_and_nothing_is_written() {
    let mut request = post(jane().to_string());
    request["rawQueryString"] = json!("dryrun=true");
    let (_, writes) = problem(&request, 400, "malformed-query").await;
    assert_eq!(writes, [""; 0]);
}

#[tokio::test]
async fn status_403_for_a_source_that_only_aws_has() {
    let mut event = jane();
    event["source"] = json!("aws.identitystore");
    let (_, writes) = problem(&post(event.to_string()), 403, "refused").await;
    assert_eq!(writes, [""; 0]);
}

#[tokio::test]
async fn status_403_for_a_protected_profile() {
    let mut event = jane();
    event["detail"]["userName"] = json!("admin.root");
    let (answer, writes) = problem(&post(event.to_string()), 403, "refused").await;
    let said = answer.body["detail"].as_str().expect("a detail");
    assert!(said.contains("guards.protected"), "{said}");
    assert!(
        !writes.iter().any(|write| write.contains("admin-root")),
        "{writes:?}"
    );
}

#[tokio::test]
async fn status_404_for_another_path_and_for_a_profile_that_is_not_there() {
    let request = at("POST", "/people", post(jane().to_string()));
    problem(&request, 404, "not-found").await;
    let mut event = jane();
    event["detail"]["userName"] = json!("nobody");
    problem(&post(event.to_string()), 404, "no-such-target").await;
}

#[tokio::test]
async fn status_405_says_which_method_is_allowed() {
    let request = at("GET", "/events", post(""));
    let (answer, _) = problem(&request, 405, "method-not-allowed").await;
    assert_eq!(answer.headers["allow"], "POST");
}

#[tokio::test]
async fn status_406_for_whoever_does_not_take_json() {
    let mut request = post(jane().to_string());
    request["headers"]["accept"] = json!("text/html");
    let (_, writes) = problem(&request, 406, "not-acceptable").await;
    assert_eq!(writes, [""; 0]);
}

#[tokio::test]
async fn status_409_for_an_event_that_a_newer_one_has_overtaken() {
    let stage = Stage::set().await;
    ask(&stage, &post(jane().to_string())).await;
    let older = moved("e0", "equities", "2026-08-01T06:00:00Z");
    let answer = ask(&stage, &post(older.to_string())).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.headers["retry-after"], Value::Null);
    assert_eq!(answer.body["report"]["disposition"], "done");
}

#[tokio::test]
async fn status_413_for_a_body_of_more_than_a_mebibyte() {
    let mut event = jane();
    event["detail"]["notes"] = json!("x".repeat(1024 * 1024));
    problem(&post(event.to_string()), 413, "too-large").await;
}

#[tokio::test]
async fn status_415_for_another_content_type() {
    let mut request = post(jane().to_string());
    request["headers"]["content-type"] = json!("application/xml");
    problem(&request, 415, "unsupported-media-type").await;
}

#[tokio::test]
async fn status_422_for_a_value_that_the_api_does_not_take() {
    let mut event = file_as_json("team-defaults-changed.json");
    event["detail"]["defaults"]["idleTimeoutMinutes"] = json!(5);
    let (answer, writes) = problem(&post(event.to_string()), 422, "values").await;
    let said = answer.body["detail"].as_str().expect("a detail");
    assert!(said.contains("IdleTimeoutInMinutes"), "{said}");
    assert_eq!(writes, [""; 0]);
}

#[tokio::test]
async fn status_502_where_aws_says_no() {
    let denied = Effect::error(400, "AccessDeniedException", "not authorized to perform");
    let fault = Fault::new(denied).on(UPDATE);
    let (answer, _) =
        problem_with(Some(fault), &post(jane().to_string()), 502, "aws-refused").await;
    assert_eq!(answer.headers["retry-after"], Value::Null);
}

/// An error that the client need not wait long for.
fn throttled() -> Effect {
    Effect::Error {
        status: 400,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        headers: [("x-amz-retry-after".to_owned(), "1".to_owned())].into(),
    }
}

#[tokio::test]
async fn status_503_with_retry_after_where_aws_throttles() {
    let fault = Fault::new(throttled()).on(UPDATE).always();
    let (answer, writes) =
        problem_with(Some(fault), &post(jane().to_string()), 503, "unfinished").await;
    assert_eq!(answer.headers["retry-after"], "10");
    assert_eq!(
        writes,
        ["finspace:UpdateKxUser finspace:kx-user/kx1/jane-doe"]
    );
}

#[tokio::test]
async fn every_event_of_an_array_has_its_own_report() {
    let stage = Stage::set().await;
    let mut unknown = jane();
    unknown["detail"]["userName"] = json!("nobody");
    let events = json!([jane(), {"source": "acme.hr"}, unknown]);
    let answer = ask(&stage, &post(events.to_string())).await;
    assert_eq!(answer.status, 404);
    let reports = answer.body["reports"].as_array().expect("reports");
    assert_eq!(reports.len(), 3);
    assert_eq!(reports[0]["disposition"], "done");
    assert_eq!(reports[1]["problem"]["status"], 400);
    assert_eq!(reports[2]["disposition"], "reject");
}

#[tokio::test]
async fn a_rest_api_gets_the_same_problems() {
    let stage = Stage::set().await;
    let mut request = file_as_json("rest-api-v1.json");
    request["body"] = json!("{");
    let answer = ask(&stage, &request).await;
    assert_eq!(answer.status, 400);
    request["body"] = json!(jane().to_string());
    request["httpMethod"] = json!("DELETE");
    request["requestContext"]["httpMethod"] = json!("DELETE");
    let answer = ask(&stage, &request).await;
    assert_eq!(
        (answer.status, &answer.headers["allow"]),
        (405, &json!("POST"))
    );
}

#[tokio::test]
async fn a_structured_cloudevent_comes_by_its_content_type() {
    let stage = Stage::set().await;
    let mut request = post(super::file("cloudevents-structured.json"));
    request["headers"]["content-type"] = json!("application/cloudevents+json");
    let answer = ask(&stage, &request).await;
    assert_eq!(
        (answer.status, &answer.body["event"]["id"]),
        (200, &json!("hr-2026-000871"))
    );
    request["body"] = json!(jane().to_string());
    let answer = ask(&stage, &request).await;
    assert_eq!(
        answer.status, 400,
        "an event that says it is a CloudEvent and is none"
    );
}
