//! The first layer of retries: what is no throttling. A request is made again after transport faults, 5xx and answers that cannot be
//! read as JSON, as the SDK's standard mode does it (AWS SDKs reference guide, retry behavior). Throttling of the services has a layer of
//! its own, `throttling`; that of the ledger's table is among these.

use std::cell::Cell;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use super::answer::Fault;

/// Codes that say "slower", over all services (aws-runtime 1.10, THROTTLING_ERRORS, less the quota among them).
const THROTTLES: [&str; 13] = [
    "EC2ThrottledException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
];

/// Codes that say "no more": trying again does not raise a quota. The SDK takes FinSpace's for a throttle.
const QUOTAS: [&str; 3] = [
    "LimitExceededException",
    "ResourceLimitExceeded",
    "ServiceQuotaExceededException",
];

pub(super) fn is_throttle(code: &str) -> bool {
    THROTTLES.contains(&code)
}

pub(super) fn is_quota(code: &str) -> bool {
    QUOTAS.contains(&code)
}

/// Where requests that are throttled are made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Throttles {
    /// In a layer above, which also asks how many requests there were.
    Elsewhere,
    Here,
}

/// Keeps calls of a service that is down from all trying again: a retry takes tokens, which come back when it succeeds, and one at a
/// time with each call that succeeds at once (AWS SDKs reference guide, retry quota; the figures are aws-smithy-runtime's, 1.16).
#[derive(Debug)]
pub(super) struct Quota(AtomicU32);

const TOKENS: u32 = 500;
/// What a retry takes after an answer, and after none or a broken one.
pub(super) const OF_A_REFUSAL: u32 = 5;
pub(super) const OF_A_FAILURE: u32 = 10;

/// A retry is allowed, at this cost. Only that of a call's last one comes back.
#[derive(Debug)]
pub(super) struct Permit(u32);

impl Default for Quota {
    fn default() -> Self {
        Self(AtomicU32::new(TOKENS))
    }
}

impl Quota {
    pub fn permit(&self, cost: u32) -> Option<Permit> {
        let take = |left: u32| left.checked_sub(cost);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.is_ok().then_some(Permit(cost))
    }

    /// A call succeeded, by a retry or at once.
    pub fn succeeded(&self, by: Option<Permit>) {
        let back = by.map_or(1, |Permit(cost)| cost);
        let give = |left: u32| (left < TOKENS).then(|| (left + back).min(TOKENS));
        // There was nothing to give back.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }
}

tokio::task_local! {
    static ATTEMPTS: Cell<Attempts>;
    static SLOWER: Cell<u32>;
}

/// Runs `calls` and tells how many of the answers, to all attempts, said "slower".
pub async fn throttled<T>(calls: impl Future<Output = T>) -> (T, u32) {
    SLOWER
        .scope(Cell::new(0), async {
            let result = calls.await;
            (result, SLOWER.with(Cell::get))
        })
        .await
}

/// How many requests some calls made, repetitions included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    pub made: u32,
    /// How many of them got an answer that says that nothing was done: a 4xx. Any other may have been carried out.
    pub refused: u32,
}

/// Runs `calls` and tells how many requests it made.
pub async fn counted<T>(calls: impl Future<Output = T>) -> (T, Attempts) {
    ATTEMPTS
        .scope(Cell::default(), async {
            let result = calls.await;
            (result, ATTEMPTS.with(Cell::get))
        })
        .await
}

/// Outside [`counted`] nobody asks, so there is nothing to count.
fn count(add: impl FnOnce(&mut Attempts)) {
    let _ = ATTEMPTS.try_with(|counted| {
        let mut attempts = counted.get();
        add(&mut attempts);
        counted.set(attempts);
    });
}

/// A request goes out.
pub(super) fn count_request() {
    count(|attempts| attempts.made += 1);
}

/// A request failed, with this status if there was one. A 4xx says that nothing was done, though the rest of the answer got lost.
pub(super) fn count_fault(status: Option<u16>, fault: &Fault) {
    if status.is_some_and(|status| (400..=499).contains(&status)) {
        count(|attempts| attempts.refused += 1);
    }
    if fault.is_throttle() {
        let _ = SLOWER.try_with(|throttles| throttles.set(throttles.get() + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_end_when_nothing_succeeds_and_begin_again_when_something_does() {
        let quota = Quota::default();
        let permits: Vec<Permit> = std::iter::from_fn(|| quota.permit(10)).collect();
        assert_eq!(permits.len(), 50);
        for _ in 0..9 {
            quota.succeeded(None);
            assert!(quota.permit(10).is_none());
        }
        quota.succeeded(None);
        let last = quota.permit(10);
        assert!(last.is_some() && quota.permit(10).is_none());
        quota.succeeded(last);
        assert!(quota.permit(10).is_some());
    }

    #[test]
    fn the_quota_never_grows_beyond_its_size() {
        let quota = Quota::default();
        (0..100).for_each(|_| quota.succeeded(Some(Permit(10))));
        assert_eq!(std::iter::from_fn(|| quota.permit(5)).count(), 100);
    }
}
