//! Credentials for a web identity's token, such as a pod's.

use std::sync::OnceLock;

use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::future;

/// The SDK's provider, made when it is asked: making it builds a client of STS, and a function on Lambda finds its
/// credentials before it comes to this one.
#[derive(Debug)]
pub(super) struct WebIdentity {
    config: ProviderConfig,
    made: OnceLock<WebIdentityTokenCredentialsProvider>,
}

impl WebIdentity {
    pub fn new(config: ProviderConfig) -> Self {
        Self {
            config,
            made: OnceLock::new(),
        }
    }
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let make = || {
            WebIdentityTokenCredentialsProvider::builder()
                .configure(&self.config)
                .build()
        };
        self.made.get_or_init(make).provide_credentials()
    }
}
