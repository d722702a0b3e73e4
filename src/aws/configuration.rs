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
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_types::sdk_config::Builder;

use super::environment::BadVariables;
use super::transport::Pool;
use super::trust::{self, BadBundle};
use super::web_identity::WebIdentity;

/// How AWS is reached: what the SDK's own configuration holds, and the connections.
#[derive(Debug, Clone)]
pub struct Configuration {
    sdk: SdkConfig,
    pool: Pool,
}

impl Configuration {
    pub(super) fn new(sdk: SdkConfig, pool: Pool) -> Self {
        Self { sdk, pool }
    }

    /// Region, credentials and endpoints. Clients of the SDK that are made with it share the connections.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The same with another clock and another way to wait, for what is signed, paced and tried again.
    #[must_use]
    pub fn in_time(self, sleep: SharedAsyncSleep, time: SharedTimeSource) -> Self {
        let sdk = self.sdk.into_builder().sleep_impl(sleep).time_source(time);
        Self {
            sdk: sdk.build(),
            pool: self.pool,
        }
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn sleep(&self) -> SharedAsyncSleep {
        let set = self.sdk.sleep_impl();
        set.unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()))
    }

    pub(super) fn time(&self) -> SharedTimeSource {
        let set = self.sdk.time_source();
        set.unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()))
    }
}

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
pub async fn configure(place: Place<'_>) -> Result<Configuration, ConfigError> {
    match place {
        Place::Emulator(url) => {
            let pool = pool(None)?;
            let sdk = common(&pool)
                .region(Region::from_static("eu-central-1"))
                .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
                    "emulator", "emulator", None,
                )))
                .endpoint_url(url);
            Ok(Configuration::new(sdk.build(), pool))
        }
        Place::Environment { ca_bundle } => {
            let pool = pool(ca_bundle)?;
            let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .region()
                .await
                .ok_or(ConfigError::NoRegion(", or `region` in the AWS profile"))?;
            // Providers that ask somebody over HTTP have no client unless they are given one.
            let provider = ProviderConfig::default()
                .with_region(Some(region.clone()))
                .with_http_client(pool.for_sdk());
            let profile = ProfileFileCredentialsProvider::builder().configure(&provider);
            let credentials = CredentialsProviderChain::first_try(
                "Environment",
                EnvironmentVariableCredentialsProvider::new(),
            )
            .or_else("Profile", profile.build())
            .or_else("WebIdentityToken", WebIdentity::new(provider));
            let sdk = aws_config::defaults(BehaviorVersion::latest())
                .region(region)
                .credentials_provider(credentials)
                .http_client(pool.for_sdk())
                .load()
                .await;
            Ok(Configuration::new(sdk, pool))
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

/// The connections, trusting the certificates of this file, or those that the system trusts.
pub(super) fn pool(ca_bundle: Option<&Path>) -> Result<Pool, BadBundle> {
    Ok(Pool::new(trust::trust(ca_bundle)?, CONNECT))
}

/// What is the same wherever the services are.
pub(super) fn common(pool: &Pool) -> Builder {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(pool.for_sdk())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
}

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(3);
