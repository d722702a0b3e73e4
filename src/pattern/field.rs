//! One field a pattern asks about.

use std::sync::Arc;

use serde_json::Value;

use super::operator::Operator;

/// A path and what may stand there.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Field {
    /// The keys from the root, joined by dots: EventBridge does not tell `{"a": {"b": …}}` from `{"a.b": …}`.
    pub(super) name: Arc<str>,
    /// Any of these may accept the value.
    pub(super) operators: Vec<Operator>,
    /// Whether no value at all is accepted too: `exists: false`.
    pub(super) absent: bool,
}

impl Field {
    pub(super) fn accepts(&self, value: &Value) -> bool {
        self.operators
            .iter()
            .any(|operator| operator.accepts(value))
    }

    /// Whether it asks for texts and nothing else. An address is none: it has several spellings.
    pub(super) fn lists_texts(&self) -> bool {
        let text = |operator: &Operator| matches!(operator, Operator::Text(_));
        !self.absent && self.operators.iter().all(text)
    }

    /// The texts that it asks for.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.operators.iter().filter_map(|operator| match operator {
            Operator::Text(text) => Some(&**text),
            _ => None,
        })
    }

    /// What the field asks for, in words, one text per alternative.
    pub(super) fn expected(&self) -> Vec<String> {
        let absent = self.absent.then(|| "no value".to_owned());
        self.operators
            .iter()
            .map(Operator::to_string)
            .chain(absent)
            .collect()
    }
}
