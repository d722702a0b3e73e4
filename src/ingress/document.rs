//! One JSON text → one event: as it is, out of an SNS envelope, or out of a CloudEvent.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cloudevents;
use crate::event::{Defaults, Event, Malformed, kind};

/// Which wrappings may be around an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelopes {
    /// SNS's JSON may: from a queue or a topic. It never holds another one.
    Sns,
    /// None: over HTTP nobody sends SNS's JSON but SNS itself, which would first have to be confirmed.
    None,
}

/// The longest text, in bytes, of which a tree is made where that can be helped: it takes some fourteen times as much.
const LARGE: usize = 64 * 1024;

pub(super) fn read(
    text: &str,
    defaults: &Defaults<'_>,
    envelopes: Envelopes,
) -> Result<Event, Malformed> {
    if text.len() > LARGE
        && let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text)
        && !(envelopes == Envelopes::Sns && is_sns(|name| members.contains_key(name)))
        && !members.contains_key("specversion")
    {
        return Event::from_text(text, &members, defaults);
    }
    let document = parse("the event", text)?;
    unwrap(document, defaults, envelopes)
}

/// JSON text as a value. The parser stops at 128 levels.
pub(super) fn parse(what: &str, text: &str) -> Result<Value, Malformed> {
    if text.trim().is_empty() {
        let message = format!("{what} is empty; a JSON object is expected");
        return Err(Malformed::new(400, "malformed-json", message));
    }
    serde_json::from_str(text).map_err(|error| Malformed::json(what, &error))
}

pub(super) fn unwrap(
    document: Value,
    defaults: &Defaults<'_>,
    envelopes: Envelopes,
) -> Result<Event, Malformed> {
    match document {
        Value::Object(members)
            if envelopes == Envelopes::Sns && is_sns(|name| members.contains_key(name)) =>
        {
            sns(&members, defaults)
        }
        Value::Object(members) if members.contains_key("specversion") => {
            cloudevents::read(members, defaults)
        }
        other => Event::from_json(other, defaults),
    }
}

/// The members that SNS's JSON format always has (SNS developer guide, HTTP/HTTPS notification JSON format).
fn is_sns(has: impl Fn(&str) -> bool) -> bool {
    ["Type", "TopicArn", "Message"].into_iter().all(has)
}

/// An event in SNS's JSON. Without its own, it takes the message's id and time: they stay when it is delivered again.
pub(super) fn sns(
    members: &Map<String, Value>,
    defaults: &Defaults<'_>,
) -> Result<Event, Malformed> {
    let message = match members.get("Message") {
        Some(Value::String(message)) => message,
        Some(other) => {
            let message = format!(
                "`Message` of the SNS envelope is {}; a string is expected",
                kind(other)
            );
            return Err(Malformed::event(message));
        }
        None => {
            let message = "`Message` of the SNS envelope is missing; a string is expected";
            return Err(Malformed::event(message));
        }
    };
    let text = |name| members.get(name).and_then(Value::as_str);
    let sent = text("Timestamp").and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
    let inner = Defaults {
        id: text("MessageId").unwrap_or(defaults.id),
        time: sent.unwrap_or(defaults.time),
    };
    read(message, &inner, Envelopes::None)
}
