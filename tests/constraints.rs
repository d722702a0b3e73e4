//! The proof that nothing leaves which AWS would refuse: every constraint of the API models is broken in turn, at every
//! path, once as a constant and once as what an expression makes of an event, and each time the call is refused for
//! exactly that reason. Valid calls pass. `cargo test --test constraints -- --nocapture` prints the counts.

#[path = "support/breaking.rs"]
mod breaking;

use std::collections::BTreeMap;
use std::time::Duration;

use breaking::{Break, breaks, maximal, valid_values};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use usher::api::{
    Operation, Segment, UNKNOWN_VALUES_BY_DEFAULT, couplings, display_path, roles_in,
};
use usher::apply::{Deadline, Invocation, Usher, rehearse};
use usher::aws::{Place, Services, configure};
use usher::call::Target;
use usher::emulator::{Emulator, Options, World};
use usher::event::{Defaults, Event};
use usher::ledger::Ledger;
use usher::plan::{Action, Planned};
use usher::problem::Problem;
use usher::report::{Cause, Failure, Outcome};
use usher::rules::Rules;

/// How many rules stand in one file: enough for speed, few enough for the comparison of each rule with each other one.
const RULES_PER_FILE: usize = 250;

/// The answers of the emulator take most of the time: unless this is set, each of so many breaks is tried on it.
const FULL: &str = "USHER_ALL_CONSTRAINTS";
const SAMPLE: usize = 25;

/// The part of the maximal call that a path is in: what names the target, what the API requires beside it, and of the
/// settings the one member that would be sent.
fn part(operation: Operation, arguments: &Value, path: &[Segment]) -> Value {
    let (first, second) = match path {
        [Segment::Key(first), Segment::Key(second), ..] => (first.as_str(), Some(second.as_str())),
        [Segment::Key(first), ..] => (first.as_str(), None),
        _ => return arguments.clone(),
    };
    let Some(members) = arguments.as_object() else {
        return arguments.clone();
    };
    let mut part = Map::new();
    for (name, value) in members {
        let required = operation
            .input()
            .member(name)
            .is_some_and(|member| member.required);
        if name != first && !required {
            continue;
        }
        let value = match (second, value.as_object()) {
            (Some(second), Some(settings)) if operation.settings().contains(&first) => {
                let one = settings.iter().filter(|(name, _)| *name == second);
                one.map(|(name, value)| (name.clone(), value.clone()))
                    .collect()
            }
            _ => value.clone(),
        };
        part.insert(name.clone(), value);
    }
    Value::Object(part)
}

fn rule(name: &str, operation: Operation, arguments: &Value) -> Value {
    let call = json!({"call": operation.name(), "with": arguments});
    json!({"name": name, "when": {"source": [name]}, "do": [call]})
}

/// A rules file with these rules, in which every role of the maximal calls is allowed.
fn file(rules: &[Value]) -> String {
    let roles = Operation::ALL
        .into_iter()
        .flat_map(|operation| roles_in(operation, &maximal(operation)));
    let mut roles: Vec<String> = roles.map(|(_, role)| role).collect();
    roles.sort();
    roles.dedup();
    json!({"version": 1, "guards": {"roles": roles}, "rules": rules}).to_string()
}

fn load(rules: &[Value]) -> Rules {
    match Rules::load("generated.json", &file(rules)) {
        Ok((rules, _)) => rules,
        Err(problems) => panic!(
            "{}",
            problems
                .problems
                .iter()
                .map(|problem| format!("{} {} {}\n", problem.path, problem.code, problem.message))
                .collect::<String>()
        ),
    }
}

fn event(source: &str, value: &Value) -> Event {
    let document = json!({"source": source, "detail-type": "t", "detail": {"value": value}});
    let defaults = Defaults {
        id: "e",
        time: OffsetDateTime::UNIX_EPOCH,
    };
    Event::from_json(document, &defaults).unwrap_or_else(|error| panic!("{error}"))
}

/// What the rules make of an event while nothing is set at AWS.
fn planned(rules: &Rules, event: &Event) -> Planned {
    planned_on(rules, event, &json!({}))
}

fn planned_on(rules: &Rules, event: &Event, observed: &Value) -> Planned {
    let observe = |_: &Target| Ok::<Value, Failure>(observed.clone());
    let mut changes = rehearse(rules, event, observe).plan.changes;
    assert_eq!(changes.len(), 1, "one call");
    changes.remove(0)
}

fn is_refused_for(planned: &Planned, broken: &Case) -> bool {
    let Some(error) = planned
        .error
        .as_ref()
        .filter(|_| planned.action == Action::Failed)
    else {
        return false;
    };
    if error.code == "identity" {
        // What names the target must be a text before anything else is looked at.
        return broken.is_identity() && matches!(broken.code, "wrong-type" | "missing-member");
    }
    let path = display_path(&broken.path);
    let mut sentences = error.message.split("; ");
    sentences.any(|sentence| {
        let place = match path.is_empty() {
            true => sentence.starts_with("found "),
            false => sentence.starts_with(&format!("{path}: found ")),
        };
        let says = |code: &str| error.code == code || error.message.contains(&format!("[{code}]"));
        let code = says(broken.code)
            // JSONata's numbers are exact up to 2^53; a greater one becomes a text.
            || broken.what == "a huge number" && says("wrong-type")
            // JupyterServer has but one instance type, whatever AWS adds to the enumeration.
            || broken.is_let_through() && says("coupling");
        place && code
    })
}

/// A break, without its arguments, of which there are too many to keep.
struct Case {
    name: String,
    operation: Operation,
    path: Vec<Segment>,
    code: &'static str,
    what: String,
}

impl Case {
    fn of(index: usize, operation: Operation, broken: &Break) -> Self {
        Self {
            name: format!("case-{index}"),
            operation,
            path: broken.path.clone(),
            code: broken.code,
            what: broken.what.clone(),
        }
    }

    fn is_identity(&self) -> bool {
        matches!(self.path.as_slice(), [Segment::Key(key)] if self.operation.identity().contains(&key.as_str()))
    }

    /// An enumeration to which AWS adds every week: an unknown value is let through with a warning (see the README).
    fn is_let_through(&self) -> bool {
        let mut keys = self.path.iter().filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        });
        self.code == "enum" && keys.any(|key| UNKNOWN_VALUES_BY_DEFAULT.contains(&key))
    }

    fn describe(&self) -> String {
        format!(
            "{} {} {} {}",
            self.operation,
            display_path(&self.path),
            self.code,
            self.what
        )
    }
}

/// How the breaks ended, by way.
#[derive(Default)]
struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    fn one(&mut self, way: &'static str) {
        *self.0.entry(way).or_default() += 1;
    }

    fn of(&self, way: &str) -> usize {
        self.0.get(way).copied().unwrap_or_default()
    }
}

#[test]
fn every_broken_constant_is_refused_when_the_file_is_loaded_or_in_the_plan() {
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for operation in Operation::ALL {
        let all = breaks(operation);
        for batch in all.chunks(RULES_PER_FILE) {
            let numbered = batch.iter().enumerate();
            let cases: Vec<(Case, Value)> = numbered
                .map(|(index, broken)| {
                    let arguments = part(operation, &broken.arguments, &broken.path);
                    (Case::of(index, operation, broken), arguments)
                })
                .collect();
            constants(&cases, &mut counts, &mut wrong);
        }
    }
    println!("constants: {:?}", counts.0);
    assert_eq!(wrong, Vec::<String>::new());
    assert!(counts.of("refused when loaded") > 9_000);
}

fn constants(cases: &[(Case, Value)], counts: &mut Counts, wrong: &mut Vec<String>) {
    let rules: Vec<Value> = cases
        .iter()
        .map(|(case, arguments)| rule(&case.name, case.operation, arguments))
        .collect();
    let Err(problems) = Rules::load("generated.json", &file(&rules)) else {
        wrong.push(format!("a file with {} breaks loads", cases.len()));
        return;
    };
    for (index, (case, arguments)) in cases.iter().enumerate() {
        let below: String = case
            .path
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => format!(".{key}"),
                Segment::Index(index) => format!("[{index}]"),
            })
            .collect();
        let place = format!("rules[{index}].do[0].with{below}");
        let of_rule = |problem: &&Problem| {
            problem.is_error() && problem.rule.as_deref() == Some(case.name.as_str())
        };
        let own: Vec<&Problem> = problems.problems.iter().filter(of_rule).collect();
        let has = |code: &str| {
            own.iter()
                .any(|problem| problem.code == code && problem.path == place)
        };
        if own.is_empty() {
            let alone = load(&[rule(&case.name, case.operation, arguments)]);
            let planned = planned(&alone, &event(&case.name, &json!(0)));
            if case.is_let_through() {
                counts.one("let through");
            } else if case.code == "missing-member" && is_refused_for(&planned, case) {
                // Another rule could have brought it: that is known in the plan.
                counts.one("refused in the plan");
            } else {
                wrong.push(format!("not refused: {}", case.describe()));
            }
        } else if has(case.code) || case.is_let_through() && has("coupling") {
            // JupyterServer has but one instance type, whatever AWS adds to the enumeration.
            counts.one("refused when loaded");
        } else {
            wrong.push(format!("refused for another reason: {}", case.describe()));
        }
    }
}

/// A call in which the value at a path is what an expression makes of the event, and that value.
fn computed(case: &Case, arguments: &Value, value: Option<&Value>) -> Option<(Value, Value)> {
    let mut path = case.path.as_slice();
    let mut value = value.cloned();
    if case.code == "unknown-member" {
        // Names of members are no expressions: the object around it is one.
        let (_, parent) = path.split_last()?;
        path = parent;
        value = Some(at(arguments, path)?.clone());
    }
    let mut arguments = part(case.operation, arguments, path);
    let (last, parent) = path.split_last()?;
    let expression = json!("{% $event.detail.value %}");
    match (at_mut(&mut arguments, parent)?, last) {
        (Value::Object(members), Segment::Key(key)) => {
            members.insert(key.clone(), expression);
        }
        (Value::Array(items), Segment::Index(index)) => *items.get_mut(*index)? = expression,
        _ => return None,
    }
    // What is removed becomes `null`, which makes a member absent.
    Some((arguments, value.unwrap_or_default()))
}

fn at<'v>(value: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    })
}

fn at_mut<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    })
}

/// A computed break: the rule's arguments, and the value of the event.
struct Computed {
    case: Case,
    arguments: Value,
    value: Value,
}

/// The computed breaks of an operation, and those that cannot be: `with` as a whole and names of its members are no
/// expressions, and `null` is the way to leave a member alone.
fn computed_breaks(operation: Operation) -> (Vec<Computed>, usize) {
    let mut found = Vec::new();
    let mut others = 0;
    for (index, broken) in breaks(operation).iter().enumerate() {
        let case = Case::of(index, operation, broken);
        let nothing = broken.value == Some(Value::Null);
        match computed(&case, &broken.arguments, broken.value.as_ref()).filter(|_| !nothing) {
            Some((arguments, value)) => found.push(Computed {
                case,
                arguments,
                value,
            }),
            None => others += 1,
        }
    }
    (found, others)
}

/// The rules of computed calls, one for those that differ in the event only, with the name of each call's rule.
fn load_computed(calls: &[Computed]) -> (Rules, Vec<String>) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut rules = Vec::new();
    let mut names = Vec::new();
    for call in calls {
        let text = call.arguments.to_string();
        let name = known.entry(text).or_insert_with(|| {
            let name = format!("rule-{}", rules.len());
            rules.push(rule(&name, call.case.operation, &call.arguments));
            name
        });
        names.push(name.clone());
    }
    (load(&rules), names)
}

#[test]
fn every_broken_value_that_an_expression_yields_is_refused_in_the_plan() {
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for operation in Operation::ALL {
        let (calls, others) = computed_breaks(operation);
        *counts.0.entry("cannot be computed").or_default() += others;
        let (rules, names) = load_computed(&calls);
        for (call, name) in calls.iter().zip(&names) {
            let planned = planned(&rules, &event(name, &call.value));
            if is_refused_for(&planned, &call.case) {
                counts.one("refused in the plan");
            } else if call.case.is_let_through() {
                counts.one("let through");
            } else {
                let error = planned.error.map(|error| error.message);
                wrong.push(format!("{}: {error:?}", call.case.describe()));
            }
        }
    }
    println!("computed values: {:?}", counts.0);
    assert_eq!(wrong, Vec::<String>::new());
    assert!(counts.of("refused in the plan") > 8_000);
}

#[test]
fn no_valid_constant_and_no_valid_computed_value_is_refused() {
    let (mut constants, mut computed_values) = (0, 0);
    for operation in Operation::ALL {
        let whole = maximal(operation);
        let rules = load(&[rule("whole", operation, &whole)]);
        // A domain with RStudio has the access to the network that it has, or no change of it is taken.
        let access = whole.get("AppNetworkAccessType").cloned();
        let observed = json!({"AppNetworkAccessType": access});
        let whole_planned = planned_on(&rules, &event("whole", &json!(0)), &observed);
        assert_eq!(
            whole_planned.error.map(|error| error.message),
            None,
            "{operation}"
        );
        assert_eq!(whole_planned.action, Action::Change, "{operation}");
        let valid: Vec<_> = valid_values(operation)
            .into_iter()
            .filter_map(|(path, value)| valid_call(operation, &whole, path, value))
            .collect();
        for batch in valid.chunks(RULES_PER_FILE) {
            let numbered = batch.iter().enumerate();
            let rules = numbered.map(|(index, call)| {
                let arguments = replaced(&call.arguments, &call.case.path, &call.value);
                rule(&format!("valid-{index}"), operation, &arguments)
            });
            constants += load(&rules.collect::<Vec<_>>()).rules.len();
        }
        let (rules, names) = load_computed(&valid);
        for (call, name) in valid.iter().zip(&names) {
            let planned = planned(&rules, &event(name, &call.value));
            let error = planned.error.map(|error| error.message);
            assert_eq!(error, None, "{} {}", call.case.describe(), call.value);
            computed_values += 1;
        }
    }
    println!("valid: {constants} constants, {computed_values} computed values");
    assert!(constants > 2_000 && computed_values > 2_000);
}

/// The call with a valid value at a path. None when AWS documents that it does not go together with what stands beside it.
fn valid_call(
    operation: Operation,
    whole: &Value,
    path: Vec<Segment>,
    value: Value,
) -> Option<Computed> {
    let case = Case {
        name: String::new(),
        operation,
        path,
        code: "valid",
        what: String::new(),
    };
    let (arguments, _) = computed(&case, whole, Some(&value))?;
    let whole = replaced(&arguments, &case.path, &value);
    let coupled = |observed| !couplings(operation, &whole, observed).is_empty();
    (!coupled(None) && !coupled(Some(&json!({})))).then_some(Computed {
        case,
        arguments,
        value,
    })
}

fn replaced(arguments: &Value, path: &[Segment], value: &Value) -> Value {
    let mut arguments = arguments.clone();
    if let Some(place) = at_mut(&mut arguments, path) {
        *place = value.clone();
    }
    arguments
}

/// A world in which the targets of the maximal calls are.
fn world() -> World {
    let name = |operation: Operation, member: &str| {
        maximal(operation)[member]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let user = Operation::SageMakerUpdateUserProfile;
    let mut domains = Map::new();
    domains.insert(
        name(Operation::SageMakerUpdateDomain, "DomainId"),
        json!({}),
    );
    let profiles = json!({name(user, "UserProfileName"): {}});
    domains.insert(name(user, "DomainId"), json!({"userProfiles": profiles}));
    let (zone, kx) = (
        Operation::DataZoneUpdateUserProfile,
        Operation::FinSpaceUpdateKxUser,
    );
    let profile = json!({"status": "ASSIGNED", "details": {"sso": {"username": name(zone, "userIdentifier")}}});
    let profiles = json!({"3f2a9c64-1d7e-4b85-9a0f-6c5d2e8b7a10": profile});
    let role = "arn:aws:iam::111122223333:role/other";
    let world = json!({
        "account": "111122223333",
        "region": "eu-central-1",
        "sagemaker": {"domains": domains},
        "datazone": {"domains": {name(zone, "domainIdentifier"): {"userProfiles": profiles}}},
        "finspace": {"environments": {name(kx, "environmentId"): {"users": {name(kx, "userName"): {"iamRole": role}}}}},
    });
    World::from_json(world.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn no_request_leaves_for_a_broken_value() {
    let step = if std::env::var_os(FULL).is_some() {
        1
    } else {
        SAMPLE
    };
    let emulator = Emulator::start(world(), Options::default())
        .await
        .expect("a free port");
    let config = configure(Place::Emulator(&emulator.endpoint()))
        .await
        .expect("a configuration");
    let mut tried = 0;
    for operation in Operation::ALL {
        let (mut calls, _) = computed_breaks(operation);
        calls.retain(|call| !call.case.is_let_through());
        let sample: Vec<Computed> = calls.into_iter().step_by(step).collect();
        let (rules, names) = load_computed(&sample);
        let usher = Usher {
            rules,
            services: Services::new(&config),
            ledger: Ledger::in_memory(),
            concurrency: 1,
            settle: false,
            single_sign_on: Default::default(),
        };
        for (call, name) in sample.iter().zip(&names) {
            let id = format!("attempt-{tried}");
            let invocation = Invocation {
                id: &id,
                deadline: Deadline::after(Duration::from_secs(60)),
                now: &|| OffsetDateTime::UNIX_EPOCH,
            };
            let before = emulator.requests().len();
            let reports = usher.apply(&[event(name, &call.value)], &invocation).await;
            // Whether a nested member is missing depends on what the target has, so that takes a read; nothing else does.
            let requests = emulator.requests().len() - before;
            let nested = call.case.code == "missing-member" && call.case.path.len() > 1;
            assert!(
                requests <= usize::from(nested) * 2,
                "{}",
                call.case.describe()
            );
            let changes: Vec<_> = reports.iter().flat_map(|report| &report.changes).collect();
            let ends: Vec<_> = changes
                .iter()
                .map(|change| (change.outcome, change.cause()))
                .collect();
            assert_eq!(
                ends,
                [(Outcome::Failed, Some(Cause::Values))],
                "{}",
                call.case.describe()
            );
            tried += 1;
        }
    }
    let requests = emulator.requests();
    for request in &requests {
        assert!(
            !request.operation.starts_with("Update"),
            "{}",
            request.call()
        );
    }
    let read = requests.len();
    println!("{tried} broken values tried on the services: {read} reads, no update");
    assert!(tried > 300);
    emulator.stop().await;
}
