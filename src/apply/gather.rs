//! All events of an invocation → the calls on each target, in order.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::decide::{Apart, refused};
use crate::api::{CheckOptions, Operation, check};
use crate::call::Target;
use crate::event::Event;
use crate::guard::Refusal;
use crate::plan::merge;
use crate::report::{Failure, Outcome};
use crate::rules::Rules;
use crate::select::{Selected, Selection, Unnamed, refuse, select};

/// Every call on one target.
pub(super) struct Group<'a> {
    pub target: Target,
    /// By event, in order of `at`; events of equal times in order of arrival.
    pub asks: Vec<Asked<'a>>,
}

/// What one event asks of a target.
pub(super) struct Asked<'a> {
    /// The event's position in the invocation.
    pub event: usize,
    /// In file order.
    pub calls: Vec<Selected<'a>>,
    /// How it ends whatever the target is like: two people's names became one, or a value breaks the API's constraints.
    pub ended: Option<(Outcome, Failure)>,
}

impl Group<'_> {
    pub fn all(&self) -> Vec<&Asked<'_>> {
        self.asks.iter().collect()
    }

    /// The events that end before the target is read.
    pub fn ended(&self) -> Vec<Apart> {
        self.asks.iter().filter_map(Asked::ended).collect()
    }
}

impl Asked<'_> {
    /// Its end, if it has one before the target is read.
    pub fn ended(&self) -> Option<Apart> {
        let (outcome, failure) = self.ended.clone()?;
        Some(self.apart(outcome, failure))
    }

    pub fn apart(&self, outcome: Outcome, failure: Failure) -> Apart {
        Apart {
            event: self.event,
            outcome,
            error: Some(failure),
        }
    }

    pub fn at(&self) -> time::OffsetDateTime {
        let times = self.calls.iter().map(|call| call.at);
        times.max().unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
    }

    pub fn rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for call in &self.calls {
            if !rules.contains(&call.rule.name) {
                rules.push(call.rule.name.clone());
            }
        }
        rules
    }
}

/// What an invocation has to do.
pub(super) struct Gathered<'a> {
    /// The rules that matched each event, in file order.
    pub matched: Vec<Vec<String>>,
    /// In the order in which the targets first occurred.
    pub groups: Vec<Group<'a>>,
    /// The calls that name no target, with their event's position.
    pub unnamed: Vec<(usize, Unnamed<'a>)>,
}

pub(super) fn gather<'a>(rules: &'a Rules, events: &[Event]) -> Gathered<'a> {
    let mut gathered = Gathered {
        matched: Vec::new(),
        groups: Vec::new(),
        unnamed: Vec::new(),
    };
    let mut places: HashMap<Target, usize> = HashMap::new();
    for (position, event) in events.iter().enumerate() {
        let Selection { rules, calls } = select(rules, event);
        gathered
            .matched
            .push(rules.iter().map(|rule| rule.name.clone()).collect());
        for call in calls {
            match call {
                Ok(call) => place(&mut gathered.groups, &mut places, position, call),
                Err(unnamed) => gathered.unnamed.push((position, unnamed)),
            }
        }
    }
    for group in &mut gathered.groups {
        // Stable: equal times keep the order of arrival.
        group.asks.sort_by_key(Asked::at);
    }
    refuse_collisions(&mut gathered.groups);
    refuse_values(rules, events, &mut gathered.groups);
    gathered
}

fn place<'a>(
    groups: &mut Vec<Group<'a>>,
    places: &mut HashMap<Target, usize>,
    event: usize,
    call: Selected<'a>,
) {
    let place = *places.entry(call.target.clone()).or_insert_with(|| {
        groups.push(Group {
            target: call.target.clone(),
            asks: Vec::new(),
        });
        groups.len() - 1
    });
    let Some(group) = groups.get_mut(place) else {
        return;
    };
    match group.asks.last_mut() {
        Some(asked) if asked.event == event => asked.calls.push(call),
        _ => group.asks.push(Asked {
            event,
            calls: vec![call],
            ended: None,
        }),
    }
}

/// Two inputs that became one name are two people: neither may get the other's profile. Whoever is second does not tell
/// who is right, so both are refused.
fn refuse_collisions(groups: &mut [Group<'_>]) {
    for group in groups {
        let names: Vec<_> = group
            .asks
            .iter()
            .flat_map(|asked| &asked.calls)
            .flat_map(|call| &call.names)
            .cloned()
            .collect();
        let collide = |name: &_| names.iter().any(|other| other.collides_with(name));
        for asked in &mut group.asks {
            let mut made = asked.calls.iter().flat_map(|call| &call.names);
            if made.any(collide) {
                let refusal = Refusal {
                    guard: "names",
                    reason: "two different inputs gave this one name; make the names differ, for example with \
                        `$profileName(…, true)`"
                        .to_owned(),
                };
                asked.ended = Some((Outcome::Refused, refused(&refusal)));
            }
        }
    }
}

/// Values that the API would refuse whatever the target is like: no request is made for them, not even a read. What depends
/// on the target, through `$current`, is for the plan to check.
fn refuse_values(rules: &Rules, events: &[Event], groups: &mut [Group<'_>]) {
    for group in groups {
        for asked in &mut group.asks {
            let Some(event) = events.get(asked.event) else {
                continue;
            };
            if asked.ended.is_some() || asked.calls.iter().any(Selected::uses_current) {
                continue;
            }
            if let Err(failure) = values(rules, event, &asked.calls) {
                asked.ended = Some((Outcome::Failed, failure));
            }
        }
    }
}

fn values(rules: &Rules, event: &Event, calls: &[Selected<'_>]) -> Result<(), Failure> {
    let mut arguments = Value::Object(Map::new());
    let mut unknown: Vec<String> = Vec::new();
    for call in calls {
        let wanted = call.arguments(rules, event, &Value::Object(Map::new()))?;
        arguments = merge(Some(&arguments), &wanted);
        unknown.extend(call.call.allow_unknown_values.iter().cloned());
    }
    let Some(call) = calls.first() else {
        return Ok(());
    };
    let options = CheckOptions {
        computed: &|_| false,
        allow_unknown_values: &unknown,
        partial: true,
    };
    let operation = call.target.operation();
    refuse(&check(operation, &arguments, &options))?;
    // All rules have spoken, so what they had to bring is missing; what lies deeper the target may have.
    let whole = CheckOptions {
        partial: false,
        ..options
    };
    let mut missing = check(operation, &arguments, &whole);
    missing.retain(|violation| violation.code == "missing-member" && violation.path.len() == 1);
    refuse(&missing)
}

/// The domains, which are written before the profiles in them, and everything that need not wait for one.
pub(super) fn waves<'a>(groups: Vec<Group<'a>>) -> [Vec<Group<'a>>; 2] {
    let domains: Vec<String> = groups
        .iter()
        .filter(|group| group.target.operation() == Operation::SageMakerUpdateDomain)
        .map(|group| group.target.container().to_owned())
        .collect();
    let waits = |group: &Group<'_>| {
        group.target.operation() == Operation::SageMakerUpdateUserProfile
            && domains
                .iter()
                .any(|domain| domain == group.target.container())
    };
    let (later, first) = groups.into_iter().partition(waits);
    [first, later]
}
