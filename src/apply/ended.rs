//! How the work on one target ended, and why.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::asked::{Asked, Group, Names};
use crate::aws::{Attempts, Class, ServiceError};
use crate::call::Target;
use crate::guard::Refusal;
use crate::ledger::Release;
use crate::report::{Cause, ChangeReport, Failure, MemberChange, Outcome};
use crate::select::SharedFailure;

/// The events that are left out of what is done to a target, each with its own end, by their position in the invocation.
pub(super) type Apart = HashMap<usize, End>;

/// How one event ends that is left out of what is done to a target. A clone shares the failure: there can be ten thousand.
#[derive(Clone)]
pub(super) struct End {
    pub outcome: Outcome,
    pub error: Option<SharedFailure>,
}

impl End {
    pub fn failed(failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed,
            error: Some(failure.into()),
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
            error: Some(failure.into()),
        }
    }

    /// Why, where there is something to say.
    pub fn failure(&self) -> Option<Failure> {
        self.error.as_ref().map(SharedFailure::alone)
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
}

/// How the work on one target ended for the events that asked for it: what is the same for all of them once, and their reports
/// when they are told.
pub(super) struct Ends<'a> {
    target: Target,
    ended: Ended,
    millis: u64,
    throttles: u32,
    /// By event, with the rules that asked.
    asks: Vec<(usize, Names<'a>)>,
}

impl<'a> Ends<'a> {
    pub fn new(group: Group<'a>, ended: Ended, took: Duration, throttles: u32) -> Self {
        let Group { target, asks } = group;
        let mut last = Names::default();
        let asked = |asked: Asked<'a>| {
            last = asked.names(&last);
            (asked.event, Arc::clone(&last))
        };
        let mut asks: Vec<_> = asks.into_iter().map(asked).collect();
        asks.sort_unstable_by_key(|(event, _)| *event);
        Self {
            target,
            ended,
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            throttles,
            asks,
        }
    }

    pub fn events(&self) -> impl Iterator<Item = usize> {
        self.asks.iter().map(|(event, _)| *event)
    }

    /// One event's own report.
    pub fn report(&self, event: usize) -> Option<ChangeReport> {
        let place = self.asks.binary_search_by_key(&event, |(event, _)| *event);
        let (_, rules) = self.asks.get(place.ok()?)?;
        let Ended {
            outcome,
            members,
            attempts,
            error,
            repeats,
            apart,
        } = &self.ended;
        let (outcome, members, attempts, error) = match apart.get(&event) {
            Some(end) => (end.outcome, Vec::new(), 0, end.failure()),
            None => {
                let outcome = outcome.unwrap_or(Outcome::Unchanged);
                (outcome, members.clone(), *attempts, error.clone())
            }
        };
        Some(ChangeReport {
            call: self.target.operation().name(),
            target: Some(self.target.to_string()),
            rules: rules.iter().copied().map(str::to_owned).collect(),
            outcome,
            members,
            attempts,
            millis: self.millis,
            error,
            throttles: self.throttles,
            repeated: repeats.contains(&event),
        })
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
