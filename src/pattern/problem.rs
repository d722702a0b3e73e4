//! What is wrong with a pattern, where, and what would be right.

use std::fmt;

use serde_json::Value;

/// One step from the pattern's root to the place a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key of an object.
    Key(String),
    /// A position in an array, from 0.
    Index(usize),
}

/// One reason why EventBridge would refuse the pattern.
///
/// Its `Display` is `place: message (help)`, for example
/// ``detail.amount[0].numeric[1]: expected a number, found the string "5"``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// Keys and array positions from the pattern's root, so that the line and column can be looked up in the document the
    /// pattern came from. Empty when the pattern as a whole is meant.
    pub path: Vec<Segment>,
    /// A stable name of the kind of problem, for example `unknown-operator`.
    pub code: &'static str,
    /// What was found and what is allowed, without the place.
    pub message: String,
    /// What to write instead, when that is known.
    pub help: Option<String>,
}

impl PatternProblem {
    /// The place as text: `detail.amount[0].numeric[1]`, or `pattern` for the root. A key that is not made of letters,
    /// digits, `_`, `-` and `$` is quoted: `detail["a.b"]`.
    pub fn place(&self) -> String {
        if self.path.is_empty() {
            return "pattern".to_owned();
        }
        let mut place = String::new();
        for segment in &self.path {
            match segment {
                Segment::Index(index) => place.push_str(&format!("[{index}]")),
                Segment::Key(key) if is_plain(key) => {
                    if !place.is_empty() {
                        place.push('.');
                    }
                    place.push_str(key);
                }
                Segment::Key(key) => place.push_str(&format!("[{key:?}]")),
            }
        }
        place
    }
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PatternProblem {}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))
}

/// A value as a message names it: its kind, and the value itself when that is short.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= 40 => format!("the string {text:?}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(items) if items.is_empty() => "an empty array".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(members) if members.is_empty() => "an empty object".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The problems so far, and the place being read.
#[derive(Default)]
pub(super) struct Problems<'p> {
    list: Vec<PatternProblem>,
    at: Vec<Step<'p>>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

impl<'p> From<&'p str> for Step<'p> {
    fn from(key: &'p str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl<'p> Problems<'p> {
    /// How many steps inside the pattern the present place is.
    pub(super) fn depth(&self) -> usize {
        self.at.len()
    }

    pub(super) fn into_list(self) -> Vec<PatternProblem> {
        self.list
    }

    /// Runs `read` one step further inside.
    pub(super) fn within<T>(
        &mut self,
        step: impl Into<Step<'p>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.at.push(step.into());
        let result = read(self);
        self.at.pop();
        result
    }

    /// Records a problem at the present place. Always nothing, so that a reader can end with it.
    pub(super) fn refuse<T>(
        &mut self,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) -> Option<T> {
        let path = self.at.iter().map(|step| match step {
            Step::Key(key) => Segment::Key((*key).to_owned()),
            Step::Index(index) => Segment::Index(*index),
        });
        self.list.push(PatternProblem {
            path: path.collect(),
            code,
            message,
            help,
        });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_quotes_only_keys_that_need_it() {
        let problem = PatternProblem {
            path: vec![
                Segment::Key("detail".into()),
                Segment::Key("a.b".into()),
                Segment::Index(2),
                Segment::Key("anything-but".into()),
            ],
            code: "unknown-operator",
            message: "no".into(),
            help: Some("yes".into()),
        };
        assert_eq!(
            problem.to_string(),
            r#"detail["a.b"][2].anything-but: no (yes)"#
        );
    }
}
