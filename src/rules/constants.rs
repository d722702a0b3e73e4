//! `constants`: names and their values.

use serde_json::Map;

use super::loading::{Loading, Value};
use crate::document::{Content, Node, Step};
use crate::expression::{constant_name_problem, is_expression, misplaced_delimiters};
use crate::problem::Problem;

/// The constants. One with a wrong name or a wrong value is reported and given nevertheless, so that the expressions
/// that use it are not reported too.
pub(super) fn constants<'a>(
    loading: &mut Loading<'a>,
    value: Value<'a>,
) -> Map<String, serde_json::Value> {
    let Some(members) = value.node.members() else {
        loading.wrong_kind(value, "an object");
        return Map::new();
    };
    let mut constants = Map::new();
    for member in members {
        loading.within(Step::Key(&member.key), |loading| {
            if let Some(reason) = constant_name_problem(&member.key) {
                let message = format!("`{}` cannot be a constant's name", member.key);
                let problem = Problem::error("constant-name", member.key_span.clone(), message);
                loading.report(problem.label(reason).help("use another name"));
            }
            literal(loading, &member.value);
        });
        constants.insert(member.key.to_string(), member.value.to_value());
    }
    constants
}

/// Reports expressions in what stands for itself.
fn literal<'a>(loading: &mut Loading<'a>, node: &'a Node<'a>) {
    match &node.content {
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
        Content::Text(text, _) => {
            if is_expression(text) || misplaced_delimiters(text).is_some() {
                let problem = Problem::error(
                    "expression-in-constant",
                    node.span.clone(),
                    "a constant cannot be computed",
                )
                .label("an expression")
                .help("use the expression where the constant is used, or write its value here");
                loading.report(problem);
            }
        }
        Content::List(items) => items.iter().enumerate().for_each(|(index, item)| {
            loading.within(Step::Index(index), |loading| literal(loading, item));
        }),
        Content::Object(members) => members.iter().for_each(|member| {
            loading.within(Step::Key(&member.key), |loading| {
                literal(loading, &member.value)
            });
        }),
    }
}
