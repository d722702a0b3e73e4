//! Which members are IAM roles: the strings whose pattern in the model is that of a role's ARN.

use serde_json::Value;

use super::violation::{self, Step};
use super::{Kind, Operation, Segment, Shape};

/// Whether the API types the value at this path as the ARN of an IAM role.
pub fn is_role(operation: Operation, path: &[Segment]) -> bool {
    operation.shape_at(path).is_some_and(Shape::is_role)
}

/// Every role in a call's arguments, with its path, in the arguments' order. What is not a string where the API types
/// a role is left to [`check`](super::check).
pub fn roles_in(operation: Operation, arguments: &Value) -> Vec<(Vec<Segment>, String)> {
    let mut found = Vec::new();
    collect(operation.input(), arguments, &mut Vec::new(), &mut found);
    found
}

// As deep as the model, which is finite, however deep the value is.
fn collect<'a>(
    shape: Shape,
    value: &'a Value,
    path: &mut Vec<Step<'a>>,
    found: &mut Vec<(Vec<Segment>, String)>,
) {
    match (shape.kind(), value) {
        (Kind::Structure { .. }, Value::Object(members)) => {
            for (name, value) in members {
                if let Some(member) = shape.member(name) {
                    path.push(Step::Key(name));
                    collect(member.shape, value, path, found);
                    path.pop();
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                path.push(Step::Index(index));
                collect(item, value, path, found);
                path.pop();
            }
        }
        (Kind::Map { value: shape, .. }, Value::Object(entries)) => {
            for (key, value) in entries {
                path.push(Step::Key(key));
                collect(shape, value, path, found);
                path.pop();
            }
        }
        (Kind::String { role: true, .. }, Value::String(role)) => {
            found.push((violation::path(path), role.clone()))
        }
        _ => {}
    }
}
