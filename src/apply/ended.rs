//! How the work on one target ended, and why.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::gather::{Asked, Group};
use crate::aws::{Attempts, Class, ServiceError};
use crate::guard::Refusal;
use crate::ledger::Release;
use crate::report::{Cause, ChangeReport, Failure, MemberChange, Outcome};

/// The events that are left out of what is done to a target, each with its own end, by their position in the invocation.
pub(super) type Apart = HashMap<usize, End>;

/// How one event ends that is left out of what is done to a target.
#[derive(Clone)]
pub(super) struct End {
    pub outcome: Outcome,
    pub error: Option<Failure>,
}

impl End {
    pub fn failed(failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed,
            error: Some(failure),
        }
    }

    pub fn refused(refusal: &Refusal) -> Self {
        let failure = Failure {
            code: refusal.guard.to_owned(),
            message: refusal.reason.clone(),
            retryable: false,
            cause: Cause::Guard,
        };
        Self {
            outcome: Outcome::Refused,
            error: Some(failure),
        }
    }

    pub fn stale() -> Self {
        Self {
            outcome: Outcome::Stale,
            error: None,
        }
    }
}

/// How the work on one target ended.
#[derive(Default)]
pub(super) struct Ended {
    pub outcome: Option<Outcome>,
    pub members: Vec<MemberChange>,
    /// Requests that could change the target.
    pub attempts: u32,
    pub error: Option<Failure>,
    /// The events whose very time was on the target already: they came again.
    pub repeats: HashSet<usize>,
    pub apart: Apart,
}

impl Ended {
    pub fn with(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::default()
        }
    }

    pub fn failed(failure: Failure) -> Self {
        Self {
            error: Some(failure),
            ..Self::with(Outcome::Failed)
        }
    }

    /// Each event's own report.
    pub fn reports(
        &self,
        group: &Group<'_>,
        took: Duration,
        throttles: u32,
    ) -> Vec<(usize, ChangeReport)> {
        let report = |asked: &Asked<'_>| {
            let (outcome, members, attempts, error) = match self.apart.get(&asked.event) {
                Some(end) => (end.outcome, Vec::new(), 0, &end.error),
                None => {
                    let outcome = self.outcome.unwrap_or(Outcome::Unchanged);
                    (outcome, self.members.clone(), self.attempts, &self.error)
                }
            };
            ChangeReport {
                call: group.target.operation().name(),
                target: Some(group.target.to_string()),
                rules: asked.rules(),
                outcome,
                members,
                attempts,
                millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                error: error.clone(),
                throttles,
                repeated: self.repeats.contains(&asked.event),
            }
        };
        let asks = group.asks.iter();
        asks.map(|asked| (asked.event, report(asked))).collect()
    }
}

/// What has been sent to a target so far.
pub(super) struct Sent {
    pub attempts: u32,
    /// What the ledger should know if nothing more is sent.
    pub how: Release,
    /// What the requests were to change.
    pub members: Vec<MemberChange>,
}

impl Sent {
    pub fn nothing() -> Self {
        Self {
            attempts: 0,
            how: Release::Abandoned,
            members: Vec::new(),
        }
    }

    /// Takes a failed write into account. A refused request changed nothing, and neither did one that was never sent; any other may
    /// have.
    pub fn failed(&mut self, attempts: Attempts) {
        let Attempts { made, refused } = attempts;
        self.attempts += made;
        if made > refused {
            self.how = Release::InDoubt;
        }
    }
}

pub(super) fn failure(error: ServiceError) -> Failure {
    let (retryable, cause) = match error.class {
        Class::NotFound => (false, Cause::NoSuchTarget),
        Class::Busy | Class::InUse => (true, Cause::Busy),
        Class::Throttled | Class::Unreachable => (true, Cause::Unfinished),
        Class::Permanent => (false, Cause::Service),
    };
    Failure {
        code: error.code,
        message: error.message,
        retryable,
        cause,
    }
}

pub(super) fn busy(code: &str, message: &str) -> Failure {
    Failure {
        code: code.to_owned(),
        message: message.to_owned(),
        retryable: true,
        cause: Cause::Busy,
    }
}

/// A newer event may be on the target or not.
pub(super) fn in_doubt() -> Failure {
    let message = "a newer event may be on the target already; it settles that when it comes again";
    busy("Usher.InDoubt", message)
}

pub(super) fn unfinished(code: &str, message: &str) -> Failure {
    Failure {
        code: code.to_owned(),
        message: message.to_owned(),
        retryable: true,
        cause: Cause::Unfinished,
    }
}

/// Sound by itself, but not in one request with the events before it.
pub(super) fn by_itself() -> Failure {
    let message = "the service takes this only in a request of its own, after what earlier events of the batch ask";
    busy("Usher.ByItself", message)
}

/// What is left undone because time is up.
pub(super) fn out_of_time(what: &str) -> Failure {
    unfinished("Usher.Deadline", &format!("time was up {what}"))
}
