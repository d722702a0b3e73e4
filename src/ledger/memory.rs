//! Rows in this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use time::OffsetDateTime;

use super::row::{Row, Terms, grant};
use super::{Ask, Claim, Known, Lease, LedgerError, Release, Released};

/// How many targets are remembered: 10,000, some 5 MB of the 128 that the smallest function has. A target that is forgotten is as one never seen: an older event
/// that comes after that is written. Those claimed longest ago are forgotten first, and none that is held.
const BOUND: usize = 10_000;

/// Rows in this process, bounded to 10,000 targets unless it is said otherwise.
pub struct Memory {
    rows: Mutex<Rows>,
    bound: usize,
    log: Option<Log>,
}

type Log = Box<dyn Fn(&Known) -> io::Result<()> + Send + Sync>;

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
            log: None,
        }
    }

    /// Begins with what another process knew, and forgets nothing. `log` takes down what is known of a target each time it
    /// changes: before its claim is granted, and when it is released. So whoever begins with what was taken down, of each
    /// target the last, knows at least of every write that may have been made, even if this process is killed.
    ///
    /// Where `log` fails, the claim is not granted, or the release not confirmed.
    pub fn logged(
        known: impl IntoIterator<Item = Known>,
        log: impl Fn(&Known) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let remembered = |known: Known| {
            let row = Row::known(&known);
            (known.target, Remembered { row, claim: 0 })
        };
        let rows = Rows {
            by_target: known.into_iter().map(remembered).collect(),
            claims: 0,
        };
        Self {
            rows: Mutex::new(rows),
            bound: usize::MAX,
            log: Some(Box::new(log)),
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
        self.take_down(ask.target, &row)?;
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

    pub(super) fn release(&self, lease: &Lease, how: Release) -> Result<Released, LedgerError> {
        let mut rows = self.lock();
        let Some(Remembered { row, claim: _ }) = rows.by_target.get_mut(&lease.target) else {
            return Ok(Released::TooLate);
        };
        let released = row.release(&lease.claimant, how);
        match released {
            Released::Recorded => self.take_down(&lease.target, row)?,
            Released::TooLate => {}
        }
        Ok(released)
    }

    fn take_down(&self, target: &str, row: &Row) -> Result<(), LedgerError> {
        match &self.log {
            Some(log) => log(&row.as_known(target)).map_err(LedgerError::Log),
            None => Ok(()),
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
        let Self {
            rows: _,
            bound,
            log: _,
        } = self;
        f.debug_struct("Memory")
            .field("targets", &self.len())
            .field("bound", bound)
            .finish_non_exhaustive()
    }
}
