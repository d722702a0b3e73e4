//! For one path: from a value to the combinations that could want it.
//!
//! The answer may have too many combinations, never too few: each one is checked in full afterwards.

use std::net::IpAddr;

use serde_json::{Number as JsonNumber, Value};

use super::address::{self, Family};
use super::fold::{self, Part};
use super::interval::Intervals;
use super::number::{self, Number};
use super::operator::Operator;
use crate::hash::Table;

type Owners = Vec<u32>;

/// The operators of all indexed combinations at one path.
#[derive(Debug, Default)]
pub(super) struct PathIndex {
    texts: Table<Box<str>, Owners>,
    /// Strings without case, by [`fold::key`].
    folded: Table<Box<str>, Owners>,
    starts: Affixes,
    ends: Affixes,
    folded_starts: Affixes,
    folded_ends: Affixes,
    addresses: Table<IpAddr, Owners>,
    v4: Intervals,
    v6: Intervals,
    numbers: Table<i64, Owners>,
    written: Table<Box<str>, Owners>,
    ranges: Intervals,
    yes: Owners,
    no: Owners,
    null: Owners,
    /// The rest, each operator once: it is tried on every value.
    others: Table<Operator, Owners>,
}

/// How an operator is found, for the choice of the field to index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// By the value itself.
    Key,
    /// By the beginning or end of a string.
    Affix,
    /// By where the value lies.
    Interval,
    /// By trying.
    Trial,
}

pub(super) fn access(operator: &Operator) -> Access {
    match operator {
        Operator::Text(_)
        | Operator::Address(..)
        | Operator::Number(_)
        | Operator::Bool(_)
        | Operator::Null => Access::Key,
        Operator::IgnoreCase(Part::Whole, _) => Access::Key,
        Operator::Prefix(text) | Operator::Suffix(text) | Operator::IgnoreCase(_, text)
            if !text.is_empty() =>
        {
            Access::Affix
        }
        Operator::Wildcard(wildcard)
            if !wildcard.start().is_empty() || !wildcard.end().is_empty() =>
        {
            Access::Affix
        }
        Operator::Numeric(_) | Operator::Cidr(_) => Access::Interval,
        Operator::Prefix(_)
        | Operator::Suffix(_)
        | Operator::IgnoreCase(..)
        | Operator::Wildcard(_)
        | Operator::Exists
        | Operator::AnythingBut(_) => Access::Trial,
    }
}

impl PathIndex {
    pub(super) fn add(&mut self, operator: &Operator, owner: u32) {
        match operator {
            Operator::Text(text) => self.texts.entry(text.clone()).or_default().push(owner),
            Operator::Address(address, _) => {
                self.addresses.entry(*address).or_default().push(owner)
            }
            Operator::Number(Number::Micros(micros)) => {
                self.numbers.entry(*micros).or_default().push(owner)
            }
            Operator::Number(Number::Written(text)) => {
                self.written.entry(text.clone()).or_default().push(owner)
            }
            Operator::Bool(true) => self.yes.push(owner),
            Operator::Bool(false) => self.no.push(owner),
            Operator::Null => self.null.push(owner),
            Operator::IgnoreCase(part, text) => {
                let key = fold::key(text);
                match part {
                    Part::Whole => self.folded.entry(key.into()).or_default().push(owner),
                    Part::Start => self.folded_starts.add(&key, owner),
                    Part::End => self.folded_ends.add(&key, owner),
                }
            }
            Operator::Prefix(text) => self.starts.add(text, owner),
            Operator::Suffix(text) => self.ends.add(text, owner),
            Operator::Wildcard(wildcard) if !wildcard.has_star() => {
                self.texts
                    .entry(wildcard.start().into())
                    .or_default()
                    .push(owner);
            }
            Operator::Wildcard(wildcard) if wildcard.start().len() >= wildcard.end().len() => {
                self.starts.add(wildcard.start(), owner);
            }
            Operator::Wildcard(wildcard) => self.ends.add(wildcard.end(), owner),
            Operator::Numeric(range) => self.ranges.add(point(range.low), point(range.high), owner),
            Operator::Cidr(block) => match block.family {
                Family::V4 => self.v4.add(block.first, block.last, owner),
                Family::V6 => self.v6.add(block.first, block.last, owner),
            },
            Operator::Exists | Operator::AnythingBut(_) => {
                self.others.entry(operator.clone()).or_default().push(owner);
            }
        }
    }

    /// Must be called once, after the last `add`.
    pub(super) fn finish(&mut self) {
        for affixes in [
            &mut self.starts,
            &mut self.ends,
            &mut self.folded_starts,
            &mut self.folded_ends,
        ] {
            affixes.finish();
        }
        for intervals in [&mut self.ranges, &mut self.v4, &mut self.v6] {
            intervals.sort();
        }
    }

    /// Calls `visit` with each combination that could want the value; with some more than once.
    pub(super) fn candidates(&self, value: &Value, visit: &mut impl FnMut(u32)) {
        match value {
            Value::String(text) => self.of_text(text, visit),
            Value::Number(number) => self.of_number(number, visit),
            Value::Bool(true) => self.yes.iter().copied().for_each(&mut *visit),
            Value::Bool(false) => self.no.iter().copied().for_each(&mut *visit),
            Value::Null => self.null.iter().copied().for_each(&mut *visit),
            Value::Array(_) | Value::Object(_) => {}
        }
        for (operator, owners) in &self.others {
            if operator.accepts(value) {
                owners.iter().copied().for_each(&mut *visit);
            }
        }
    }

    fn of_text(&self, text: &str, visit: &mut impl FnMut(u32)) {
        each(self.texts.get(text), visit);
        self.starts.starting(text, visit);
        self.ends.ending(text, visit);
        if !(self.folded.is_empty() && self.folded_starts.is_empty() && self.folded_ends.is_empty())
        {
            let key = fold::key(text);
            each(self.folded.get(&*key), visit);
            self.folded_starts.starting(&key, visit);
            self.folded_ends.ending(&key, visit);
        }
        if self.addresses.is_empty() && self.v4.is_empty() && self.v6.is_empty() {
            return;
        }
        if let Some(address) = address::parse(text) {
            each(self.addresses.get(&address), visit);
            match address::position(address) {
                (Family::V4, position) => self.v4.containing(position, visit),
                (Family::V6, position) => self.v6.containing(position, visit),
            }
        }
    }

    fn of_number(&self, number: &JsonNumber, visit: &mut impl FnMut(u32)) {
        match number::micros(number) {
            Some(micros) => {
                each(self.numbers.get(&micros), visit);
                self.ranges.containing(point(micros), visit);
            }
            None if self.written.is_empty() => {}
            None => each(self.written.get(number.to_string().as_str()), visit),
        }
    }
}

fn each(owners: Option<&Owners>, visit: &mut impl FnMut(u32)) {
    owners.into_iter().flatten().copied().for_each(visit);
}

/// Millionths as a point that is never negative, in the same order.
fn point(micros: i64) -> u128 {
    (i128::from(micros) - i128::from(i64::MIN)).unsigned_abs()
}

/// Beginnings or ends of strings. One look-up per length that occurs.
#[derive(Debug, Default)]
struct Affixes {
    owners: Table<Box<str>, Owners>,
    /// In bytes, each once.
    lengths: Vec<usize>,
}

impl Affixes {
    fn add(&mut self, affix: &str, owner: u32) {
        self.owners.entry(affix.into()).or_default().push(owner);
        self.lengths.push(affix.len());
    }

    fn finish(&mut self) {
        self.lengths.sort_unstable();
        self.lengths.dedup();
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    fn starting(&self, text: &str, visit: &mut impl FnMut(u32)) {
        for affix in self
            .lengths
            .iter()
            .map_while(|length| (*length <= text.len()).then(|| text.get(..*length)))
            .flatten()
        {
            each(self.owners.get(affix), visit);
        }
    }

    fn ending(&self, text: &str, visit: &mut impl FnMut(u32)) {
        for from in self
            .lengths
            .iter()
            .map_while(|length| text.len().checked_sub(*length))
        {
            each(
                text.get(from..).and_then(|affix| self.owners.get(affix)),
                visit,
            );
        }
    }
}
