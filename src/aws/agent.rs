//! What requests say of who sends them.

use aws_config::SdkConfig;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{
    Intercept, disable_interceptor, dyn_dispatch_hint,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The `user-agent` of all requests, which CloudTrail shows beside each call: `usher/0.1.0 aws-sdk-rust`, and what
/// `AWS_SDK_UA_APP_ID` says. The SDK would put two such headers together anew for each request, and sign one: a tenth of all that it
/// does for a call.
#[derive(Debug)]
pub(super) struct Agent(String);

impl Agent {
    pub fn new(config: &SdkConfig) -> Self {
        let mut agent = concat!("usher/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust").to_owned();
        if let Some(name) = config.app_name() {
            agent.push_str(" app/");
            agent.push_str(name.as_ref());
        }
        Self(agent)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Agent {
    fn name(&self) -> &'static str {
        "Agent"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let disabled = disable_interceptor::<UserAgentInterceptor>("Usher has one of its own");
        config.interceptor_state().store_put(disabled);
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.try_insert("user-agent", self.0.clone())?;
        Ok(())
    }
}
