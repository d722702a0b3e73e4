//! Batches: SQS and SNS records, and the arrays of Pipes. Each record is read by itself, and only what is needed of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::document::{self, Envelopes};
use super::{Context, Delivery, Item, MAX_EVENTS, Origin, one_of};
use crate::event::{Defaults, Event, Malformed, kind};

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// Members stay raw: one of a wrong type is that record's matter and no other's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord<'a> {
    #[serde(borrow)]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventSourceARN")]
    queue: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct SqsAttributes<'a> {
    #[serde(borrow)]
    message_group_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_timestamp: Option<&'a RawValue>,
}

/// # Errors
/// When a record has no message id: the reply could not name it, and leaving it out would delete it unread, while a reply with an empty
/// identifier fails the batch all the same (Lambda developer guide, SQS partial batch responses).
pub(super) fn sqs(text: &str, context: &Context<'_>) -> Result<Delivery, Malformed> {
    let records = batch(text)?;
    let mut items = Vec::with_capacity(records.len());
    let mut fifo = false;
    for (index, raw) in records.iter().enumerate() {
        let record: SqsRecord<'_> = serde_json::from_str(raw.get()).map_err(|_| unnamed(index))?;
        let id = record
            .message_id
            .and_then(string)
            .filter(|id| !id.is_empty())
            .ok_or_else(|| unnamed(index))?;
        fifo |= record
            .queue
            .and_then(string)
            .is_some_and(|arn| arn.ends_with(".fifo"));
        let item = sqs_item(id, &record, context);
        items.push(Item {
            event: one_of(records.len(), item.event),
            ..item
        });
    }
    if !fifo {
        items.iter_mut().for_each(|item| item.group = None);
    }
    Ok(Delivery {
        origin: Origin::Sqs { fifo },
        items,
    })
}

fn sqs_item(id: String, record: &SqsRecord<'_>, context: &Context<'_>) -> Item {
    let attributes = record
        .attributes
        .and_then(|raw| serde_json::from_str::<SqsAttributes<'_>>(raw.get()).ok())
        .unwrap_or_default();
    let sent = attributes
        .sent_timestamp
        .and_then(string)
        .and_then(|millis| from_millis(&millis));
    let defaults = Defaults {
        id: &id,
        time: sent.unwrap_or(context.now),
    };
    let event = match record.body {
        None => Err(Malformed::event(
            "the message has no body; a string is expected",
        )),
        Some(raw) => match string(raw) {
            None => Err(Malformed::event("the message's body is not a string")),
            Some(body) => document::read(&body, &defaults, Envelopes::Sns),
        },
    };
    Item {
        group: attributes.message_group_id.and_then(string),
        id,
        event,
    }
}

fn unnamed(index: usize) -> Malformed {
    let message = format!(
        "record {index} of the SQS batch has no `messageId`; the batch cannot be answered record by record"
    );
    Malformed::event(message)
}

/// Milliseconds since 1970, as SQS writes `SentTimestamp`.
fn from_millis(millis: &str) -> Option<OffsetDateTime> {
    let nanos = millis.parse::<i128>().ok()?.checked_mul(1_000_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

#[derive(Deserialize)]
struct SnsRecord {
    #[serde(rename = "Sns")]
    envelope: Map<String, Value>,
}

pub(super) fn sns(text: &str, context: &Context<'_>) -> Result<Delivery, Malformed> {
    let items = numbered(&batch(text)?, context, |text, defaults| {
        let record: SnsRecord = serde_json::from_str(text)
            .map_err(|_| Malformed::event("the SNS record has no `Sns` object; one is expected"))?;
        document::sns(&record.envelope, defaults)
    });
    Ok(Delivery {
        origin: Origin::Sns,
        items,
    })
}

pub(super) fn pipes(text: &str, context: &Context<'_>) -> Result<Delivery, Malformed> {
    let records: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| Malformed::json("the payload", &error))?;
    let items = numbered(&bounded(records)?, context, pipes_item);
    Ok(Delivery {
        origin: Origin::Pipes,
        items,
    })
}

/// An event, or a record of the pipe's source: Pipes hands those over as the service made them (EventBridge user guide, Pipes sources).
fn pipes_item(text: &str, defaults: &Defaults<'_>) -> Result<Event, Malformed> {
    let document = document::parse("the event", text)?;
    let Some(record) = document
        .as_object()
        .filter(|members| !members.contains_key("detail-type"))
    else {
        return document::unwrap(document, defaults, Envelopes::Sns);
    };
    let (member, encoded) = match record.get("eventSource").and_then(Value::as_str) {
        Some("aws:sqs") => ("body", false),
        Some("aws:kinesis" | "aws:amq" | "aws:rmq") => ("data", true),
        Some("aws:kafka" | "SelfManagedKafka") => ("value", true),
        // Without a known source it is taken as what it is: an event, a CloudEvent, an SNS envelope.
        Some(_) | None => return document::unwrap(document, defaults, Envelopes::Sns),
    };
    let text = match record.get(member) {
        Some(Value::String(text)) if encoded => from_base64(member, text)?,
        Some(Value::String(text)) => text.clone(),
        Some(other) => return Err(not_a_string(member, kind(other))),
        None => return Err(not_a_string(member, "missing")),
    };
    let inner = Defaults {
        id: record_id(record).unwrap_or(defaults.id),
        time: record_time(record).unwrap_or(defaults.time),
    };
    document::read(&text, &inner, Envelopes::Sns)
}

fn not_a_string(member: &str, found: &str) -> Malformed {
    Malformed::event(format!(
        "`{member}` of the record is {found}; a string is expected"
    ))
}

fn from_base64(member: &str, text: &str) -> Result<String, Malformed> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| Malformed::event(format!("`{member}` of the record is not base64")))?;
    String::from_utf8(bytes)
        .map_err(|_| Malformed::event(format!("`{member}` of the record does not hold UTF-8")))
}

/// What names an SQS or a Kinesis record, the same each time it is delivered.
fn record_id(record: &Map<String, Value>) -> Option<&str> {
    let id = record.get("messageId").or_else(|| record.get("eventID"))?;
    id.as_str()
}

/// When an SQS message was sent (milliseconds), or when Kinesis took a record (seconds, with a fraction).
fn record_time(record: &Map<String, Value>) -> Option<OffsetDateTime> {
    if let Some(seconds) = record
        .get("approximateArrivalTimestamp")
        .and_then(Value::as_f64)
    {
        return from_millis(&format!("{:.0}", seconds * 1000.0));
    }
    let sent = record.get("attributes")?.get("SentTimestamp")?;
    from_millis(sent.as_str()?)
}

fn batch(text: &str) -> Result<Vec<&RawValue>, Malformed> {
    let batch: Batch<'_> =
        serde_json::from_str(text).map_err(|error| Malformed::json("the batch", &error))?;
    bounded(batch.records)
}

fn bounded(records: Vec<&RawValue>) -> Result<Vec<&RawValue>, Malformed> {
    if records.len() <= MAX_EVENTS {
        return Ok(records);
    }
    let message = format!("the payload has too many events; at most {MAX_EVENTS} are read");
    Err(Malformed::new(413, "too-many-events", message))
}

/// Items known by their place. Without its own id, an event is named by the invocation and its place in it.
fn numbered(
    records: &[&RawValue],
    context: &Context<'_>,
    read: impl Fn(&str, &Defaults<'_>) -> Result<Event, Malformed>,
) -> Vec<Item> {
    let several = records.len() > 1;
    let item = |(index, raw): (usize, &&RawValue)| {
        let id = match several {
            true => format!("{}-{index}", context.request_id),
            false => context.request_id.to_owned(),
        };
        let event = read(
            raw.get(),
            &Defaults {
                id: &id,
                time: context.now,
            },
        );
        Item {
            id: index.to_string(),
            group: None,
            event: one_of(records.len(), event),
        }
    };
    records.iter().enumerate().map(item).collect()
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}
