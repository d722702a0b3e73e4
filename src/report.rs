//! What became of one event: its changes, how each ended, and what the sender should do now.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::event::Event;

/// How one change ended. Every change ends in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// AWS has taken the change.
    Updated,
    /// The target was not there and is now.
    Created,
    /// It was already as it should be; nothing was called.
    Unchanged,
    /// A newer event has already written the target; this one left it alone.
    Stale,
    /// A guard forbids it; nothing was written.
    Refused,
    /// It did not happen; `error` says why.
    Failed,
}

impl Outcome {
    /// As reports, logs and metrics call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The target is now as this event wants it.
    #[must_use]
    pub const fn is_success(self) -> bool {
        match self {
            Self::Updated | Self::Created | Self::Unchanged => true,
            Self::Stale | Self::Refused | Self::Failed => false,
        }
    }
}

/// What is to happen with the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Nothing more.
    Done,
    /// Deliver it again.
    Retry,
    /// Put it where a person will look at it: another try would end the same.
    Reject,
}

/// The outcomes of one event. `Debug` prints no values of members.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub event: EventRef,
    /// The rules that matched, in file order. None is a success.
    pub rules: Vec<String>,
    pub changes: Vec<ChangeReport>,
    pub disposition: Disposition,
}

impl Report {
    /// The report of `event`.
    ///
    /// One failure that may pass makes it `retry`; otherwise one change that failed or was refused makes it `reject`; otherwise it is `done`.
    /// A stale change needs nothing: what a newer event wants is already there.
    #[must_use]
    pub fn new(event: &Event, rules: Vec<String>, changes: Vec<ChangeReport>) -> Self {
        let disposition = disposition(&changes);
        Self {
            event: EventRef::from(event),
            rules,
            changes,
            disposition,
        }
    }

    /// The first change that did not succeed and needs someone's attention.
    #[must_use]
    pub fn first_failure(&self) -> Option<&ChangeReport> {
        let retryable = self.changes.iter().find(|change| change.is_retryable());
        let rejected = || self.changes.iter().find(|change| change.is_rejected());
        retryable.or_else(rejected)
    }
}

fn disposition(changes: &[ChangeReport]) -> Disposition {
    if changes.iter().any(ChangeReport::is_retryable) {
        Disposition::Retry
    } else if changes.iter().any(ChangeReport::is_rejected) {
        Disposition::Reject
    } else {
        Disposition::Done
    }
}

/// The event a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRef {
    pub id: String,
    pub source: String,
    pub detail_type: String,
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
}

impl From<&Event> for EventRef {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id().to_owned(),
            source: event.source().to_owned(),
            detail_type: event.detail_type().to_owned(),
            time: event.time(),
        }
    }
}

/// How one target's change ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeReport {
    /// The operation, as IAM names it: `sagemaker:UpdateUserProfile`.
    pub call: &'static str,
    /// What it changes; absent when the rules could not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The rules that asked for it.
    pub rules: Vec<String>,
    pub outcome: Outcome,
    /// What differed.
    pub members: Vec<MemberChange>,
    /// Write attempts, repetitions included; 0 when nothing was sent.
    pub attempts: u32,
    /// Milliseconds from the start of the change to its outcome.
    pub millis: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Answers that said "slower", to reads and writes alike. For metrics; a report does not show it.
    #[serde(skip)]
    pub throttles: u32,
    /// The ledger had an event of this very time as written: it came again. For metrics too.
    #[serde(skip)]
    pub repeated: bool,
}

impl ChangeReport {
    fn is_retryable(&self) -> bool {
        self.outcome == Outcome::Failed && self.error.as_ref().is_some_and(|error| error.retryable)
    }

    const fn is_rejected(&self) -> bool {
        match self.outcome {
            Outcome::Refused | Outcome::Failed => true,
            Outcome::Updated | Outcome::Created | Outcome::Unchanged | Outcome::Stale => false,
        }
    }

    /// Why it did not succeed; `None` when it did.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self.outcome {
            Outcome::Updated | Outcome::Created | Outcome::Unchanged => None,
            Outcome::Stale => Some(Cause::Stale),
            Outcome::Refused => Some(Cause::Guard),
            Outcome::Failed => Some(
                self.error
                    .as_ref()
                    .map_or(Cause::Service, |error| error.cause),
            ),
        }
    }
}

/// One member's old and new value; absent means the member was not there, or will not be. `Debug` prints neither.
#[derive(Clone, PartialEq, Serialize)]
pub struct MemberChange {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

impl fmt::Debug for MemberChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MemberChange")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Why a change failed or was refused. `Debug` leaves the message out: AWS repeats values in some.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The service's error code, or Usher's own.
    pub code: String,
    pub message: String,
    /// Another try, later, may succeed.
    pub retryable: bool,
    #[serde(skip)]
    pub cause: Cause,
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Failure")
            .field("code", &self.code)
            .field("retryable", &self.retryable)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// Whose matter a failure is: it decides what HTTP says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The rules computed something that cannot be sent: 422.
    Values,
    /// The profile, domain or user does not exist: 404.
    NoSuchTarget,
    /// The target is being changed by someone else: 409.
    Busy,
    /// A guard forbids it: 403.
    Guard,
    /// A newer event was there first: 409.
    Stale,
    /// AWS said no: 502.
    Service,
    /// Throttled, out of time, or AWS not reached: 503.
    Unfinished,
}
