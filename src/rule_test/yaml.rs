//! Values as YAML that reads back as the same values.

use serde_json::Value;

use crate::document;

/// Lines of a block.
pub(super) struct Writer {
    pub text: String,
    indent: usize,
}

impl Writer {
    /// The first line is not indented: its place is where the text will stand.
    pub fn new(indent: usize) -> Self {
        Self {
            text: String::new(),
            indent,
        }
    }

    /// A key, and a value that stands beside it.
    pub fn line(&mut self, level: usize, key: &str, value: Option<&str>) {
        self.begin(level);
        self.text.push_str(&plain(key));
        self.text.push(':');
        if let Some(value) = value {
            self.text.push(' ');
            self.text.push_str(value);
        }
    }

    /// A member whose objects and lists stand on lines of their own down to the level `deepest`.
    pub fn member(&mut self, level: usize, key: &str, value: &Value, deepest: usize) {
        match value {
            Value::Object(members) if level < deepest && !members.is_empty() => {
                self.line(level, key, None);
                for (name, value) in members {
                    self.member(level + 1, name, value, deepest);
                }
            }
            Value::Array(items) if level < deepest && !items.is_empty() => {
                self.line(level, key, None);
                for item in items {
                    self.begin(level + 1);
                    self.text.push_str("- ");
                    self.text.push_str(&flow_or_plain(item));
                }
            }
            value => self.line(level, key, Some(&flow_or_plain(value))),
        }
    }

    fn begin(&mut self, level: usize) {
        if !self.text.is_empty() {
            self.text.push('\n');
            let spaces = self.indent + 2 * level;
            self.text.extend(std::iter::repeat_n(' ', spaces));
        }
    }
}

fn flow_or_plain(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        value => flow(value),
    }
}

/// A text without quotes if it reads back as itself, as a key and as a value; with quotes otherwise.
fn plain(text: &str) -> String {
    let quoted = || Value::from(text).to_string();
    if text.is_empty() || text.contains(['\n', '\r', '"', '\'']) {
        return quoted();
    }
    let line = format!("{text}: {text}");
    let Ok((node, problems)) = document::read(&line) else {
        return quoted();
    };
    let same = match node.members() {
        Some([member]) => member.key == text && member.value.text() == Some(text),
        _ => false,
    };
    match same && problems.is_empty() {
        true => text.to_owned(),
        false => quoted(),
    }
}

/// JSON on one line, with a blank after commas and colons and keys without quotes where that is safe.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let safe = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
                let reserved = matches!(plain(name).as_bytes(), [b'"', ..]);
                let name = match safe && !reserved {
                    true => name.clone(),
                    false => Value::from(name.as_str()).to_string(),
                };
                format!("{name}: {}", flow(value))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items = items.iter().map(flow);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}
