//! Where the loader is in the file, and what it has found so far.

use std::ops::Range;

use crate::api::nearest;
use crate::document::{Content, Member, Node, Step};
use crate::problem::Problem;

/// A value of the file and where to point when all of it is meant.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub node: &'a Node<'a>,
    /// The bytes of its key. Elements of lists have none.
    pub key: Option<&'a Range<usize>>,
}

impl<'a> Value<'a> {
    pub fn focus(self) -> Range<usize> {
        self.node.focus(self.key.cloned())
    }
}

impl<'a> From<&'a Member<'a>> for Value<'a> {
    fn from(member: &'a Member<'a>) -> Self {
        Self {
            node: &member.value,
            key: Some(&member.key_span),
        }
    }
}

impl<'a> From<&'a Node<'a>> for Value<'a> {
    fn from(node: &'a Node<'a>) -> Self {
        Self { node, key: None }
    }
}

/// The keys of an object of the file's own.
pub(crate) struct Keys {
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
}

/// The problems so far, and the place that is being read.
pub(crate) struct Loading<'a> {
    pub source: &'a str,
    pub problems: Vec<Problem>,
    /// The name of the rule that is being read.
    pub rule: Option<&'a str>,
    path: Vec<Step<'a>>,
}

impl<'a> Loading<'a> {
    pub fn new(source: &'a str, problems: Vec<Problem>) -> Self {
        Self {
            source,
            problems,
            rule: None,
            path: Vec::new(),
        }
    }

    /// Reads one step further inside.
    pub fn within<T>(&mut self, step: Step<'a>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = read(self);
        self.path.pop();
        result
    }

    /// Records a problem at the present place.
    pub fn report(&mut self, problem: Problem) {
        self.report_below(&[], problem);
    }

    /// Records a problem some steps further inside.
    pub fn report_below(&mut self, below: &[Step<'_>], problem: Problem) {
        let path = path_text(self.path.iter().chain(below));
        self.problems.push(Problem {
            rule: self.rule.map(str::to_owned),
            path,
            ..problem
        });
    }

    pub fn place_text(&self) -> String {
        path_text(self.path.iter())
    }

    /// The members of an object that may have these keys only. What is wrong with the keys is reported; nothing means
    /// that it is no object.
    pub fn object(&mut self, value: Value<'a>, keys: &Keys) -> Option<&'a [Member<'a>]> {
        let Some(members) = value.node.members() else {
            self.wrong_kind(value, "an object");
            return None;
        };
        let known = || keys.required.iter().chain(keys.optional).copied();
        for member in members {
            if !known().any(|key| key == member.key) {
                let near = nearest(&member.key, known());
                let problem = Problem::error(
                    "unknown-key",
                    member.key_span.clone(),
                    format!("there is no key `{}` here", member.key),
                )
                .label("unknown key")
                .note(format!(
                    "keys here are {}",
                    known().collect::<Vec<_>>().join(", ")
                ))
                .maybe_help(near.map(|near| format!("did you mean `{near}`?")));
                self.report_below(&[Step::Key(&member.key)], problem);
            }
        }
        for required in keys.required {
            if !members.iter().any(|member| member.key == *required) {
                let problem = Problem::error(
                    "missing-key",
                    value.focus(),
                    format!("the key `{required}` is missing"),
                )
                .label(format!("`{required}` is required here"));
                self.report(problem);
            }
        }
        Some(members)
    }

    /// The elements of a list that has at least one.
    pub fn list(&mut self, value: Value<'a>) -> Option<&'a [Node<'a>]> {
        match value.node.items() {
            Some([]) => {
                let problem =
                    Problem::error("empty-list", value.node.span.clone(), "this list is empty")
                        .label("at least one element is needed");
                self.report(problem);
                None
            }
            Some(items) => Some(items),
            None => {
                self.wrong_kind(value, "a list");
                None
            }
        }
    }

    /// The texts of a list, which may be empty, with what they stand in.
    pub fn texts(&mut self, value: Value<'a>) -> Vec<(usize, &'a Node<'a>, &'a str)> {
        let Some(items) = value.node.items() else {
            self.wrong_kind(value, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.text() {
                Some(text) => texts.push((index, item, text)),
                None => self.within(Step::Index(index), |loading| {
                    loading.wrong_kind(item.into(), "a text");
                }),
            }
        }
        texts
    }

    /// Reports a value of another kind than this.
    pub fn wrong_kind(&mut self, value: Value<'a>, wanted: &str) {
        let found = value.node.kind();
        let quotes = match value.node.content {
            Content::Number(_) | Content::Bool(_) if wanted.starts_with("a text") => {
                let written = self.source.get(value.node.span.clone()).unwrap_or_default();
                Some(format!("put it in quotes: \"{written}\""))
            }
            _ => None,
        };
        let problem = Problem::error(
            "wrong-type",
            value.focus(),
            format!("{wanted} is needed here"),
        )
        .label(format!("this is {found}"))
        .maybe_help(quotes);
        self.report(problem);
    }
}

/// A path as people write it. A key that is not made of letters, digits, `_`, `-` and `$` is quoted.
pub(crate) fn path_text<'s>(steps: impl IntoIterator<Item = &'s Step<'s>>) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) if is_plain(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Key(key) => {
                let short: String = key.chars().take(80).collect();
                text.push_str(&format!("[{short:?}]"));
            }
        }
    }
    text
}

fn is_plain(key: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    (1..=80).contains(&key.len()) && key.chars().all(plain)
}
