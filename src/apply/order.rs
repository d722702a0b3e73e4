//! One target in its turn: claim it, have it changed, give it back.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::asked::{Asked, Prospect};
use super::ended::{Apart, End, Ended, busy, in_doubt, out_of_time, unfinished};
use super::target::{Task, hints};
use super::{Invocation, Usher};
use crate::ledger::{Ask, Claim, Lease, Release, Released, Standing};
use crate::report::Outcome;

/// What one claim came to.
pub(super) enum Step {
    Ended(Ended),
    /// The newest events were left out, so the claim was for a time that will not be on the target.
    Newest(Apart),
}

impl Usher {
    /// Claims the target, changes it, and gives it back. A second claim is needed only where the newest event was claimed for
    /// and then left out: recorded as written, its time would make events stale that nothing newer than them has replaced.
    ///
    /// Futures within futures are put on the heap, here and below: they are large, and unoptimised builds would need more
    /// than a thread's stack for them.
    pub(super) async fn ordered(&self, task: &Task<'_>) -> Ended {
        let mut apart = task.group.ended();
        apart.extend(Box::pin(self.hopeless(task, &apart)).await);
        let mut claims = 0;
        loop {
            let asks: Vec<&Asked<'_>> = task
                .group
                .asks
                .iter()
                .filter(|asked| !apart.contains_key(&asked.event))
                .collect();
            let Some(newest) = asks.last() else {
                return Ended {
                    apart,
                    ..Ended::with(Outcome::Failed)
                };
            };
            claims += 1;
            // A claimant claims once.
            let claimant = match claims {
                1 => task.invocation.id.to_owned(),
                _ => format!("{}/{claims}", task.invocation.id),
            };
            let lease = match Box::pin(self.claim(task, newest.at(), &claimant)).await {
                Ok(lease) => lease,
                Err(ended) => return Ended { apart, ..ended },
            };
            match Box::pin(self.held(task, asks, lease)).await {
                Step::Ended(mut ended) => {
                    ended.apart.extend(apart);
                    return ended;
                }
                Step::Newest(more) => apart.extend(more),
            }
        }
    }

    /// The events that are refused or fail whatever the ledger says: nothing is claimed for them. A worker that died with such a
    /// claim would leave older events behind a doubt that this event, refused again each time it comes, could never settle.
    ///
    /// It takes a read, and what was read before the claim does not count after it: another may have written meanwhile. So a target
    /// is read here only if some event could not be written to an empty one either. Events for which there is not enough time are
    /// left out too, while that costs nobody a claim.
    async fn hopeless(&self, task: &Task<'_>, apart: &Apart) -> Apart {
        let Task { group, events, .. } = *task;
        let deadline = task.invocation.deadline.with_reserve();
        let left = group.asks.iter();
        let mut asks: Vec<&Asked<'_>> = left
            .filter(|asked| !apart.contains_key(&asked.event))
            .collect();
        if let []
        | [
            Asked {
                prospect: Prospect::Good(_),
                ..
            },
        ] = asks.as_slice()
        {
            return Apart::new();
        }
        let early = self.deciding(group, events, deadline.part(3));
        let suspects = early.decide(&asks, &Value::Object(Map::new()));
        let mut late = suspects.apart;
        let unreached: HashSet<usize> = asks
            .drain(suspects.reached..)
            .map(|asked| asked.event)
            .collect();
        let suspected = late.len() > unreached.len();
        late.retain(|event, _| unreached.contains(event));
        if !suspected {
            return late;
        }
        let hints = hints(group);
        let read = self.services.read(&group.target, &hints, deadline.left());
        // What cannot be read now is read, and reported, once it is claimed.
        if let Some(Ok(observed)) = deadline.bound(Box::pin(read)).await {
            let deciding = self.deciding(group, events, deadline);
            late.extend(deciding.decide(&asks, &observed.members).apart);
        }
        late
    }

    async fn claim(
        &self,
        task: &Task<'_>,
        at: time::OffsetDateTime,
        claimant: &str,
    ) -> Result<Lease, Ended> {
        let Invocation { deadline, now, .. } = *task.invocation;
        let mut waits = task.waits();
        loop {
            let ask = Ask {
                target: task.group.target.key(),
                at,
                claimant,
                // Read before the clock: the lease may end early, never after the last call.
                lease: deadline.left(),
            };
            let claim = Box::pin(self.ledger.claim(&ask, now()));
            match deadline.with_reserve().bound(claim).await {
                Some(Ok(Claim::Granted(lease))) => return Ok(lease),
                Some(Ok(Claim::Stale { .. })) => return Err(Ended::with(Outcome::Stale)),
                Some(Ok(Claim::Busy { .. })) => {}
                Some(Ok(Claim::InDoubt { .. })) => return Err(Ended::failed(in_doubt())),
                Some(Err(error)) => {
                    return Err(Ended::failed(unfinished(
                        "Usher.Ledger",
                        &error.to_string(),
                    )));
                }
                None => return Err(Ended::failed(out_of_time("before the ledger answered"))),
            }
            if !deadline.with_reserve().sleep(waits.next()).await {
                let message = "another worker is changing the target";
                return Err(Ended::failed(busy("Usher.Busy", message)));
            }
        }
    }

    /// What is done while the target is ours, and its end.
    async fn held(&self, task: &Task<'_>, asks: Vec<&Asked<'_>>, lease: Lease) -> Step {
        let deadline = task.invocation.deadline;
        let repeated = asks.iter().filter(|asked| lease.repeats(asked.at()));
        let repeats = repeated.map(|asked| asked.event).collect();
        let (asks, late) = standing(asks, &lease);
        let (step, how) = Box::pin(self.changed(task, &asks, deadline.with_reserve())).await;
        let released = deadline
            .attempt(Box::pin(self.ledger.release(lease, how)))
            .await;
        let lost = match (released, how) {
            (Some(Ok(Released::Recorded)), _) | (_, Release::Abandoned | Release::InDoubt) => None,
            (Some(Ok(Released::TooLate)), Release::Written) => Some(unfinished(
                "Usher.LeaseLost",
                "another worker took the target over; the change is made again",
            )),
            (Some(Err(error)), Release::Written) => {
                Some(unfinished("Usher.Ledger", &error.to_string()))
            }
            (None, Release::Written) => {
                Some(out_of_time("before the ledger took note of the change"))
            }
        };
        match step {
            Step::Newest(mut apart) => {
                apart.extend(late);
                Step::Newest(apart)
            }
            Step::Ended(mut ended) => {
                ended.apart.extend(late);
                if let Some(lost) = lost {
                    (ended.outcome, ended.error) = (Some(Outcome::Failed), Some(lost));
                }
                Step::Ended(Ended { repeats, ..ended })
            }
        }
    }
}

/// The events that may still be written, and those for which the claim found something newer.
fn standing<'a, 'b>(asks: Vec<&'a Asked<'b>>, lease: &Lease) -> (Vec<&'a Asked<'b>>, Apart) {
    let mut late = Apart::new();
    let free = asks.into_iter().filter(|asked| {
        let end = match lease.standing(asked.at()) {
            Standing::Free => return true,
            Standing::Stale => End::stale(),
            Standing::InDoubt => End::failed(in_doubt()),
        };
        late.insert(asked.event, end);
        false
    });
    (free.collect(), late)
}
