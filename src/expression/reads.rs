//! Which members of an event expressions can read: only these are made ready for them. The engine's form of an event takes some
//! fourteen times its text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Some members of an event, each with all that is below it or again with some of its members. It may name more than is
/// read, never less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    whole: bool,
    members: BTreeMap<String, Reads>,
}

impl Reads {
    /// Whether nothing at all is read.
    pub fn is_nothing(&self) -> bool {
        !self.whole && self.members.is_empty()
    }

    /// All of the event.
    pub(super) fn add_whole(&mut self) {
        *self = Self {
            whole: true,
            members: BTreeMap::new(),
        };
    }

    /// What a path of names leads to, with all that is below it.
    pub(super) fn add<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) {
        let mut here = self;
        for name in path {
            if here.whole {
                return;
            }
            here = here.members.entry(name.to_owned()).or_default();
        }
        here.add_whole();
    }

    fn member(&self, name: &str) -> Option<&Self> {
        self.members.get(name)
    }
}

/// What is left of an event of which no more is read than that. Only members of objects are left out: a list on the way is
/// kept whole, since a path goes into each of its items.
pub(super) fn part(event: Cow<'_, Value>, reads: &[&Reads]) -> Value {
    match event {
        Cow::Owned(mut event) => {
            cut(&mut event, reads);
            event
        }
        Cow::Borrowed(event) => copied(event, reads),
    }
}

// As deep as the paths, which are as deep as the expressions.
fn cut(value: &mut Value, reads: &[&Reads]) {
    if let Some(members) = partly(value, reads) {
        members.retain(|name, member| match below(name, reads) {
            Some(below) => {
                cut(member, &below);
                true
            }
            None => false,
        });
    }
}

fn partly<'a>(value: &'a mut Value, reads: &[&Reads]) -> Option<&'a mut Map<String, Value>> {
    match reads.iter().any(|reads| reads.whole) {
        true => None,
        false => value.as_object_mut(),
    }
}

fn copied(value: &Value, reads: &[&Reads]) -> Value {
    match value {
        Value::Object(members) if !reads.iter().any(|reads| reads.whole) => members
            .iter()
            .filter_map(|(name, member)| {
                let below = below(name, reads)?;
                Some((name.clone(), copied(member, &below)))
            })
            .collect(),
        _ => value.clone(),
    }
}

fn below<'a>(name: &str, reads: &[&'a Reads]) -> Option<Vec<&'a Reads>> {
    let below: Vec<_> = reads
        .iter()
        .filter_map(|reads| reads.member(name))
        .collect();
    (!below.is_empty()).then_some(below)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reads(paths: &[&str]) -> Reads {
        let mut reads = Reads::default();
        for path in paths {
            reads.add(path.split('.').filter(|name| !name.is_empty()));
        }
        reads
    }

    #[test]
    fn what_no_path_leads_to_is_left_out_however_the_event_is_kept() {
        let event =
            json!({"a": {"b": {"c": 1, "d": 2}, "e": 3}, "f": [{"g": 4, "h": 5}], "i": "j"});
        let table = [
            (&["a.b"][..], json!({"a": {"b": {"c": 1, "d": 2}}})),
            (&["a.b.c", "i"], json!({"a": {"b": {"c": 1}}, "i": "j"})),
            (
                &["a.b.c", "a"],
                json!({"a": {"b": {"c": 1, "d": 2}, "e": 3}}),
            ),
            (
                &["a", "a.b.c"],
                json!({"a": {"b": {"c": 1, "d": 2}, "e": 3}}),
            ),
            (&["f.g"], json!({"f": [{"g": 4, "h": 5}]})),
            (&["i.k", "x"], json!({"i": "j"})),
            (&[], json!({})),
            (&["x", ""], event.clone()),
        ];
        for (paths, expected) in table {
            let together = reads(paths);
            let apart: Vec<Reads> = paths.iter().map(|path| reads(&[path])).collect();
            for reads in [vec![&together], apart.iter().collect()] {
                assert_eq!(part(Cow::Borrowed(&event), &reads), expected, "{paths:?}");
                assert_eq!(
                    part(Cow::Owned(event.clone()), &reads),
                    expected,
                    "{paths:?}"
                );
            }
        }
    }
}
