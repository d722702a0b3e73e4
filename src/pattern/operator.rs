//! What one item of a pattern's array accepts.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use super::address::{self, Block};
use super::fold::{self, Part};
use super::number::{self, Number, Range};
use super::wildcard::Wildcard;

/// One way for a value to match. `exists: false` is not here: it is about a field that has no value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Operator {
    Text(Box<str>),
    /// A string that is an IP address: it also matches other spellings of that address, such as `::1` for
    /// `0:0:0:0:0:0:0:1`, as in AWS's open-source engine (aws/event-ruler, `CIDR.ipToRangeIfPossible`).
    Address(IpAddr, Box<str>),
    Number(Number),
    Bool(bool),
    Null,
    /// `exists: true`.
    Exists,
    Prefix(Box<str>),
    Suffix(Box<str>),
    IgnoreCase(Part, Box<str>),
    Wildcard(Wildcard),
    Numeric(Range),
    Cidr(Block),
    AnythingBut(Excluded),
}

/// What `anything-but` does not accept; it accepts every other value of whatever type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Excluded {
    /// Sorted.
    Texts(Box<[Box<str>]>),
    /// Sorted millionths.
    Numbers(Box<[i64]>),
    Prefixes(Box<[Box<str>]>),
    Suffixes(Box<[Box<str>]>),
    IgnoreCase(Box<[Box<str>]>),
    Wildcards(Box<[Wildcard]>),
}

impl Operator {
    /// Whether a leaf of an event matches. A leaf is a string, a number, a boolean or null.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        let text = || value.as_str();
        match self {
            Self::Text(expected) => text().is_some_and(|text| *text == **expected),
            Self::Address(expected, written) => text()
                .is_some_and(|text| *text == **written || address::parse(text) == Some(*expected)),
            Self::Number(expected) => {
                matches!(value, Value::Number(number) if expected.matches(number))
            }
            Self::Bool(expected) => value.as_bool() == Some(*expected),
            Self::Null => value.is_null(),
            Self::Exists => true,
            Self::Prefix(prefix) => text().is_some_and(|text| text.starts_with(&**prefix)),
            Self::Suffix(suffix) => text().is_some_and(|text| text.ends_with(&**suffix)),
            Self::IgnoreCase(part, pattern) => {
                text().is_some_and(|text| fold::matches(pattern, *part, text))
            }
            Self::Wildcard(wildcard) => text().is_some_and(|text| wildcard.matches(text)),
            Self::Numeric(range) => {
                matches!(value, Value::Number(number) if range.contains(number))
            }
            Self::Cidr(block) => text().is_some_and(|text| block.contains(text)),
            Self::AnythingBut(excluded) => !excluded.contains(value),
        }
    }
}

impl Excluded {
    fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Numbers(excluded), Value::Number(number)) => {
                number::micros(number).is_some_and(|micros| excluded.binary_search(&micros).is_ok())
            }
            (Self::Texts(excluded), Value::String(text)) => excluded
                .binary_search_by(|other| (**other).cmp(text))
                .is_ok(),
            (Self::Prefixes(excluded), Value::String(text)) => {
                excluded.iter().any(|prefix| text.starts_with(&**prefix))
            }
            (Self::Suffixes(excluded), Value::String(text)) => {
                excluded.iter().any(|suffix| text.ends_with(&**suffix))
            }
            (Self::IgnoreCase(excluded), Value::String(text)) => excluded
                .iter()
                .any(|other| fold::matches(other, Part::Whole, text)),
            (Self::Wildcards(excluded), Value::String(text)) => {
                excluded.iter().any(|wildcard| wildcard.matches(text))
            }
            (_, _) => false,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Address(_, text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Null => f.write_str("null"),
            Self::Exists => f.write_str("any value"),
            Self::Prefix(prefix) => write!(f, "a string that starts with {prefix:?}"),
            Self::Suffix(suffix) => write!(f, "a string that ends with {suffix:?}"),
            Self::IgnoreCase(Part::Whole, text) => write!(f, "{text:?} in any case"),
            Self::IgnoreCase(Part::Start, text) => {
                write!(f, "a string that starts with {text:?} in any case")
            }
            Self::IgnoreCase(Part::End, text) => {
                write!(f, "a string that ends with {text:?} in any case")
            }
            Self::Wildcard(wildcard) => write!(f, "a string like `{wildcard}`"),
            Self::Numeric(range) => write!(f, "{range}"),
            Self::Cidr(block) => write!(f, "an IP address in {block}"),
            Self::AnythingBut(excluded) => write!(f, "any value but {excluded}"),
        }
    }
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |texts: &[Box<str>], before: &str, after: &str| {
            let texts: Vec<String> = texts
                .iter()
                .map(|text| format!("{before}{text:?}{after}"))
                .collect();
            texts.join(" or ")
        };
        let text = match self {
            Self::Texts(texts) => quoted(texts, "", ""),
            Self::Numbers(numbers) => {
                let numbers: Vec<String> = numbers
                    .iter()
                    .map(|micros| number::decimal(*micros))
                    .collect();
                numbers.join(" or ")
            }
            Self::Prefixes(texts) => quoted(texts, "a string that starts with ", ""),
            Self::Suffixes(texts) => quoted(texts, "a string that ends with ", ""),
            Self::IgnoreCase(texts) => quoted(texts, "", " in any case"),
            Self::Wildcards(wildcards) => {
                let wildcards: Vec<String> = wildcards
                    .iter()
                    .map(|w| format!("a string like `{w}`"))
                    .collect();
                wildcards.join(" or ")
            }
        };
        f.write_str(&text)
    }
}
