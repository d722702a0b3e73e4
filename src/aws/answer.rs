//! What came back: the service's answer, read as the JSON protocols write it, or why there is none.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::retry::ErrorKind;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::backoff;
use super::retries::{OF_A_FAILURE, OF_A_REFUSAL, Throttles, is_quota, is_throttle};

/// An answer with all its bytes.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Refused(Box<Refused>),
    /// Half an answer, or one that is not the service's: the call may have been carried out.
    #[error("the service's answer could not be read")]
    Unreadable,
    #[error("the service did not answer in time")]
    Timeout,
    /// There was no connection, or it broke.
    #[error("{reason}")]
    Unreachable { reason: String, is_transient: bool },
    /// No request was sent, and none that is made in the same way will be.
    #[error("{0}")]
    Unsendable(String),
}

/// An answer that is no success. `Debug` leaves out what the service says: it repeats values and shows rows.
#[derive(thiserror::Error)]
#[error("HTTP {status}: {}: {}", .code.as_deref().unwrap_or("no code"), .message.as_deref().unwrap_or("no message"))]
pub(super) struct Refused {
    pub status: u16,
    /// Without namespace and address.
    pub code: Option<String>,
    pub message: Option<String>,
    /// All members of the answer; null if it is no JSON.
    pub members: Value,
    pub retry_after: Option<Duration>,
    /// Whether it came of a clock that is wrong, which is known now.
    pub by_clock: bool,
}

impl fmt::Debug for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Refused")
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The members of a success.
    ///
    /// # Errors
    /// When it is none. An empty answer is none either: every operation here answers with some members.
    pub fn read(&self) -> Result<Value, Fault> {
        let members: Option<Value> = serde_json::from_slice(&self.body).ok();
        let members = members.filter(Value::is_object);
        match (self.status, members) {
            (200..=299, Some(members)) => Ok(members),
            (200..=299, None) => Err(Fault::Unreadable),
            (_, members) => Err(Fault::Refused(Box::new(self.refused(members)))),
        }
    }

    /// The header goes before the body, and there `code` before `__type`, as in the SDK (aws-smithy-json 0.65, `protocol/error.rs`).
    fn refused(&self, members: Option<Value>) -> Refused {
        let members = members.unwrap_or_default();
        let first = |names: &[&str]| {
            let mut texts = names.iter().filter_map(|name| members.get(name)?.as_str());
            texts.next().map(str::to_owned)
        };
        let code = self.header("x-amzn-errortype").map(str::to_owned);
        let code = code.or_else(|| first(&["code", "__type"]));
        Refused {
            status: self.status,
            code: code.map(|code| bare(&code).to_owned()),
            message: first(&["message", "Message", "errorMessage"]),
            retry_after: self.header("x-amz-retry-after").and_then(delay),
            by_clock: false,
            members,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// `x-amz-retry-after` is in milliseconds. More than 20 s is more than any of AWS's clients would ever wait.
fn delay(header: &str) -> Option<Duration> {
    let millis: u64 = header.trim().parse().ok()?;
    Some(Duration::from_millis(millis.min(20_000)))
}

/// `namespace#Code:uri` → `Code`.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

impl Fault {
    /// Whether the same request may fare better. Every write here may be made twice: updates set what they set, FinSpace's carries a
    /// token, and the ledger's are conditional.
    pub fn is_transient(&self, throttles: Throttles) -> bool {
        match self {
            Self::Unreadable | Self::Timeout => true,
            Self::Unreachable { is_transient, .. } => *is_transient,
            Self::Unsendable(_) => false,
            Self::Refused(refused) => refused.by_clock || refused.is_transient(throttles),
        }
    }

    /// How long to wait before the next of a call's own attempts, if the service says so.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Refused(refused) => {
                let wait = refused.retry_after?;
                Some(wait.min(backoff::LONGEST))
            }
            _ => None,
        }
    }

    /// What another attempt takes from the [`Quota`](super::retries::Quota).
    pub fn cost(&self) -> u32 {
        match self {
            Self::Refused(refused) if refused.status < 500 => OF_A_REFUSAL,
            _ => OF_A_FAILURE,
        }
    }

    /// Whether the service said "slower".
    pub fn is_throttle(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.is_throttle())
    }
}

impl Refused {
    fn is_throttle(&self) -> bool {
        self.status == 429 || self.code.as_deref().is_some_and(is_throttle)
    }

    fn is_transient(&self, throttles: Throttles) -> bool {
        match self.code.as_deref() {
            Some(code) if is_quota(code) => false,
            _ if self.is_throttle() => throttles == Throttles::Here,
            Some("RequestTimeout" | "RequestTimeoutException") => true,
            // Two Regions wrote the same row of a global table (aws-sdk-dynamodb, `ReplicatedWriteConflictException`).
            Some("ReplicatedWriteConflictException") => true,
            _ => matches!(self.status, 408 | 500 | 502 | 503 | 504),
        }
    }
}

impl From<ConnectorError> for Fault {
    fn from(error: ConnectorError) -> Self {
        let reason = DisplayErrorContext(&error).to_string();
        if error.is_user() {
            return Self::Unsendable(reason);
        }
        let told = error.as_other() == Some(ErrorKind::TransientError);
        Self::Unreachable {
            reason,
            is_transient: error.is_timeout() || error.is_io() || told,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(status: u16, header: Option<&'static str>, body: &'static str) -> Refused {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amzn-errortype", http::HeaderValue::from_static(header));
        }
        let body = Bytes::from_static(body.as_bytes());
        let answer = Answer {
            status,
            headers,
            body,
        };
        match answer.read() {
            Err(Fault::Refused(refused)) => *refused,
            _ => panic!("{status} is no success"),
        }
    }

    #[test]
    fn a_code_is_found_wherever_it_stands_and_without_what_is_around_it() {
        let long = Some("ns#Slow:http://internal.amazon.com/");
        for (header, body, code) in [
            (long, r#"{"__type": "Other"}"#, Some("Slow")),
            (
                None,
                r#"{"__type": "ns#Slow", "message": "m"}"#,
                Some("Slow"),
            ),
            (None, r#"{"code": "Slow", "__type": "Other"}"#, Some("Slow")),
            (None, r#"{"code": 1, "__type": "Slow"}"#, Some("Slow")),
            (None, r#"{"message": "m"}"#, None),
            (None, "", None),
            (None, "<html>", None),
        ] {
            let refused = refused(400, header, body);
            assert_eq!(refused.code.as_deref(), code, "{body}");
        }
    }

    #[test]
    fn a_message_is_found_under_each_of_its_names() {
        for name in ["message", "Message", "errorMessage"] {
            let body = json!({ name: "what went wrong" }).to_string();
            let refused = refused(400, Some("Code"), body.leak());
            assert_eq!(refused.message.as_deref(), Some("what went wrong"));
        }
    }

    #[test]
    fn what_is_no_object_is_no_success() {
        for body in ["", "[]", "{", "\"ok\"", "null"] {
            let answer = Answer {
                status: 200,
                headers: HeaderMap::new(),
                body: Bytes::from_static(body.as_bytes()),
            };
            assert!(matches!(answer.read(), Err(Fault::Unreadable)), "{body}");
        }
    }

    #[test]
    fn what_helps_again_depends_on_what_was_said() {
        for (status, code, elsewhere, here) in [
            (500, "InternalServerException", true, true),
            (501, "NotImplemented", false, false),
            (503, "ServiceUnavailable", true, true),
            (503, "SlowDown", false, true),
            (429, "Whatever", false, true),
            (400, "ThrottlingException", false, true),
            (400, "RequestTimeout", true, true),
            (400, "ReplicatedWriteConflictException", true, true),
            (400, "ValidationException", false, false),
            (402, "ServiceQuotaExceededException", false, false),
            (503, "LimitExceededException", false, false),
        ] {
            let fault = Fault::Refused(Box::new(refused(status, Some(code), "")));
            let verdicts =
                [Throttles::Elsewhere, Throttles::Here].map(|how| fault.is_transient(how));
            assert_eq!(verdicts, [elsewhere, here], "{status} {code}");
        }
    }
}
