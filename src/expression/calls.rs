//! What can be said about a call of a known function before it is made.

use jsonata_core::ast::{AstNode, BinaryOp};

use super::catalog::Known;

/// What is known about an argument's type from how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    Function,
    Object,
    Any,
}

fn shape(node: &AstNode) -> Shape {
    match node {
        AstNode::String(_)
        | AstNode::Binary {
            op: BinaryOp::Concatenate,
            ..
        } => Shape::Text,
        AstNode::Number(_) | AstNode::Unary { .. } => Shape::Number,
        AstNode::Binary {
            op:
                BinaryOp::Add
                | BinaryOp::Subtract
                | BinaryOp::Multiply
                | BinaryOp::Divide
                | BinaryOp::Modulo,
            ..
        } => Shape::Number,
        AstNode::Regex { .. } | AstNode::Lambda { .. } => Shape::Function,
        AstNode::Object(_) => Shape::Object,
        _ => Shape::Any,
    }
}

/// Whether a call takes its first argument from the context.
///
/// With fewer arguments than the function needs it does. With enough of them it still may, when their types fit the
/// parameters only if the first one is left out: `$substring(1, 2)` is the context's second and third character.
pub(super) fn reads_context(known: &Known, args: &[AstNode], chained: bool) -> bool {
    use Shape::{Any, Function, Number, Object, Text};
    let given = args.len() + usize::from(chained);
    if !known.context
        || given >= known.most
        || args.iter().any(|arg| matches!(arg, AstNode::Placeholder))
    {
        return false;
    }
    if given < known.required {
        return true;
    }
    let shifted: &[Shape] = match known.name {
        "substring" => &[Number, Number],
        "split" => &[Any, Number],
        "pad" => &[Number, Text],
        "match" => &[Function, Number],
        "replace" => &[Any, Any, Number],
        "formatNumber" => &[Text, Object],
        "fromMillis" => &[Text, Text],
        // The second parameter has another type than the first, or the first takes anything.
        _ => return false,
    };
    let piped = chained.then_some(Any);
    let found = piped.into_iter().chain(args.iter().map(shape));
    found
        .zip(shifted)
        .all(|(found, wanted)| found == Any || *wanted == Any || found == *wanted)
}

/// A code, a message and a help line.
type Problem = (&'static str, String, Option<String>);

/// What is wrong with a call whatever the event.
pub(super) fn arguments_problem(known: &Known, args: &[AstNode], chained: bool) -> Option<Problem> {
    let given = args.len() + usize::from(chained);
    let name = known.name;
    if given < known.fewest() || given > known.most {
        let with = if chained {
            ", the one before `~>` included"
        } else {
            ""
        };
        let message = format!("`${name}` takes {}, found {given}{with}", known.takes());
        return Some(("argument-count", message, None));
    }
    match (name, args) {
        ("toMillis", [.., picture]) if given == 2 && !names_year(picture) => {
            let message =
                "`$toMillis` takes what its picture leaves out from today's date".to_owned();
            let help =
                "write the picture as a string with a year in it, such as `'[Y0001]-[M01]-[D01]'`";
            Some(("forbidden-function", message, Some(help.to_owned())))
        }
        _ => None,
    }
}

/// Whether a picture is written out and has a year: then the result does not depend on the day.
fn names_year(picture: &AstNode) -> bool {
    matches!(picture, AstNode::String(picture) if picture.contains("[Y"))
}
