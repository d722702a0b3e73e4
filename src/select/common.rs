//! What the calls of a batch have in common.

use std::collections::HashSet;
use std::sync::Arc;

use crate::report::Failure;

/// What calls have in common, and then share: many events of a batch want the same of different people, or fail alike.
#[derive(Default)]
pub struct Common {
    texts: HashSet<Arc<str>>,
    failures: Vec<Arc<Failure>>,
}

impl Common {
    /// How much is kept to be found again.
    const TEXTS: usize = 1000;
    const FAILURES: usize = 20;

    pub fn text(&mut self, text: &mut Arc<str>) {
        match self.texts.get(text) {
            Some(same) => *text = Arc::clone(same),
            None if self.texts.len() < Self::TEXTS => drop(self.texts.insert(Arc::clone(text))),
            None => {}
        }
    }

    pub fn failure(&mut self, failure: &mut Arc<Failure>) {
        match self.failures.iter().find(|known| *known == failure) {
            Some(same) => *failure = Arc::clone(same),
            None if self.failures.len() < Self::FAILURES => self.failures.push(Arc::clone(failure)),
            None => {}
        }
    }
}
