//! Rate limits: one token bucket for each operation.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::faults::{anything, matches, unknown_operation};

/// A limit on the requests of each operation it matches; what exceeds it is throttled.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// The operation as IAM names it; `*` stands for any characters. Each operation has a bucket of its own.
    #[serde(default = "anything")]
    pub operation: String,
    /// How many requests a second, over time.
    pub per_second: f64,
    /// How many at once, after a pause.
    pub burst: u32,
}

impl Rate {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = unknown_operation("rates", &self.operation);
        if !(self.per_second >= 0.0 && self.per_second.is_finite()) {
            problems.push(format!(
                "rates: perSecond {} is not a rate",
                self.per_second
            ));
        }
        problems
    }
}

/// The token buckets of the rate limits: what each holds, and when that was counted.
#[derive(Default)]
pub(super) struct Buckets(HashMap<(usize, &'static str), (f64, OffsetDateTime)>);

impl Buckets {
    /// Takes a token from every bucket of this operation; false if one of them has none.
    pub(super) fn take(&mut self, rates: &[Rate], call: &'static str, now: OffsetDateTime) -> bool {
        rates
            .iter()
            .enumerate()
            .filter(|(_, rate)| matches(&rate.operation, call))
            .all(|(i, rate)| {
                let full = f64::from(rate.burst.max(1));
                let (tokens, counted) = self.0.entry((i, call)).or_insert((full, now));
                let elapsed = (now - *counted).as_seconds_f64().max(0.0);
                *tokens = (*tokens + elapsed * rate.per_second).min(full);
                *counted = now;
                let enough = *tokens >= 1.0;
                if enough {
                    *tokens -= 1.0;
                }
                enough
            })
    }
}
