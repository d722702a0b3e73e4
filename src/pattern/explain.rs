//! Why an event matches a pattern or does not.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::combination::Combination;
use super::field::Field;
use super::flat::Flat;
use super::hint;
use super::tree::{FieldTree, PathId};

/// How many of the event's values are told for a field.
const MAX_VALUES: usize = 5;
/// How many characters of a string are told.
const MAX_CHARACTERS: usize = 120;

/// Why an event matches a pattern or does not.
///
/// It holds values of the event, which are people's data: show it to whoever asked and log it nowhere. Its `Debug` has none.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub matches: bool,
    /// How many combinations of fields the pattern allows: 1 without `$or`. `fields` are those of the one that matches or
    /// comes closest.
    pub combinations: usize,
    /// In the order EventBridge looks at them.
    pub fields: Vec<FieldVerdict>,
    /// Set when no single field is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What one field asks for and what the event has there.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldVerdict {
    /// The keys from the event's root, joined by dots.
    pub path: String,
    /// Whether the event has what is asked for.
    pub matches: bool,
    /// The alternatives, any of which would do.
    pub expected: Vec<String>,
    pub found: Found,
    /// What may be the cause, when that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The values of the event at a path.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The first few; empty when the event has none. Long strings are cut.
    pub values: Vec<Value>,
    /// How many there are beyond those.
    pub more: usize,
}

pub(super) fn explain(
    tree: &FieldTree,
    combinations: &[Combination],
    event: &Value,
) -> Explanation {
    if !event.is_object() {
        let note = Some("an event is an object; this is none".to_owned());
        return Explanation {
            matches: false,
            combinations: combinations.len(),
            fields: Vec::new(),
            note,
        };
    }
    let flat = Flat::new(tree, event);
    let told = |combination: &Combination| {
        let fields = combination
            .fields
            .iter()
            .map(|(path, field)| verdict(*path, field, &flat, event));
        fields.collect::<Vec<FieldVerdict>>()
    };
    if let Some(combination) = combinations
        .iter()
        .find(|combination| combination.matches(tree, &flat))
    {
        return Explanation {
            matches: true,
            combinations: combinations.len(),
            fields: told(combination),
            note: None,
        };
    }
    let mut closest: Option<(&Combination, usize)> = None;
    for combination in combinations {
        let failed = combination
            .fields
            .iter()
            .filter(|(path, field)| !is_met(*path, field, &flat))
            .count();
        if closest.is_none_or(|(_, fewest)| failed < fewest) {
            closest = Some((combination, failed));
        }
    }
    let Some((combination, failed)) = closest else {
        return Explanation {
            matches: false,
            combinations: 0,
            fields: Vec::new(),
            note: None,
        };
    };
    let mut fields = told(combination);
    let note = (failed == 0).then(|| {
        let conflict = combination
            .first_conflict(tree, &flat)
            .and_then(|index| fields.get_mut(index));
        conflict_note(conflict)
    });
    Explanation {
        matches: false,
        combinations: combinations.len(),
        fields,
        note,
    }
}

fn conflict_note(conflict: Option<&mut FieldVerdict>) -> String {
    let Some(field) = conflict else {
        return "each field matches alone, but not all of them together".to_owned();
    };
    field.matches = false;
    field.note = Some(
        "it matches alone, but not in the array element in which the fields above match".to_owned(),
    );
    format!(
        "no single element of the arrays around `{}` has all the fields",
        field.path
    )
}

fn is_met(path: PathId, field: &Field, flat: &Flat<'_>) -> bool {
    let leaves = flat.at(path);
    (field.absent && leaves.is_empty()) || leaves.iter().any(|leaf| field.accepts(leaf.value))
}

fn verdict(path: PathId, field: &Field, flat: &Flat<'_>, event: &Value) -> FieldVerdict {
    let leaves = flat.at(path);
    let matches = is_met(path, field, flat);
    let values: Vec<Value> = leaves
        .iter()
        .take(MAX_VALUES)
        .map(|leaf| cut(leaf.value))
        .collect();
    let note = match (matches, leaves.first()) {
        (true, _) => None,
        (false, None) => hint::missing(event, &field.name),
        (false, Some(leaf)) => hint::wrong_type(field, leaf.value),
    };
    FieldVerdict {
        path: field.name.to_string(),
        matches,
        expected: field.expected(),
        found: Found {
            more: leaves.len() - values.len(),
            values,
        },
        note,
    }
}

fn cut(value: &Value) -> Value {
    match value.as_str().and_then(|text| {
        text.char_indices()
            .nth(MAX_CHARACTERS)
            .map(|(end, _)| (text, end))
    }) {
        Some((text, end)) => Value::from(format!("{}…", text.get(..end).unwrap_or_default())),
        None => value.clone(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.matches, self.combinations) {
            (true, _) => f.write_str("the event matches")?,
            (false, 0 | 1) => f.write_str("the event does not match")?,
            (false, many) => write!(
                f,
                "the event matches none of the pattern's {many} combinations; the closest"
            )?,
        }
        for field in &self.fields {
            write!(f, "\n{field}")?;
        }
        match &self.note {
            Some(note) => write!(f, "\n{note}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FieldVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.matches { "ok" } else { "no" };
        write!(
            f,
            "  {verdict}  {}: expected {}, found {}",
            self.path,
            self.expected.join(" or "),
            self.found
        )?;
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.values.is_empty() {
            return f.write_str("nothing");
        }
        let values: Vec<String> = self.values.iter().map(Value::to_string).collect();
        f.write_str(&values.join(", "))?;
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("matches", &self.matches)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FieldVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldVerdict")
            .field("path", &self.path)
            .field("matches", &self.matches)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.values.len() + self.more;
        f.debug_struct("Found").field("values", &count).finish()
    }
}
