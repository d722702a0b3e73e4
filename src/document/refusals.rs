//! Why a text, or a value in it, is refused.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use super::read::DEEPEST;
use super::scalar::Ambiguous;
use crate::problem::Problem;

pub(super) fn bad_key(place: Range<usize>) -> Problem {
    Problem::error("yaml-key", place, "a key must be a text")
        .label("not a text")
        .help("an expression or a text with braces needs quotes: \"{% … %}\"")
}

pub(super) fn bad_alias(place: Range<usize>, message: &str) -> Problem {
    let problem = Problem::error("yaml-alias", place, message);
    problem.label("used here").help("write the value out")
}

pub(super) fn too_deep(place: Range<usize>) -> Problem {
    let message = format!("lists and objects nest more than {DEEPEST} levels deep");
    Problem::error("too-deep", place, message).label("one level too many")
}

pub(super) fn unclear(value: &str, ambiguous: &Ambiguous, place: Range<usize>) -> Problem {
    let Ambiguous { taken_for, write } = ambiguous;
    let message = format!("it is unclear whether `{value}` is a text or {taken_for}");
    let help = match write {
        Some(write) => format!("write \"{value}\" for the text or {write} for {taken_for}"),
        None => format!("write \"{value}\" for the text, or the number as JSON writes it"),
    };
    Problem::error("ambiguous-scalar", place, message)
        .label(format!(
            "some YAML readers take this for {taken_for}, others for a text"
        ))
        .help(help)
}

pub(super) fn not_yaml(text: &str, error: &ScanError) -> Problem {
    let at = error.marker().byte_offset().unwrap_or(text.len());
    let at = text.floor_char_boundary(at);
    let rest = text.get(at..).unwrap_or_default();
    let next = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r'));
    let span = at..at + next.map_or(0, char::len_utf8);
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(span);
    }
    let line_start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1);
    let line = text
        .get(line_start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let help = match error.kind() {
        _ if line.contains("{%") => Some("an expression stands in quotes: \"{% … %}\""),
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed => Some("indent with spaces"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            Some("check the indentation; a text with `: ` in it needs quotes")
        }
        ErrorKind::DirectiveDisallowed => Some("leave lines that begin with `%` out"),
        ErrorKind::UnknownAnchor => Some("a text that begins with `*` needs quotes"),
        ErrorKind::UnexpectedCharacter { .. } => {
            Some("a text that begins with this character needs quotes")
        }
        ErrorKind::UnknownQuotedScalarEscape => Some(
            "write `\\\\` for a backslash, or use single quotes, in which there are no escapes",
        ),
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::UnclosedQuotedScalar => {
            Some("look for a quote that is not closed")
        }
        _ => None,
    };
    Problem::error(
        "yaml-syntax",
        span,
        format!("this is not YAML: {}", error.info()),
    )
    .label("the reader got this far")
    .maybe_help(help)
}
