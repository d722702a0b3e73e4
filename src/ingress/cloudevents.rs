//! CloudEvents 1.0 in EventBridge's shape, so that rules need one language.
//!
//! | CloudEvents | EventBridge |
//! | --- | --- |
//! | `id`, `source`, `time` | the same |
//! | `type` | `detail-type` |
//! | `data`, or the JSON in `data_base64` | `detail`; `{}` when there is none |
//! | `subject` | the one item of `resources` |
//! | `dataschema` and extensions | members of the same name, unless EventBridge has given the name a meaning |
//! | `specversion`, `datacontenttype` | left out |
//!
//! Source: CloudEvents specification 1.0.2, with its JSON event format and HTTP protocol binding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::document;
use super::request::Headers;
use crate::event::{Defaults, Event, Malformed, kind};

/// Attributes that have become something else, or that would claim what only EventBridge says.
const NOT_COPIED: [&str; 16] = [
    "specversion",
    "datacontenttype",
    "id",
    "source",
    "type",
    "time",
    "subject",
    "data",
    "data_base64",
    "version",
    "account",
    "region",
    "resources",
    "detail",
    "detail-type",
    "replay-name",
];

/// One CloudEvent in the JSON event format.
///
/// # Errors
/// [`Malformed`] naming every attribute that is wrong.
pub(super) fn read(
    mut attributes: Map<String, Value>,
    defaults: &Defaults<'_>,
) -> Result<Event, Malformed> {
    // "Unset attributes MAY be encoded to the JSON value of null" (JSON event format, 2.1).
    attributes.retain(|_, value| !value.is_null());
    let mut problems = Vec::new();
    if attributes.get("specversion").and_then(Value::as_str) != Some("1.0") {
        problems.push(
            "`specversion` is not the string \"1.0\"; other versions are not read".to_owned(),
        );
    }
    for name in ["id", "source", "type"] {
        problems.extend(required(&attributes, name));
    }
    if let Some(other) = attributes
        .get("subject")
        .filter(|subject| !subject.is_string())
    {
        problems.push(format!(
            "`subject` is {}; a string is expected",
            kind(other)
        ));
    }
    let detail = detail(&mut attributes).unwrap_or_else(|problem| {
        problems.push(problem);
        Value::Null
    });
    if !problems.is_empty() {
        return Err(Malformed::event(format!(
            "the CloudEvent is not right: {}",
            problems.join("; ")
        )));
    }
    Event::from_json(mapped(attributes, detail), defaults)
}

fn mapped(mut attributes: Map<String, Value>, detail: Value) -> Value {
    let mut take = |name| attributes.remove(name).unwrap_or_default();
    let mut event = Map::new();
    event.insert("version".to_owned(), json!("0"));
    event.insert("id".to_owned(), take("id"));
    event.insert("detail-type".to_owned(), take("type"));
    event.insert("source".to_owned(), take("source"));
    match take("time") {
        Value::Null => {}
        time => {
            event.insert("time".to_owned(), time);
        }
    }
    let resources = match take("subject") {
        Value::Null => json!([]),
        subject => json!([subject]),
    };
    event.insert("resources".to_owned(), resources);
    event.insert("detail".to_owned(), detail);
    event.extend(
        attributes
            .into_iter()
            .filter(|(name, _)| !NOT_COPIED.contains(&name.as_str())),
    );
    Value::Object(event)
}

fn required(attributes: &Map<String, Value>, name: &str) -> Option<String> {
    const EXPECTED: &str = "a non-empty string is expected";
    match attributes.get(name) {
        Some(Value::String(text)) if !text.is_empty() => None,
        Some(Value::String(_)) => Some(format!("`{name}` is empty; {EXPECTED}")),
        Some(other) => Some(format!("`{name}` is {}; {EXPECTED}", kind(other))),
        None => Some(format!("`{name}` is missing; {EXPECTED}")),
    }
}

fn detail(attributes: &mut Map<String, Value>) -> Result<Value, String> {
    let data = attributes.remove("data");
    let encoded = attributes.remove("data_base64");
    let (name, data) = match (data, encoded) {
        (Some(_), Some(_)) => {
            return Err("`data` and `data_base64` are both there; one is expected".to_owned());
        }
        (None, None) => return Ok(json!({})),
        (Some(data), None) => ("data", data),
        (None, Some(encoded)) => ("data_base64", decoded(&encoded)?),
    };
    match data {
        Value::Object(_) => Ok(data),
        other => Err(format!(
            "`{name}` holds {}; an object is expected",
            kind(&other)
        )),
    }
}

fn decoded(encoded: &Value) -> Result<Value, String> {
    let text = encoded
        .as_str()
        .ok_or_else(|| format!("`data_base64` is {}; a string is expected", kind(encoded)))?;
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| "`data_base64` is not base64".to_owned())?;
    let text =
        String::from_utf8(bytes).map_err(|_| "`data_base64` does not hold UTF-8".to_owned())?;
    document::parse("`data_base64`", &text).map_err(|problem| problem.message)
}

/// Whether a request is a CloudEvent in binary mode: its attributes stand in `ce-` headers.
pub(super) fn is_binary(headers: &Headers) -> bool {
    headers.names().any(|name| name.starts_with("ce-"))
}

/// One CloudEvent from headers and body.
///
/// # Errors
/// As [`read`], and when the body is not JSON or a header's percent-encoding is not UTF-8 (HTTP binding, 3.1.3.2).
pub(super) fn binary(
    headers: &Headers,
    body: &str,
    defaults: &Defaults<'_>,
) -> Result<Event, Malformed> {
    let mut attributes = Map::new();
    for (header, value) in headers.iter() {
        let Some(name) = header.strip_prefix("ce-") else {
            continue;
        };
        let quoted = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let value = percent_decode_str(quoted.unwrap_or(value))
            .decode_utf8()
            .map_err(|_| {
                Malformed::event("a `ce-` header is not UTF-8 once its percent-encoding is undone")
            })?;
        attributes.insert(name.to_owned(), Value::from(value));
    }
    // Data is the body, whatever a header calls itself.
    attributes.remove("data_base64");
    attributes.remove("data");
    if !body.trim().is_empty() {
        attributes.insert("data".to_owned(), document::parse("the body", body)?);
    }
    read(attributes, defaults)
}

/// Insists on the envelope where the content type promises it.
pub(super) fn structured(document: Value, defaults: &Defaults<'_>) -> Result<Event, Malformed> {
    match document {
        Value::Object(attributes) => read(attributes, defaults),
        other => {
            let message = format!("the CloudEvent is {}; an object is expected", kind(&other));
            Err(Malformed::event(message))
        }
    }
}
