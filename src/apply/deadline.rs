//! How long an invocation has.

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

/// The moment after which nothing sleeps and nothing is called any more.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// At most that much of an invocation is kept for the ledger.
    const RESERVE: Duration = Duration::from_millis(500);

    /// This long from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_past(self) -> bool {
        self.left().is_zero()
    }

    /// A little earlier, so that what was done can still be told: a tenth of what is left, half a second at most.
    pub(super) fn with_reserve(self) -> Self {
        let reserve = (self.left() / 10).min(Self::RESERVE);
        Self(self.0.checked_sub(reserve).unwrap_or(self.0))
    }

    /// The moment at which this part of what is left is over: `part(2)` is half of it.
    pub(super) fn part(self, of: u32) -> Self {
        let left = self.left();
        let rest = left - left / of.max(1);
        Self(self.0.checked_sub(rest).unwrap_or(self.0))
    }

    /// Sleeps, unless that would take until the deadline or longer. Tells whether it slept.
    pub(super) async fn sleep(self, time: Duration) -> bool {
        let until = Instant::now() + time;
        if until >= self.0 {
            return false;
        }
        sleep_until(until).await;
        true
    }

    /// What `work` yields, or nothing if the deadline came first. After the deadline it is not even begun.
    pub(super) async fn bound<T>(self, work: impl Future<Output = T>) -> Option<T> {
        if self.left().is_zero() {
            return None;
        }
        self.attempt(work).await
    }

    /// The same, but what can be had without waiting is had even after the deadline.
    pub(super) async fn attempt<T>(self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.0, work).await.ok()
    }
}

/// The waits between two looks at something that takes its time: 100 ms, twice as long each time, 5 s at most. Half of each
/// is left to chance, so that those who wait for one thing do not come back together.
pub(super) struct Waits {
    longest: Duration,
    chance: u64,
}

impl Waits {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    /// `seed` names what waits and what it waits for. Its chance is that of its first part, of which some must be random.
    pub fn new(seed: (&str, &str)) -> Self {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        Self {
            longest: Self::FIRST,
            chance: hasher.finish(),
        }
    }

    pub fn next(&mut self) -> Duration {
        let longest = self.longest;
        self.longest = (longest * 2).min(Self::LONGEST);
        // A linear congruential generator (Knuth's MMIX); its upper bits are good enough to part two workers.
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = f64::from((self.chance >> 32) as u32) / f64::from(u32::MAX);
        longest.mul_f64(0.5 + part / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_seconds_and_half_of_each_is_left_to_chance() {
        let mut waits = Waits::new(("attempt", "target"));
        for longest in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let (wait, longest) = (waits.next(), Duration::from_millis(longest));
            assert!(
                wait >= longest / 2 && wait <= longest,
                "{wait:?} of {longest:?}"
            );
        }
    }

    #[test]
    fn two_workers_wait_differently_and_the_same_worker_the_same() {
        let wait = |worker| Waits::new((worker, "target")).next();
        assert_eq!(wait("a"), wait("a"));
        assert_ne!(wait("a"), wait("b"));
    }

    #[tokio::test]
    async fn after_the_deadline_nothing_is_begun_and_what_needs_no_waiting_can_still_be_had() {
        let past = Deadline::after(Duration::ZERO);
        assert_eq!(past.bound(async { 1 }).await, None);
        assert_eq!(past.attempt(async { 1 }).await, Some(1));
        assert!(!past.sleep(Duration::from_millis(1)).await);
    }

    #[test]
    fn a_part_of_the_time_is_over_before_all_of_it_is() {
        let all = Deadline::after(Duration::from_secs(60));
        let third = all.part(3).left();
        assert!(third <= Duration::from_secs(20) && third > Duration::from_secs(19));
        assert!(Deadline::after(Duration::ZERO).part(2).is_past());
    }

    #[test]
    fn some_of_the_time_is_kept_for_the_ledger() {
        let short = Deadline::after(Duration::from_secs(1))
            .with_reserve()
            .left();
        assert!(short <= Duration::from_millis(900) && short > Duration::from_millis(700));
        let long = Deadline::after(Duration::from_secs(60))
            .with_reserve()
            .left();
        assert!(long <= Duration::from_millis(59_500) && long > Duration::from_secs(59));
    }
}
