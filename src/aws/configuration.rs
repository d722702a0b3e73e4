//! The configuration of all clients: what is the same everywhere, and for the command line the rest.

use std::path::Path;
use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_types::sdk_config::Builder;

use super::environment::BadVariables;
use super::transport;
use super::trust::{self, BadBundle};
use super::web_identity::WebIdentity;

/// Where the services of the command line are.
pub enum Place<'a> {
    /// At AWS, or where `AWS_ENDPOINT_URL` says: region, credentials and endpoints come from the environment and the
    /// profile files. The instance metadata service is never asked: on a desk it only costs seconds.
    Environment {
        /// Certificates that are trusted in place of the system's: `AWS_CA_BUNDLE`.
        ca_bundle: Option<&'a Path>,
    },
    /// At this URL, with credentials that are worth nothing elsewhere. Nothing else is read.
    Emulator(&'a str),
}

/// Reads the configuration for all clients.
///
/// # Errors
/// When no region is set, or there is something wrong with the certificate bundle.
pub async fn configure(place: Place<'_>) -> Result<SdkConfig, ConfigError> {
    match place {
        Place::Emulator(url) => Ok(common(None)?
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
                "emulator", "emulator", None,
            )))
            .endpoint_url(url)
            .build()),
        Place::Environment { ca_bundle } => {
            let http = transport::http_client(trust::trust(ca_bundle)?, CONNECT);
            let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .region()
                .await
                .ok_or(ConfigError::NoRegion(", or `region` in the AWS profile"))?;
            // Providers that ask somebody over HTTP have no client unless they are given one.
            let provider = ProviderConfig::default()
                .with_region(Some(region.clone()))
                .with_http_client(http.clone());
            let profile = ProfileFileCredentialsProvider::builder().configure(&provider);
            let credentials = CredentialsProviderChain::first_try(
                "Environment",
                EnvironmentVariableCredentialsProvider::new(),
            )
            .or_else("Profile", profile.build())
            .or_else("WebIdentityToken", WebIdentity::new(provider));
            Ok(aws_config::defaults(BehaviorVersion::latest())
                .region(region)
                .credentials_provider(credentials)
                .http_client(http)
                .retry_config(retries())
                .timeout_config(timeouts())
                .stalled_stream_protection(stalls())
                .load()
                .await)
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// AWS has no default for it.
    #[error("no AWS region is set; set AWS_REGION{0}")]
    NoRegion(&'static str),
    #[error(
        "there are no AWS credentials: {0} is not set. Lambda sets it; elsewhere, `aws configure export-credentials --format env` \
         prints what a profile holds. The function reads no profile files"
    )]
    NoCredentials(&'static str),
    #[error(transparent)]
    Variables(#[from] BadVariables),
    #[error(transparent)]
    Bundle(#[from] BadBundle),
}

/// What is the same wherever the services are.
pub(super) fn common(ca_bundle: Option<&Path>) -> Result<Builder, BadBundle> {
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(transport::http_client(trust::trust(ca_bundle)?, CONNECT))
        .retry_config(retries())
        .timeout_config(timeouts())
        .stalled_stream_protection(stalls())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new()))
}

/// For all but throttling: exponential backoff with full jitter, as the SDK's standard mode does it; four more attempts than none.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}

/// An attempt has 10 s for all of its answer, most of which fit into one packet: there is nothing to be gained by watching how fast
/// its bytes come.
fn stalls() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::disabled()
}

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(3);

/// Control-plane calls answer within a second; one that takes ten will not.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(Duration::from_secs(10))
        .build()
}
