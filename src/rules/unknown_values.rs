//! `allowUnknownValues`: members that may have values which the API models do not know yet.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::loading::{Loading, Value};
use crate::api::{Kind, Operation, Shape, nearest};
use crate::document::Step;
use crate::problem::Problem;

/// The names of all members that have an enumeration, or a list or map of them.
static ENUMERATIONS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let mut names = BTreeSet::new();
    for operation in Operation::ALL {
        collect(operation.input(), "", &mut names);
    }
    names
});

// As deep as the model, which is finite.
fn collect(shape: Shape, member: &'static str, names: &mut BTreeSet<&'static str>) {
    match shape.kind() {
        Kind::Structure { members, .. } => members
            .members()
            .iter()
            .for_each(|member| collect(member.shape, member.name, names)),
        Kind::List { item, .. } => collect(item, member, names),
        Kind::Map { value, .. } => collect(value, member, names),
        Kind::String { values, .. } => {
            if !values.values().is_empty() {
                names.insert(member);
            }
        }
        Kind::Integer { .. } => {}
    }
}

pub(super) fn members_with_unknown_values<'a>(
    loading: &mut Loading<'a>,
    value: Value<'a>,
) -> Vec<String> {
    let mut members = Vec::new();
    for (index, node, text) in loading.texts(value) {
        if !ENUMERATIONS.contains(text) {
            let near = nearest(text, ENUMERATIONS.iter().copied());
            let message = format!("no member `{text}` has a list of values");
            let problem = Problem::error("no-enumeration", node.span.clone(), message)
                .label("not such a member")
                .maybe_help(near.map(|near| format!("did you mean `{near}`?")));
            loading.report_below(&[Step::Index(index)], problem);
        }
        members.push(text.to_owned());
    }
    members
}
