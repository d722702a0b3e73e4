//! Who can choose privileges: whether an event can influence a role, and whether constant roles are allowed.
//!
//! An expression influences what it yields. If the API has a role there or anywhere below, and the expression reads the
//! event or the observed target (whose roles somebody set without these guards), the event chooses a privilege. What an
//! expression reads is known from its text ([`crate::expression::Uses`]); constants, functions and concatenation add
//! nothing to it.

use super::arguments::Sketch;
use super::call::Call;
use super::guards::Guards;
use super::loading::Loading;
use super::{Computed, violations};
use crate::api::{Kind, Segment, Shape, roles_in};
use crate::expression::is_expression;
use crate::problem::Problem;

pub(super) fn report(loading: &mut Loading<'_>, call: &Call<'_>, guards: &Guards) {
    if guards.roles_unclear {
        return;
    }
    match &guards.config.roles {
        Some(_) => constants(loading, call, guards),
        None => computed(loading, call),
    }
}

fn constants(loading: &mut Loading<'_>, call: &Call<'_>, guards: &Guards) {
    let globs = guards.config.roles.as_deref().unwrap_or_default();
    for (path, role) in roles_in(call.operation, &call.arguments) {
        if is_expression(&role) || globs.iter().any(|glob| glob.matches(&role)) {
            continue;
        }
        let steps = violations::steps(&path);
        let place = call
            .with
            .value
            .place(steps.iter().copied(), &call.with.key_span);
        let allowed: Vec<&str> = globs.iter().map(crate::glob::Glob::as_str).collect();
        let message = format!("no guard allows the role `{role}`");
        let problem = Problem::error("role-not-allowed", place, message)
            .label("no match in `guards.roles`")
            .note(match allowed.as_slice() {
                [] => "`guards.roles` is empty: no role can be set".to_owned(),
                allowed => format!("`guards.roles` has {}", allowed.join(", ")),
            })
            .help("`*` stays within one part of an ARN; add a pattern to `guards.roles` if the role is meant");
        loading.report_below(&steps, problem);
    }
}

fn computed(loading: &mut Loading<'_>, call: &Call<'_>) {
    let mut path = Vec::new();
    for (name, sketch) in &call.sketch {
        let Some(member) = call.operation.input().member(name) else {
            continue;
        };
        path.push(Segment::from(*name));
        visit(loading, call, member.shape, sketch, &mut path);
        path.pop();
    }
}

// As deep as the model, which is finite.
fn visit(
    loading: &mut Loading<'_>,
    call: &Call<'_>,
    shape: Shape,
    sketch: &Sketch<'_>,
    path: &mut Vec<Segment>,
) {
    match (sketch, shape.kind()) {
        (Sketch::Constant, _) => {}
        (Sketch::Expression(computed), _) => {
            if let Some(role) = role_below(shape) {
                influence(loading, call, computed, path, &role);
            }
        }
        (Sketch::Object(members), Kind::Structure { .. } | Kind::Map { .. }) => {
            for (name, sketch) in members {
                let below = match shape.kind() {
                    Kind::Map { value, .. } => Some(value),
                    _ => shape.member(name).map(|member| member.shape),
                };
                if let Some(below) = below {
                    path.push(Segment::from(*name));
                    visit(loading, call, below, sketch, path);
                    path.pop();
                }
            }
        }
        (Sketch::List(items), Kind::List { item, .. }) => {
            for (index, sketch) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                visit(loading, call, item, sketch, path);
                path.pop();
            }
        }
        // Of another type than the API's, which is reported as such.
        (Sketch::Object(_) | Sketch::List(_), _) => {}
    }
}

/// The way to the first role in a shape: empty when the shape itself is one.
fn role_below(shape: Shape) -> Option<Vec<&'static str>> {
    match shape.kind() {
        Kind::String { role, .. } => role.then(Vec::new),
        Kind::Integer { .. } => None,
        Kind::List { item, .. } => role_below(item),
        Kind::Map { value, .. } => role_below(value),
        Kind::Structure { members, .. } => members.members().iter().find_map(|member| {
            let mut way = role_below(member.shape)?;
            way.insert(0, member.name);
            Some(way)
        }),
    }
}

fn influence(
    loading: &mut Loading<'_>,
    call: &Call<'_>,
    computed: &Computed,
    path: &[Segment],
    role: &[&str],
) {
    let uses = computed.uses();
    let source = match (uses.event.is_nothing(), uses.current) {
        (false, _) => "the event",
        (true, true) => "`$current`",
        (true, false) => return,
    };
    let steps = violations::steps(path);
    let place = call
        .with
        .value
        .place(steps.iter().copied(), &call.with.key_span);
    let message = match role.last() {
        None => format!("{source} chooses a role, and no guard limits which"),
        Some(_) => format!(
            "{source} can choose a role (`{}`), and no guard limits which",
            role.join(".")
        ),
    };
    let problem = Problem::error("unguarded-role", place, message)
        .label(format!("this reads {source}"))
        .help("add `guards: {roles: [\"arn:aws:iam::<account>:role/<name>-*\"]}` with the roles that may be given, or write the role as a constant");
    loading.report_below(&steps, problem);
}
