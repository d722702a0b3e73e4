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
