//! Large events come as text and are kept as text. Here they are checked without a tree of all that is in them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::checks::{deep_enough, short_enough};
use super::{Body, Defaults, Event, Malformed, Named};

impl Event {
    /// As [`Event::from_json`], for the text of an object: with its members, of which the last counts if there are several of a name.
    /// Bounds are there for all of them.
    pub(crate) fn from_text(
        text: &str,
        members: &BTreeMap<String, &RawValue>,
        defaults: &Defaults<'_>,
    ) -> Result<Self, Malformed> {
        let mut text = copied(text)?;
        let mut read = Map::new();
        for name in ["id", "source", "detail-type", "time", "detail"] {
            if let Some(member) = members.get(name) {
                let member = match member.get().starts_with('{') {
                    true => Value::Object(Map::new()),
                    false => super::parsed(member.get(), &[])
                        .map_err(|error| Malformed::json("the event", &error))?,
                };
                read.insert(name.to_owned(), member);
            }
        }
        let named = Named::of(&mut read, defaults)?;
        // The object has a `source` at least.
        text.pop();
        for name in ["id", "time"] {
            if let Some(value) = read.get(name).filter(|_| !members.contains_key(name)) {
                text.push_str(&format!(",\"{name}\":{value}"));
            }
        }
        text.push('}');
        Ok(named.event(Body::Text(text.into_boxed_str())))
    }
}

/// The text as `serde_json` writes it.
///
/// # Errors
/// When it is not JSON, or breaks a bound of events.
fn copied(text: &str) -> Result<String, Malformed> {
    let mut copy = Copy {
        out: Vec::with_capacity(text.len()),
        depth: 0,
        broken: None,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let done = copy.deserialize(&mut json).and_then(|()| json.end());
    if let Some(broken) = copy.broken {
        return Err(broken);
    }
    done.map_err(|error| Malformed::json("the event", &error))?;
    String::from_utf8(copy.out).map_err(|_| Malformed::event("the event is not UTF-8"))
}

struct Copy {
    out: Vec<u8>,
    depth: usize,
    /// The bound that is broken.
    broken: Option<Malformed>,
}

impl Copy {
    fn write<E: Error>(&mut self, value: impl serde::Serialize) -> Result<(), E> {
        serde_json::to_writer(&mut self.out, &value).map_err(E::custom)
    }

    fn within<E: Error>(&mut self, bound: Result<(), Malformed>) -> Result<(), E> {
        bound.map_err(|broken| {
            self.broken = Some(broken);
            E::custom("a bound is broken")
        })
    }

    fn text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        self.within(short_enough(text))?;
        self.write(text)
    }

    /// Goes into an object or a list.
    fn open<E: Error>(&mut self, bracket: u8) -> Result<(), E> {
        self.within(deep_enough(self.depth))?;
        self.depth += 1;
        self.out.push(bracket);
        Ok(())
    }

    /// Each item has a comma behind it until here.
    fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        self.out.pop_if(|last| *last == b',');
        self.out.push(bracket);
    }
}

impl<'de> DeserializeSeed<'de> for &mut Copy {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Copy {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.write(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.write(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.open(b'[')?;
        while items.next_element_seed(&mut *self)?.is_some() {
            self.out.push(b',');
        }
        self.close(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.open(b'{')?;
        while members.next_key_seed(&mut *self)?.is_some() {
            self.out.push(b':');
            members.next_value_seed(&mut *self)?;
            self.out.push(b',');
        }
        self.close(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            Just(json!("2026-03-02T07:00:04+01:00")),
            Just(json!("x".repeat(crate::event::MAX_STRING + 1))),
        ];
        leaf.prop_recursive(70, 40, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec(("[a-z\"\\\\é.]{0,3}", inner.clone()), 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
                // Deep, and with nothing else in it.
                inner.prop_map(|inner| (0..50).fold(inner, |inner, _| json!([inner]))),
            ]
        })
    }

    /// An object with the members of an event, mostly right.
    fn any_event() -> impl Strategy<Value = Vec<(String, Value)>> {
        let member = |name: &'static str, right: Value| {
            let value = prop_oneof![8 => Just(right.clone()), 1 => any_json()];
            let member = value.prop_map(move |value| (name.to_owned(), value));
            let twice = [json!("other"), right.clone()].map(|value| (name.to_owned(), value));
            prop_oneof![15 => member.prop_map(|one| vec![one]), 1 => Just(vec![]), 1 => Just(twice.to_vec())]
        };
        let others = prop::collection::btree_map("o[a-z]{1,2}", any_json(), 0..3);
        let detail = any_json().prop_map(|inner| vec![("detail".to_owned(), json!({"in": inner}))]);
        (
            member("id", json!("e-1")),
            member("source", json!("acme.hr")),
            member("detail-type", json!("Person Moved")),
            member("time", json!("2026-03-02T07:00:04Z")),
            prop_oneof![4 => detail, 1 => member("detail", json!({}))],
            others,
        )
            .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f.into_iter().collect()].concat())
            .prop_shuffle()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn a_text_is_the_event_that_its_tree_is(event in any_event(), blanks in "[ \n]{0,2}") {
            let members = event.iter().map(|(name, value)| format!("{blanks}{}:{blanks}{value}", json!(name)));
            let text = format!("{blanks}{{{}}}{blanks}", members.collect::<Vec<_>>().join(","));
            let defaults = Defaults { id: "d-1", time: OffsetDateTime::UNIX_EPOCH };
            let members = serde_json::from_str(&text).expect("an object");
            let tree = serde_json::from_str(&text).map_err(|error| Malformed::json("the event", &error));
            let tree = tree.and_then(|tree| Event::from_json(tree, &defaults));
            match (tree, Event::from_text(&text, &members, &defaults)) {
                (Ok(tree), Ok(text)) => {
                    prop_assert_eq!(tree.document(), text.document());
                    prop_assert_eq!((tree.id(), tree.source(), tree.detail_type()), (text.id(), text.source(), text.detail_type()));
                    prop_assert_eq!(tree.time(), text.time());
                }
                // Of several bounds that are broken, each may find another first.
                (Err(tree), Err(text)) => prop_assert_eq!(tree.status, text.status),
                (tree, text) => prop_assert!(false, "{:?}, {:?}", tree, text),
            }
        }
    }

    #[test]
    fn what_is_no_json_is_pointed_at() {
        let text = r#"{"source": "a", "detail-type": "b", "detail": {"n": 1e999}}"#;
        let members = serde_json::from_str(text).expect("an object");
        let defaults = Defaults {
            id: "d-1",
            time: OffsetDateTime::UNIX_EPOCH,
        };
        let broken = Event::from_text(text, &members, &defaults).expect_err("no number");
        let tree: Result<Value, _> = serde_json::from_str(text);
        let expected = Malformed::json("the event", &tree.expect_err("no number"));
        assert_eq!(broken, expected);
    }
}
