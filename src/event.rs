//! One event, in EventBridge's shape, whatever it arrived in.

mod checks;
mod reads;
mod text;

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use checks::{detail_problem, event_time, name_problem, within_bounds};
pub use reads::Reads;
use reads::parsed;
pub(crate) use reads::part;

/// How many objects and arrays may stand inside one another in an event.
///
/// Half of what the JSON parser itself allows (128), so that nothing after it meets its own limit first.
pub const MAX_DEPTH: usize = 64;

/// The longest string, and the longest name of a member, in bytes.
pub const MAX_STRING: usize = 64 * 1024;

/// The longest `id`, `source` and `detail-type`, in characters. EventBridge's own names are shorter: the
/// API reference of `PutEvents` gives 128 for `DetailType`.
pub const MAX_NAME: usize = 256;

/// One EventBridge-shaped JSON object.
///
/// `source` and `detail-type` are non-empty strings and `detail` is an object: the three members on which every
/// event can be relied on. `id` and `time` are always there, filled in where the sender left them out.
/// `Debug` prints no body.
///
/// A large one, or one of a batch, is kept as text and parsed when it is asked for: as a tree it takes five to fourteen times as much,
/// and a batch can bring 10,000 of them.
#[derive(Clone)]
pub struct Event {
    body: Body,
    /// `id`, `source` and `detail-type`, one after the other, and where each of the first two ends.
    names: Box<str>,
    ends: [u16; 2],
    time: OffsetDateTime,
}

/// The whole object, in two words however it is kept: a batch can bring 10,000.
#[derive(Clone)]
enum Body {
    Tree(Box<Value>),
    Text(Box<str>),
}

/// How many values an event may consist of to be kept as a tree: some 200 KB of them.
const TREE: usize = 1_000;

/// What an event gets that has no `id` or no `time` of its own.
///
/// Both should come from the delivery (an SQS message id and when it was sent), so that an event that is delivered again gets the
/// same ones again.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    pub id: &'a str,
    pub time: OffsetDateTime,
}

impl Event {
    /// Takes `document` as an event.
    ///
    /// # Errors
    /// [`Malformed`] with status 400, naming every member that is wrong, when `document` is no object; `source`, `detail-type` or `id` is
    /// not a string of 1 to [`MAX_NAME`] characters without control characters; `detail` is no object; `time` is no RFC 3339 time; or a
    /// bound ([`MAX_DEPTH`], [`MAX_STRING`]) is broken. Members that Usher does not know pass.
    pub fn from_json(document: Value, defaults: &Defaults<'_>) -> Result<Self, Malformed> {
        let values = within_bounds(&document)?;
        let mut members = match document {
            Value::Object(members) => members,
            other => {
                return Err(Malformed::event(format!(
                    "the event is {}; an object is expected",
                    kind(&other)
                )));
            }
        };
        let named = Named::of(&mut members, defaults)?;
        let event = named.event(Body::Tree(Box::new(Value::Object(members))));
        match values > TREE {
            true => Ok(event.packed()),
            false => Ok(event),
        }
    }

    /// As small as it can be kept.
    pub(crate) fn packed(self) -> Self {
        let body = match self.body {
            Body::Tree(tree) => Body::Text(tree.to_string().into_boxed_str()),
            Body::Text(text) => Body::Text(text),
        };
        Self { body, ..self }
    }

    /// Its own `id`, or the delivery's.
    #[must_use]
    pub fn id(&self) -> &str {
        self.name(0, self.ends[0].into())
    }

    #[must_use]
    pub fn source(&self) -> &str {
        self.name(self.ends[0].into(), self.ends[1].into())
    }

    #[must_use]
    pub fn detail_type(&self) -> &str {
        self.name(self.ends[1].into(), self.names.len())
    }

    fn name(&self, begin: usize, end: usize) -> &str {
        self.names.get(begin..end).unwrap_or_default()
    }

    /// When it happened: its own `time`, or the delivery's.
    #[must_use]
    pub const fn time(&self) -> OffsetDateTime {
        self.time
    }

    /// Whether it can have a member of this name anywhere, which is quick to tell. The name must need no escape in JSON.
    #[must_use]
    pub fn may_have(&self, name: &str) -> bool {
        match &self.body {
            Body::Tree(tree) => has(tree, name),
            Body::Text(text) => text.contains(name),
        }
    }

    /// Keeps what names it and no more, once nothing is to be read of it: from now on there is no [`Event::document`].
    pub(crate) fn forget_body(&mut self) {
        self.body = Body::Text(Box::default());
    }

    /// The whole object, with `id` and `time` filled in: what patterns match and expressions read.
    #[must_use]
    pub fn document(&self) -> Value {
        self.read().into_owned()
    }

    /// The same to look at. One that is kept as text is parsed each time.
    pub(crate) fn read(&self) -> Cow<'_, Value> {
        match &self.body {
            Body::Tree(tree) => Cow::Borrowed(tree),
            // It was written by `serde_json`, and nests no deeper than the parser allows.
            Body::Text(text) => Cow::Owned(serde_json::from_str(text).unwrap_or_default()),
        }
    }

    /// The same for those who read no more of it than that. They may find more.
    pub(crate) fn read_part(&self, reads: &[&Reads]) -> Cow<'_, Value> {
        match &self.body {
            Body::Tree(tree) => Cow::Borrowed(tree),
            Body::Text(text) => Cow::Owned(parsed(text, reads).unwrap_or_default()),
        }
    }
}

/// What an event goes by.
struct Named {
    names: Box<str>,
    ends: [u16; 2],
    time: OffsetDateTime,
}

impl Named {
    /// Fills in `id` and `time`.
    ///
    /// # Errors
    /// As [`Event::from_json`], but for bounds.
    fn of(members: &mut Map<String, Value>, defaults: &Defaults<'_>) -> Result<Self, Malformed> {
        if !members.contains_key("id") {
            members.insert("id".to_owned(), Value::from(defaults.id));
        }
        let mut problems = Vec::new();
        for name in ["source", "detail-type", "id"] {
            problems.extend(name_problem(members, name));
        }
        problems.extend(detail_problem(members));
        let time = match event_time(members, defaults.time) {
            Ok(time) => time,
            Err(problem) => {
                problems.push(problem);
                defaults.time
            }
        };
        if !problems.is_empty() {
            return Err(Malformed::event(problems.join("; ")));
        }
        if !members.contains_key("time") {
            members.insert("time".to_owned(), Value::from(rfc3339(time)));
        }
        let name = |name: &str| {
            let name = members.get(name).and_then(Value::as_str);
            name.unwrap_or_default()
        };
        let (id, source) = (name("id"), name("source"));
        // A name has at most 256 characters of 4 bytes.
        let end = |end: usize| u16::try_from(end).unwrap_or(u16::MAX);
        Ok(Self {
            ends: [end(id.len()), end(id.len() + source.len())],
            names: [id, source, name("detail-type")].concat().into(),
            time,
        })
    }

    fn event(self, body: Body) -> Event {
        let Self { names, ends, time } = self;
        Event {
            body,
            names,
            ends,
            time,
        }
    }
}

/// As deep as an event, which is bounded.
fn has(value: &Value, name: &str) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.iter().any(|item| has(item, name)),
        Value::Object(members) => members
            .iter()
            .any(|(key, member)| key == name || has(member, name)),
    }
}

/// However they are kept.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.read() == other.read()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Event")
            .field("id", &self.id())
            .field("source", &self.source())
            .field("detail_type", &self.detail_type())
            .finish_non_exhaustive()
    }
}

/// Why something that arrived is no event. Says where and what is expected, and repeats nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// Stable, in lower case with hyphens, such as `malformed-event`.
    pub code: &'static str,
    /// One line for a person.
    pub message: String,
    /// What HTTP says to it: 400, 404, 405, 406, 413 or 415.
    pub status: u16,
}

impl Malformed {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            status,
        }
    }

    /// It is JSON, but not an event.
    pub fn event(message: impl Into<String>) -> Self {
        Self::new(400, "malformed-event", message)
    }

    /// It is not JSON.
    ///
    /// Only the place and the sort of the error are taken: the parser's own text can repeat what it read.
    #[must_use]
    pub fn json(what: &str, error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let place = format!("line {}, column {}", error.line(), error.column());
        let message = match error.classify() {
            Category::Eof => format!("{what} ends in the middle of its JSON, at {place}"),
            Category::Syntax if error.to_string().starts_with("recursion limit") => {
                return Self::too_deep(what);
            }
            Category::Syntax | Category::Io => {
                format!("{what} is not JSON: it breaks off at {place}")
            }
            Category::Data => format!("{what} does not have the expected shape, at {place}"),
        };
        Self::new(400, "malformed-json", message)
    }

    pub(crate) fn too_deep(what: &str) -> Self {
        Self::new(
            400,
            "too-deep",
            format!("{what} is nested too deep; at most {MAX_DEPTH} levels are read"),
        )
    }
}

/// What sort of JSON value it is, with its article: messages say this in place of the value.
pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// As EventBridge writes times. Years outside 0–9999 do not occur: they cannot be parsed from RFC 3339.
pub(crate) fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339)
        .unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_the_same_however_it_is_kept() {
        let defaults = Defaults {
            id: "e1",
            time: OffsetDateTime::UNIX_EPOCH,
        };
        let detail = json!({"a": [{"errorCode": "x"}]});
        let document =
            json!({"source": "acme.hr", "detail-type": "Person Moved", "detail": detail});
        let event = Event::from_json(document, &defaults).expect("an event");
        let packed = event.clone().packed();
        assert_eq!(event.document().to_string(), packed.document().to_string());
        for kept in [&event, &packed] {
            assert!(*kept == event && kept.may_have("errorCode") && !kept.may_have("errorMessage"));
        }
    }
}
