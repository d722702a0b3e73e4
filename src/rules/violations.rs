//! What AWS would refuse in the arguments of a call, at its place in the file.

use super::call::Call;
use super::loading::Loading;
use crate::api::{CheckOptions, Segment, Violation, check, couplings};
use crate::document::{Content, Node, Step};
use crate::expression::is_expression;
use crate::problem::Problem;

/// The longest text about what is allowed that stands beside the mark.
const LABEL: usize = 70;

pub(super) fn report(loading: &mut Loading<'_>, call: &Call<'_>, allow_unknown_values: &[String]) {
    let checked = |allow: &[String]| {
        let options = CheckOptions {
            computed: &is_expression,
            allow_unknown_values: allow,
            partial: true,
        };
        check(call.operation, &call.arguments, &options)
    };
    let strict = checked(&[]);
    let known_enumerations = !strict.iter().any(|violation| violation.code == "enum");
    let found = if known_enumerations {
        strict.clone()
    } else {
        checked(allow_unknown_values)
    };
    for violation in &strict {
        if violation.code == "enum" && !found.contains(violation) {
            unknown_value(loading, call, violation);
        }
    }
    for violation in found
        .iter()
        .chain(&couplings(call.operation, &call.arguments, None))
    {
        let steps = steps(&violation.path);
        let problem = problem(loading.source, call, violation, &steps);
        loading.report_below(&steps, problem);
    }
}

pub(crate) fn steps(path: &[Segment]) -> Vec<Step<'_>> {
    path.iter()
        .map(|segment| match segment {
            Segment::Key(key) => Step::Key(key),
            Segment::Index(index) => Step::Index(*index),
        })
        .collect()
}

/// The value at a path, or the expression around it.
fn at<'n>(root: &'n Node<'n>, steps: &[Step<'_>]) -> &'n Node<'n> {
    let mut node = root;
    for step in steps {
        let next = match step {
            Step::Key(key) => node.member(key).map(|member| &member.value),
            Step::Index(index) => node.items().and_then(|items| items.get(*index)),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node
}

fn problem(source: &str, call: &Call<'_>, violation: &Violation, steps: &[Step<'_>]) -> Problem {
    let Violation {
        path,
        code,
        found,
        allowed,
        help,
    } = violation;
    let with = &call.with.value;
    let node = at(with, steps);
    let name = path.iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key.chars().take(80).collect::<String>()),
        Segment::Index(_) => None,
    });
    let name = name.unwrap_or_else(|| "with".to_owned());
    let computed = node.text().is_some_and(is_expression);
    let place = match *code {
        "unknown-member" if !computed => key_place(with, steps),
        _ => None,
    };
    let place = place.unwrap_or_else(|| with.place(steps.iter().copied(), &call.with.key_span));
    let message = match *code {
        "unknown-member" => format!("the API has no member `{name}` here"),
        "missing-member" => format!("the member `{name}` is missing"),
        "union" => format!("`{name}` must be one thing only"),
        "list-too-short" | "list-too-long" => format!("`{name}` cannot have {found}"),
        _ if computed => format!("`{name}` would be {found}"),
        _ => format!("`{name}` cannot be {found}"),
    };
    let allowed = match *code {
        "missing-member" => format!("needed: {allowed}"),
        _ => format!("allowed: {allowed}"),
    };
    let problem = Problem::error(code, place, message).maybe_help(help_text(
        source,
        node,
        violation,
        help.as_deref(),
    ));
    if allowed.chars().count() <= LABEL {
        problem.label(allowed)
    } else {
        problem.note(allowed)
    }
}

/// Where the key of the last member stands.
pub(crate) fn key_place(with: &Node<'_>, steps: &[Step<'_>]) -> Option<std::ops::Range<usize>> {
    let (last, before) = steps.split_last()?;
    let Step::Key(key) = last else {
        return None;
    };
    let member = at(with, before).member(key)?;
    Some(member.key_span.clone())
}

fn help_text(
    source: &str,
    node: &Node<'_>,
    violation: &Violation,
    help: Option<&str>,
) -> Option<String> {
    if violation.code == "wrong-type" {
        let written = source.get(node.span.clone()).unwrap_or_default();
        return match (&node.content, help) {
            // A number as it is written: `1e3` is not `1000.0`.
            (Content::Number(_), Some(help)) if help.starts_with('"') => {
                Some(format!("put it in quotes: \"{written}\""))
            }
            (Content::Null, _) => Some("leave the member out; `[]` clears a list".to_owned()),
            (_, Some(help)) => Some(format!("write {help}")),
            (_, None) => None,
        };
    }
    help.map(|help| match violation.code {
        "below-minimum" | "above-maximum" => format!("the nearest is {help}"),
        "coupling" => format!("write `{help}`"),
        _ => format!("did you mean `{help}`?"),
    })
}

fn unknown_value(loading: &mut Loading<'_>, call: &Call<'_>, violation: &Violation) {
    let steps = steps(&violation.path);
    let place = call
        .with
        .value
        .place(steps.iter().copied(), &call.with.key_span);
    let message = format!("{} is not a value that Usher knows", violation.found);
    let problem = Problem::warning("unknown-value", place, message)
        .label("let through by `allowUnknownValues`, by default or as the file says")
        .note(format!("known: {}", violation.allowed));
    loading.report_below(&steps, problem);
}
