//! Which members of an event are read: only these are made ready for patterns and expressions. An event as a tree takes some
//! fourteen times its text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
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
    pub(crate) fn add_whole(&mut self) {
        *self = Self {
            whole: true,
            members: BTreeMap::new(),
        };
    }

    /// What a path of names leads to, with all that is below it.
    pub(crate) fn add<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) {
        let mut here = self;
        for name in path {
            if here.whole {
                return;
            }
            here = here.members.entry(name.to_owned()).or_default();
        }
        here.add_whole();
    }

    /// What another reads.
    pub(crate) fn add_all(&mut self, other: &Self) {
        if self.whole {
            return;
        }
        if other.whole {
            return self.add_whole();
        }
        for (name, below) in &other.members {
            self.members.entry(name.clone()).or_default().add_all(below);
        }
    }
}

/// What several read of one value.
#[derive(Clone)]
struct Below<'a>(Vec<&'a Reads>);

impl<'a> Below<'a> {
    fn all(&self) -> bool {
        self.0.iter().any(|reads| reads.whole)
    }

    /// What is read of a member, if it is read at all. To patterns a name with a dot is a path, so that such a member is always kept.
    fn member(&self, name: &str) -> Option<Self> {
        static WHOLE: Reads = Reads {
            whole: true,
            members: BTreeMap::new(),
        };
        if name.contains('.') {
            return Some(Self(vec![&WHOLE]));
        }
        let below = self.0.iter().filter_map(|reads| reads.members.get(name));
        let below: Vec<&'a Reads> = below.collect();
        (!below.is_empty()).then_some(Self(below))
    }
}

/// What is left of an event of which no more is read than that. Only members of objects are left out: a list on the way is
/// kept whole, since a path goes into each of its items.
pub(crate) fn part(event: Cow<'_, Value>, reads: &[&Reads]) -> Value {
    let reads = Below(reads.to_vec());
    match event {
        Cow::Owned(mut event) => {
            cut(&mut event, &reads);
            event
        }
        Cow::Borrowed(event) => copied(event, &reads),
    }
}

// As deep as an event, which is bounded.
fn cut(value: &mut Value, reads: &Below<'_>) {
    if let Value::Object(members) = value
        && !reads.all()
    {
        members.retain(|name, member| match reads.member(name) {
            Some(below) => {
                cut(member, &below);
                true
            }
            None => false,
        });
    }
}

fn copied(value: &Value, reads: &Below<'_>) -> Value {
    match value {
        Value::Object(members) if !reads.all() => members
            .iter()
            .filter_map(|(name, member)| {
                let below = reads.member(name)?;
                Some((name.clone(), copied(member, &below)))
            })
            .collect(),
        _ => value.clone(),
    }
}

/// The same of an event's text, of which no more is made a tree.
///
/// # Errors
/// When it is not JSON.
pub(super) fn parsed(text: &str, reads: &[&Reads]) -> serde_json::Result<Value> {
    let mut text = serde_json::Deserializer::from_str(text);
    let part = Below(reads.to_vec()).deserialize(&mut text)?;
    text.end()?;
    Ok(part)
}

impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Value, D::Error> {
        match self.all() {
            true => serde::Deserialize::deserialize(text),
            false => text.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut part = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match self.member(&name) {
                Some(below) => {
                    let member = members.next_value_seed(below)?;
                    part.insert(name, member);
                }
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(part))
    }
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
        let dotted = json!({"a": {"b.c": 1, "d": 2}, "e.f": 3, "g": 4});
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
        let table = table.map(|(paths, expected)| (&event, paths, expected));
        let names = json!({"a": {"b.c": 1}, "e.f": 3});
        for (event, paths, expected) in table.into_iter().chain([(&dotted, &["a.x"][..], names)]) {
            let together = reads(paths);
            let apart: Vec<Reads> = paths.iter().map(|path| reads(&[path])).collect();
            for reads in [vec![&together], apart.iter().collect()] {
                assert_eq!(part(Cow::Borrowed(event), &reads), expected, "{paths:?}");
                assert_eq!(
                    part(Cow::Owned(event.clone()), &reads),
                    expected,
                    "{paths:?}"
                );
            }
        }
    }
}
