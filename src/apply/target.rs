//! One target that is ours: read, plan, guard, write, settle.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::asked::{Asked, Group};
use super::deadline::{Deadline, Waits};
use super::decide::{Deciding, Decision};
use super::ended::{Apart, Ended, Sent, busy, failure, out_of_time};
use super::order::Step;
use super::{Invocation, Usher};
use crate::api::Operation;
use crate::aws::{Attempts, Class, Observed, ReadHints, ServiceError, State, counted, throttled};
use crate::event::Event;
use crate::guard::Guarded;
use crate::ledger::Release;
use crate::plan::Planned;
use crate::report::{Cause, Failure, Outcome};
use crate::rules::Template;

/// What is to be done to one target, and what that takes.
pub(super) struct Task<'a> {
    pub group: &'a Group<'a>,
    pub events: &'a [Event],
    pub invocation: &'a Invocation<'a>,
    /// Held while a DataZone SSO profile is written.
    pub lock: Option<&'a Mutex<()>>,
}

impl Task<'_> {
    pub fn waits(&self) -> Waits {
        Waits::new((self.invocation.id, self.group.target.key()))
    }
}

/// How often a write that collides is made where no status tells when to go on. It may collide for ever: with a client token
/// of the rule's own that was used for another role.
const CONFLICTS: u32 = 6;

impl Usher {
    pub(super) async fn planned(
        &self,
        group: &Group<'_>,
        events: &[Event],
        deadline: Deadline,
    ) -> Vec<(usize, Planned)> {
        let ended = group.ended();
        if ended.len() == group.asks.len() {
            let decision = Decision {
                apart: ended,
                ..Decision::default()
            };
            return decision.planned(group);
        }
        let hints = hints(group);
        let read = self.services.read(&group.target, &hints, deadline.left());
        let decision = match deadline.bound(Box::pin(read)).await {
            Some(Ok(observed)) => self
                .deciding(group, events, deadline)
                .decide(&group.all(), &observed.members),
            Some(Err(error)) => Decision::nothing(group, &failure(error)),
            None => Decision::nothing(group, &out_of_time("before the target was read")),
        };
        decision.planned(group)
    }

    pub(super) fn deciding<'a>(
        &'a self,
        group: &'a Group<'_>,
        events: &'a [Event],
        until: Deadline,
    ) -> Deciding<'a> {
        Deciding {
            rules: &self.rules,
            group,
            events,
            settle: self.settle,
            until: Some(until),
        }
    }

    /// How it ended, after which time, and after how many answers that said "slower".
    pub(super) async fn applied(&self, task: &Task<'_>) -> (Ended, Duration, u32) {
        let started = Instant::now();
        let (ended, throttles) = throttled(self.ordered(task)).await;
        (ended, started.elapsed(), throttles)
    }

    /// Reads, decides and writes, again when the target was being changed meanwhile. Tells what the ledger should know.
    pub(super) async fn changed(
        &self,
        task: &Task<'_>,
        asks: &[&Asked<'_>],
        deadline: Deadline,
    ) -> (Step, Release) {
        let mut waits = task.waits();
        let mut sent = Sent::nothing();
        loop {
            let observed = match self.observe(task.group, task.waits(), deadline).await {
                Ok(observed) => observed,
                Err(failure) => return unwritten(sent, Apart::new(), Ended::failed(failure)),
            };
            let deciding = self.deciding(task.group, task.events, deadline);
            let Decision { change, apart, .. } = deciding.decide(asks, &observed.members);
            let Some(guarded) = change else {
                return unwritten(sent, apart, Ended::with(Outcome::Failed));
            };
            if leaves_out_the_newest(asks, &apart) {
                return (Step::Newest(apart), sent.how);
            }
            let is_sso = observed.members.get("type").and_then(Value::as_str) == Some("SSO");
            let lock = task.lock.filter(|_| is_sso);
            let (result, attempts) = self.write(&guarded, deadline, lock).await;
            if sent.members.is_empty() {
                sent.members.clone_from(&guarded.change().members);
            }
            let written = match result {
                // An earlier request, whose answer was lost, did it.
                Ok(Outcome::Unchanged) if sent.how == Release::InDoubt => Outcome::Updated,
                Ok(outcome) => outcome,
                Err(error) => {
                    sent.failed(attempts);
                    let again = error.class == Class::Busy
                        && (settles(task.group.target.operation()) || sent.attempts < CONFLICTS);
                    if again && deadline.sleep(waits.next()).await {
                        continue;
                    }
                    return unwritten(sent, apart, Ended::failed(failure(error)));
                }
            };
            let error = self.settled(task, &guarded, written, deadline).await;
            let ended = Ended {
                outcome: Some(error.as_ref().map_or(written, |_| Outcome::Failed)),
                members: match written {
                    Outcome::Unchanged => Vec::new(),
                    _ => sent.members,
                },
                attempts: sent.attempts + attempts.made,
                error,
                apart,
                ..Ended::default()
            };
            return (Step::Ended(ended), Release::Written);
        }
    }

    /// Reads the target until it can be changed.
    async fn observe(
        &self,
        group: &Group<'_>,
        mut waits: Waits,
        deadline: Deadline,
    ) -> Result<Observed, Failure> {
        loop {
            let hints = hints(group);
            let read = self.services.read(&group.target, &hints, deadline.left());
            let observed = match deadline.bound(Box::pin(read)).await {
                Some(Ok(observed)) => observed,
                Some(Err(error)) => return Err(failure(error)),
                None => return Err(out_of_time("before the target was read")),
            };
            match observed.state {
                State::Ready { .. } => return Ok(observed),
                State::Busy if deadline.sleep(waits.next()).await => {}
                State::Busy => {
                    let message = "the service is still changing the target";
                    return Err(busy("Usher.Updating", message));
                }
            }
        }
    }

    /// Sends a guarded change, if there is something to send.
    async fn write(
        &self,
        guarded: &Guarded,
        deadline: Deadline,
        lock: Option<&Mutex<()>>,
    ) -> (Result<Outcome, ServiceError>, Attempts) {
        let Some(input) = guarded.input() else {
            return (Ok(Outcome::Unchanged), Attempts::default());
        };
        let write = async {
            let _alone = match lock {
                Some(lock) => Some(lock.lock().await),
                None => None,
            };
            self.services.write(input, deadline.left()).await
        };
        let (answer, attempts) = counted(deadline.bound(Box::pin(write))).await;
        let result = match answer {
            Some(Ok(())) => Ok(Outcome::Updated),
            Some(Err(error)) => Err(error),
            None => Err(ServiceError::late()),
        };
        (result, attempts)
    }

    /// Waits until the service has done what it accepted, where that was asked for. Gives the reason if it has not.
    async fn settled(
        &self,
        task: &Task<'_>,
        guarded: &Guarded,
        outcome: Outcome,
        deadline: Deadline,
    ) -> Option<Failure> {
        let asked = guarded.change().settle && settles(task.group.target.operation());
        if outcome != Outcome::Updated || !asked {
            return None;
        }
        match self.observe(task.group, task.waits(), deadline).await {
            Ok(Observed {
                state: State::Ready {
                    failed: Some(reason),
                },
                ..
            }) => Some(Failure {
                code: "Update_Failed".to_owned(),
                message: reason,
                retryable: false,
                cause: Cause::Service,
            }),
            Ok(_) => None,
            Err(failure) => Some(failure),
        }
    }
}

/// Whether an update is accepted first and done later, with a status that says so.
fn settles(operation: Operation) -> bool {
    match operation {
        Operation::SageMakerUpdateUserProfile | Operation::SageMakerUpdateDomain => true,
        Operation::DataZoneUpdateUserProfile | Operation::FinSpaceUpdateKxUser => false,
    }
}

fn leaves_out_the_newest(asks: &[&Asked<'_>], apart: &Apart) -> bool {
    let sound = |asked: &&&Asked<'_>| !apart.contains_key(&asked.event);
    let newest = asks.iter().filter(sound).map(|asked| asked.at()).max();
    newest < asks.iter().map(|asked| asked.at()).max()
}

/// The end without an accepted write.
fn unwritten(sent: Sent, apart: Apart, ended: Ended) -> (Step, Release) {
    let Sent {
        attempts,
        how,
        members,
    } = sent;
    let ended = Ended {
        members,
        attempts,
        apart,
        ..ended
    };
    (Step::Ended(ended), how)
}

/// The constant members that a DataZone read takes too.
pub(super) fn hints(group: &Group<'_>) -> ReadHints {
    let mut hints = ReadHints::default();
    let calls = group.asks.iter().flat_map(|asked| &asked.calls);
    for call in calls {
        let constant = |name: &str| match call.call.member(name) {
            Some(Template::Constant(Value::String(text))) => Some(text.clone()),
            _ => None,
        };
        hints.kind = constant("type").or(hints.kind);
        hints.session_name = constant("sessionName").or(hints.session_name);
    }
    hints
}
