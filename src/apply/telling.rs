//! The ends of the work on targets → each event's report, told as soon as it is whole.

use std::sync::Arc;

use super::asked::{Group, Names};
use super::ended::Ends;
use super::gather::Gathered;
use super::unreachable_target;
use crate::event::Event;
use crate::report::{ChangeReport, Report};
use crate::select::Unnamed;

/// What is not told yet. Reports are made when they are told: until then events share what is the same for them.
pub(super) struct Telling<'a, 'e, T> {
    events: &'e [Event],
    matched: Vec<Names<'a>>,
    waiting: Vec<Waiting<'a>>,
    /// By event.
    unnamed: Vec<(usize, Unnamed<'a>)>,
    tell: T,
}

/// One event whose report is not whole.
#[derive(Default)]
struct Waiting<'a> {
    /// Targets whose work has not ended.
    left: u32,
    /// The others', with their place among all.
    ends: Vec<(usize, Arc<Ends<'a>>)>,
}

impl<'a, 'e, T: FnMut(usize, Report)> Telling<'a, 'e, T> {
    /// Tells of the events for which there is nothing to do, and hands over what is to be done for the others.
    pub fn new(events: &'e [Event], gathered: Gathered<'a>, tell: T) -> (Self, Vec<Group<'a>>) {
        let Gathered {
            matched,
            groups,
            unnamed,
        } = gathered;
        let mut waiting: Vec<Waiting<'_>> = events.iter().map(|_| Waiting::default()).collect();
        for asked in groups.iter().flat_map(|group| &group.asks) {
            if let Some(waiting) = waiting.get_mut(asked.event) {
                waiting.left += 1;
            }
        }
        let mut telling = Self {
            events,
            matched,
            waiting,
            unnamed,
            tell,
        };
        for event in 0..events.len() {
            telling.tell_whole(event);
        }
        (telling, groups)
    }

    /// The work on the target of this place has ended.
    pub fn ended(&mut self, place: usize, ends: Ends<'a>) {
        let ends = Arc::new(ends);
        for event in ends.events() {
            if let Some(waiting) = self.waiting.get_mut(event) {
                waiting.left = waiting.left.saturating_sub(1);
                waiting.ends.push((place, Arc::clone(&ends)));
            }
            self.tell_whole(event);
        }
    }

    fn tell_whole(&mut self, position: usize) {
        let waiting = self.waiting.get_mut(position);
        let Some(waiting) = waiting.filter(|waiting| waiting.left == 0) else {
            return;
        };
        let mut ends = std::mem::take(&mut waiting.ends);
        ends.sort_unstable_by_key(|(place, _)| *place);
        let mut changes: Vec<ChangeReport> = ends
            .iter()
            .filter_map(|(_, ends)| ends.report(position))
            .collect();
        let first = self.unnamed.partition_point(|(event, _)| *event < position);
        let unnamed = self.unnamed.iter().skip(first);
        let unnamed = unnamed.take_while(|(event, _)| *event == position);
        changes.extend(unnamed.map(|(_, unnamed)| unreachable_target(unnamed)));
        let matched = self.matched.get(position).into_iter();
        let rules = matched.flat_map(|names| names.iter().copied());
        if let Some(event) = self.events.get(position) {
            let report = Report::new(event, rules.map(str::to_owned).collect(), changes);
            (self.tell)(position, report);
        }
    }
}
