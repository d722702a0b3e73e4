//! Calls on one target × the target → what may be done. No I/O: who reads the target is the caller's matter.

use std::borrow::Cow;

use serde_json::Value;

use super::gather::{Asked, Group};
use crate::event::Event;
use crate::guard::{Guarded, Refusal, guard};
use crate::plan::{Action, Desired, Planned, described, merge, plan};
use crate::report::{Cause, Failure, Outcome};
use crate::rules::Rules;

/// An event that is left out of what is done to a target, with its own end.
#[derive(Clone)]
pub(super) struct Apart {
    pub event: usize,
    pub outcome: Outcome,
    pub error: Option<Failure>,
}

/// What the target of a group would become.
pub(super) enum Decision {
    Change {
        guarded: Box<Guarded>,
        apart: Vec<Apart>,
    },
    /// No event is left whose values and guards allow anything.
    Nothing(Vec<Apart>),
}

impl Decision {
    /// Nothing, for one and the same reason.
    pub fn nothing(group: &Group<'_>, failure: &Failure) -> Self {
        let failed = |asked: &Asked<'_>| {
            let apart = || asked.apart(Outcome::Failed, failure.clone());
            asked.ended().unwrap_or_else(apart)
        };
        Self::Nothing(group.asks.iter().map(failed).collect())
    }

    /// The same as each event's part of a plan.
    pub fn planned(&self, group: &Group<'_>) -> Vec<(usize, Planned)> {
        let (change, apart) = match self {
            Self::Change { guarded, apart } => (Some(guarded), apart),
            Self::Nothing(apart) => (None, apart),
        };
        let planned = |asked: &Asked<'_>| {
            let excluded = apart.iter().find(|apart| apart.event == asked.event);
            let (action, members, error) = match (excluded, change) {
                (
                    Some(Apart {
                        outcome: Outcome::Refused,
                        error,
                        ..
                    }),
                    _,
                ) => (Action::Refused, Vec::new(), error.clone()),
                (Some(Apart { error, .. }), _) => (Action::Failed, Vec::new(), error.clone()),
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

/// Plans and guards what `asks`, some of the group's, want. An event whose own values or target are wrong is left out, and
/// spoils no other. `settle` waits for the change whatever the rules say.
pub(super) fn decide(
    rules: &Rules,
    group: &Group<'_>,
    asks: &[&Asked<'_>],
    events: &[Event],
    observed: &Value,
    settle: bool,
) -> Decision {
    let deciding = Deciding {
        rules,
        group,
        events,
        observed,
        settle,
    };
    let mut apart = Vec::new();
    let mut sound: Vec<&Asked<'_>> = Vec::new();
    let mut decided = None;
    for asked in asks {
        match deciding.alone(asked) {
            Ok(guarded) => {
                sound.push(asked);
                decided = Some(guarded);
            }
            Err(why) => apart.push(why),
        }
    }
    if sound.len() > 1 {
        decided = match deciding.together(&sound) {
            Ok(guarded) => Some(guarded),
            Err(_) => deciding.one_by_one(&sound, &mut apart),
        };
    }
    match decided {
        Some(guarded) => Decision::Change {
            guarded: Box::new(guarded),
            apart,
        },
        None => Decision::Nothing(apart),
    }
}

struct Deciding<'a> {
    rules: &'a Rules,
    group: &'a Group<'a>,
    events: &'a [Event],
    observed: &'a Value,
    settle: bool,
}

impl Deciding<'_> {
    fn alone(&self, asked: &Asked<'_>) -> Result<Guarded, Apart> {
        match asked.ended() {
            Some(apart) => Err(apart),
            None => self
                .together(&[asked])
                .map_err(|(outcome, failure)| asked.apart(outcome, failure)),
        }
    }

    /// Each is sound, but not all are together: those are left out that do not go with what came before them, as the
    /// service would have refused them if they had come one by one.
    fn one_by_one(&self, sound: &[&Asked<'_>], apart: &mut Vec<Apart>) -> Option<Guarded> {
        let mut kept = Vec::new();
        let mut decided = None;
        for asked in sound {
            kept.push(*asked);
            match self.together(&kept) {
                Ok(guarded) => decided = Some(guarded),
                Err((outcome, failure)) => {
                    kept.pop();
                    apart.push(asked.apart(outcome, failure));
                }
            }
        }
        decided
    }

    fn together(&self, asks: &[&Asked<'_>]) -> Result<Guarded, (Outcome, Failure)> {
        let failed = |failure| (Outcome::Failed, failure);
        let mut arguments: Option<Value> = None;
        let mut unknown: Vec<String> = Vec::new();
        let mut settle = self.settle;
        let mut last = "";
        let operation = self.group.target.operation();
        // What a later event finds is what the earlier ones leave, as if they had come apart.
        let mut current = Cow::Borrowed(self.observed);
        for asked in asks {
            let Some(event) = self.events.get(asked.event) else {
                continue;
            };
            last = event.id();
            for call in &asked.calls {
                let wanted = call
                    .arguments(self.rules, event, &current)
                    .map_err(failed)?;
                arguments = Some(merge(arguments.as_ref(), &wanted));
                unknown.extend(call.call.allow_unknown_values.iter().cloned());
                settle |= call.call.settle;
            }
            if let (Some(arguments), 2..) = (&arguments, asks.len()) {
                current = Cow::Owned(described(operation, self.observed, arguments));
            }
        }
        let desired = Desired {
            target: &self.group.target,
            arguments: arguments.unwrap_or_default(),
            event_id: last,
            allow_unknown_values: &unknown,
            settle,
        };
        let change = plan(desired, self.observed).map_err(failed)?;
        guard(change, self.observed, &self.rules.guards)
            .map_err(|refusal| (Outcome::Refused, refused(&refusal)))
    }
}

pub(super) fn refused(refusal: &Refusal) -> Failure {
    Failure {
        code: refusal.guard.to_owned(),
        message: refusal.reason.clone(),
        retryable: false,
        cause: Cause::Guard,
    }
}
