//! All events of an invocation → the calls on each target, in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::asked::{Asked, Group, Names, Prospect, names, together};
use super::deadline::Deadline;
use super::ended::{End, out_of_time};
use crate::api::{CheckOptions, Operation, check, couplings};
use crate::call::Target;
use crate::event::Event;
use crate::expression::NameMade;
use crate::guard::{Refusal, allowed};
use crate::report::Failure;
use crate::rules::{GuardConfig, Rules};
use crate::select::{Common, Selected, Selection, Unnamed, refuse, select, unselected};

/// How many events may keep what they want as it is; those of a larger batch keep it as small as can be.
const FEW: usize = 8;

/// What an invocation has to do.
pub(super) struct Gathered<'a> {
    /// The rules that matched each event, in file order.
    pub matched: Vec<Names<'a>>,
    /// In the order in which the targets first occurred.
    pub groups: Vec<Group<'a>>,
    /// The calls that name no target, with their event's position.
    pub unnamed: Vec<(usize, Unnamed<'a>)>,
}

/// Events that are not reached before `until` are only matched: their calls end as out of time. Events of which nothing is read any
/// more lose their body.
pub(super) fn gather<'a>(
    rules: &'a Rules,
    events: &mut [Event],
    until: Option<Deadline>,
) -> Gathered<'a> {
    let mut gathered = Gathered {
        matched: Vec::new(),
        groups: Vec::new(),
        unnamed: Vec::new(),
    };
    let late = out_of_time("before the event was looked into").into();
    let few = events.len() <= FEW;
    let mut common = Common::default();
    let mut places: HashMap<Target, usize> = HashMap::new();
    let mut matched = Names::default();
    for (position, event) in events.iter_mut().enumerate() {
        let Selection { rules, calls } = match until.is_some_and(Deadline::is_past) {
            true => unselected(rules, event, &late),
            false => select(rules, event),
        };
        matched = names(rules.iter().map(|rule| rule.name.as_str()), &matched);
        gathered.matched.push(Arc::clone(&matched));
        let is_read =
            |call: &Result<Selected<'_>, _>| call.as_ref().is_ok_and(Selected::reads_event);
        if !calls.iter().any(is_read) {
            event.forget_body();
        }
        for call in calls {
            match call {
                Ok(mut call) => {
                    if !few {
                        call.pack(&mut common);
                    }
                    place(&mut gathered.groups, &mut places, position, call);
                }
                Err(mut unnamed) => {
                    common.failure(&mut unnamed.failure);
                    gathered.unnamed.push((position, unnamed));
                }
            }
        }
    }
    drop(places);
    for group in &mut gathered.groups {
        // Stable: equal times keep the order of arrival.
        group.asks.sort_by_key(Asked::at);
        refuse_collisions(group);
        for asked in &mut group.asks {
            if asked.ended().is_some() {
                continue;
            }
            match prospect(&rules.guards, &group.target, asked, few) {
                Ok(prospect) => asked.prospect = prospect,
                Err(mut end) => {
                    end.error.iter_mut().for_each(|error| common.failure(error));
                    asked.end(end);
                }
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
    call.move_to(&group.target);
    match group.asks.last_mut() {
        Some(asked) if asked.event == event => add(&mut asked.calls, call),
        _ => add(
            &mut group.asks,
            Asked {
                event,
                calls: vec![call],
                prospect: Prospect::Open(None),
            },
        ),
    }
}

/// The first few take no more memory than they need: most lists stay as short as that, and there are very many of them.
fn add<T>(list: &mut Vec<T>, item: T) {
    if list.len() < 4 {
        list.reserve_exact(1);
    }
    list.push(item);
}

/// Two inputs that became one name are two people: neither may get the other's profile. Whoever is second does not tell
/// who is right, so both are refused.
fn refuse_collisions(group: &mut Group<'_>) {
    let mut names = group.asks.iter().flat_map(|asked| &asked.calls);
    if names
        .by_ref()
        .flat_map(|call| &*call.names)
        .nth(1)
        .is_none()
    {
        return;
    }
    let mut inputs: HashMap<_, &str> = HashMap::new();
    let mut collisions = HashSet::new();
    let calls = group.asks.iter().flat_map(|asked| &asked.calls);
    for name in calls.flat_map(|call| &*call.names) {
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
    let refused = End::refused(&Refusal {
        guard: "names",
        reason: "two different inputs gave this one name; make the names differ, for example with \
            `$profileName(…, true)`"
            .to_owned(),
    });
    for asked in &mut group.asks {
        let mut made = asked.calls.iter().flat_map(|call| &*call.names);
        if made.any(collides) {
            asked.end(refused.clone());
        }
    }
}

/// Values that the API or a guard would refuse whatever the target is like: no request is made for them, not even a read. What
/// depends on the target, through `$current` or what it has already, is for the plan to check.
fn prospect<'a>(
    guards: &GuardConfig,
    target: &Target,
    asked: &mut Asked<'_>,
    keep: bool,
) -> Result<Prospect<'a>, End> {
    if asked.uses_current() {
        return Ok(Prospect::Open(None));
    }
    let operation = target.operation();
    let sound = together(asked.calls.iter_mut().map(Selected::take_arguments)).and_then(|wanted| {
        values(operation, &wanted, asked)?;
        Ok(wanted)
    });
    let wanted = match sound {
        Ok(wanted) => wanted,
        Err(failure) => return Err(End::failed(failure)),
    };
    if let Err(refusal) = allowed(target, &wanted, None, guards) {
        return Err(End::refused(&refusal));
    }
    let nothing = Value::Object(Map::new());
    let found = couplings(operation, &wanted, Some(&nothing));
    let wanted = keep.then(|| Box::new(wanted));
    match found.is_empty() {
        true => Ok(Prospect::Good(wanted)),
        false => Ok(Prospect::Open(wanted)),
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
    if domains.is_empty() {
        return [groups, Vec::new()];
    }
    let waits = |group: &Group<'_>| {
        group.target.operation() == Operation::SageMakerUpdateUserProfile
            && domains.contains(group.target.container())
    };
    let (later, first) = groups.into_iter().partition(waits);
    [first, later]
}
