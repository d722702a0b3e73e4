//! Guarded → Report: order, concurrency, deadline.
//!
//! All calls on one target, from all events of an invocation, become one read and one write. Targets are handled
//! concurrently; a domain comes before the profiles in it. Each change ends in exactly one outcome, and none of them
//! stops the others.
//!
//! Computing takes time too, on a small function a fourteenth of a processor's. So at most half of an invocation's time goes into
//! finding out what its events want, and at most a third of what is then left into whether a target's many events go together: what
//! is not reached by then ends as `retry`, and the rest is written.

mod asked;
mod deadline;
mod decide;
mod ended;
mod gather;
mod order;
mod rehearse;
mod target;
mod telling;

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

use asked::Group;
pub use deadline::Deadline;
use ended::Ends;
use gather::{Gathered, gather, waves};
pub use rehearse::{Rehearsal, rehearse};
use target::Task;
use telling::Telling;

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
        } = gather(&self.rules, &mut events.to_vec(), Some(deadline.part(2)));
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
        let mut planned: Vec<_> = groups.iter().map(|_| Vec::new()).collect();
        let done = |place: usize, parts| {
            if let Some(place) = planned.get_mut(place) {
                *place = parts;
            }
        };
        together(work, self.concurrency, done).await;
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
        let mut reports: Vec<Option<Report>> = events.iter().map(|_| None).collect();
        let mut events = events.to_vec();
        let keep = |position: usize, report| {
            if let Some(place) = reports.get_mut(position) {
                *place = Some(report);
            }
        };
        self.apply_each(&mut events, invocation, keep).await;
        reports.into_iter().flatten().collect()
    }

    /// The same for batches that are too large to keep all their reports: tells of each event, by its position, as soon as the last of
    /// its changes has ended. Events lose their text once nothing more is read of it.
    pub async fn apply_each(
        &self,
        events: &mut [Event],
        invocation: &Invocation<'_>,
        tell: impl FnMut(usize, Report) + Send,
    ) {
        let until = invocation.deadline.part(2);
        let gathered = gather(&self.rules, events, Some(until));
        let events = &*events;
        let (mut telling, groups) = Telling::new(events, gathered, tell);
        let mut before = 0;
        for wave in waves(groups) {
            let groups = wave.len();
            let work = wave
                .into_iter()
                .map(|group| boxed(self.ends(group, events, invocation)));
            let ended = |place, ends| telling.ended(before + place, ends);
            together(work, self.concurrency, ended).await;
            before += groups;
        }
    }

    /// Does the work on one target. The group goes with it: most of a batch's memory is in the groups that are still to come.
    async fn ends<'a>(
        &self,
        group: Group<'a>,
        events: &[Event],
        invocation: &Invocation<'_>,
    ) -> Ends<'a> {
        let task = Task {
            group: &group,
            events,
            invocation,
            lock: self.single_sign_on.lock(&group.target),
        };
        let (ended, took, throttles) = self.applied(&task).await;
        Ends::new(group, ended, took, throttles)
    }
}

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn boxed<'a, T>(work: impl Future<Output = T> + Send + 'a) -> Work<'a, T> {
    Box::pin(work)
}

/// Does all the work, at most `limit` of it at a time. Hands over what each yields, with its place, as soon as it is there.
async fn together<'a, T>(
    work: impl Iterator<Item = Work<'a, T>>,
    limit: usize,
    mut done: impl FnMut(usize, T),
) {
    // Made one by one: work that has not begun would take more memory than what it is about.
    let mut waiting = work.enumerate();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < limit.max(1)
            && let Some((place, work)) = waiting.next()
        {
            running.push(numbered(place, work));
        }
        match running.next().await {
            Some((place, result)) => done(place, result),
            None => break,
        }
    }
}

async fn numbered<T>(place: usize, work: Work<'_, T>) -> (usize, T) {
    (place, work.await)
}

fn unreachable_target(unnamed: &Unnamed<'_>) -> ChangeReport {
    ChangeReport {
        call: unnamed.call.operation.name(),
        target: None,
        rules: vec![unnamed.rule.name.clone()],
        outcome: Outcome::Failed,
        members: Vec::new(),
        attempts: 0,
        millis: 0,
        error: Some(unnamed.failure.alone()),
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
        error: Some(unnamed.failure.alone()),
    }
}

/// The longest that anything waits for a user profile or a domain when nothing else sets an end
/// (terraform-provider-aws internal/service/sagemaker/wait.go: 10 and 20 minutes).
pub const PATIENCE: Duration = Duration::from_secs(20 * 60);
