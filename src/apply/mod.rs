//! Guarded → Report: order, concurrency, deadline.
//!
//! All calls on one target, from all events of an invocation, become one read and one write. Targets are handled
//! concurrently; a domain comes before the profiles in it. Each change ends in exactly one outcome, and none of them
//! stops the others.
//!
//! Computing takes time too, on a small function a fourteenth of a processor's. So at most half of an invocation's time goes into
//! finding out what its events want, and at most a third of what is then left into whether a target's many events go together: what
//! is not reached by then ends as `retry`, and the rest is written.

mod deadline;
mod decide;
mod ended;
mod gather;
mod order;
mod rehearse;
mod target;

use std::future::Future;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::api::Operation;
use crate::aws::Services;
use crate::call::Target;
use crate::event::Event;
use crate::ledger::Ledger;
use crate::plan::{Action, Plan, Planned};
use crate::report::{ChangeReport, EventRef, Outcome, Report};
use crate::rules::Rules;
use crate::select::Unnamed;

pub use deadline::Deadline;
use gather::{Gathered, gather, waves};
pub use rehearse::{Rehearsal, rehearse};
use target::Task;

/// The rules and everything they act on; built once, used for every invocation.
pub struct Usher {
    pub rules: Rules,
    pub services: Services,
    pub ledger: Ledger,
    /// Targets handled at a time, at least 1.
    pub concurrency: usize,
    /// Whether every accepted change is waited for, whatever the rules say.
    pub settle: bool,
    pub single_sign_on: SingleSignOn,
}

/// Lets one DataZone SSO change of a domain through at a time, of all invocations together: they collide
/// (aws-solutions-library-samples, guidance for SageMaker domains, user.tf).
#[derive(Default)]
pub struct SingleSignOn {
    /// Domains that share a lock wait for each other, which does no harm; a lock for each domain that an event may name would.
    locks: [Mutex<()>; 16],
}

impl SingleSignOn {
    fn lock(&self, target: &Target) -> Option<&Mutex<()>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(target.container());
        let place = usize::try_from(hash % self.locks.len() as u64).unwrap_or(0);
        match target.operation() {
            Operation::DataZoneUpdateUserProfile => self.locks.get(place),
            Operation::SageMakerUpdateUserProfile
            | Operation::SageMakerUpdateDomain
            | Operation::FinSpaceUpdateKxUser => None,
        }
    }
}

/// One invocation.
pub struct Invocation<'a> {
    /// Names this attempt of this invocation and no other, so some of it is random: claims are tied to it, and how long it
    /// waits for others comes of it.
    pub id: &'a str,
    pub deadline: Deadline,
    /// The wall clock, for the ledger.
    pub now: &'a (dyn Fn() -> OffsetDateTime + Send + Sync),
}

impl Usher {
    /// What [`Usher::apply`] would do now. Reads targets, writes nothing, claims nothing.
    pub async fn plan(&self, events: &[Event], deadline: Deadline) -> Vec<Plan> {
        let Gathered {
            groups, unnamed, ..
        } = gather(&self.rules, events, Some(deadline.part(2)));
        let mut plans: Vec<Plan> = events
            .iter()
            .map(|event| Plan {
                events: vec![EventRef::from(event)],
                changes: Vec::new(),
            })
            .collect();
        let work = groups
            .iter()
            .map(|group| boxed(self.planned(group, events, deadline)));
        let planned = together(work, self.concurrency).await;
        let unnamed = unnamed
            .into_iter()
            .map(|(event, unnamed)| (event, unplanned(unnamed)));
        for (event, planned) in planned.into_iter().flatten().chain(unnamed) {
            if let Some(plan) = plans.get_mut(event) {
                plan.changes.push(planned);
            }
        }
        plans
    }

    /// Makes the targets as the events want them. One report for each event, in their order.
    pub async fn apply(&self, events: &[Event], invocation: &Invocation<'_>) -> Vec<Report> {
        let Gathered {
            matched,
            groups,
            unnamed,
        } = gather(&self.rules, events, Some(invocation.deadline.part(2)));
        let mut changes: Vec<Vec<ChangeReport>> = events.iter().map(|_| Vec::new()).collect();
        for wave in waves(groups) {
            let work = wave.iter().map(|group| {
                let task = Task {
                    group,
                    events,
                    invocation,
                    lock: self.single_sign_on.lock(&group.target),
                };
                boxed(async move { self.applied(&task).await })
            });
            let ended = together(work, self.concurrency).await;
            for (event, change) in ended.into_iter().flatten() {
                if let Some(changes) = changes.get_mut(event) {
                    changes.push(change);
                }
            }
        }
        for (event, unnamed) in unnamed {
            if let Some(changes) = changes.get_mut(event) {
                changes.push(unreachable_target(unnamed));
            }
        }
        let reports = events.iter().zip(matched).zip(changes);
        reports
            .map(|((event, rules), changes)| Report::new(event, rules, changes))
            .collect()
    }
}

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn boxed<'a, T>(work: impl Future<Output = T> + Send + 'a) -> Work<'a, T> {
    Box::pin(work)
}

/// Does all the work, at most `limit` of it at a time; what each yields, in the order of the work.
async fn together<'a, T>(work: impl Iterator<Item = Work<'a, T>>, limit: usize) -> Vec<T> {
    // Made one by one: work that has not begun would take more memory than what it is about.
    let mut waiting = work.enumerate();
    let mut running = FuturesUnordered::new();
    let mut done = Vec::new();
    loop {
        while running.len() < limit.max(1)
            && let Some((place, work)) = waiting.next()
        {
            running.push(numbered(place, work));
        }
        match running.next().await {
            Some(result) => done.push(result),
            None => break,
        }
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

async fn numbered<T>(place: usize, work: Work<'_, T>) -> (usize, T) {
    (place, work.await)
}

fn unreachable_target(unnamed: Unnamed<'_>) -> ChangeReport {
    ChangeReport {
        call: unnamed.call.operation.name(),
        target: None,
        rules: vec![unnamed.rule.name.clone()],
        outcome: Outcome::Failed,
        members: Vec::new(),
        attempts: 0,
        millis: 0,
        error: Some(unnamed.failure),
        throttles: 0,
        repeated: false,
    }
}

fn unplanned(unnamed: Unnamed<'_>) -> Planned {
    Planned {
        call: unnamed.call.operation.name(),
        target: None,
        rules: vec![unnamed.rule.name.clone()],
        action: Action::Failed,
        members: Vec::new(),
        error: Some(unnamed.failure),
    }
}

/// The longest that anything waits for a user profile or a domain when nothing else sets an end
/// (terraform-provider-aws internal/service/sagemaker/wait.go: 10 and 20 minutes).
pub const PATIENCE: Duration = Duration::from_secs(20 * 60);
