//! What events ask of a target, and what is known of it before the target is read.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::ended::{Apart, End};
use crate::call::Target;
use crate::event::Event;
use crate::plan::merged;
use crate::report::Failure;
use crate::rules::Rules;
use crate::select::{Selected, open};

/// Every call on one target.
pub(super) struct Group<'a> {
    pub target: Target,
    /// By event, in order of `at`; events of equal times in order of arrival.
    pub asks: Vec<Asked<'a>>,
}

/// What one event asks of a target.
pub(super) struct Asked<'a> {
    /// The event's position in the invocation.
    pub event: usize,
    /// In file order; none once its end is known.
    pub calls: Vec<Selected<'a>>,
    pub prospect: Prospect<'a>,
}

/// What is known of an event's end before the target is read.
pub(super) enum Prospect<'a> {
    /// It can be written, if the target is there.
    Good(Wanted),
    /// That depends on what the target is like.
    Open(Wanted),
    /// It ends so, whatever the target is like: two people's names became one, a value breaks the API's constraints, or a guard
    /// forbids it.
    Ended(Box<Over<'a>>),
}

/// What all calls want together, where that is known and few enough events keep it. The calls have it no more then.
pub(super) type Wanted = Option<Box<Value>>;

/// An event's end, and what is left of its calls.
pub(super) struct Over<'a> {
    pub end: End,
    at: OffsetDateTime,
    rules: Names<'a>,
}

impl Group<'_> {
    pub fn all(&self) -> Vec<&Asked<'_>> {
        self.asks.iter().collect()
    }

    /// The events that end before the target is read.
    pub fn ended(&self) -> Apart {
        let ended = |asked: &Asked<'_>| Some((asked.event, asked.ended()?.clone()));
        self.asks.iter().filter_map(ended).collect()
    }
}

impl<'a> Asked<'a> {
    /// Its end, if it has one before the target is read.
    pub fn ended(&self) -> Option<&End> {
        match &self.prospect {
            Prospect::Good(_) | Prospect::Open(_) => None,
            Prospect::Ended(over) => Some(&over.end),
        }
    }

    /// Ends so, whatever the target is like. Its calls are not needed for that.
    pub fn end(&mut self, end: End) {
        let over = Over {
            end,
            at: self.at(),
            rules: self.names(&Names::default()),
        };
        self.prospect = Prospect::Ended(Box::new(over));
        self.calls = Vec::new();
    }

    /// Whether what it wants depends on what the target is like. If not, each value by itself has been held against the API's constraints.
    pub fn uses_current(&self) -> bool {
        self.calls.iter().any(Selected::uses_current)
    }

    pub fn at(&self) -> OffsetDateTime {
        if let Prospect::Ended(over) = &self.prospect {
            return over.at;
        }
        let times = self.calls.iter().map(|call| call.at);
        times.max().unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    pub fn rules(&self) -> Vec<String> {
        let names = self.names(&Names::default());
        names.iter().map(ToString::to_string).collect()
    }

    /// The rules that ask, shared with `last` if they are the same.
    pub fn names(&self, last: &Names<'a>) -> Names<'a> {
        match &self.prospect {
            Prospect::Ended(over) if over.rules == *last => Arc::clone(last),
            Prospect::Ended(over) => Arc::clone(&over.rules),
            Prospect::Good(_) | Prospect::Open(_) => {
                names(self.calls.iter().map(|call| call.rule.name.as_str()), last)
            }
        }
    }

    /// What all its calls want together.
    pub fn wanted(
        &self,
        rules: &Rules,
        event: &Event,
        current: &Value,
    ) -> Result<Cow<'_, Value>, Failure> {
        if let Prospect::Good(Some(wanted)) | Prospect::Open(Some(wanted)) = &self.prospect {
            return Ok(Cow::Borrowed(wanted));
        }
        if let [call] = self.calls.as_slice() {
            return call.arguments(rules, event, current).map(Cow::Owned);
        }
        let evaluation = self
            .uses_current()
            .then(|| open(&self.calls, rules, event, current))
            .transpose()?;
        let arguments = self.calls.iter().map(|call| match &evaluation {
            Some(evaluation) => call.evaluated(evaluation),
            None => call.arguments(rules, event, current),
        });
        together(arguments).map(Cow::Owned)
    }

    /// The members whose enumerations may have values that the model does not know.
    pub fn unknown_values(&self) -> Cow<'_, [String]> {
        let mut lists = self
            .calls
            .iter()
            .map(|call| &call.call.allow_unknown_values);
        let first = lists.next().map_or(&[][..], Vec::as_slice);
        // Mostly all have those of the file.
        match lists.all(|list| list == first) {
            true => Cow::Borrowed(first),
            false => {
                let all = self.calls.iter();
                let all = all.flat_map(|call| &call.call.allow_unknown_values);
                Cow::Owned(all.cloned().collect())
            }
        }
    }
}

/// The names of some rules. Most events have those that the event before had, and share them.
pub(super) type Names<'a> = Arc<[&'a str]>;

/// Each of the names once, shared with `last` if those are the same.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>, last: &Names<'a>) -> Names<'a> {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    match *once == **last {
        true => Arc::clone(last),
        false => once.into(),
    }
}

/// What several calls on one target want together: the later ones over the earlier.
pub(super) fn together(
    mut arguments: impl Iterator<Item = Result<Value, Failure>>,
) -> Result<Value, Failure> {
    let nothing = || Ok(Value::Object(Map::new()));
    let first = arguments.next().unwrap_or_else(nothing)?;
    arguments.try_fold(first, |wanted, arguments| Ok(merged(wanted, arguments?)))
}
