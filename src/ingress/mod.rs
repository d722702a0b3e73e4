//! The way in: what Lambda hands the function, as events.
//!
//! ```text
//! payload ─ probe ─► kind ─┬─ records   SQS, SNS, Pipes ──┐
//!                          ├─ http      API Gateway, URL ─┼─ document ─► Event     SNS envelope, CloudEvent, plain event
//!                          └─ (itself)  EventBridge, direct ┘
//! ```
//!
//! The probe looks at the names of the top level's members and builds nothing; the parse after it knows what it reads. No shape is
//! tried and given up: a payload that fits none gets an error that says what is wrong with it. Only the members that are needed are
//! read, and those of a batch's records one record at a time, so that a wrong one (`aws_lambda_events` would refuse the batch for it)
//! costs no other record anything.
//!
//! Where a name stands twice in one object of an event, the last one counts, as in JavaScript and in EventBridge's own readers. The event
//! is parsed once, so that guards, rules and calls all see the same one.

mod accept;
mod cloudevents;
mod document;
mod http;
mod probe;
mod records;
mod request;

use std::fmt;

use time::OffsetDateTime;

use crate::event::{Defaults, Event, Malformed};
use document::Envelopes;
use probe::Kind;

/// The largest payload that is read, in bytes: Lambda's own limit of 6 MB for an invocation (Lambda developer guide, quotas),
/// with room for the emulators that count differently.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024 + 64 * 1024;

/// The largest HTTP body, in bytes after base64: that of an SQS message and of an EventBridge entry (1 MiB, their quotas), so that what is
/// taken by hand can also be sent by queue.
pub const MAX_HTTP_BODY: usize = 1024 * 1024;

/// The most events in one HTTP request. Its answer has to come within the gateway's 30 seconds.
pub const MAX_HTTP_EVENTS: usize = 100;

/// The most events in one payload: an SQS batch has up to 10 000 records (Lambda developer guide, SQS event source).
pub const MAX_EVENTS: usize = 10_000;

/// What is known about an invocation without its payload.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Lambda's request id: it stays the same when Lambda itself tries an asynchronous invocation again.
    pub request_id: &'a str,
    pub now: OffsetDateTime,
}

/// What one invocation brought.
#[derive(Debug)]
pub struct Delivery {
    pub origin: Origin,
    /// In the order of arrival.
    pub items: Vec<Item>,
}

/// Who delivered, and so what reply is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    EventBridge,
    Sqs {
        /// On a FIFO queue everything after the first failure counts as failed. Told from the queue's ARN, for a standard queue's
        /// messages may have a group too (fair queues).
        fifo: bool,
    },
    Sns,
    /// An array: from EventBridge Pipes, or handed to the function directly.
    Pipes,
    Direct,
    Http(HttpRequest),
}

impl Origin {
    /// Who called over HTTP: the IAM ARN or the JWT subject.
    pub fn caller(&self) -> Option<&str> {
        match self {
            Self::Http(request) => request.caller.as_deref(),
            Self::EventBridge | Self::Sqs { .. } | Self::Sns | Self::Pipes | Self::Direct => None,
        }
    }
}

/// One event of a delivery, or why it is none.
#[derive(Debug)]
pub struct Item {
    /// The SQS message id; otherwise the place in the delivery, from 0.
    pub id: String,
    /// The message group, on a FIFO queue.
    pub group: Option<String>,
    pub event: Result<Event, Malformed>,
}

/// What an HTTP request asks for. `Debug` does not say who called.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The gateway's request id, or Lambda's.
    pub id: String,
    pub format: PayloadFormat,
    /// `?dryRun=true`: answer with the plan.
    pub dry_run: bool,
    /// The body is an array, and so is the answer.
    pub many: bool,
    /// The IAM ARN or the JWT subject.
    pub caller: Option<String>,
    pub ask: HttpAsk,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            format,
            dry_run,
            many,
            caller: _,
            ask,
        } = self;
        out.debug_struct("HttpRequest")
            .field("id", id)
            .field("format", format)
            .field("dry_run", dry_run)
            .field("many", many)
            .field("ask", ask)
            .finish_non_exhaustive()
    }
}

/// How the gateway writes requests and wants answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFormat {
    /// 1.0: API Gateway REST.
    V1,
    /// 2.0: API Gateway HTTP and Function URLs.
    V2,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpAsk {
    /// `POST /events`
    Events,
    /// `GET /openapi.json`
    OpenApi,
    /// Something that is answered with a problem, and `Allow` where the method is wrong.
    Problem {
        problem: Malformed,
        allow: Option<&'static str>,
    },
}

/// Reads what Lambda hands the function.
///
/// # Errors
/// [`Malformed`] when nothing of the payload can be answered item by item: it is no UTF-8 or JSON, it is larger than [`MAX_PAYLOAD`], it
/// has more than [`MAX_EVENTS`] events, its records come from a service that Usher does not read, or an SQS record has no message id (an
/// item failure could not name it). An HTTP request is never an error here: it becomes [`HttpAsk::Problem`].
pub fn read(payload: &[u8], context: &Context<'_>) -> Result<Delivery, Malformed> {
    let text = std::str::from_utf8(payload)
        .map_err(|_| Malformed::new(400, "malformed-json", "the payload is not UTF-8"))?;
    let kind = probe::probe(text)?;
    let size = if payload.len() > MAX_PAYLOAD {
        Err(too_large())
    } else {
        Ok(())
    };
    match kind {
        Kind::HttpV1 => {
            let request = size.and_then(|()| request::v1(text));
            Ok(http::read(request, PayloadFormat::V1, context))
        }
        Kind::HttpV2 => {
            let request = size.and_then(|()| request::v2(text));
            Ok(http::read(request, PayloadFormat::V2, context))
        }
        Kind::Sqs => size.and_then(|()| records::sqs(text, context)),
        Kind::Sns => size.and_then(|()| records::sns(text, context)),
        Kind::Array => size.and_then(|()| records::pipes(text, context)),
        Kind::EventBridge => size.map(|()| single(Origin::EventBridge, text, context)),
        Kind::Direct => size.map(|()| single(Origin::Direct, text, context)),
    }
}

fn single(origin: Origin, text: &str, context: &Context<'_>) -> Delivery {
    let defaults = Defaults {
        id: context.request_id,
        time: context.now,
    };
    let event = document::read(text, &defaults, Envelopes::Sns);
    let item = Item {
        id: "0".to_owned(),
        group: None,
        event,
    };
    Delivery {
        origin,
        items: vec![item],
    }
}

/// How many events may be kept as they are read; those of a larger batch are kept as small as can be.
const FEW: usize = 8;

/// An event of so many.
fn one_of(events: usize, event: Result<Event, Malformed>) -> Result<Event, Malformed> {
    match events > FEW {
        true => event.map(Event::packed),
        false => event,
    }
}

fn too_large() -> Malformed {
    let message = format!("the payload is too large; at most {MAX_PAYLOAD} bytes are read");
    Malformed::new(413, "too-large", message)
}
