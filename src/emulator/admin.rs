//! The emulator's own endpoints, under `/_usher/`: its world, its log, its faults.

use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

use super::faults::Fault;
use super::reply::Reply;
use super::state::Shared;
use super::world::World;

pub(super) fn answer(shared: &Shared, parts: &Parts, body: Option<&[u8]>) -> Response {
    let result = match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/_usher/world") => Ok(json!(shared.world())),
        ("PUT", "/_usher/world") => read(body).and_then(|body| {
            let world = World::from_json(body).map_err(|error| refused(&error.to_string()))?;
            shared.replace(world);
            Ok(json!({}))
        }),
        ("GET", "/_usher/requests") => Ok(json!(shared.state().log.requests().collect::<Vec<_>>())),
        ("DELETE", "/_usher/requests") => {
            shared.state().log.clear();
            Ok(json!({}))
        }
        ("GET", "/_usher/faults") => Ok(json!(shared.state().world.faults)),
        ("POST", "/_usher/faults") => read(body).and_then(parse_faults).map(|faults| {
            let mut state = shared.state();
            state.world.faults.extend(faults);
            json!(state.world.faults)
        }),
        ("DELETE", "/_usher/faults") => {
            shared.state().world.faults.clear();
            Ok(json!({}))
        }
        ("POST", "/_usher/reset") => {
            shared.reset();
            Ok(json!({}))
        }
        _ => Err((404, json!({"error": ENDPOINTS}))),
    };
    let (status, body) = result.map_or_else(|error| error, |body| (200, body));
    Reply::json(status, "application/json", &body).whole()
}

const ENDPOINTS: &str = "There are GET and PUT /_usher/world, GET and DELETE /_usher/requests, GET, POST and DELETE \
                         /_usher/faults, and POST /_usher/reset.";

fn read(body: Option<&[u8]>) -> Result<&[u8], (u16, Value)> {
    body.ok_or_else(|| (413, json!({"error": "The body is too large."})))
}

/// One fault, or an array of them.
fn parse_faults(body: &[u8]) -> Result<Vec<Fault>, (u16, Value)> {
    let is_array = body.trim_ascii_start().starts_with(b"[");
    let faults = if is_array {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|fault| vec![fault])
    };
    let faults: Vec<Fault> = faults.map_err(|error| refused(&error.to_string()))?;
    let problems: Vec<String> = faults.iter().flat_map(Fault::problems).collect();
    if problems.is_empty() {
        Ok(faults)
    } else {
        Err(refused(&problems.join("\n")))
    }
}

fn refused(message: &str) -> (u16, Value) {
    (400, json!({"error": message}))
}
