//! Carries an invocation's place in a trace to the requests that are made for it.
//!
//! AWS's clients take the tracing header from the environment of the process (aws-runtime 1.10, `recursion_detection.rs`), which
//! knows one invocation at a time and, with the runtime's concurrency, none. Here it comes with the task.

use std::future::Future;

use http::{HeaderName, HeaderValue};

use super::answer::Fault;
use crate::telemetry::traces::{Call, End, Trace};

/// The tracing header. It is no part of the signature (aws-sigv4 1.6, `http_request/settings.rs`).
pub(super) const NAME: HeaderName = HeaderName::from_static(crate::telemetry::traces::HEADER);

tokio::task_local! {
    static TRACE: Trace;
}

/// Does `work`, whose requests belong to this trace.
pub async fn traced<T>(trace: Option<Trace>, work: impl Future<Output = T>) -> T {
    match trace {
        Some(trace) => TRACE.scope(trace, work).await,
        None => work.await,
    }
}

/// A call with all its attempts: its header, and what is recorded of it where the trace is sampled.
pub(super) struct Begun {
    header: Option<HeaderValue>,
    call: Option<Call>,
}

/// How a call ended.
pub(super) struct Ended<'a> {
    /// Of the last answer.
    pub status: Option<u16>,
    pub request_id: Option<&'a HeaderValue>,
    /// Requests after the first.
    pub retries: u32,
    pub fault: Option<&'a Fault>,
}

/// Begins a call of whatever runs inside [`traced`].
pub(super) fn begin(service: &str, operation: &str, region: Option<&str>) -> Begun {
    let begin = |trace: &Trace| {
        let call = trace.begin(service, operation, region);
        let header = call.as_ref().map_or(trace.header(), Call::header);
        // Lambda's header is one; what could not be is left out, and the call made nevertheless.
        let header = HeaderValue::from_str(header).ok();
        Begun { header, call }
    };
    TRACE.try_with(begin).unwrap_or(Begun {
        header: None,
        call: None,
    })
}

impl Begun {
    pub fn header(&self) -> Option<&HeaderValue> {
        self.header.as_ref()
    }

    pub fn end(&self, ended: &Ended<'_>) {
        let Some(call) = &self.call else { return };
        let code = ended.fault.map(|fault| match fault {
            Fault::Refused(refused) => refused.code.as_deref().unwrap_or("Usher.NoCode"),
            Fault::Unreadable => "Usher.Unreadable",
            Fault::Timeout | Fault::Unreachable { .. } | Fault::Unsendable(_) => {
                "Usher.Unreachable"
            }
        });
        call.end(&End {
            status: ended.status,
            request_id: ended.request_id.and_then(|id| id.to_str().ok()),
            retries: ended.retries,
            code,
            throttled: ended.fault.is_some_and(Fault::is_throttle),
        });
    }
}
