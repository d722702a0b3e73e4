//! The OpenAPI document says what the code does: what it calls valid is read, what is answered is valid, and neither knows more than the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonschema::Validator;
use proptest::prelude::*;
use regex::Regex;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use usher::api::Operation;
use usher::event::{Defaults, Event, MAX_DEPTH, MAX_NAME, MAX_STRING, Malformed};
use usher::ingress::{
    Context, Delivery, HttpAsk, HttpRequest, MAX_HTTP_BODY, MAX_HTTP_EVENTS, Origin, PayloadFormat,
    read,
};
use usher::plan::{Action, Plan, Planned};
use usher::reply::http::RETRY_AFTER_SECONDS;
use usher::reply::{Answer, Answered, reply};
use usher::report::{Cause, ChangeReport, EventRef, Failure, MemberChange, Outcome, Report};

const DOCUMENT: &str = include_str!("../src/openapi.json");
const METHODS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).expect("JSON")
}

/// The node, or what it refers to.
fn resolved<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => node,
    }
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
        "allOf": [schema],
    });
    jsonschema::meta::validate(&whole).expect("the schema is a schema");
    jsonschema::options()
        .should_validate_formats(true)
        .build(&whole)
        .expect("the schema compiles")
}

fn component(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

// --- Requests ---------------------------------------------------------------------------------------------------------

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let header = |(name, value): &(&str, &str)| ((*name).to_owned(), json!(value));
    let headers: Map<String, Value> = headers.iter().map(header).collect();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {"http": {"method": method}, "stage": "$default", "requestId": "JKJaXmPLvHcESHA="},
        "body": body, "isBase64Encoded": false,
    })
}

fn delivery(payload: &Value) -> Delivery {
    let context = Context {
        request_id: "unused",
        now: OffsetDateTime::UNIX_EPOCH,
    };
    read(payload.to_string().as_bytes(), &context).expect("a payload that can be read")
}

/// Every event of it could be read.
fn is_taken(delivery: &Delivery) -> bool {
    let asks = match &delivery.origin {
        Origin::Http(http) => http.ask == HttpAsk::Events,
        _ => false,
    };
    asks && delivery.items.iter().all(|item| item.event.is_ok())
}

/// The schema of a body of this type. Without `ce-` headers there is no data of binary mode.
fn body_schema(document: &Value, content_type: &str) -> Value {
    let content = &document["paths"]["/events"]["post"]["requestBody"]["content"];
    let mut schema = content[content_type]["schema"].clone();
    assert!(schema.is_object(), "{content_type} is not in the document");
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| *choice != component("CloudEventData"));
    }
    schema
}

const BODY_TYPES: [&str; 3] = [
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];

#[test]
fn the_bodies_in_events_are_valid_exactly_if_they_are_read() {
    let document = document();
    let validators = BODY_TYPES.map(|name| validator(&document, &body_schema(&document, name)));
    let data = validator(&document, &component("CloudEventData"));
    let mut taken = 0;
    let mut files = 0;
    for entry in fs::read_dir("events").expect("events/") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a file");
        let payload: Value = serde_json::from_str(&text).expect("JSON");
        let (payload, is_http) = match delivery(&payload).origin {
            Origin::Http(_) => (payload, true),
            // The others hold what could as well be posted, or what must not be.
            _ => (request("POST", "/events", &[], &text), false),
        };
        let header = |name: &str| {
            let headers = payload["headers"].as_object().expect("headers");
            let found = headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_str())
        };
        let essence = header("content-type").unwrap_or("application/json");
        let essence = essence.split(';').next().unwrap_or_default().trim();
        let at = BODY_TYPES.iter().position(|name| *name == essence);
        let validator = match header("ce-id") {
            Some(_) => &data,
            None => &validators[at.expect("a content type of the document")],
        };
        let mut body = payload["body"].as_str().expect("a body").to_owned();
        if payload["isBase64Encoded"] == json!(true) {
            let bytes = STANDARD.decode(&body).expect("base64");
            body = String::from_utf8(bytes).expect("UTF-8");
        }
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let read = is_taken(&delivery(&payload));
        assert_eq!(validator.is_valid(&body), read, "{}", path.display());
        taken += usize::from(read);
        files += usize::from(is_http);
    }
    assert!(
        files >= 5 && taken > files,
        "{taken} bodies, {files} of them as HTTP"
    );
}

#[test]
fn the_examples_are_valid_and_are_read() {
    let document = document();
    let mut seen = 0;
    for content_type in BODY_TYPES {
        let validator = validator(&document, &body_schema(&document, content_type));
        let content = &document["paths"]["/events"]["post"]["requestBody"]["content"];
        for (name, example) in content[content_type]["examples"]
            .as_object()
            .expect("examples")
        {
            let body = &example["value"];
            let headers = [("content-type", content_type)];
            let payload = request("POST", "/events", &headers, &body.to_string());
            assert!(
                validator.is_valid(body) && is_taken(&delivery(&payload)),
                "{name}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

/// Mostly right, now and then not.
fn one_of(right: &[Value], wrong: &[Value]) -> impl Strategy<Value = Option<Value>> + use<> {
    prop_oneof![
        12 => prop::sample::select(right.to_vec()).prop_map(Some),
        1 => prop::sample::select(wrong.to_vec()).prop_map(Some),
        1 => Just(None),
    ]
}

fn names() -> impl Strategy<Value = Option<Value>> {
    let long = |n| json!("ü".repeat(n));
    one_of(
        &[json!("acme.hr"), json!("a\u{2028}ü"), long(MAX_NAME)],
        &[
            json!(""),
            json!(null),
            json!(7),
            json!("a\n"),
            json!("\u{7f}"),
            json!("a\u{85}b"),
            json!("\0"),
            long(MAX_NAME + 1),
        ],
    )
}

fn times() -> impl Strategy<Value = Option<Value>> {
    let right = [
        "2026-03-02T07:00:04Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.123456789123-23:59",
    ];
    one_of(
        &right.map(Value::from),
        &[
            json!(null),
            json!(5),
            json!("yesterday"),
            json!("2026-02-30T00:00:00Z"),
        ],
    )
}

fn events() -> impl Strategy<Value = Value> {
    let objects = || {
        one_of(
            &[json!({}), json!({"n": [1]})],
            &[json!(null), json!([]), json!("{}")],
        )
    };
    let subjects = one_of(
        &[json!("p-1"), json!(""), json!(null)],
        &[json!(1), json!({})],
    );
    // That text is base64 of an object, a schema cannot say.
    let encoded = one_of(&[json!("e30="), json!(null)], &[json!(1), json!([])]);
    let cloud = (
        names(),
        names(),
        names(),
        times(),
        subjects,
        objects(),
        encoded,
        0..8_u8,
    )
        .prop_map(|(id, source, kind, time, subject, data, encoded, bits)| {
            let version = if bits == 0 {
                json!("0.3")
            } else {
                json!("1.0")
            };
            let encoded = encoded.filter(|_| bits < 3);
            let data = data.filter(|_| bits > 1);
            object([
                ("specversion", Some(version)),
                ("id", id),
                ("source", source),
                ("type", kind),
                ("time", time),
                ("subject", subject),
                ("data", data),
                ("data_base64", encoded),
                ("detail", Some(json!(7))),
            ])
        });
    let plain = (names(), names(), names(), times(), objects()).prop_map(
        |(id, source, kind, time, detail)| {
            object([
                ("id", id),
                ("source", source),
                ("detail-type", kind),
                ("time", time),
                ("detail", detail),
                ("resources", Some(json!(7))),
            ])
        },
    );
    prop_oneof![4 => plain, 4 => cloud, 1 => Just(json!("event"))]
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let member = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    members.into_iter().filter_map(member).collect()
}

#[test]
fn any_body_is_valid_exactly_if_it_is_read() {
    let document = document();
    let validators = BODY_TYPES.map(|name| validator(&document, &body_schema(&document, name)));
    let bodies = prop_oneof![
        3 => events(),
        1 => prop::collection::vec(events(), 0..3).prop_map(Value::from),
        1 => Just(json!(vec![json!({"source": "s", "detail-type": "t", "detail": {}}); MAX_HTTP_EVENTS + 1])),
    ];
    let mut seen = BTreeSet::new();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2000));
    let seen_by_the_runner = std::cell::RefCell::new(&mut seen);
    runner
        .run(&(bodies, 0..BODY_TYPES.len()), |(body, at)| {
            let headers = [("content-type", BODY_TYPES[at])];
            let payload = request("POST", "/events", &headers, &body.to_string());
            let read = is_taken(&delivery(&payload));
            prop_assert_eq!(
                validators[at].is_valid(&body),
                read,
                "as {}",
                BODY_TYPES[at]
            );
            seen_by_the_runner.borrow_mut().insert((at, read));
            Ok(())
        })
        .expect("no difference");
    assert_eq!(
        seen.len(),
        2 * BODY_TYPES.len(),
        "each type is both taken and refused"
    );
}

#[test]
fn the_parameters_take_what_the_code_takes() {
    let document = document();
    let parameters = &document["components"]["parameters"];
    let key = validator(&document, &parameters["IdempotencyKey"]["schema"]);
    let body = json!({"source": "acme.hr", "detail-type": "t", "detail": {}}).to_string();
    let longest = MAX_NAME - 8;
    let quoted = |n: usize| format!("\"{}\"", "k".repeat(n));
    let keys = [
        ("k".to_owned(), true),
        ("\" k\"".to_owned(), true),
        ("k".repeat(longest), true),
        (quoted(longest), true),
        (String::new(), false),
        ("\"\"".to_owned(), false),
        ("k".repeat(longest + 1), false),
        (quoted(longest + 1), false),
        ("k\u{7}k".to_owned(), false),
        ("hr \u{7e}".to_owned(), true),
        ("a\"b".to_owned(), true),
        ("\"k".to_owned(), false),
        ("\"".to_owned(), false),
        ("k\u{e9}".to_owned(), false),
        ("\"\u{65e5}\"".to_owned(), false),
        ("k\u{85}k".to_owned(), false),
    ];
    for (value, right) in keys {
        let headers = [("idempotency-key", value.as_str())];
        let delivery = delivery(&request("POST", "/events", &headers, &body));
        assert_eq!(
            (key.is_valid(&json!(value)), is_taken(&delivery)),
            (right, right),
            "{value}"
        );
    }
    let dry_run = &parameters["DryRun"];
    assert_eq!(
        (&dry_run["name"], &dry_run["schema"]["type"]),
        (&json!("dryRun"), &json!("boolean"))
    );
    for (query, right) in [
        ("true", true),
        ("false", true),
        ("1", false),
        ("", false),
        ("null", false),
    ] {
        let mut payload = request("POST", "/events", &[], &body);
        payload["rawQueryString"] = json!(format!("dryRun={query}"));
        assert_eq!(is_taken(&delivery(&payload)), right, "{query}");
    }
}

#[test]
fn binary_mode_takes_the_headers_and_the_data_that_the_document_names() {
    let document = document();
    let named = document["components"]["parameters"]
        .as_object()
        .expect("parameters");
    let named: BTreeSet<&str> = named.values().filter_map(|p| p["name"].as_str()).collect();
    let values = [
        ("ce-specversion", "1.0", true),
        ("ce-id", "1", true),
        ("ce-source", "acme.hr", true),
        ("ce-type", "Person%20Moved", true),
        ("ce-subject", "p-1", false),
        ("ce-time", "2026-03-02T07:00:04Z", false),
    ];
    for left_out in values {
        let kept = values.iter().filter(|value| **value != left_out);
        let headers: Vec<(&str, &str)> = kept.map(|(name, value, _)| (*name, *value)).collect();
        let delivery = delivery(&request("POST", "/events", &headers, "{}"));
        assert_eq!(is_taken(&delivery), !left_out.2, "without {}", left_out.0);
        assert!(named.contains(left_out.0), "{}", left_out.0);
    }
    assert_eq!(
        named.iter().filter(|name| name.starts_with("ce-")).count(),
        values.len()
    );
    let data = validator(&document, &component("CloudEventData"));
    let headers: Vec<(&str, &str)> = values.map(|(name, value, _)| (name, value)).to_vec();
    for body in [
        json!({}),
        json!({"n": 1}),
        json!(null),
        json!([]),
        json!(1),
        json!("{}"),
    ] {
        let delivery = delivery(&request("POST", "/events", &headers, &body.to_string()));
        assert_eq!(data.is_valid(&body), is_taken(&delivery), "{body}");
    }
}

#[test]
fn paths_and_methods_are_those_of_the_document() {
    let document = document();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in METHODS {
            let delivery = delivery(&request(method, path, &[], "{}"));
            let Origin::Http(http) = &delivery.origin else {
                panic!("{path} is not HTTP");
            };
            let refused =
                matches!(&http.ask, HttpAsk::Problem { problem, .. } if problem.status == 405);
            let promised = item.get(method.to_ascii_lowercase()).is_some();
            assert_eq!(promised, !refused, "{method} {path}");
        }
    }
}

#[test]
fn bounds_and_names_are_the_codes() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(schemas["Name"]["maxLength"], json!(MAX_NAME));
    for name in ["Events", "CloudEvents"] {
        assert_eq!(schemas[name]["maxItems"], json!(MAX_HTTP_EVENTS));
    }
    assert_eq!(
        schemas["Call"]["enum"],
        json!(Operation::ALL.map(Operation::name))
    );
    for name in ["RetryAfter", "RetryAfterAlways"] {
        let header = &document["components"]["headers"][name];
        assert_eq!(header["schema"]["const"], json!(RETRY_AFTER_SECONDS));
    }
    let said = |text: &Value, number: usize| {
        let text = text.as_str().expect("a description");
        assert!(
            text.contains(&format!(" {number} ")),
            "{number} is not in: {text}"
        );
    };
    let body = &document["paths"]["/events"]["post"]["requestBody"]["description"];
    said(body, MAX_HTTP_BODY);
    said(body, MAX_DEPTH);
    let too_large = &document["components"]["responses"]["TooLarge"]["description"];
    said(too_large, MAX_HTTP_BODY);
    said(too_large, MAX_HTTP_EVENTS);
    said(&schemas["Event"]["description"], MAX_STRING);
    said(&schemas["CloudEvent"]["description"], MAX_STRING);
}

// --- Problems ---------------------------------------------------------------------------------------------------------

/// Statuses and codes as they stand in the source, for no type lists them.
fn problems_in_the_code() -> BTreeSet<(u16, String)> {
    let made =
        Regex::new(r#"(?:Malformed|Self)::new\(\s*(\d{3}),\s*"([a-z-]+)""#).expect("a pattern");
    let paired = Regex::new(r#"\((\d{3}), "([a-z-]+)"\)"#).expect("a pattern");
    let mut found = BTreeSet::new();
    let mut add = |pattern: &Regex, text: &str| {
        let problems = pattern.captures_iter(text).map(|found| found.extract().1);
        found.extend(
            problems.map(|[status, code]| (status.parse().expect("a status"), code.to_owned())),
        );
    };
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let text = fs::read_to_string(&path).expect("a source file");
        let plain = text.matches("Malformed::new(").count();
        let read = made
            .find_iter(&text)
            .filter(|found| found.as_str().starts_with("Malformed"))
            .count();
        assert_eq!(
            plain,
            read,
            "{}: a problem without a plain code",
            path.display()
        );
        add(&made, &text);
        if path.ends_with("reply/http.rs") {
            add(&paired, &text);
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                found.push(path)
            }
            false => {}
        }
    }
    found
}

#[test]
fn every_problem_of_the_code_is_in_the_document_with_its_status_and_no_other() {
    const TYPE: &str = "urn:usher:problem:";
    let document = document();
    let types = |schema: &Value| -> Vec<String> {
        let listed = schema["enum"].as_array().cloned();
        let listed = listed.unwrap_or_else(|| vec![schema["const"].clone()]);
        let code = |name: &Value| {
            name.as_str()
                .and_then(|name| name.strip_prefix(TYPE))
                .map(str::to_owned)
        };
        listed
            .iter()
            .map(|name| code(name).expect("a problem type"))
            .collect()
    };
    let responses = document["components"]["responses"]
        .as_object()
        .expect("responses");
    let mut promised: BTreeSet<(u16, String)> = BTreeSet::new();
    for response in responses.values() {
        let members =
            &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"];
        let status = members["status"]["const"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        let status = status.expect("a status");
        promised.extend(
            types(&members["type"])
                .into_iter()
                .map(|code| (status, code)),
        );
    }
    // At no path of the document.
    promised.insert((404, "not-found".to_owned()));
    let problems = problems_in_the_code();
    assert_eq!(problems, promised);
    let codes: BTreeSet<String> = problems.into_iter().map(|(_, code)| code).collect();
    let listed = types(&document["components"]["schemas"]["ProblemType"]);
    assert_eq!(codes, listed.into_iter().collect());
}

// --- Answers ----------------------------------------------------------------------------------------------------------

/// Its status, what the document says of it, and its bodies by content type.
type Response = (String, Value, Vec<(String, Validator)>);

/// The answers of one operation, ready to be compared with.
struct Promised {
    document: Value,
    responses: Vec<Response>,
}

impl Promised {
    fn new(path: &str, method: &str) -> Self {
        let document = document();
        let listed = document["paths"][path][method]["responses"]
            .as_object()
            .expect("responses");
        let response = |(status, node): (&String, &Value)| {
            let response = resolved(&document, node);
            let content = response["content"].as_object().expect("content").iter();
            let bodies =
                content.map(|(name, media)| (name.clone(), validator(&document, &media["schema"])));
            (status.clone(), response.clone(), bodies.collect())
        };
        let responses = listed.iter().map(response).collect();
        Self {
            document,
            responses,
        }
    }

    /// Holds a reply against the document; its status.
    fn check(&self, reply: &Value) -> Result<String, String> {
        let status = reply["statusCode"].to_string();
        let found = self.responses.iter().find(|(name, ..)| *name == status);
        let (_, response, bodies) = found.ok_or_else(|| format!("{status} is not promised"))?;
        let mut headers = reply["headers"].as_object().cloned().unwrap_or_default();
        let content_type = headers.remove("content-type").unwrap_or_default();
        let body = bodies
            .iter()
            .find(|(name, _)| content_type == name.as_str());
        let (_, body_validator) = body.ok_or_else(|| format!("{status} as {content_type}"))?;
        let body = reply["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        if let Some(error) = body_validator.iter_errors(&body).next() {
            return Err(format!("{status}: {error} in {body:#}"));
        }
        for (name, node) in response["headers"].as_object().into_iter().flatten() {
            let header = resolved(&self.document, node);
            let Some(value) = headers.remove(&name.to_ascii_lowercase()) else {
                if header["required"] == json!(true) {
                    return Err(format!("{status} without {name}"));
                }
                continue;
            };
            let text = value.as_str().unwrap_or_default();
            let value = match header["schema"]["type"] == "integer" {
                true => serde_json::from_str(text).unwrap_or_default(),
                false => json!(text),
            };
            if !validator(&self.document, &header["schema"]).is_valid(&value) {
                return Err(format!("{status} with {name}: {text}"));
            }
        }
        match headers.keys().next() {
            Some(name) => Err(format!("{status} with {name}, which is not promised")),
            None => Ok(status),
        }
    }
}

fn event(id: &str, time: &str) -> Event {
    let document = json!({
        "id": id, "source": "acme.hr", "detail-type": "Person Moved", "time": time, "detail": {},
    });
    let defaults = Defaults {
        id: "unused",
        time: OffsetDateTime::UNIX_EPOCH,
    };
    Event::from_json(document, &defaults).expect("an event")
}

fn answered(http: HttpRequest, answers: Vec<Answer>) -> Value {
    let number = |(index, answer): (usize, Answer)| Answered {
        item: index.to_string(),
        answer,
    };
    let answers = answers.into_iter().enumerate().map(number).collect();
    reply(&Origin::Http(http), answers).expect("HTTP never fails")
}

fn http(many: bool, dry_run: bool) -> HttpRequest {
    HttpRequest {
        id: "JKJaXmPLvHcESHA= ü".to_owned(),
        format: PayloadFormat::V1,
        dry_run,
        many,
        caller: None,
        ask: HttpAsk::Events,
    }
}

fn members() -> impl Strategy<Value = Vec<MemberChange>> {
    let value = || {
        let values = [
            json!("a"),
            json!([]),
            json!({"n": 1.5}),
            json!(false),
            json!(null),
        ];
        prop::option::of(prop::sample::select(values.to_vec()))
    };
    let member = (value(), value()).prop_map(|(from, to)| MemberChange {
        path: "UserSettings.ExecutionRole".to_owned(),
        from,
        to,
    });
    prop::collection::vec(member, 0..3)
}

/// What passes is retried always, where the cause says so; the other causes can go either way.
fn failures() -> impl Strategy<Value = Failure> {
    let causes = vec![
        Cause::Values,
        Cause::NoSuchTarget,
        Cause::Busy,
        Cause::Guard,
        Cause::Stale,
        Cause::Service,
        Cause::Unfinished,
    ];
    (prop::sample::select(causes), any::<bool>()).prop_map(|(cause, passing)| Failure {
        code: "ThrottlingException".to_owned(),
        message: "why \"not\"\n".to_owned(),
        retryable: passing || matches!(cause, Cause::Busy | Cause::Unfinished),
        cause,
    })
}

fn targets() -> impl Strategy<Value = Option<String>> {
    prop::option::of(Just("sagemaker:user-profile/d-abc/jane-doe".to_owned()))
}

fn changes() -> impl Strategy<Value = ChangeReport> {
    let outcomes = vec![
        Outcome::Updated,
        Outcome::Created,
        Outcome::Unchanged,
        Outcome::Stale,
        Outcome::Refused,
    ];
    let ended = prop_oneof![
        (prop::sample::select(outcomes), prop::option::of(failures())),
        failures().prop_map(|failure| (Outcome::Failed, Some(failure))),
    ];
    let calls = prop::sample::select(Operation::ALL.map(Operation::name).to_vec());
    (
        calls,
        targets(),
        ended,
        members(),
        any::<u32>(),
        any::<u64>(),
    )
        .prop_map(
            |(call, target, (outcome, error), members, attempts, millis)| ChangeReport {
                call,
                target,
                rules: vec!["everyone".to_owned()],
                outcome,
                members,
                attempts,
                millis,
                error,
                throttles: attempts,
                repeated: false,
            },
        )
}

const TIMES: [&str; 3] = [
    "2026-09-01T06:00:09Z",
    "0001-01-01T00:00:00+14:00",
    "2026-09-01T06:00:09.25-23:59",
];

fn reports() -> impl Strategy<Value = Answer> {
    let rules = prop::collection::vec(Just("everyone".to_owned()), 0..2);
    let times = prop::sample::select(TIMES.to_vec());
    (times, rules, prop::collection::vec(changes(), 0..3)).prop_map(|(time, rules, changes)| {
        Answer::Report(Report::new(&event("e1", time), rules, changes))
    })
}

fn plans() -> impl Strategy<Value = Answer> {
    let actions = vec![
        Action::Change,
        Action::Unchanged,
        Action::Refused,
        Action::Failed,
    ];
    let planned = (
        targets(),
        prop::sample::select(actions),
        members(),
        prop::option::of(failures()),
    )
        .prop_map(|(target, action, members, error)| Planned {
            call: Operation::SageMakerUpdateDomain.name(),
            target,
            rules: vec!["everyone".to_owned()],
            action,
            members,
            error,
        });
    let times = prop::sample::select(TIMES.to_vec());
    (times, prop::collection::vec(planned, 0..3)).prop_map(|(time, changes)| {
        let plan = Plan {
            events: vec![EventRef::from(&event("e1", time))],
            changes,
        };
        Answer::Plan(serde_json::to_value(plan).expect("JSON"))
    })
}

/// Events that are none, as the code itself finds them, and one that no guard lets in.
fn malformed() -> impl Strategy<Value = Answer> {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let long = json!("x".repeat(MAX_STRING + 1)).to_string();
    let bodies = [
        "{}".to_owned(),
        "{".to_owned(),
        deep.replace("[[", "{\"a\":[[").replace("]]", "]]}"),
        format!("{{\"a\":{deep}}}"),
        format!("{{\"a\":{long}}}"),
    ];
    let problem = |body: &String| {
        let mut items = delivery(&request("POST", "/events", &[], body)).items;
        items.remove(0).event.expect_err("a malformed event")
    };
    let mut problems: Vec<Malformed> = bodies.iter().map(problem).collect();
    problems.push(Malformed::new(
        403,
        "refused",
        "events of this source are not taken over HTTP",
    ));
    prop::sample::select(problems).prop_map(Answer::Malformed)
}

fn replies() -> impl Strategy<Value = Value> {
    let several = |one: BoxedStrategy<Answer>| {
        let some = prop_oneof![3 => one, 1 => malformed()];
        prop::collection::vec(some, 0..4)
    };
    let single = |one: BoxedStrategy<Answer>| {
        prop_oneof![4 => one, 1 => malformed()].prop_map(|one| vec![one])
    };
    prop_oneof![
        4 => single(reports().boxed()).prop_map(|one| answered(http(false, false), one)),
        1 => single(plans().boxed()).prop_map(|one| answered(http(false, true), one)),
        2 => several(reports().boxed()).prop_map(|some| answered(http(true, false), some)),
        1 => several(plans().boxed()).prop_map(|some| answered(http(true, true), some)),
    ]
}

/// What is wrong with the request itself, each with a status of its own.
fn wrong_requests() -> Vec<Value> {
    let post = |headers: &[(&str, &str)], body: &str| request("POST", "/events", headers, body);
    let mut query = post(&[], "{}");
    query["rawQueryString"] = json!("dryrun=true");
    let mut base64 = post(&[], "!!");
    base64["isBase64Encoded"] = json!(true);
    let batch = [("content-type", "application/cloudevents-batch+json")];
    vec![
        query,
        base64,
        post(&[], ""),
        post(&batch, "{}"),
        post(&[("idempotency-key", "")], "{}"),
        post(&[("accept", "text/html")], "{}"),
        post(&[("content-type", "text/plain")], "{}"),
        post(&[], &"x".repeat(MAX_HTTP_BODY + 1)),
        post(&[], &json!(vec![0; MAX_HTTP_EVENTS + 1]).to_string()),
        request("PUT", "/events", &[], "{}"),
    ]
}

fn problem_reply(payload: &Value) -> Value {
    let delivery = delivery(payload);
    assert!(delivery.items.is_empty());
    reply(&delivery.origin, Vec::new()).expect("HTTP never fails")
}

#[test]
fn every_answer_to_events_is_one_that_the_document_promises_and_every_promise_is_kept() {
    let promised = Promised::new("/events", "post");
    let statuses = std::cell::RefCell::new(BTreeSet::new());
    for payload in wrong_requests() {
        let status = promised
            .check(&problem_reply(&payload))
            .expect("as promised");
        statuses.borrow_mut().insert(status);
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1500));
    runner
        .run(&replies(), |reply| {
            let status = promised.check(&reply).map_err(TestCaseError::fail)?;
            statuses.borrow_mut().insert(status);
            Ok(())
        })
        .expect("as promised");
    let listed = promised.responses.iter().map(|(status, ..)| status.clone());
    assert_eq!(statuses.into_inner(), listed.collect());
}

#[test]
fn the_answers_to_who_asks_for_the_document_are_promised_too() {
    let promised = Promised::new("/openapi.json", "get");
    let get = |headers: &[(&str, &str)]| request("GET", "/openapi.json", headers, "");
    let origin = delivery(&get(&[])).origin;
    let document = Answered {
        item: "openapi".to_owned(),
        answer: Answer::Document(document()),
    };
    let document = reply(&origin, vec![document]).expect("HTTP never fails");
    let replies = [
        document,
        problem_reply(&request("POST", "/openapi.json", &[], "{}")),
        problem_reply(&get(&[("accept", "text/html")])),
    ];
    let statuses: Result<Vec<String>, String> =
        replies.iter().map(|reply| promised.check(reply)).collect();
    assert_eq!(statuses.expect("as promised"), ["200", "405", "406"]);
    assert_eq!(promised.responses.len(), replies.len());
}
