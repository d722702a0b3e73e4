//! All events of an invocation → the calls on each target, in order.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::deadline::Deadline;
use super::ended::{Apart, End, out_of_time};
use crate::api::{CheckOptions, Operation, check, couplings};
use crate::call::Target;
use crate::event::Event;
use crate::expression::NameMade;
use crate::guard::{Refusal, allowed};
use crate::plan::merge;
use crate::report::Failure;
use crate::rules::Rules;
use crate::select::{Selected, Selection, Unnamed, evaluation, refuse, select, unselected};

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
    pub prospect: Prospect,
}

/// What is known of an event's end before the target is read.
pub(super) enum Prospect {
    /// It can be written, if the target is there.
    Good,
    /// That depends on what the target is like.
    Open,
    /// It ends so, whatever the target is like: two people's names became one, a value breaks the API's constraints, or a guard
    /// forbids it.
    Ended(End),
}

impl Group<'_> {
    pub fn all(&self) -> Vec<&Asked<'_>> {
        self.asks.iter().collect()
    }

    /// The events that end before the target is read.
    pub fn ended(&self) -> Apart {
        let ended = |asked: &Asked<'_>| Some((asked.event, asked.ended()?.clone()));
        self.asks.iter().filter_map(ended).collect()
    }
}

impl Asked<'_> {
    /// Its end, if it has one before the target is read.
    pub fn ended(&self) -> Option<&End> {
        match &self.prospect {
            Prospect::Good | Prospect::Open => None,
            Prospect::Ended(end) => Some(end),
        }
    }

    pub fn at(&self) -> OffsetDateTime {
        let times = self.calls.iter().map(|call| call.at);
        times.max().unwrap_or(OffsetDateTime::UNIX_EPOCH)
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

    /// What all its calls want together.
    pub fn wanted(&self, rules: &Rules, event: &Event, current: &Value) -> Result<Value, Failure> {
        if let [call] = self.calls.as_slice() {
            return call.arguments(rules, event, current);
        }
        let uses_current = self.calls.iter().any(Selected::uses_current);
        let evaluation = uses_current
            .then(|| evaluation(rules, &event.document(), Some(current)))
            .transpose()?;
        let mut wanted = Value::Object(Map::new());
        for call in &self.calls {
            let arguments = match &evaluation {
                Some(evaluation) => call.evaluated(evaluation)?,
                None => call.arguments(rules, event, current)?,
            };
            wanted = merge(Some(&wanted), &arguments);
        }
        Ok(wanted)
    }

    /// The members whose enumerations may have values that the model does not know.
    pub fn unknown_values(&self) -> Vec<String> {
        let calls = self.calls.iter();
        let all = calls.flat_map(|call| &call.call.allow_unknown_values);
        all.cloned().collect()
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

/// Events that are not reached before `until` are only matched: their calls end as out of time.
pub(super) fn gather<'a>(
    rules: &'a Rules,
    events: &[Event],
    until: Option<Deadline>,
) -> Gathered<'a> {
    let mut gathered = Gathered {
        matched: Vec::new(),
        groups: Vec::new(),
        unnamed: Vec::new(),
    };
    let late = out_of_time("before the event was looked into");
    let mut places: HashMap<Target, usize> = HashMap::new();
    for (position, event) in events.iter().enumerate() {
        let Selection { rules, calls } = match until.is_some_and(Deadline::is_past) {
            true => unselected(rules, event, &late),
            false => select(rules, event),
        };
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
        refuse_collisions(group);
        for asked in &mut group.asks {
            if let (None, Some(event)) = (asked.ended(), events.get(asked.event)) {
                asked.prospect = prospect(rules, event, &group.target, asked);
            }
        }
    }
    gathered
}

fn place<'a>(
    groups: &mut Vec<Group<'a>>,
    places: &mut HashMap<Target, usize>,
    event: usize,
    mut call: Selected<'a>,
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
    // One target, kept once.
    call.target = group.target.clone();
    match group.asks.last_mut() {
        Some(asked) if asked.event == event => asked.calls.push(call),
        _ => group.asks.push(Asked {
            event,
            calls: vec![call],
            prospect: Prospect::Open,
        }),
    }
}

/// Two inputs that became one name are two people: neither may get the other's profile. Whoever is second does not tell
/// who is right, so both are refused.
fn refuse_collisions(group: &mut Group<'_>) {
    let mut inputs: HashMap<_, &str> = HashMap::new();
    let mut collisions = HashSet::new();
    let calls = group.asks.iter().flat_map(|asked| &asked.calls);
    for name in calls.flat_map(|call| &call.names) {
        let first = *inputs.entry(name.place()).or_insert(&name.input);
        if first != name.input {
            let (function, name) = name.place();
            collisions.insert((function, name.into_owned()));
        }
    }
    if collisions.is_empty() {
        return;
    }
    let collides = |name: &NameMade| {
        let (function, name) = name.place();
        collisions.contains(&(function, name.into_owned()))
    };
    for asked in &mut group.asks {
        let mut made = asked.calls.iter().flat_map(|call| &call.names);
        if made.any(collides) {
            let refusal = Refusal {
                guard: "names",
                reason: "two different inputs gave this one name; make the names differ, for example with \
                    `$profileName(…, true)`"
                    .to_owned(),
            };
            asked.prospect = Prospect::Ended(End::refused(&refusal));
        }
    }
}

/// Values that the API or a guard would refuse whatever the target is like: no request is made for them, not even a read. What
/// depends on the target, through `$current` or what it has already, is for the plan to check.
fn prospect(rules: &Rules, event: &Event, target: &Target, asked: &Asked<'_>) -> Prospect {
    if asked.calls.iter().any(Selected::uses_current) {
        return Prospect::Open;
    }
    let nothing = Value::Object(Map::new());
    let operation = target.operation();
    let sound = asked.wanted(rules, event, &nothing).and_then(|wanted| {
        values(operation, &wanted, asked)?;
        Ok(wanted)
    });
    let wanted = match sound {
        Ok(wanted) => wanted,
        Err(failure) => return Prospect::Ended(End::failed(failure)),
    };
    if let Err(refusal) = allowed(target, &wanted, None, &rules.guards) {
        return Prospect::Ended(End::refused(&refusal));
    }
    match couplings(operation, &wanted, Some(&nothing)).is_empty() {
        true => Prospect::Good,
        false => Prospect::Open,
    }
}

fn values(operation: Operation, wanted: &Value, asked: &Asked<'_>) -> Result<(), Failure> {
    let options = CheckOptions {
        computed: &|_| false,
        allow_unknown_values: &asked.unknown_values(),
        partial: true,
    };
    refuse(&check(operation, wanted, &options))?;
    // All rules have spoken, so what they had to bring is missing; what lies deeper the target may have.
    let whole = CheckOptions {
        partial: false,
        ..options
    };
    let mut missing = check(operation, wanted, &whole);
    missing.retain(|violation| violation.code == "missing-member" && violation.path.len() == 1);
    refuse(&missing)
}

/// The domains, which are written before the profiles in them, and everything that need not wait for one.
pub(super) fn waves<'a>(groups: Vec<Group<'a>>) -> [Vec<Group<'a>>; 2] {
    let domains: HashSet<String> = groups
        .iter()
        .filter(|group| group.target.operation() == Operation::SageMakerUpdateDomain)
        .map(|group| group.target.container().to_owned())
        .collect();
    let waits = |group: &Group<'_>| {
        group.target.operation() == Operation::SageMakerUpdateUserProfile
            && domains.contains(group.target.container())
    };
    let (later, first) = groups.into_iter().partition(waits);
    [first, later]
}
