//! A run with a journal: what it leaves out, and what it takes down.

use std::path::Path;

use usher::event::Event;
use usher::report::Report;

use super::events;
use super::journal::{Journal, Mark};
use super::place::Place;
use super::run::Desk;
use super::summary::counted;

/// The journal of a run, if it has one, and how the journal knows the run's events.
#[derive(Default)]
pub struct Resumed {
    journal: Option<Journal>,
    marks: Vec<Mark>,
    /// Whether there was a run before.
    pub goes_on: bool,
}

impl Resumed {
    /// Opens the journal and takes away what is done. The desk's ledger knows from then on what earlier runs wrote, and an
    /// event without a time of its own has the one that it was first taken up with.
    pub fn open(path: &Path, place: &Place, desk: &mut Desk) -> anyhow::Result<Self> {
        let mut journal = Journal::open(path, place)?;
        let goes_on = !journal.is_new();
        let events = std::mem::take(&mut desk.events);
        let untimed = std::mem::take(&mut desk.untimed);
        let all = events.len();
        let mut marks = Vec::new();
        for (event, untimed) in events.into_iter().zip(untimed) {
            let mark = Mark::of(&event, untimed);
            if journal.has(&mark) {
                continue;
            }
            let known = journal.time(&mark).filter(|_| untimed);
            desk.events.push(match known {
                Some(time) => events::at(&event, time),
                None => event,
            });
            desk.untimed.push(untimed);
            marks.push(mark);
        }
        let left = desk.events.len();
        if left < all {
            let done = counted(all - left, "event");
            anstream::eprintln!("{done} done before, {left} to do");
        }
        desk.usher.ledger = journal.ledger();
        Ok(Self {
            journal: Some(journal),
            marks,
            goes_on,
        })
    }

    /// Before events are handled, of which the first has this place among all: takes down the times that they have got.
    pub fn take(&self, place: usize, events: &[Event], untimed: &[bool]) -> anyhow::Result<()> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let events = self.marks.iter().zip(untimed).skip(place).zip(events);
        let untimed = events.filter(|((_, untimed), _)| **untimed);
        journal.take(untimed.map(|((mark, _), event)| (mark, event)))
    }

    /// After events were handled, of which the first has this place among all: takes down what is done.
    pub fn record(&self, place: usize, reports: &[Report]) -> anyhow::Result<()> {
        match &self.journal {
            Some(journal) => journal.record(self.marks.iter().skip(place).zip(reports)),
            None => Ok(()),
        }
    }
}
