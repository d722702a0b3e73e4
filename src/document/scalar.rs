//! What a plain scalar is, and what it could be taken for.

use granit_parser::ScalarStyle;
use serde_json::Number;

use super::Content;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes, on one line or several, or as a block (`|`, `>`): every character but blanks stands for itself.
    Verbatim,
    /// In single quotes, `''` for one.
    Single,
    /// In double quotes, with escapes.
    Double,
}

impl From<ScalarStyle> for Style {
    fn from(style: ScalarStyle) -> Self {
        match style {
            ScalarStyle::SingleQuoted => Self::Single,
            ScalarStyle::DoubleQuoted => Self::Double,
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => Self::Verbatim,
        }
    }
}

/// Why a plain scalar is refused: what other readers take it for, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous {
    pub taken_for: &'static str,
    pub write: Option<&'static str>,
}

/// The words of YAML 1.1 and of the core schema of YAML 1.2 that are not JSON's.
const WORDS: &[(&str, &str, &str)] = &[
    ("true", "a boolean", "true"),
    ("yes", "a boolean", "true"),
    ("on", "a boolean", "true"),
    ("false", "a boolean", "false"),
    ("no", "a boolean", "false"),
    ("off", "a boolean", "false"),
    ("null", "null", "null"),
];

/// The longest of them, in bytes.
const LONGEST_WORD: usize = 5;

/// Resolves a plain scalar; nothing when it is the text as written. In a JSON text `1e3` is a number; YAML readers disagree
/// about it.
pub(super) fn resolve(text: &str, json: bool) -> Result<Option<Content<'static>>, Ambiguous> {
    if text.len() > LONGEST_WORD && !begins_like_a_number(text) {
        return Ok(None);
    }
    match text {
        "" | "~" | "null" => return Ok(Some(Content::Null)),
        "true" => return Ok(Some(Content::Bool(true))),
        "false" => return Ok(Some(Content::Bool(false))),
        _ => {}
    }
    let word = WORDS
        .iter()
        .find(|(word, ..)| text.eq_ignore_ascii_case(word));
    if let Some((_, taken_for, write)) = word {
        return Err(Ambiguous {
            taken_for,
            write: Some(write),
        });
    }
    if !looks_like_a_number(text) {
        return Ok(None);
    }
    let number = (is_json_number(text) && (json || text.contains('.') || !has_exponent(text)))
        .then(|| serde_json::from_str::<Number>(text).ok())
        .flatten();
    // A whole number that fits no integer would be rounded.
    let exact =
        |number: &Number| !number.is_f64() || text.contains(['.', 'e', 'E']) || text == "-0";
    match number {
        Some(number) if exact(&number) => Ok(Some(Content::Number(number))),
        _ => Err(Ambiguous {
            taken_for: "a number",
            write: None,
        }),
    }
}

fn has_exponent(text: &str) -> bool {
    text.contains(['e', 'E'])
}

fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading =
        digits.starts_with('0') && digits.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    let (mantissa, _) = digits.split_once(['e', 'E']).unwrap_or((digits, ""));
    let sound = !mantissa.starts_with('.') && !mantissa.ends_with('.') && !mantissa.contains('_');
    !leading && sound && !text.starts_with('+')
}

/// Whether a number, in any spelling, can begin like this.
fn begins_like_a_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

/// Whether any YAML reader takes the text for a number: YAML 1.1's and 1.2's spellings, those of JSON among them.
fn looks_like_a_number(text: &str) -> bool {
    if !begins_like_a_number(text) {
        return false;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let based = |prefix: &str, base: u32| {
        let rest = lower.strip_prefix(prefix);
        rest.is_some_and(|rest| {
            rest.chars().any(|c| c.is_digit(base))
                && rest.chars().all(|c| c == '_' || c.is_digit(base))
        })
    };
    if based("0x", 16) || based("0o", 8) || based("0b", 2) {
        return true;
    }
    let (mantissa, exponent) = match lower.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (lower.as_str(), None),
    };
    let whole = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
    });
    whole
        && mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && mantissa.contains(|c: char| c.is_ascii_digit())
        && mantissa.chars().filter(|c| *c == '.').count() <= 1
        && mantissa
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_s_spellings_are_what_they_are_in_json() {
        for text in [
            "0",
            "-1",
            "12",
            "1.5",
            "-0",
            "1.5e3",
            "18446744073709551615",
            "9.0",
        ] {
            let value = serde_json::from_str(text).expect("JSON");
            assert_eq!(
                resolve(text, false),
                Ok(Some(Content::Number(value))),
                "{text}"
            );
        }
        assert!(matches!(resolve("1e3", true), Ok(Some(Content::Number(_)))));
        assert_eq!(resolve("true", false), Ok(Some(Content::Bool(true))));
        assert_eq!(resolve("~", false), Ok(Some(Content::Null)));
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for text in [
            "012345678901",
            "yes",
            "No",
            "ON",
            "off",
            "True",
            "NULL",
            "1_000",
            "0x10",
            "0o14",
            "+1",
            ".5",
            "1.",
            "1e3",
            "12e5",
            ".inf",
            "-.INF",
            ".NaN",
            "00",
            "-01",
            "1e999",
            "123456789012345678901234567890",
            "0b101",
        ] {
            assert!(resolve(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_the_text_as_written() {
        for text in [
            "2026-01-02",
            "2026-01-02T03:04:05Z",
            "10.0.0.1",
            "1.2.3",
            "12:30",
            "d-abc",
            "y",
            "n",
            "-",
            "1a",
            "e3",
            ".",
            "_1",
            "0x",
            "1e",
            "0xg",
            "ml.t3.medium",
            "<<",
        ] {
            assert_eq!(resolve(text, false), Ok(None), "{text}");
        }
    }
}
