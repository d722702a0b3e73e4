//! Reads a pattern out of a rules file as long as it is right and has no `$or`.
//!
//! A start reads the patterns of all rules before it asks for an event, and most of them are a few lists of texts. They are
//! read as they stand in the file, where [`super::parse`] needs a copy of all in JSON, to point into when something is wrong. The
//! tests hold the two against each other.

use std::sync::Arc;

use serde_json::Value;

use super::field::Field;
use super::operand::{self, Item};
use super::parse::{OR, sort, too_complex};
use super::problem::Problems;
use crate::document::{Content, Node};

/// The fields, sorted as EventBridge looks at them. Nothing for what [`super::parse`] has to read.
pub(super) fn fields(pattern: &Node<'_>) -> Option<Vec<Arc<Field>>> {
    let mut fields = Vec::new();
    object(pattern, None, &mut fields)?;
    sort(&mut fields);
    let twice = |pair: &[Arc<Field>]| matches!(pair, [a, b] if a.name == b.name);
    // The last mention of a path counts.
    (!fields.windows(2).any(twice)).then_some(fields)
}

// As deep as the file, whose depth is bounded when it is read: far below a pattern's.
fn object(node: &Node<'_>, prefix: Option<&str>, fields: &mut Vec<Arc<Field>>) -> Option<()> {
    let members = node.members().filter(|members| !members.is_empty())?;
    for member in members {
        if member.key == OR {
            return None;
        }
        let joined;
        let name = match prefix {
            None => &*member.key,
            Some(prefix) => {
                joined = [prefix, ".", &member.key].concat();
                &joined
            }
        };
        match &member.value.content {
            Content::Object(_) => object(&member.value, Some(name), fields)?,
            Content::List(items) => fields.push(Arc::new(field(items, name)?)),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(..) => {
                return None;
            }
        }
    }
    Some(())
}

fn field(items: &[Node<'_>], name: &str) -> Option<Field> {
    let mut operators = Vec::with_capacity(items.len());
    let mut absent = false;
    for item in items {
        let item = match &item.content {
            Content::Text(text, _) => Item::Has(operand::of_text(text)),
            _ => other(&item.to_value())?,
        };
        match item {
            Item::Has(operator) => operators.push(operator),
            Item::Absent => absent = true,
        }
    }
    (!items.is_empty() && !too_complex(&operators)).then(|| Field {
        name: name.into(),
        operators,
        absent,
    })
}

fn other(item: &Value) -> Option<Item> {
    operand::item(item, &mut Problems::default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::read;
    use crate::pattern::parse::parse;

    #[test]
    fn both_readers_agree() {
        let right = [
            json!({"source": ["a", "10.0.0.1"], "detail": {"x": [1, true, null], "b.c": {"d": [{"prefix": "e"}]}}}),
            json!({"b": [{"exists": false}, "x"], "a": [{"numeric": ["<", 5]}], "A": [{"anything-but": ["y"]}]}),
            json!({"\u{ff5e}": ["x"], "\u{1f600}": ["y"], "": {"": ["z"]}}),
            json!({"a": [{"wildcard": "*.png"}]}),
        ];
        for pattern in right {
            let text = pattern.to_string();
            let (node, _) = read(&text).expect("a tree");
            let expected = parse(&pattern).expect("a pattern");
            let read = fields(&node).map(|fields| vec![fields]);
            assert_eq!(read, Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_or_has_alternatives_is_left_to_the_other() {
        for text in [
            "{}",
            "[]",
            "a: x",
            "a: {}",
            "a: []",
            "a: [[x]]",
            "a: [{nothing: x}]",
            "a: {b: [x]}\na.b: [y]",
            "$or: [{a: [x]}, {b: [x]}]",
            "a: [{wildcard: '*:*:*:*:*:event-bus/*'}]",
        ] {
            let (node, _) = read(text).expect("a tree");
            assert!(fields(&node).is_none(), "{text}");
        }
    }
}
