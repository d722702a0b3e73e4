//! Reads the items of a pattern's arrays: values and operators.

use serde_json::{Map, Value};

use super::address::{self, Block};
use super::anything_but;
use super::fold::Part;
use super::number::Number;
use super::numeric;
use super::operator::Operator;
use super::problem::{Problems, found};
use super::wildcard::Wildcard;

/// The operators, as EventBridge names them.
const OPERATORS: [&str; 8] = [
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "numeric",
    "cidr",
    "exists",
    "anything-but",
];

/// What one item of an array asks for.
pub(super) enum Item {
    /// The field has such a value.
    Has(Operator),
    /// The field has no value: `exists: false`.
    Absent,
}

/// Reads one item, or records what is wrong with it.
pub(super) fn item<'p>(value: &'p Value, problems: &mut Problems<'p>) -> Option<Item> {
    let operator = match value {
        Value::String(text) => of_text(text),
        Value::Number(number) => Operator::Number(Number::of(number)),
        Value::Bool(flag) => Operator::Bool(*flag),
        Value::Null => Operator::Null,
        Value::Array(_) => {
            return problems.refuse(
                "nested-array",
                "an array inside an array: expected a string, a number, true, false, null or an operator".to_owned(),
                Some("write the values side by side in one array".to_owned()),
            );
        }
        Value::Object(members) => return matching(members, problems),
    };
    Some(Item::Has(operator))
}

/// What a string asks for.
pub(super) fn of_text(text: &str) -> Operator {
    match address::parse(text) {
        Some(address) => Operator::Address(address, text.into()),
        None => Operator::Text(text.into()),
    }
}

/// Reads `{"operator": operand}`.
fn matching<'p>(members: &'p Map<String, Value>, problems: &mut Problems<'p>) -> Option<Item> {
    let (name, operand) = single(members, problems)?;
    if name == "exists" {
        return problems.within(name, |problems| match operand {
            Value::Bool(true) => Some(Item::Has(Operator::Exists)),
            Value::Bool(false) => Some(Item::Absent),
            other => problems.refuse(
                "operand",
                format!("expected true or false, found {}", found(other)),
                None,
            ),
        });
    }
    if !OPERATORS.contains(&name) {
        return unknown(name, operand, &OPERATORS, problems);
    }
    problems
        .within(name, |problems| match name {
            "prefix" => affix(operand, Part::Start, problems),
            "suffix" => affix(operand, Part::End, problems),
            "equals-ignore-case" => {
                text(operand, problems).map(|text| Operator::IgnoreCase(Part::Whole, text.into()))
            }
            "wildcard" => wildcard(operand, problems).map(Operator::Wildcard),
            "numeric" => numeric::read(operand, problems).map(Operator::Numeric),
            "cidr" => cidr(operand, problems).map(Operator::Cidr),
            _ => anything_but::read(operand, problems).map(Operator::AnythingBut),
        })
        .map(Item::Has)
}

/// The one member an operator object must have.
pub(super) fn single<'p>(
    members: &'p Map<String, Value>,
    problems: &mut Problems<'p>,
) -> Option<(&'p str, &'p Value)> {
    let mut entries = members.iter();
    match (entries.next(), entries.next()) {
        (Some((name, operand)), None) => Some((name, operand)),
        (None, _) => problems.refuse(
            "empty-object",
            "an empty object: expected one operator".to_owned(),
            Some(format!("the operators are {}", OPERATORS.join(", "))),
        ),
        (Some((first, _)), Some((second, _))) => problems.refuse(
            "several-operators",
            format!("expected one operator per object, found `{first}` and `{second}`"),
            Some(format!(
                "write {{\"{first}\": …}}, {{\"{second}\": …}}: either of them may then match"
            )),
        ),
    }
}

pub(super) fn unknown<T>(
    name: &str,
    operand: &Value,
    allowed: &[&str],
    problems: &mut Problems<'_>,
) -> Option<T> {
    let near = allowed
        .iter()
        .map(|operator| {
            (
                strsim::jaro_winkler(operator, &name.to_lowercase().replace('_', "-")),
                *operator,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let help = match (near, name) {
        (_, "exactly") => "write the value itself".to_owned(),
        (Some((_, near)), name) if name.chars().any(char::is_uppercase) => {
            format!("write `{near}`: names are in lower case")
        }
        (Some((_, near)), _) => format!("write `{near}`"),
        (None, _) if operand.is_array() || operand.is_object() => {
            format!(
                "a field of an object stands outside the array; the operators are {}",
                allowed.join(", ")
            )
        }
        (None, _) => format!("the operators are {}", allowed.join(", ")),
    };
    problems.refuse(
        "unknown-operator",
        format!("`{name}` is no operator"),
        Some(help),
    )
}

pub(super) fn text<'p>(operand: &'p Value, problems: &mut Problems<'p>) -> Option<&'p str> {
    match operand {
        Value::String(text) => Some(text),
        other => {
            let help = match other {
                Value::Array(_) => Some("write one operator object per string".to_owned()),
                _ => None,
            };
            problems.refuse(
                "operand",
                format!("expected a string, found {}", found(other)),
                help,
            )
        }
    }
}

/// `prefix` and `suffix`: a string, or `{"equals-ignore-case": string}`.
fn affix<'p>(operand: &'p Value, part: Part, problems: &mut Problems<'p>) -> Option<Operator> {
    let Value::Object(members) = operand else {
        let text = text(operand, problems)?.into();
        return Some(match part {
            Part::End => Operator::Suffix(text),
            Part::Start | Part::Whole => Operator::Prefix(text),
        });
    };
    let (name, operand) = single(members, problems)?;
    if name != "equals-ignore-case" {
        return unknown(name, operand, &["equals-ignore-case"], problems);
    }
    problems.within(name, |problems| {
        Some(Operator::IgnoreCase(part, text(operand, problems)?.into()))
    })
}

pub(super) fn wildcard<'p>(operand: &'p Value, problems: &mut Problems<'p>) -> Option<Wildcard> {
    match Wildcard::parse(text(operand, problems)?) {
        Ok(wildcard) => Some(wildcard),
        Err(error) => problems.refuse(
            "wildcard",
            error.to_string(),
            Some("write `\\*` for a star, `\\\\` for a backslash".into()),
        ),
    }
}

fn cidr<'p>(operand: &'p Value, problems: &mut Problems<'p>) -> Option<Block> {
    match Block::parse(text(operand, problems)?) {
        Ok(block) => Some(block),
        Err(error) => {
            let help = match &error {
                address::BlockError::TooManyBits { .. } => {
                    "for a single address write the address itself, as a string"
                }
                _ => "for example `10.0.0.0/24` or `2001:db8::/32`",
            };
            problems.refuse("cidr", error.to_string(), Some(help.to_owned()))
        }
    }
}
