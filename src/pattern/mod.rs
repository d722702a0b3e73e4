//! EventBridge event patterns.
//!
//! A [`Pattern`] answers what `aws events test-event-pattern` answers for the same pattern and event; a [`PatternSet`] answers
//! it for many patterns in one pass over the event. A pattern that EventBridge refuses is refused with every problem in it,
//! its place, and what would be right.
//!
//! # Where the semantics come from
//! The EventBridge user guide ("Comparison operators", "Event pattern syntax") and, where that is silent, the core that AWS
//! has published (aws/event-ruler), whose behaviour was compared with answers of the service that localstack's AWS-validated
//! tests have recorded. Decisions worth knowing:
//!
//! - **Paths.** `{"a": {"b": …}}` and `{"a.b": …}` are one path, in the pattern and in the event. When a pattern names a path
//!   twice, the last mention counts. Only leaves (strings, numbers, booleans, null) are values: an object, an empty object and
//!   an empty array count as no value.
//! - **Arrays.** A field matches if any element does; so `anything-but` matches `["a", "b"]` unless it excludes both. Several
//!   fields under one array of objects must match in the same element. `exists: false` is judged in the element that fields
//!   sorted before it have chosen; when none has, the field must be missing in all of them.
//! - **Numbers** compare by value, with six digits after the point, between -5.0e9 and 5.0e9. Outside that, an operator refuses
//!   the number and a plain number matches only the same digits.
//! - **`equals-ignore-case`** works character by character without a locale: a pattern's character stands for itself, its
//!   lower case and its upper case, beyond ASCII too.
//! - **IP addresses.** A plain string that is an IP address matches every spelling of that address. `cidr` begins at the
//!   address as written, and refuses `/32` (v6: `/128`).
//! - **`$or`** takes two or more objects and may make 1,000 combinations. Where it cannot be the operator it is an ordinary
//!   field name, if the whole pattern is right that way.
//! - **Wildcards** beyond the service's complexity limit are refused.
//! - **Size.** EventBridge limits a pattern to 2,048 characters (4,096 on request). That is a quota of an account, not a rule of
//!   the language; a longer pattern is accepted here.
//! - `{"exactly": …}`, which only the published core knows, is refused: the user guide has no such operator.
//!
//! Matching is linear in the event; see [`Pattern::matches`] for the one bound.

mod address;
mod anything_but;
mod combination;
mod complexity;
mod explain;
mod field;
mod flat;
mod fold;
mod hint;
mod index;
mod interval;
mod number;
mod numeric;
mod operand;
mod operator;
mod overlap;
mod parse;
mod plain;
mod problem;
mod set;
mod tree;
mod wildcard;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use self::combination::Combination;
use self::field::Field;
use self::flat::Flat;
use self::tree::FieldTree;
use crate::document::Node;

pub use self::explain::{Explanation, FieldVerdict, Found};
pub use self::overlap::{ALWAYS_AN_ARRAY, could_both_match};
pub use self::problem::{PatternProblem, Segment};
pub use self::set::PatternSet;

/// A compiled event pattern.
#[derive(Clone)]
pub struct Pattern {
    /// Any of these may match, each sorted by its fields' names. More than one only with `$or`.
    combinations: Arc<[Vec<Arc<Field>>]>,
    /// The same in a tree of their own, once an event is held against this pattern alone: a file's are matched together.
    alone: OnceLock<Arc<Alone>>,
}

/// A pattern in a tree of its own.
struct Alone {
    tree: FieldTree,
    combinations: Vec<Combination>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Every reason why EventBridge would refuse it, with its place. Members are read in the order the value holds them.
    pub fn parse(pattern: &Value) -> Result<Self, Vec<PatternProblem>> {
        Ok(Self::of(parse::parse(pattern)?))
    }

    /// As [`Pattern::parse`], for a pattern of a rules file. Nothing when something is wrong with it, or it has `$or`: that is for
    /// [`Pattern::parse`] to read.
    pub(crate) fn of_file(pattern: &Node<'_>) -> Option<Self> {
        Some(Self::of(vec![plain::fields(pattern)?]))
    }

    fn of(combinations: Vec<Vec<Arc<Field>>>) -> Self {
        Self {
            combinations: combinations.into(),
            alone: OnceLock::new(),
        }
    }

    fn alone(&self) -> &Alone {
        self.alone.get_or_init(|| {
            let names = self.fields().flatten().map(|field| &*field.name);
            let (tree, paths) = FieldTree::new(names);
            let mut paths = paths.into_iter();
            let combinations = self.fields().map(|fields| {
                let fields = fields.iter().cloned();
                let fields = paths.by_ref().take(fields.len()).zip(fields).collect();
                Combination { fields }
            });
            let combinations = combinations.collect();
            Arc::new(Alone { tree, combinations })
        })
    }

    /// Whether the event matches. What is not an object never does.
    ///
    /// Takes time in proportion to the event. Only for an event that writes one path both nested and dotted, inside arrays,
    /// could the search grow further; it then ends after a million steps and the event does not match.
    pub fn matches(&self, event: &Value) -> bool {
        if !event.is_object() {
            return false;
        }
        let Alone { tree, combinations } = self.alone();
        let flat = Flat::new(tree, event);
        combinations
            .iter()
            .any(|combination| combination.matches(tree, &flat))
    }

    /// Whether the event matches by fields among which is this one, its keys joined by dots. With `$or`, alternatives that do
    /// not name it do not count. Takes as long as [`Pattern::matches`].
    pub fn matches_naming(&self, name: &str, event: &Value) -> bool {
        let names = |combination: &&Combination| {
            let mut fields = combination.fields.iter();
            fields.any(|(_, field)| &*field.name == name)
        };
        if !event.is_object() {
            return false;
        }
        let Alone { tree, combinations } = self.alone();
        let flat = Flat::new(tree, event);
        let mut naming = combinations.iter().filter(names);
        naming.any(|combination| combination.matches(tree, &flat))
    }

    /// Says for each field whether it matches, what was expected there, and what the event has.
    ///
    /// With `$or`, of the combinations that the pattern allows the one that comes closest.
    pub fn explain(&self, event: &Value) -> Explanation {
        let Alone { tree, combinations } = self.alone();
        explain::explain(tree, combinations, event)
    }

    /// The fields for which every event that matches has one of these texts, each by its name, its keys joined by dots: those
    /// that list nothing but texts, in all alternatives alike.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        let mut combinations = self.combinations.iter();
        let first = combinations.next().into_iter().flatten();
        let others = combinations.as_slice();
        let always = move |field: &&Arc<Field>| {
            let same =
                |other: &Vec<Arc<Field>>| other.iter().any(|other| Arc::ptr_eq(other, field));
            field.lists_texts() && others.iter().all(same)
        };
        first
            .filter(always)
            .map(|field| (&*field.name, field.texts()))
    }

    /// The names of all fields, keys joined by dots, some of them more than once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields().flatten().map(|field| &*field.name)
    }

    /// The fields of each combination.
    fn fields(&self) -> impl Iterator<Item = &Vec<Arc<Field>>> {
        self.combinations.iter()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .fields()
            .map(|fields| fields.iter().map(|field| &*field.name).collect::<Vec<_>>());
        f.debug_tuple("Pattern")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}
