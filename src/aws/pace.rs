//! How fast one operation may be called: a send rate that adapts itself to a limit nobody tells.
//!
//! AWS limits each operation by a token bucket and says nothing but "slower". As long as it does not, nothing is paced.
//!
//! ```text
//!         first throttle            an accepted request              30 s without a request
//!  Free ────────────────► Searching ───────────────────► Steady ──────────────────────────► Free
//!                          │      ▲                       │    ▲
//!                          └──────┘                       └────┘
//!                     throttled: halve               accepted: a little faster,
//!                                                    throttled: a part slower
//! ```
//!
//! Requests go out evenly. In *Steady*, a throttle takes off a part `d` of the rate, and each accepted request that had to wait for
//! its turn adds the part `p·d·(1 + 8·n·p)`, where `n` counts those since the last throttle. So about a share `p` of the requests is
//! throttled while the limit holds, which keeps the service's bucket just empty, and no capacity is lost: what a slower moment does
//! not use, the bucket keeps for the next faster one. When nothing is throttled for long, others have stopped or the limit has
//! risen, and the `n` makes the rate grow ever faster.
//!
//! `p` falls with the rate, as in TCP's response function (RFC 5348, section 3.1): of several processes that share a limit and meet
//! the same share of throttles, the slower speeds up and the faster slows down.
//!
//! Time is a parameter; nothing here sleeps.

use std::time::Duration;

/// A request may go out. Its answer is told to [`Pace::accepted`] or [`Pace::throttled`]; one that has none is not told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    at: Duration,
    /// Whether the pace held it up. Only what it held up can tell that it is too slow.
    waited: bool,
}

/// The pace of one operation.
#[derive(Debug)]
pub(super) enum Pace {
    /// Never throttled, or long ago.
    Free {
        last: Option<Duration>,
        /// Seconds between requests, smoothed.
        gap: f64,
    },
    Paced(Paced),
}

#[derive(Debug)]
pub(super) struct Paced {
    /// Requests a second.
    rate: f64,
    /// When the next request may go out.
    next: Duration,
    last: Duration,
    /// When the rate was last lowered. What was sent before says nothing about the rate now.
    cut: Duration,
    /// Whether no rate is known yet at which a request was accepted.
    searching: bool,
    /// The part that a throttle takes off the rate.
    part: f64,
    /// Accepted requests that had waited, since the rate was last lowered.
    accepted: f64,
    waiting: bool,
}

/// The first rate that is tried, in requests a second: half of what was too much, within these bounds.
const FIRST: (f64, f64) = (10.0, 100.0);
/// The lowest rate, in requests a second. The longest wait for a turn is its inverse, 5 s: that of the longest backoff.
const LOWEST: f64 = 0.2;
/// What is smoothed starts from 20 ms between requests.
const FIRST_GAP: f64 = 0.02;
/// How many turns that nobody took may be made up for, so that a late timer costs nothing.
const CREDIT: f64 = 2.0;
/// The part that the first throttle of a steady rate takes off, and what later ones come down to: 0.5 finds the region, 0.2 keeps it.
const PARTS: (f64, f64) = (0.5, 0.2);
/// The most that one accepted request adds.
const STEP: f64 = 0.1;
/// After this long without a request, what was learnt is forgotten: the service's bucket is full again.
const FORGET: Duration = Duration::from_secs(30);

impl Pace {
    pub fn new() -> Self {
        Self::Free {
            last: None,
            gap: FIRST_GAP,
        }
    }

    /// Whether requests go out as they come.
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Free { .. })
    }

    /// A turn, or how long to wait before asking again.
    pub fn permit(&mut self, now: Duration) -> Result<Turn, Duration> {
        if let Self::Paced(paced) = self
            && now.saturating_sub(paced.last) >= FORGET
        {
            *self = Self::new();
        }
        match self {
            Self::Free { last, gap } => {
                if let Some(last) = last {
                    *gap += 0.1 * (now.saturating_sub(*last).as_secs_f64() - *gap);
                }
                *last = Some(now);
                Ok(Turn {
                    at: now,
                    waited: false,
                })
            }
            Self::Paced(paced) => paced.permit(now),
        }
    }

    /// The service said "slower" to the request of this turn.
    pub fn throttled(&mut self, turn: Turn, now: Duration) {
        match self {
            Self::Free { gap, .. } => {
                let (low, high) = FIRST;
                let rate = (0.5 / gap.max(1e-6)).clamp(low, high);
                *self = Self::Paced(Paced {
                    rate,
                    next: now + interval(rate),
                    last: now,
                    cut: now,
                    searching: true,
                    part: PARTS.0,
                    accepted: 0.0,
                    waiting: false,
                });
            }
            Self::Paced(paced) => paced.throttled(turn, now),
        }
    }

    /// The request of this turn was not throttled, whatever else became of it.
    pub fn accepted(&mut self, turn: Turn) {
        match self {
            Self::Free { .. } => {}
            Self::Paced(paced) => paced.accepted(turn),
        }
    }
}

impl Paced {
    fn permit(&mut self, now: Duration) -> Result<Turn, Duration> {
        if now < self.next {
            self.waiting = true;
            return Err(self.next - now);
        }
        let owed = now.saturating_sub(interval(self.rate / CREDIT));
        self.next = self.next.max(owed) + interval(self.rate);
        self.last = now;
        Ok(Turn {
            at: now,
            waited: std::mem::take(&mut self.waiting),
        })
    }

    fn throttled(&mut self, turn: Turn, now: Duration) {
        // Several requests are on their way at a time; those that were before the rate was lowered lower it no further.
        if turn.at <= self.cut {
            return;
        }
        self.cut = now;
        self.accepted = 0.0;
        if self.searching {
            self.rate = (self.rate * 0.5).max(LOWEST);
            self.next = now + interval(self.rate);
        } else {
            self.rate = (self.rate * (1.0 - self.part)).max(LOWEST);
            self.part = (self.part * 0.7).max(PARTS.1);
        }
    }

    fn accepted(&mut self, turn: Turn) {
        if turn.at <= self.cut {
            return;
        }
        if self.searching {
            // Between this rate and twice as much.
            self.searching = false;
            self.rate *= 1.5;
        }
        if turn.waited {
            self.accepted += 1.0;
            let share = share(self.rate);
            let growth = share * self.part * (1.0 + 8.0 * self.accepted * share);
            self.rate *= 1.0 + growth.min(STEP);
        }
    }
}

/// The share `p` for a rate. The constants come from simulations of 1 and 8 processes with 8 requests at a time against limits of
/// 5 to 100 a second, bursts of 5 to 400 and latencies of 5 to 80 ms; `pace/simulation.rs` repeats some of them.
fn share(rate: f64) -> f64 {
    (0.035 / rate.sqrt()).max(0.05 / rate).max(0.012)
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate.max(LOWEST))
}

#[cfg(test)]
#[path = "pace/tests.rs"]
mod tests;
