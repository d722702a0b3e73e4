//! Carries an invocation's place in a trace to the requests that are made for it.
//!
//! The SDK takes the tracing header from the environment of the process (aws-runtime 1.10, `recursion_detection.rs`), which
//! knows one invocation at a time and, with the runtime's concurrency, none. Here it comes with the task.

use std::future::Future;

use aws_config::Region;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use super::retries::{bare, code_of, is_throttle};
use crate::telemetry::traces::{Call, End, HEADER, Trace};

tokio::task_local! {
    static TRACE: Trace;
}

/// Does `work`, whose requests belong to this trace.
pub async fn traced<T>(trace: Option<Trace>, work: impl Future<Output = T>) -> T {
    match trace {
        Some(trace) => TRACE.scope(trace, work).await,
        None => work.await,
    }
}

/// Puts the tracing header on each request of whatever runs inside [`traced`], and records each call where it is sampled.
#[derive(Debug)]
pub(super) struct EachCall;

/// The call that an execution of the SDK makes, with all its attempts.
#[derive(Debug)]
struct Begun(Call);

impl Storable for Begun {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for EachCall {
    fn name(&self) -> &'static str {
        "EachCall"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = config.load::<Metadata>() else {
            return Ok(());
        };
        let region = config.load::<Region>().map(AsRef::as_ref);
        let begin = |trace: &Trace| trace.begin(metadata.service(), metadata.name(), region);
        if let Ok(Some(call)) = TRACE.try_with(begin) {
            config.interceptor_state().store_put(Begun(call));
        }
        Ok(())
    }

    /// No part of the signature (aws-sigv4 1.6, `http_request/settings.rs`), and the SDK leaves alone what is there already.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        // Lambda's header is one; what could not be would be left out, and the call made nevertheless.
        let mut put = |header: &str| drop(headers.try_insert(HEADER, header.to_owned()));
        match config.load::<Begun>() {
            Some(Begun(call)) => put(call.header()),
            None => drop(TRACE.try_with(|trace| put(trace.header()))),
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Begun(call)) = config.load::<Begun>() else {
            return Ok(());
        };
        let response = context.response();
        let failed = matches!(context.output_or_error(), Some(Err(_)));
        let code = response.filter(|_| failed).and_then(code_of);
        let code = code.as_deref().map(bare);
        let status = response.map(|response| response.status().as_u16());
        call.end(&End {
            status,
            request_id: response.and_then(|response| response.headers().get("x-amzn-requestid")),
            retries: config
                .load::<RequestAttempts>()
                .map_or(0, |attempts| attempts.attempts().saturating_sub(1)),
            code: failed.then(|| code.unwrap_or(uncoded(status))),
            throttled: failed && (status == Some(429) || code.is_some_and(is_throttle)),
        });
        Ok(())
    }
}

/// What is said where the service said nothing.
fn uncoded(status: Option<u16>) -> &'static str {
    match status {
        Some(200..=299) => "Usher.Unreadable",
        Some(_) => "Usher.NoCode",
        None => "Usher.Unreachable",
    }
}
