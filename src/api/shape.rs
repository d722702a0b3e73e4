//! The shapes of the generated model: what a value may be, one table for all operations.

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use super::automaton::Automaton;
use super::model::{INPUTS, MEMBERS, PATTERNS, SHAPES, VALUES};

/// In the tables: this string has no pattern.
pub(super) const NONE: u16 = u16::MAX;

/// As an upper bound on a length: there is none.
pub const UNBOUNDED: u32 = u32::MAX;

/// A shape of the API models, such as `UserSettings` or `RoleArn`.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Shape(pub(super) u16);

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The name as the API writes it.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// Whether the API requires it.
    pub required: bool,
    /// One sentence of plain text, at most 120 characters.
    pub description: &'static str,
}

/// What the values of a shape are.
///
/// Lengths of strings count Unicode scalar values, as Smithy's `length` trait does; lengths of lists and maps count
/// entries. An upper bound of [`UNBOUNDED`] is none.
#[derive(Copy, Clone, Debug)]
pub enum Kind {
    /// An object with these members; of a union, exactly one of them.
    Structure { members: Span, union: bool },
    /// An array of one shape.
    List { item: Shape, min: u32, max: u32 },
    /// An object with free keys.
    Map {
        key: Shape,
        value: Shape,
        min: u32,
        max: u32,
    },
    /// A string; `values` are those of an enumeration; `role` says that it is the ARN of an IAM role.
    String {
        min: u32,
        max: u32,
        pattern: u16,
        values: Span,
        role: bool,
    },
    /// A whole number.
    Integer { min: i64, max: i64 },
}

/// A part of one of the tables: start and length.
#[derive(Copy, Clone, Debug)]
pub struct Span(pub(super) u16, pub(super) u16);

impl Span {
    fn range(self) -> Range<usize> {
        let start = usize::from(self.0);
        start..start + usize::from(self.1)
    }

    /// The members it names, in the model's order.
    pub fn members(self) -> &'static [Member] {
        &MEMBERS[self.range()]
    }

    /// The enumeration's values it names, in the model's order.
    pub fn values(self) -> &'static [&'static str] {
        &VALUES[self.range()]
    }
}

/// A row of the table of shapes.
pub(super) struct Record {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// A row of the table of patterns.
pub(super) struct PatternText {
    pub(super) model: &'static str,
    pub(super) whole: &'static str,
    pub(super) refused_start: &'static str,
}

impl Shape {
    /// The input of an operation, created and deleted things included: `sagemaker:CreateUserProfile`.
    pub fn input_of(operation: &str) -> Option<Self> {
        let found = INPUTS.iter().find(|(name, _)| *name == operation)?;
        Some(found.1)
    }

    /// The name in the model: `RoleArn`.
    pub fn name(self) -> &'static str {
        self.record().name
    }

    /// The service whose model it is from: `sagemaker`.
    pub fn service(self) -> &'static str {
        self.record().service
    }

    /// What its values are.
    pub fn kind(self) -> Kind {
        self.record().kind
    }

    /// The members of a structure in the model's order; nothing for any other shape.
    pub fn members(self) -> &'static [Member] {
        match self.kind() {
            Kind::Structure { members, .. } => members.members(),
            Kind::List { .. } | Kind::Map { .. } | Kind::String { .. } | Kind::Integer { .. } => {
                &[]
            }
        }
    }

    /// The member of a structure with exactly this name.
    pub fn member(self, name: &str) -> Option<&'static Member> {
        self.members().iter().find(|member| member.name == name)
    }

    /// Whether its values are ARNs of IAM roles.
    pub fn is_role(self) -> bool {
        matches!(self.kind(), Kind::String { role: true, .. })
    }

    /// The pattern of a string shape that has one.
    pub fn pattern(self) -> Option<Pattern> {
        match self.kind() {
            Kind::String { pattern, .. } if pattern != NONE => Some(Pattern(pattern)),
            _ => None,
        }
    }

    // The index comes from the generated file, never from input; a test walks every one.
    fn record(self) -> &'static Record {
        &SHAPES[usize::from(self.0)]
    }
}

/// A pattern that a whole value must match.
///
/// The services match patterns against the whole value, anchors or not: `^[a-zA-Z0-9](-*[a-zA-Z0-9])*` refuses a name
/// with `/` or `_` in its middle (awslabs/sagemaker-deep-demand-forecast#41, Kenza-AI/sagify#57), and where "somewhere
/// in it" is meant, DataZone's and FinSpace's models say so with `.*` at both ends.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Pattern(u16);

// Compiled on first use: one call needs a few of them, and all together cost milliseconds.
static COMPILED: [OnceLock<Option<Compiled>>; PATTERNS.len()] =
    [const { OnceLock::new() }; PATTERNS.len()];

enum Compiled {
    Simple(Automaton),
    General(Box<Regex>),
}

impl Compiled {
    fn new(whole: &str) -> Option<Self> {
        let general = || Some(Self::General(Box::new(Regex::new(whole).ok()?)));
        Automaton::new(whole).map(Self::Simple).or_else(general)
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Simple(automaton) => automaton.matches(value),
            Self::General(regex) => regex.is_match(value),
        }
    }
}

impl Pattern {
    /// As the API reference writes it, for messages.
    pub fn model(self) -> &'static str {
        self.text().model
    }

    /// For a whole value, in the syntax that Rust's `regex` and ECMAScript's `u` mode share. Upper counts that the
    /// shape's greatest length implies are left out, so check the length as well.
    pub fn whole(self) -> &'static str {
        self.text().whole
    }

    /// What a value must not begin with; empty when there is no such thing.
    pub fn refused_start(self) -> &'static str {
        self.text().refused_start
    }

    /// Whether the whole value matches.
    pub fn matches(self, value: &str) -> bool {
        let PatternText {
            model: _,
            whole,
            refused_start,
        } = self.text();
        let refused = !refused_start.is_empty() && value.starts_with(refused_start);
        let compiled = COMPILED[usize::from(self.0)].get_or_init(|| Compiled::new(whole));
        !refused
            && compiled
                .as_ref()
                .is_some_and(|compiled| compiled.matches(value))
    }

    fn text(self) -> &'static PatternText {
        &PATTERNS[usize::from(self.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_all_of_them_quickly() {
        let start = std::time::Instant::now();
        for text in &PATTERNS {
            Regex::new(text.whole).unwrap_or_else(|error| panic!("{}: {error}", text.model));
        }
        let took = start.elapsed();
        println!("{} patterns compiled in {took:?}", PATTERNS.len());
        assert!(took.as_secs() < 2, "compiling all patterns took {took:?}");
    }

    #[test]
    fn every_index_in_the_tables_points_to_something() {
        for (index, record) in SHAPES.iter().enumerate() {
            let inner: Vec<Shape> = match record.kind {
                Kind::Structure { members, .. } => members
                    .members()
                    .iter()
                    .map(|member| member.shape)
                    .collect(),
                Kind::List { item, .. } => vec![item],
                Kind::Map { key, value, .. } => vec![key, value],
                Kind::String { values, .. } => {
                    assert!(values.values().len() <= VALUES.len());
                    if let Some(pattern) = Shape(index as u16).pattern() {
                        assert!(!pattern.whole().is_empty());
                    }
                    vec![]
                }
                Kind::Integer { min, max } => {
                    assert!(min < max);
                    vec![]
                }
            };
            // A shape stands after everything it consists of: the model cannot be recursive.
            assert!(
                inner.iter().all(|shape| usize::from(shape.0) < index),
                "{}",
                record.name
            );
        }
    }

    #[test]
    fn a_pattern_is_for_the_whole_value_and_for_ascii_digits() {
        let input = Shape::input_of("sagemaker:UpdateUserProfile").unwrap();
        let domain = input.member("DomainId").unwrap().shape.pattern().unwrap();
        assert!(domain.matches("d-abc123"));
        assert!(
            !domain.matches("d-abc123/x")
                && !domain.matches("xd-abc123")
                && !domain.matches("d-abc\n")
        );
        let settings = input.member("UserSettings").unwrap().shape;
        let role = settings
            .member("ExecutionRole")
            .unwrap()
            .shape
            .pattern()
            .unwrap();
        assert!(role.matches("arn:aws:iam::111122223333:role/studio"));
        assert!(!role.matches("arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:role/studio"));
    }

    #[test]
    fn a_user_identifier_may_be_an_id_a_name_or_an_arn_and_nothing_around_them() {
        let input = Shape::input_of("datazone:UpdateUserProfile").unwrap();
        let user = input
            .member("userIdentifier")
            .unwrap()
            .shape
            .pattern()
            .unwrap();
        assert!(user.matches("0123456789-a1b2c3d4-1111-2222-3333-a1b2c3d4e5f6"));
        assert!(user.matches("jane.doe@example.com"));
        assert!(user.matches("arn:aws:iam::111122223333:role/x"));
        assert!(!user.matches("jane doe") && !user.matches("") && !user.matches("x\njane"));
    }

    #[test]
    fn a_tag_key_must_not_begin_with_aws() {
        let input = Shape::input_of("finspace:CreateKxUser").unwrap();
        let Kind::Map { key, .. } = input.member("tags").unwrap().shape.kind() else {
            panic!("tags are a map");
        };
        let pattern = key.pattern().unwrap();
        assert!(pattern.matches("team") && !pattern.matches("aws:team"));
    }
}
