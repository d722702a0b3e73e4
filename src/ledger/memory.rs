//! Rows in this process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::row::{Row, Terms, grant};
use super::{Ask, Claim, Lease, LedgerError, Release, Released};

/// How many targets are remembered: 100,000, some 20 MB. A target that is forgotten is as one never seen: an older event
/// that comes after that is written. Those claimed longest ago are forgotten first, and none that is held.
const BOUND: usize = 100_000;

/// Rows in this process, bounded to 100,000 targets.
pub struct Memory {
    rows: Mutex<Rows>,
    bound: usize,
}

#[derive(Default)]
struct Rows {
    by_target: HashMap<String, Remembered>,
    /// How many claims have been granted.
    claims: u64,
}

struct Remembered {
    row: Row,
    /// The number of the last claim.
    claim: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::bounded(BOUND)
    }
}

impl Memory {
    /// Remembers that many targets, and those that are held beyond them.
    pub fn bounded(bound: usize) -> Self {
        Self {
            rows: Mutex::default(),
            bound,
        }
    }

    /// How many targets are remembered.
    pub fn len(&self) -> usize {
        self.lock().by_target.len()
    }

    /// Whether no target is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn claim(&self, ask: &Ask<'_>, now: OffsetDateTime) -> Result<Claim, LedgerError> {
        let mut rows = self.lock();
        let found = rows
            .by_target
            .get(ask.target)
            .map(|remembered| &remembered.row)
            .filter(|row| !row.is_expired(now));
        if let Some(answer) = found.and_then(|row| row.answer(ask, now)) {
            return answer;
        }
        let terms = Terms::of(ask, now);
        let row = Row::claimed(found, ask, &terms);
        if found.is_none() && rows.by_target.len() >= self.bound {
            rows.forget(self.bound, now);
        }
        rows.claims += 1;
        let (settled, before) = (row.settled, row.before);
        let remembered = Remembered {
            row,
            claim: rows.claims,
        };
        rows.by_target.insert(ask.target.to_owned(), remembered);
        Ok(grant(ask, terms.ends, settled, before))
    }

    pub(super) fn release(&self, lease: &Lease, how: Release) -> Released {
        match self.lock().by_target.get_mut(&lease.target) {
            Some(Remembered { row, claim: _ }) => row.release(&lease.claimant, how),
            None => Released::TooLate,
        }
    }

    /// Every change of the rows is complete before the lock is given back, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Makes room: the expired rows, or else a tenth of the bound at once, so that a full memory is not searched at each claim.
    fn forget(&mut self, bound: usize, now: OffsetDateTime) {
        self.by_target
            .retain(|_, remembered| !remembered.row.is_expired(now));
        if self.by_target.len() < bound {
            return;
        }
        let free = self
            .by_target
            .values()
            .filter(|remembered| !remembered.row.is_leased(now));
        let mut claims: Vec<u64> = free.map(|remembered| remembered.claim).collect();
        if claims.is_empty() {
            return;
        }
        let last = (self.by_target.len() - bound + bound / 10).min(claims.len() - 1);
        let (_, &mut last, _) = claims.select_nth_unstable(last);
        self.by_target
            .retain(|_, remembered| remembered.claim > last || remembered.row.is_leased(now));
    }
}

/// How much it holds, not what: targets name people.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows: _, bound } = self;
        f.debug_struct("Memory")
            .field("targets", &self.len())
            .field("bound", bound)
            .finish()
    }
}
