//! What is wrong with an argument, where, and what would be right.

use std::fmt;

use super::wording::shortened;

/// One step into arguments.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// One step into what is being looked at: most of it is right, and none of its names is copied then.
#[derive(Copy, Clone)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl From<Step<'_>> for Segment {
    fn from(step: Step<'_>) -> Self {
        match step {
            Step::Key(key) => Self::Key(key.to_owned()),
            Step::Index(index) => Self::Index(index),
        }
    }
}

/// The path that these steps are.
pub(crate) fn path(steps: &[Step<'_>]) -> Vec<Segment> {
    steps.iter().copied().map(Segment::from).collect()
}

/// A path as people write it: `UserSettings.CustomImages[2].ImageName`.
pub fn display_path(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shortened(key));
            }
            Segment::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// The codes of violations, which never change, each with what it means.
pub const CODES: &[(&str, &str)] = &[
    (
        UNKNOWN_MEMBER,
        "The API has no such member here. Names are compared exactly.",
    ),
    (MISSING_MEMBER, "The API requires this member."),
    (UNION, "Of these members exactly one must be given."),
    (
        WRONG_TYPE,
        "The value is of another JSON type than the API takes.",
    ),
    (
        TOO_SHORT,
        "The string has fewer characters than the API takes.",
    ),
    (
        TOO_LONG,
        "The string has more characters than the API takes.",
    ),
    (
        PATTERN,
        "The string as a whole does not match the API's pattern.",
    ),
    (
        ENUM,
        "The API does not know this value. Values are compared exactly.",
    ),
    (BELOW_MINIMUM, "The number is less than the API takes."),
    (ABOVE_MAXIMUM, "The number is greater than the API takes."),
    (
        LIST_TOO_SHORT,
        "The list or map has fewer entries than the API takes.",
    ),
    (
        LIST_TOO_LONG,
        "The list or map has more entries than the API takes.",
    ),
    (
        COUPLING,
        "The value is right by itself, but not together with another one.",
    ),
];

pub const UNKNOWN_MEMBER: &str = "unknown-member";
pub const MISSING_MEMBER: &str = "missing-member";
pub const UNION: &str = "union";
pub const WRONG_TYPE: &str = "wrong-type";
pub const TOO_SHORT: &str = "too-short";
pub const TOO_LONG: &str = "too-long";
pub const PATTERN: &str = "pattern";
pub const ENUM: &str = "enum";
pub const BELOW_MINIMUM: &str = "below-minimum";
pub const ABOVE_MAXIMUM: &str = "above-maximum";
pub const LIST_TOO_SHORT: &str = "list-too-short";
pub const LIST_TOO_LONG: &str = "list-too-long";
pub const COUPLING: &str = "coupling";

/// One thing that AWS would refuse.
#[derive(Clone, Eq, PartialEq)]
pub struct Violation {
    /// Where; for a missing member, where it should be.
    pub path: Vec<Segment>,
    /// What kind of thing it is: one of [`CODES`].
    pub code: &'static str,
    /// What stands there, shortened.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
    /// The nearest right name or value.
    pub help: Option<String>,
}

impl Violation {
    /// A violation without help.
    pub fn new(
        path: &[Segment],
        code: &'static str,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_vec(),
            code,
            found: found.into(),
            allowed: allowed.into(),
            help: None,
        }
    }

    /// The same with the nearest right name or value, if there is one.
    pub fn with_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            code: _, // whoever shows a violation says its code first
            found,
            allowed,
            help,
        } = self;
        let path = display_path(path);
        if !path.is_empty() {
            write!(formatter, "{path}: ")?;
        }
        write!(formatter, "found {found}, allowed is {allowed}")?;
        if let Some(help) = help {
            write!(formatter, "; did you mean `{help}`?")?;
        }
        Ok(())
    }
}

// The value found can be a person's data: it is for the one who wrote the rule, not for a log.
impl fmt::Debug for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Violation")
            .field("path", &display_path(&self.path))
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}
