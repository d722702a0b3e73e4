//! A YAML or JSON text as a tree in which everything knows its place in the text.
//!
//! Values are what they look like. A plain scalar is a number, `true`, `false` or `null` only in JSON's spelling (`~`
//! and nothing at all are null too); what other YAML readers would take for a number, a boolean or null, such as
//! `012345678901`, `yes`, `1_000` or `0x10`, is refused until it stands in quotes; everything else is the text as written. No key
//! may occur twice. Anchors can be used, within bounds; tags, merge keys and several documents cannot. JSON is read as the
//! YAML that it is. [`common`] reads what files are usually made of, and quickly; a general parser the rest.

mod anchors;
mod common;
mod position;
mod read;
mod refusals;
mod scalar;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Number, Value};

pub use read::read;
pub use scalar::Style;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'t> {
    /// The bytes of the text. Of a list or an object, from its first to its last entry.
    pub span: Range<usize>,
    /// What stands there.
    pub content: Content<'t>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'t> {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in JSON's spelling.
    Number(Number),
    /// A text, and how it is written.
    Text(Cow<'t, str>, Style),
    /// `[…]`, or items with dashes.
    List(Vec<Node<'t>>),
    /// `{…}`, or members on lines of their own.
    Object(Vec<Member<'t>>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member<'t> {
    /// The key, without quotes and escapes.
    pub key: Cow<'t, str>,
    /// The bytes of the key.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node<'t>,
}

/// One step into a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step<'a> {
    /// The member of this name.
    Key(&'a str),
    /// The element at this position, from 0.
    Index(usize),
}

impl<'t> Node<'t> {
    /// The members of an object.
    pub fn members(&self) -> Option<&[Member<'t>]> {
        match &self.content {
            Content::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn items(&self) -> Option<&[Node<'t>]> {
        match &self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a text.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text, _) => Some(text),
            _ => None,
        }
    }

    /// The member of an object.
    pub fn member(&self, key: &str) -> Option<&Member<'t>> {
        self.members()?.iter().find(|member| member.key == key)
    }

    /// What it is, for messages: "a list".
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::Text(..) => "a text",
            Content::List(_) => "a list",
            Content::Object(_) => "an object",
        }
    }

    /// The same as JSON.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text, _) => Value::from(text.as_ref()),
            Content::List(items) => items.iter().map(Node::to_value).collect(),
            Content::Object(members) => {
                let pairs = members.iter();
                let pairs =
                    pairs.map(|member| (member.key.clone().into_owned(), member.value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Where to point for the value at a path: at a scalar itself, for anything bigger at its key, else at its
    /// beginning. A path that leads beyond the tree ends where it leaves it. `key` is where the tree itself stands.
    pub fn place<'a>(
        &self,
        path: impl IntoIterator<Item = Step<'a>>,
        key: &Range<usize>,
    ) -> Range<usize> {
        let (mut node, mut key) = (self, Some(key.clone()));
        for step in path {
            let next = match step {
                Step::Key(name) => node
                    .member(name)
                    .map(|member| (&member.value, Some(member.key_span.clone()))),
                Step::Index(index) => node
                    .items()
                    .and_then(|items| items.get(index))
                    .map(|item| (item, None)),
            };
            match next {
                Some((next, next_key)) => (node, key) = (next, next_key),
                None => break,
            }
        }
        node.focus(key)
    }

    /// Where to point for this value, whose key stands at `key`.
    pub fn focus(&self, key: Option<Range<usize>>) -> Range<usize> {
        match (&self.content, key) {
            (Content::List(_) | Content::Object(_), Some(key)) => key,
            // An empty value has no bytes of its own.
            (Content::Null, Some(key)) if self.span.is_empty() => key,
            _ => self.span.clone(),
        }
    }

    /// The bytes of the file at which a part of a text stands, given by its bytes in the decoded text. Nothing when that
    /// cannot be told.
    pub fn part(&self, part: &Range<usize>, source: &str) -> Option<Range<usize>> {
        match &self.content {
            Content::Text(text, style) => {
                let raw = source.get(self.span.clone())?;
                let inner = position::locate(raw, text, *style, part)?;
                Some(self.span.start + inner.start..self.span.start + inner.end)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_json_text_is_read_as_json() {
        let text = "{\n\t\"a\": [1,\n\t2.5e3, -0, {}, [], null, true], \"b\\/\": \"\\ud83d\\ude00\\n\\\"\"}";
        let (node, problems) = read(text).expect("a tree");
        assert_eq!(problems, []);
        let expected: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(node.to_value(), expected);
    }

    proptest! {
        #[test]
        fn what_is_read_of_a_json_text_is_what_json_says(
            text in any::<String>(), number in any::<i64>(), float in any::<f64>(), key in "[^\u{0}-\u{1f}]{0,20}",
        ) {
            let list = json!([number, float, null, true, {}, []]);
            let value = json!({"a": text, "b": list, "c": {key: text}});
            for written in [value.to_string(), format!("{value:#}")] {
                let expected: Value = serde_json::from_str(&written).expect("JSON");
                // YAML has few control characters: a text with others is refused, but never read as something else.
                if let Ok((node, problems)) = read(&written) && problems.is_empty() {
                    prop_assert_eq!(node.to_value(), expected);
                }
            }
        }
    }
}
