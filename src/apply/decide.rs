//! Calls on one target × the target → what may be done. No I/O: who reads the target is the caller's matter.

use std::borrow::Cow;

use serde_json::Value;

use super::asked::{Asked, Group};
use super::deadline::Deadline;
use super::ended::{Apart, End, by_itself, out_of_time};
use crate::event::Event;
use crate::guard::{Guarded, guard};
use crate::plan::{Action, Desired, Planned, after, described, plan, planned};
use crate::report::{Failure, Outcome};
use crate::rules::Rules;

/// What the target of a group would become.
#[derive(Default)]
pub(super) struct Decision {
    /// What all events that are not [`Apart`] come to; nothing when no event is left.
    pub change: Option<Box<Guarded>>,
    pub apart: Apart,
    /// How many events were looked at before time was up.
    pub reached: usize,
}

impl Decision {
    /// Nothing, for one and the same reason.
    pub fn nothing(group: &Group<'_>, failure: &Failure) -> Self {
        let end = |asked: &Asked<'_>| {
            let failed = || End::failed(failure.clone());
            (asked.event, asked.ended().cloned().unwrap_or_else(failed))
        };
        Self {
            apart: group.asks.iter().map(end).collect(),
            ..Self::default()
        }
    }

    /// The same as each event's part of a plan.
    pub fn planned(&self, group: &Group<'_>) -> Vec<(usize, Planned)> {
        let planned = |asked: &Asked<'_>| {
            let (action, members, error) = match (self.apart.get(&asked.event), &self.change) {
                (Some(end), _) if end.outcome == Outcome::Refused => {
                    (Action::Refused, Vec::new(), end.failure())
                }
                (Some(end), _) => (Action::Failed, Vec::new(), end.failure()),
                (None, Some(change)) if change.input().is_some() => {
                    (Action::Change, change.change().members.clone(), None)
                }
                (None, _) => (Action::Unchanged, Vec::new(), None),
            };
            Planned {
                call: group.target.operation().name(),
                target: Some(group.target.to_string()),
                rules: asked.rules(),
                action,
                members,
                error,
            }
        };
        let asks = group.asks.iter();
        asks.map(|asked| (asked.event, planned(asked))).collect()
    }
}

/// Where decisions are made: all that is the same for every event of a group.
#[derive(Clone, Copy)]
pub(super) struct Deciding<'a> {
    pub rules: &'a Rules,
    pub group: &'a Group<'a>,
    pub events: &'a [Event],
    /// Waits for the change whatever the rules say.
    pub settle: bool,
    /// When to look at no further event.
    pub until: Option<Deadline>,
}

impl Deciding<'_> {
    /// Plans and guards what `asks`, some of the group's, want.
    ///
    /// Each event finds the target as those before it leave it, in `$current` too, and is taken or left out as the service would
    /// have taken or refused it if they had come one by one. One that is left out spoils no other.
    pub fn decide(&self, asks: &[&Asked<'_>], observed: &Value) -> Decision {
        let mut apart = Apart::new();
        let mut reached = 0;
        let mut sum = Sum {
            deciding: self,
            observed,
            wanted: None,
            unknown_values: Cow::Borrowed(&[]),
            settle: self.settle,
            change: None,
        };
        for asked in asks {
            if self.until.is_some_and(Deadline::is_past) {
                break;
            }
            reached += 1;
            let taken = match asked.ended() {
                Some(end) => Err(end.clone()),
                None => sum.take(asked),
            };
            if let Err(end) = taken {
                apart.insert(asked.event, end);
            }
        }
        for asked in asks.iter().skip(reached) {
            let late = out_of_time("before the event was looked into");
            apart.insert(asked.event, End::failed(late));
        }
        Decision {
            change: sum.change.map(Box::new),
            apart,
            reached,
        }
    }
}

/// What the events so far come to.
struct Sum<'a> {
    deciding: &'a Deciding<'a>,
    observed: &'a Value,
    /// What they want together.
    wanted: Option<Cow<'a, Value>>,
    unknown_values: Cow<'a, [String]>,
    settle: bool,
    change: Option<Guarded>,
}

impl<'a> Sum<'a> {
    /// Takes one event more, or says how it ends.
    fn take(&mut self, asked: &'a Asked<'_>) -> Result<(), End> {
        let Deciding { rules, group, .. } = *self.deciding;
        let operation = group.target.operation();
        let Some(event) = self.deciding.events.get(asked.event) else {
            return Ok(());
        };
        let current = match &self.wanted {
            Some(earlier) => Cow::Owned(described(operation, self.observed, earlier)),
            None => Cow::Borrowed(self.observed),
        };
        let wanted = asked.wanted(rules, event, &current).map_err(End::failed)?;
        let mut unknown_values = asked.unknown_values();
        let desired = Desired {
            target: &group.target,
            arguments: &wanted,
            event_id: event.id(),
            allow_unknown_values: &unknown_values,
            settle: self.settle || asked.calls.iter().any(|call| call.call.settle),
        };
        let settle = desired.settle;
        let alone = self.guarded(&desired, &current, !asked.uses_current())?;
        let (wanted, change) = match &self.wanted {
            None => (wanted, alone),
            Some(earlier) => {
                let both = after(operation, earlier, &wanted);
                let mut all = unknown_values.to_vec();
                let earlier = self.unknown_values.iter();
                all.extend(
                    earlier
                        .filter(|name| !unknown_values.contains(name))
                        .cloned(),
                );
                let desired = Desired {
                    arguments: &both,
                    allow_unknown_values: &all,
                    ..desired
                };
                let together = self.guarded(&desired, self.observed, false);
                let change = together.map_err(|_| End::failed(by_itself()))?;
                unknown_values = Cow::Owned(all);
                (Cow::Owned(both), change)
            }
        };
        self.wanted = Some(wanted);
        self.unknown_values = unknown_values;
        self.settle = settle;
        self.change = Some(change);
        Ok(())
    }

    /// `checked` are values that have been held against the API's constraints one by one.
    fn guarded(
        &self,
        desired: &Desired<'_>,
        observed: &Value,
        checked: bool,
    ) -> Result<Guarded, End> {
        let change = match checked {
            true => planned(desired, observed),
            false => plan(desired, observed),
        };
        let guards = &self.deciding.rules.guards;
        guard(change.map_err(End::failed)?, observed, guards)
            .map_err(|refusal| End::refused(&refusal))
    }
}
