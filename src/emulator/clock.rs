//! The emulator's idea of now: status machines, tokens and rate limits go by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

/// Where the emulator takes the time from. Only delays (latency, faults) are slept, and those by
/// tokio's timer; everything that is a date goes by this clock.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until somebody moves it.
    Manual(ManualClock),
    /// `start` plus the time tokio's timer has counted since `origin`: virtual where a runtime's time
    /// is paused, real otherwise.
    Tokio {
        start: OffsetDateTime,
        origin: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock that reads `start` now and follows tokio's timer from here on.
    pub fn tokio(start: OffsetDateTime) -> Clock {
        let origin = tokio::time::Instant::now();
        Clock::Tokio { start, origin }
    }

    /// The present instant, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        match self {
            Clock::System => OffsetDateTime::now_utc(),
            Clock::Manual(clock) => clock.now(),
            Clock::Tokio { start, origin } => later(*start, origin.elapsed()),
        }
    }
}

/// A clock moved by hand; its clones move together.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<OffsetDateTime>>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: OffsetDateTime) -> ManualClock {
        ManualClock(Arc::new(Mutex::new(start)))
    }

    /// What the clock shows.
    pub fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = later(*now, by);
    }
}

/// `by` after `at`, or the last instant there is.
pub(super) fn later(at: OffsetDateTime, by: Duration) -> OffsetDateTime {
    time::Duration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by))
        .unwrap_or_else(|| time::PrimitiveDateTime::MAX.assume_utc())
}
