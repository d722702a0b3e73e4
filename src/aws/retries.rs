//! The first layer of retries: the SDK's own, put right, and counted.
//!
//! The SDK retries transport faults and 5xx. What it does not know, or takes for something else, is told here: answers that cannot
//! be read; quotas, which are no throttling; and throttling itself, which is left to `throttling`.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::ErrorKind;
use serde_json::Value;

/// Codes that say "slower", over all services (aws-runtime 1.10, THROTTLING_ERRORS, less the quota among them).
const THROTTLES: [&str; 12] = [
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

/// The same verdict on the same answer, whichever service gave it. It has the last word.
#[derive(Debug)]
pub(super) struct OneVerdict;

impl ClassifyRetry for OneVerdict {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let (Some(Err(error)), Some(response)) = (context.output_or_error(), context.response())
        else {
            return RetryAction::NoActionIndicated;
        };
        let status = response.status().as_u16();
        let code = code_of(response);
        match code.as_deref().map(bare) {
            Some(code) if is_quota(code) => RetryAction::RetryForbidden,
            Some(code) if is_throttle(code) => RetryAction::RetryForbidden,
            _ if status == 429 => RetryAction::RetryForbidden,
            // Half an answer, or one that is not the service's. Every write here may be made twice: updates set
            // what they set, and FinSpace's carries a token.
            None if status < 300 && !error.is_connector_error() => {
                RetryAction::RetryIndicated(RetryReason::RetryableError {
                    kind: ErrorKind::TransientError,
                    retry_after: retry_after(response),
                })
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Usher"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// How long the service asks to wait.
pub(super) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("x-amz-retry-after").and_then(delay)
}

/// `x-amz-retry-after` is in milliseconds. More than 20 s is more than the SDK itself would ever wait.
fn delay(header: &str) -> Option<Duration> {
    let millis: u64 = header.trim().parse().ok()?;
    Some(Duration::from_millis(millis.min(20_000)))
}

/// The error's code, from the header or the body, whatever protocol it is.
pub(super) fn code_of(response: &HttpResponse) -> Option<String> {
    let header = response.headers().get("x-amzn-errortype");
    header
        .map(str::to_owned)
        .or_else(|| code_in(response.body().bytes()?))
}

fn code_in(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let code = body.get("__type").or_else(|| body.get("code"))?;
    code.as_str().map(str::to_owned)
}

/// `namespace#Code:uri` → `Code`.
pub(super) fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
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

/// How many requests some calls made, the SDK's own repetitions included.
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

/// Looks at each attempt of whatever runs inside [`counted`] and [`throttled`], and takes no empty answer for a good one.
#[derive(Debug)]
pub(super) struct EachAttempt;

#[dyn_dispatch_hint]
impl Intercept for EachAttempt {
    fn name(&self) -> &'static str {
        "EachAttempt"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        count(|attempts| attempts.made += 1);
        Ok(())
    }

    /// The SDK takes a body without a byte for an object without members; every operation here answers with some.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let empty = response.body().bytes().is_some_and(<[u8]>::is_empty);
        match empty && response.status().is_success() {
            true => Err("the answer is empty".into()),
            false => Ok(()),
        }
    }

    /// Counts here and not in the verdict, for which the SDK may ask more than once.
    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(response) = context.response() else {
            return Ok(());
        };
        if response.status().is_client_error() {
            count(|attempts| attempts.refused += 1);
        }
        let slower = response.status().as_u16() == 429
            || !response.status().is_success()
                && code_of(response).is_some_and(|code| is_throttle(bare(&code)));
        if slower {
            let _ = SLOWER.try_with(|throttles| throttles.set(throttles.get() + 1));
        }
        Ok(())
    }
}
