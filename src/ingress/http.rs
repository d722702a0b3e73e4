//! `POST /events` and `GET /openapi.json`: what a request asks for, checked from the outside in, each with its own status.

use serde_json::value::RawValue;

use super::document::{self, Envelopes};
use super::request::Request;
use super::{
    Context, Delivery, HttpAsk, HttpRequest, Item, MAX_HTTP_EVENTS, Origin, PayloadFormat, accept,
    cloudevents, one_of,
};
use crate::event::{Defaults, Event, MAX_NAME, Malformed};

/// The longest `Idempotency-Key`: with the place in an array after it, it is still an event id.
const MAX_KEY: usize = MAX_NAME - 8;

/// Reads a request. Nothing here fails: what is wrong becomes the answer.
pub(super) fn read(
    request: Result<Request, Malformed>,
    format: PayloadFormat,
    context: &Context<'_>,
) -> Delivery {
    let mut http = HttpRequest {
        id: context.request_id.to_owned(),
        format,
        dry_run: false,
        many: false,
        caller: None,
        ask: HttpAsk::Events,
    };
    let items = request.map_err(Stop::from).and_then(|request| {
        http.caller.clone_from(&request.caller);
        if let Some(id) = &request.id {
            http.id.clone_from(id);
        }
        ask(&request, &mut http, context)
    });
    let items = items.unwrap_or_else(|Stop { problem, allow }| {
        http.ask = HttpAsk::Problem { problem, allow };
        Vec::new()
    });
    Delivery {
        origin: Origin::Http(http),
        items,
    }
}

/// Why a request goes no further.
struct Stop {
    problem: Malformed,
    allow: Option<&'static str>,
}

impl From<Malformed> for Stop {
    fn from(problem: Malformed) -> Self {
        Self {
            problem,
            allow: None,
        }
    }
}

fn ask(
    request: &Request,
    http: &mut HttpRequest,
    context: &Context<'_>,
) -> Result<Vec<Item>, Stop> {
    let (allow, ask) = match request.path.as_str() {
        "/events" => ("POST", HttpAsk::Events),
        "/openapi.json" => ("GET", HttpAsk::OpenApi),
        _ => {
            let message =
                "there is nothing at this path; POST /events and GET /openapi.json are here";
            return Err(Malformed::new(404, "not-found", message).into());
        }
    };
    if request.method != allow {
        let message = format!("this path takes {allow} only");
        let problem = Malformed::new(405, "method-not-allowed", message);
        return Err(Stop {
            problem,
            allow: Some(allow),
        });
    }
    if !accept::takes_json(request.headers.get("accept")) {
        let message = "`Accept` excludes application/json, and nothing else is on offer";
        return Err(Malformed::new(406, "not-acceptable", message).into());
    }
    http.ask = ask;
    match http.ask {
        HttpAsk::OpenApi | HttpAsk::Problem { .. } => Ok(Vec::new()),
        HttpAsk::Events => {
            let mode = mode(request)?;
            http.dry_run = dry_run(&request.query)?;
            let key = key(request, http)?;
            let body = request.body()?;
            let items = events(&body, mode, request, &key, context)?;
            http.many = mode == Mode::Batch || (mode == Mode::Json && is_array(&body));
            Ok(items)
        }
    }
}

/// How the body is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One event or an array of events. A `specversion` makes one a CloudEvent here too.
    Json,
    Structured,
    Binary,
    Batch,
}

/// A body without a content type is taken as JSON, as RFC 9110 (8.3) allows: it is parsed strictly all the same.
fn mode(request: &Request) -> Result<Mode, Malformed> {
    let unsupported = || {
        let message = "the content type is not read here; application/json, application/cloudevents+json, \
                       application/cloudevents-batch+json, or JSON with ce- headers is expected, in UTF-8";
        Malformed::new(415, "unsupported-media-type", message)
    };
    let (essence, charset) = request
        .headers
        .get("content-type")
        .map(accept::media_type)
        .unwrap_or_default();
    if charset.is_some_and(|charset| !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")) {
        return Err(unsupported());
    }
    // The content type tells structured from binary mode before the headers do (HTTP binding, 3).
    let binary = cloudevents::is_binary(&request.headers);
    match essence.as_str() {
        "application/cloudevents+json" => Ok(Mode::Structured),
        "application/cloudevents-batch+json" => Ok(Mode::Batch),
        "application/json" | "text/json" | "" if binary => Ok(Mode::Binary),
        essence
            if binary
                && essence.ends_with("+json")
                && !essence.starts_with("application/cloudevents") =>
        {
            Ok(Mode::Binary)
        }
        "application/json" | "" => Ok(Mode::Json),
        _ => Err(unsupported()),
    }
}

/// An unknown parameter is refused: `?dryrun=true`, taken as nothing, would write.
fn dry_run(query: &[(String, String)]) -> Result<bool, Malformed> {
    let refused = |message| Err(Malformed::new(400, "malformed-query", message));
    if query.iter().any(|(name, _)| name != "dryRun") {
        return refused("the query has an unknown parameter; only `dryRun` is known");
    }
    match query {
        [] => Ok(false),
        [(_, value)] if value == "true" => Ok(true),
        [(_, value)] if value == "false" => Ok(false),
        [_] => refused("`dryRun` is neither `true` nor `false`"),
        _ => refused("`dryRun` is there more than once"),
    }
}

/// What names events that have no id of their own: the sender's key, or else the request. The key may stand in quotes, as the IETF
/// draft on the header has it (a string of RFC 8941: printable ASCII), or without, as most senders have it.
fn key(request: &Request, http: &HttpRequest) -> Result<String, Malformed> {
    let Some(key) = request.headers.get("idempotency-key").map(str::trim) else {
        return Ok(http.id.clone());
    };
    let key = match key.strip_prefix('"') {
        // A quote that is not closed leaves nothing that could be a key.
        Some(rest) => rest.strip_suffix('"').unwrap_or_default(),
        None => key,
    };
    let printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if key.is_empty() || key.len() > MAX_KEY || !printable {
        let message = format!("`Idempotency-Key` is not 1 to {MAX_KEY} printable ASCII characters");
        return Err(Malformed::new(400, "malformed-idempotency-key", message));
    }
    Ok(key.to_owned())
}

fn events(
    body: &str,
    mode: Mode,
    request: &Request,
    key: &str,
    context: &Context<'_>,
) -> Result<Vec<Item>, Malformed> {
    let defaults = Defaults {
        id: key,
        time: context.now,
    };
    if mode == Mode::Binary {
        return Ok(vec![item(
            0,
            cloudevents::binary(&request.headers, body, &defaults),
        )]);
    }
    if body.trim().is_empty() {
        return Err(Malformed::new(
            400,
            "malformed-json",
            "the body is empty; an event is expected",
        ));
    }
    match mode {
        Mode::Binary | Mode::Json if !is_array(body) => Ok(vec![item(
            0,
            document::read(body, &defaults, Envelopes::None),
        )]),
        Mode::Structured => {
            let event = document::parse("the event", body)
                .and_then(|document| cloudevents::structured(document, &defaults));
            Ok(vec![item(0, event)])
        }
        Mode::Binary | Mode::Json | Mode::Batch => array(body, mode, &defaults),
    }
}

fn array(body: &str, mode: Mode, defaults: &Defaults<'_>) -> Result<Vec<Item>, Malformed> {
    if !is_array(body) {
        let message = "the body is no array; a batch of CloudEvents is one";
        return Err(Malformed::event(message));
    }
    let raw: Vec<&RawValue> =
        serde_json::from_str(body).map_err(|error| Malformed::json("the body", &error))?;
    if raw.len() > MAX_HTTP_EVENTS {
        let message = format!(
            "the body has too many events; at most {MAX_HTTP_EVENTS} are taken in one request"
        );
        return Err(Malformed::new(413, "too-many-events", message));
    }
    let events = raw.len();
    let read = |(index, raw): (usize, &&RawValue)| {
        let id = format!("{}-{index}", defaults.id);
        let defaults = Defaults {
            id: &id,
            time: defaults.time,
        };
        let event = document::parse("the event", raw.get()).and_then(|document| match mode {
            Mode::Batch => cloudevents::structured(document, &defaults),
            Mode::Json | Mode::Structured | Mode::Binary => {
                document::unwrap(document, &defaults, Envelopes::None)
            }
        });
        item(index, one_of(events, event))
    };
    Ok(raw.iter().enumerate().map(read).collect())
}

fn item(index: usize, event: Result<Event, Malformed>) -> Item {
    Item {
        id: index.to_string(),
        group: None,
        event,
    }
}

fn is_array(body: &str) -> bool {
    body.trim_start().starts_with('[')
}
