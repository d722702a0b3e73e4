//! One call of a rule: its operation, its arguments as far as they are known, and what AWS would say to them.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::arguments::{Reading, Sketch, templates};
use super::loading::{Keys, Loading, Value};
use super::rule::RuleReader;
use super::unknown_values::members_with_unknown_values;
use super::{CallTemplate, privileges, target_kind, violations};
use crate::api::{Operation, UNKNOWN_VALUES_BY_DEFAULT};
use crate::document::{Member, Step};
use crate::problem::Problem;

const KEYS: Keys = Keys {
    required: &["call", "with"],
    optional: &["settle", "allowUnknownValues"],
};

/// A call with what its checks need.
pub(super) struct Call<'a> {
    pub operation: Operation,
    pub with: &'a Member<'a>,
    pub sketch: Vec<(&'a str, Sketch<'a>)>,
    /// The arguments, with the values of expressions that are known; the others stand as they are written.
    pub arguments: Json,
}

/// Reads a call. It is given also when something in it is wrong, as long as there is an operation and an object.
pub(super) fn call<'a>(
    loading: &mut Loading<'a>,
    reader: &mut RuleReader<'a>,
    value: Value<'a>,
) -> Option<CallTemplate> {
    let members = loading.object(value, &KEYS)?;
    let find = |key: &str| members.iter().find(|member| member.key == key);
    let settle = find("settle").is_some_and(|member| settle(loading, member));
    let mut allow_unknown_values: Vec<String> = UNKNOWN_VALUES_BY_DEFAULT
        .iter()
        .map(|member| (*member).to_owned())
        .chain(reader.allow_unknown_values.iter().cloned())
        .collect();
    if let Some(member) = find("allowUnknownValues") {
        allow_unknown_values.extend(loading.within(Step::Key("allowUnknownValues"), |loading| {
            members_with_unknown_values(loading, member.into())
        }));
    }
    let operation = find("call").and_then(|member| operation(loading, reader, member));
    let with = find("with")?;
    let call = loading.within(Step::Key("with"), |loading| {
        let Some(members) = with.value.members() else {
            loading.wrong_kind(with.into(), "an object with the API's members");
            return None;
        };
        let mut reading = Reading::new(operation, &mut reader.compiler);
        let (sketch, arguments) = reading.members(loading, members);
        let call = Call {
            operation: operation?,
            with,
            sketch,
            arguments: Json::Object(arguments),
        };
        violations::report(loading, &call, &allow_unknown_values);
        privileges::report(loading, &call, &reader.guards);
        protected(loading, &call, &reader.guards);
        Some(call)
    })?;
    // With an error in it, the call is never made.
    let with = match call.arguments {
        Json::Object(arguments) => templates(call.sketch, arguments),
        _ => Vec::new(),
    };
    Some(CallTemplate {
        operation: call.operation,
        with,
        allow_unknown_values,
        settle,
        line: reader.compiler.lines.place(value.node.span.start).0,
    })
}

fn settle<'a>(loading: &mut Loading<'a>, member: &'a Member<'a>) -> bool {
    let right = member.value.text() == Some("wait");
    if !right {
        let place = member.value.focus(Some(member.key_span.clone()));
        let problem = Problem::error("settle", place, "`settle` can be `wait`, and nothing else")
            .label("another value")
            .help(
                "write `settle: wait` to wait until the change has taken effect, or leave it out",
            );
        loading.report_below(&[Step::Key("settle")], problem);
    }
    right
}

fn operation<'a>(
    loading: &mut Loading<'a>,
    reader: &mut RuleReader<'a>,
    member: &'a Member<'a>,
) -> Option<Operation> {
    loading.within(Step::Key("call"), |loading| {
        let Some(name) = member.value.text() else {
            loading.wrong_kind(member.into(), "a text that names an operation");
            return None;
        };
        let span = &member.value.span;
        match Operation::from_name(name) {
            Ok(operation) => {
                if operation == Operation::FinSpaceUpdateKxUser && reader.finspace.is_none() {
                    reader.finspace = Some(finspace(loading, span.clone()));
                }
                Some(operation)
            }
            Err(unknown) => {
                let names = Operation::ALL.map(Operation::name).join(", ");
                let near = unknown.nearest.map(Operation::name);
                let problem = Problem::error(
                    "unknown-call",
                    span.clone(),
                    format!("there is no call `{name}`"),
                )
                .label("unknown call")
                .note(format!("calls are {names}"))
                .maybe_help(near.map(|near| format!("did you mean `{near}`?")));
                loading.report(problem);
                None
            }
        }
    })
}

/// "On October 7, 2026, […] you will no longer be able to access the FinSpace console, your FinSpace environment, or your
/// FinSpace data" (Amazon FinSpace user guide, end of support).
fn finspace(loading: &Loading<'_>, span: Range<usize>) -> Problem {
    let mut problem = if cfg!(feature = "finspace") {
        Problem::warning(
            "finspace-ended",
            span,
            "Amazon FinSpace ended on 7 October 2026",
        )
        .label("AWS does not answer this call any more")
        .help("remove the call once no old events are replayed")
    } else {
        Problem::error("finspace-left-out", span, "this build has no FinSpace")
            .label("this call cannot be made")
            .help("remove the call, or build with the cargo feature `finspace`")
    };
    problem.path = loading.place_text();
    problem.rule = loading.rule.map(str::to_owned);
    problem
}

/// A target that is known now and never changed makes the call useless.
fn protected<'a>(loading: &mut Loading<'a>, call: &Call<'a>, guards: &super::guards::Guards) {
    let Some(names) = constant_identity(call) else {
        return;
    };
    let target = format!("{}/{}", target_kind(call.operation), names.join("/"));
    let Some(glob) = guards
        .config
        .protected
        .iter()
        .find(|glob| glob.matches(&target))
    else {
        return;
    };
    let last = call
        .operation
        .identity()
        .last()
        .copied()
        .unwrap_or_default();
    let place = call
        .with
        .value
        .place([Step::Key(last)], &call.with.key_span);
    let problem = Problem::error(
        "protected-target",
        place,
        format!("`{target}` is never changed"),
    )
    .label(format!("`guards.protected` has `{glob}`"))
    .help("leave the call out, or narrow the guard");
    loading.report_below(&[Step::Key(last)], problem);
}

/// The identity's values if all of them are known.
fn constant_identity<'c>(call: &'c Call<'_>) -> Option<Vec<&'c str>> {
    let known = |name: &&str| {
        let (_, sketch) = call.sketch.iter().find(|(member, _)| member == name)?;
        match sketch {
            Sketch::Constant => call.arguments.get(name)?.as_str(),
            Sketch::Expression(_) | Sketch::Object(_) | Sketch::List(_) => None,
        }
    };
    call.operation.identity().iter().map(known).collect()
}

/// An object of arguments.
pub(super) type Arguments = Map<String, Json>;
