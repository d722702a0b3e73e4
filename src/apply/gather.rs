//! All events of an invocation → the calls on each target, in order.

use std::borrow::Cow;
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
use crate::plan::merged;
use crate::report::Failure;
use crate::rules::{GuardConfig, Rules};
use crate::select::{Selected, Selection, Unnamed, open, refuse, select, unselected};

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
    /// Whether each value by itself is one that the API takes.
    pub checked: bool,
    /// What all its calls want together, where that is known and few enough events keep it. The calls have it no more then.
    wanted: Option<Value>,
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
    pub fn wanted(
        &self,
        rules: &Rules,
        event: &Event,
        current: &Value,
    ) -> Result<Cow<'_, Value>, Failure> {
        if let Some(wanted) = &self.wanted {
            return Ok(Cow::Borrowed(wanted));
        }
        if let [call] = self.calls.as_slice() {
            return call.arguments(rules, event, current).map(Cow::Owned);
        }
        let uses_current = self.calls.iter().any(Selected::uses_current);
        let evaluation = uses_current
            .then(|| open(&self.calls, rules, event, current))
            .transpose()?;
        let arguments = self.calls.iter().map(|call| match &evaluation {
            Some(evaluation) => call.evaluated(evaluation),
            None => call.arguments(rules, event, current),
        });
        together(arguments).map(Cow::Owned)
    }

    /// The members whose enumerations may have values that the model does not know.
    pub fn unknown_values(&self) -> Cow<'_, [String]> {
        let mut lists = self
            .calls
            .iter()
            .map(|call| &call.call.allow_unknown_values);
        let first = lists.next().map_or(&[][..], Vec::as_slice);
        // Mostly all have those of the file.
        match lists.all(|list| list == first) {
            true => Cow::Borrowed(first),
            false => {
                let all = self.calls.iter();
                let all = all.flat_map(|call| &call.call.allow_unknown_values);
                Cow::Owned(all.cloned().collect())
            }
        }
    }
}

/// What several calls on one target want together: the later ones over the earlier.
fn together(mut arguments: impl Iterator<Item = Result<Value, Failure>>) -> Result<Value, Failure> {
    let nothing = Value::Object(Map::new());
    arguments.try_fold(nothing, |wanted, arguments| Ok(merged(wanted, arguments?)))
}

/// How many events may keep what they want as it is; those of a larger batch keep it as small as can be.
const FEW: usize = 8;

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
    let few = events.len() <= FEW;
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
                Ok(mut call) => {
                    if !few {
                        call.pack();
                    }
                    place(&mut gathered.groups, &mut places, position, call);
                }
                Err(unnamed) => gathered.unnamed.push((position, unnamed)),
            }
        }
    }
    for group in &mut gathered.groups {
        // Stable: equal times keep the order of arrival.
        group.asks.sort_by_key(Asked::at);
        refuse_collisions(group);
        for asked in &mut group.asks {
            if asked.ended().is_none() {
                asked.prospect = prospect(&rules.guards, &group.target, asked, few);
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
            checked: false,
            wanted: None,
        }),
    }
}

/// Two inputs that became one name are two people: neither may get the other's profile. Whoever is second does not tell
/// who is right, so both are refused.
fn refuse_collisions(group: &mut Group<'_>) {
    let mut names = group.asks.iter().flat_map(|asked| &asked.calls);
    if names.by_ref().flat_map(|call| &call.names).nth(1).is_none() {
        return;
    }
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
fn prospect(guards: &GuardConfig, target: &Target, asked: &mut Asked, keep: bool) -> Prospect {
    if asked.calls.iter().any(Selected::uses_current) {
        return Prospect::Open;
    }
    let operation = target.operation();
    let sound = together(asked.calls.iter_mut().map(Selected::take_arguments)).and_then(|wanted| {
        values(operation, &wanted, asked)?;
        Ok(wanted)
    });
    let wanted = match sound {
        Ok(wanted) => wanted,
        Err(failure) => return Prospect::Ended(End::failed(failure)),
    };
    asked.checked = true;
    if let Err(refusal) = allowed(target, &wanted, None, guards) {
        return Prospect::Ended(End::refused(&refusal));
    }
    let nothing = Value::Object(Map::new());
    let found = couplings(operation, &wanted, Some(&nothing));
    asked.wanted = keep.then_some(wanted);
    match found.is_empty() {
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
    let mut members = operation.input().members().iter();
    if members.all(|member| !member.required || wanted.get(member.name).is_some()) {
        return Ok(());
    }
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
