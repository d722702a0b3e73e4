//! Opens a connection before it is needed: most of the time of a first call is the handshake of TLS.
//!
//! The pool that calls take their connections from gets one only when a request was answered over it. So a call is made as all
//! calls are, which also finds out endpoint and credentials, signs, and reads the certificates that are trusted; but what leaves
//! in its place is `GET /ping` without a signature. The front ends of AWS answer that with `healthy` (tools that measure how far a
//! Region is have always asked so, as obviyus/pong does DynamoDB in src/regions.rs); one that does not know it answers with an
//! error. Either way the answer is read and the connection kept. It is no operation of the service: there is nothing to be
//! permitted, and it takes nothing from any operation's rate.

use std::error::Error;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::display::DisplayErrorContext;

use super::Services;
use crate::api::Operation;

impl Services {
    /// Whether all services are spoken to without TLS. One that has an endpoint of its own may still not be.
    pub fn speaks_plainly(&self) -> bool {
        let endpoint = self.config.endpoint_url();
        endpoint.is_some_and(|url| url.starts_with("http://"))
    }

    /// Opens a connection to the service of an operation, in addition to those that others open meanwhile, unless it speaks
    /// plain HTTP.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self, operation: Operation) -> Result<(), String> {
        match operation {
            Operation::SageMakerUpdateUserProfile | Operation::SageMakerUpdateDomain => {
                Box::pin(super::sagemaker::connect(self.sagemaker())).await
            }
            Operation::DataZoneUpdateUserProfile => {
                Box::pin(super::datazone::connect(self.datazone())).await
            }
            #[cfg(feature = "finspace")]
            Operation::FinSpaceUpdateKxUser => {
                Box::pin(super::finspace::connect(self.finspace())).await
            }
            #[cfg(not(feature = "finspace"))]
            Operation::FinSpaceUpdateKxUser => Ok(()),
        }
    }
}

/// Puts a ping in the place of a call, or stops it where there is no handshake to be had.
#[derive(Debug)]
pub(super) struct Ping;

/// The endpoint speaks plain HTTP.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint speaks plain HTTP")]
struct Plain;

#[dyn_dispatch_hint]
impl Intercept for Ping {
    fn name(&self) -> &'static str {
        "Ping"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        host(context.request()).map(drop).ok_or(Plain.into())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = context.request_mut();
        let host = host(call).ok_or(Plain)?;
        let mut ping = HttpRequest::new(SdkBody::empty());
        ping.set_method("GET")?;
        ping.set_uri(format!("https://{host}/ping"))?;
        if let Some(agent) = call.headers().get("user-agent") {
            ping.headers_mut()
                .try_insert("user-agent", agent.to_owned())?;
        }
        *call = ping;
        Ok(())
    }
}

/// Host and port of a request over TLS.
fn host(request: &HttpRequest) -> Option<String> {
    let rest = request.uri().strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(host.to_owned())
}

/// Whether there was an answer, whatever it says.
///
/// # Errors
/// Why there was none.
pub(super) fn answered<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Result<(), String>
where
    E: Error + Send + Sync + 'static,
{
    let error = match result {
        Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_)) => return Ok(()),
        Err(error) => error,
    };
    let first: &(dyn Error + 'static) = &error;
    let mut causes = std::iter::successors(Some(first), |error| (*error).source());
    match causes.any(|cause| cause.is::<Plain>()) {
        true => Ok(()),
        false => Err(DisplayErrorContext(&error).to_string()),
    }
}
