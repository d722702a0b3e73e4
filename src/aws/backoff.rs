//! How long to wait before a request is made again: exponential backoff with full jitter, `rand(0..1) × min(5 s, 200 ms × 2ⁿ)`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIRST: Duration = Duration::from_millis(200);
/// The longest backoff, and the longest that a service may ask for.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// The longest backoff after the `nth` failure, from 0.
pub(super) fn backoff(nth: u32) -> Duration {
    let factor = 2_u32.saturating_pow(nth);
    FIRST.saturating_mul(factor).min(LONGEST)
}

/// SplitMix64 (Steele, Lea, Flood 2014). Processes that start in the same nanosecond share their chance, and nothing worse.
pub(super) struct Chance(u64);

impl Chance {
    /// Of the `nth` that share a clock.
    pub fn new(wall: SystemTime, nth: u64) -> Self {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self((since.as_nanos() as u64).wrapping_add(nth << 48))
    }

    /// Any part of it.
    pub fn part(&mut self, whole: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        whole.mul_f64((z >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoffs_double_up_to_five_seconds() {
        let millis = (0..8).map(|nth| backoff(nth).as_millis());
        let expected = [200, 400, 800, 1600, 3200, 5000, 5000, 5000];
        assert!(millis.eq(expected));
        assert_eq!(backoff(u32::MAX), LONGEST);
    }

    #[test]
    fn chance_takes_parts_of_all_sizes_and_never_more_than_the_whole() {
        let mut chance = Chance::new(UNIX_EPOCH + Duration::from_secs(1), 0);
        let parts: Vec<u128> = (0..1000)
            .map(|_| chance.part(Duration::from_millis(1000)).as_millis())
            .collect();
        assert!(parts.iter().all(|part| *part < 1000));
        for tenth in 0..10 {
            let within = parts.iter().filter(|part| **part / 100 == tenth).count();
            assert!((60..=140).contains(&within), "{within} of 1000");
        }
    }
}
