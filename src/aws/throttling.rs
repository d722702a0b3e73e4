//! The layer of retries that throttling has to itself: turns, backoff, and when to give up.
//!
//! Retries of each call's own, as AWS's clients have them, would meet the limit again and again in a burst, until attempts run
//! out. Here all calls of an operation, from all invocations in the process, go through one [`Pace`]. Reads and
//! writes, and the services' operations, have limits of their own at AWS, so each has a pace of its own.
//!
//! A request that is throttled waits as long as the service asks, or `rand(0..1) × min(5 s, 200 ms × 2ⁿ)`, and then for its
//! turn. One that waits for its turn is no attempt: nothing is sent. Nothing is waited for that could not be over in time.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;

use super::backoff::{Chance, backoff};
use super::configuration::Configuration;
use super::error::{Class, ServiceError};
use super::pace::{Pace, Turn};
use crate::api::Operation;

/// How often a request that is throttled is made. For other causes it is 5 times; but of 2,000 people in 8 processes that have yet
/// to find a common limit, a few need 9.
const ATTEMPTS: u32 = 10;

/// Which of an operation's two calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Read,
    Write,
}

/// The paces of all calls.
pub(super) struct Throttling {
    sleep: SharedAsyncSleep,
    time: SharedTimeSource,
    user_profiles: Lanes,
    domains: Lanes,
    datazone: Lanes,
    finspace: Lanes,
}

struct Lanes {
    read: Lane,
    write: Lane,
}

/// All requests of one API operation.
struct Lane {
    /// Held by the request whose turn is next; the others come in the order in which they asked.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    pace: Pace,
    clock: Steady,
    chance: Chance,
}

impl Throttling {
    /// Takes the clock, the sleep and, from the clock, chance from the configuration.
    pub fn new(configuration: &Configuration) -> Self {
        let (sleep, time) = (configuration.sleep(), configuration.time());
        let lanes = |nth| Lanes {
            read: Lane::new(time.now(), nth),
            write: Lane::new(time.now(), nth + 1),
        };
        Self {
            user_profiles: lanes(0),
            domains: lanes(2),
            datazone: lanes(4),
            finspace: lanes(6),
            sleep,
            time,
        }
    }

    /// Sends a request in its turn, again when it is throttled. `left` is how long all of it may wait.
    pub async fn paced<T, F>(
        &self,
        call: (Operation, Way),
        left: Duration,
        send: impl Fn() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let lane = self.lane(call);
        let until = self.now(lane).saturating_add(left);
        let mut attempts = 0;
        let mut throttle = None;
        loop {
            let Some(turn) = self.turn(lane, until).await else {
                return Err(throttle.unwrap_or_else(ServiceError::no_turn));
            };
            let error = match send().await {
                Ok(answer) => {
                    lane.state().pace.accepted(turn);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let wait = self.told(lane, turn, &error, attempts);
            attempts += 1;
            let Some(wait) = wait.filter(|_| attempts < ATTEMPTS) else {
                return Err(error);
            };
            if self.now(lane).saturating_add(wait) >= until {
                return Err(error);
            }
            throttle = Some(error);
            self.sleep.sleep(wait).await;
        }
    }

    /// The next turn, unless it comes too late.
    async fn turn(&self, lane: &Lane, until: Duration) -> Option<Turn> {
        if let Some(turn) = self.unpaced(lane) {
            return Some(turn);
        }
        let _first = lane.queue.lock().await;
        loop {
            let (now, permit) = {
                let mut state = lane.state();
                let now = state.clock.read(self.time.now());
                (now, state.pace.permit(now))
            };
            match permit {
                Ok(turn) => return Some(turn),
                Err(wait) if now.saturating_add(wait) >= until => return None,
                Err(wait) => self.sleep.sleep(wait).await,
            }
        }
    }

    fn unpaced(&self, lane: &Lane) -> Option<Turn> {
        let mut state = lane.state();
        if !state.pace.is_free() {
            return None;
        }
        let now = state.clock.read(self.time.now());
        state.pace.permit(now).ok()
    }

    /// Tells the pace what an error says of it. Gives how long to wait if it was a throttle, the `nth`, from 0.
    fn told(&self, lane: &Lane, turn: Turn, error: &ServiceError, nth: u32) -> Option<Duration> {
        let mut state = lane.state();
        match error.class {
            Class::Throttled => {
                let now = state.clock.read(self.time.now());
                state.pace.throttled(turn, now);
                let backoff = state.chance.part(backoff(nth));
                Some(error.retry_after().unwrap_or(backoff))
            }
            Class::NotFound | Class::Busy | Class::InUse | Class::Permanent => {
                state.pace.accepted(turn);
                None
            }
            Class::Unreachable => None,
        }
    }

    fn now(&self, lane: &Lane) -> Duration {
        lane.state().clock.read(self.time.now())
    }

    fn lane(&self, (operation, way): (Operation, Way)) -> &Lane {
        let lanes = match operation {
            Operation::SageMakerUpdateUserProfile => &self.user_profiles,
            Operation::SageMakerUpdateDomain => &self.domains,
            Operation::DataZoneUpdateUserProfile => &self.datazone,
            Operation::FinSpaceUpdateKxUser => &self.finspace,
        };
        match way {
            Way::Read => &lanes.read,
            Way::Write => &lanes.write,
        }
    }
}

impl fmt::Debug for Throttling {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Throttling").finish_non_exhaustive()
    }
}

impl Lane {
    fn new(wall: SystemTime, nth: u64) -> Self {
        let state = State {
            pace: Pace::new(),
            clock: Steady {
                wall,
                read: Duration::ZERO,
            },
            chance: Chance::new(wall, nth),
        };
        Self {
            queue: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time that has passed by a clock that may be set back: meanwhile, none has.
struct Steady {
    wall: SystemTime,
    read: Duration,
}

impl Steady {
    fn read(&mut self, wall: SystemTime) -> Duration {
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        self.wall = wall;
        self.read = self.read.saturating_add(passed);
        self.read
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_clock_that_is_set_back_stands_still_and_then_goes_on() {
        let mut clock = Steady {
            wall: at(1000),
            read: Duration::ZERO,
        };
        let read: Vec<u64> = [1001, 1003, 400, 401, 1000]
            .map(|seconds| clock.read(at(seconds)).as_secs())
            .into();
        assert_eq!(read, [1, 3, 3, 4, 603]);
    }
}
