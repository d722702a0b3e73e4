//! The only place that talks to AWS: clients that are built once, reads and writes of targets, and what their errors mean.

mod datazone;
pub mod dynamodb;
mod error;
#[cfg(feature = "finspace")]
mod finspace;
mod pace;
mod retries;
mod sagemaker;
mod throttling;
mod traces;
mod transport;
mod trust;
mod warm_up;
mod web_identity;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use serde_json::Value;

use crate::api::Operation;
use crate::call::{Input, Target};

use throttling::{Throttling, Way};
use traces::EachCall;
use web_identity::WebIdentity;

pub use error::{Class, ServiceError};
pub use retries::{Attempts, counted, throttled};
pub use traces::traced;
pub use trust::BadBundle;

/// Where the services are.
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
    let bundle = match place {
        Place::Emulator(_) => None,
        Place::Environment { ca_bundle } => ca_bundle,
    };
    let http = transport::http_client(trust::trust(bundle)?);
    match place {
        Place::Emulator(url) => Ok(SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
                "emulator", "emulator", None,
            )))
            .endpoint_url(url)
            .http_client(http)
            .retry_config(retries())
            .timeout_config(timeouts())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .build()),
        Place::Environment { ca_bundle: _ } => {
            let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .region()
                .await
                .ok_or(ConfigError::NoRegion)?;
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
                .load()
                .await)
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// AWS has no default for it.
    #[error("no AWS region is set; set AWS_REGION, or `region` in the AWS profile")]
    NoRegion,
    #[error(transparent)]
    Bundle(#[from] BadBundle),
}

/// For all but throttling: exponential backoff with full jitter, as the SDK's standard mode does it; four more attempts than none.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}

/// Control-plane calls answer within a second; one that takes ten will not.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .build()
}

/// The table of the ledger.
pub fn ledger_table(config: &SdkConfig, name: &str) -> dynamodb::Table {
    let config = aws_sdk_dynamodb::config::Builder::from(config).interceptor(EachCall);
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    dynamodb::Table::new(client, name.to_owned())
}

/// What is called for an operation, as IAM names it: the read, the write, and what the write asks for besides. The function's
/// permissions are held against this.
pub const fn actions(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::SageMakerUpdateUserProfile => &[
            "sagemaker:DescribeUserProfile",
            "sagemaker:UpdateUserProfile",
            "iam:PassRole",
        ],
        Operation::SageMakerUpdateDomain => &[
            "sagemaker:DescribeDomain",
            "sagemaker:UpdateDomain",
            "iam:PassRole",
        ],
        Operation::DataZoneUpdateUserProfile => {
            &["datazone:GetUserProfile", "datazone:UpdateUserProfile"]
        }
        Operation::FinSpaceUpdateKxUser => &["finspace:GetKxUser", "finspace:UpdateKxUser"],
    }
}

/// The clients of the services, each built once, when it is first needed: a client reads what its service knows of AWS's
/// partitions, and a start would pay for those that no rule calls.
#[derive(Clone)]
pub struct Services {
    config: SdkConfig,
    sagemaker: OnceLock<aws_sdk_sagemaker::Client>,
    datazone: OnceLock<aws_sdk_datazone::Client>,
    #[cfg(feature = "finspace")]
    finspace: OnceLock<aws_sdk_finspace::Client>,
    throttling: Arc<Throttling>,
}

/// A target as AWS describes it now.
pub struct Observed {
    /// Under the API's own member names.
    pub members: Value,
    pub state: State,
}

/// Whether a target can be changed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It can. `failed` is the reason why the last change did not settle, if it did not.
    Ready { failed: Option<String> },
    /// It is being changed.
    Busy,
}

// The SDK's futures are large, and callers' futures would hold them several times over: they go to the heap, or an
// unoptimised build overflows its stack.
impl Services {
    /// No connection is made.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            sagemaker: OnceLock::new(),
            datazone: OnceLock::new(),
            #[cfg(feature = "finspace")]
            finspace: OnceLock::new(),
            throttling: Arc::new(Throttling::new(config)),
        }
    }

    /// Builds the client that an operation needs now, not when it is called.
    pub fn prepare(&self, operation: Operation) {
        match operation {
            Operation::SageMakerUpdateUserProfile | Operation::SageMakerUpdateDomain => {
                self.sagemaker();
            }
            Operation::DataZoneUpdateUserProfile => {
                self.datazone();
            }
            Operation::FinSpaceUpdateKxUser => {
                #[cfg(feature = "finspace")]
                self.finspace();
            }
        }
    }

    fn sagemaker(&self) -> &aws_sdk_sagemaker::Client {
        self.sagemaker
            .get_or_init(|| sagemaker::client(&self.config))
    }

    fn datazone(&self) -> &aws_sdk_datazone::Client {
        self.datazone.get_or_init(|| datazone::client(&self.config))
    }

    #[cfg(feature = "finspace")]
    fn finspace(&self) -> &aws_sdk_finspace::Client {
        self.finspace.get_or_init(|| finspace::client(&self.config))
    }

    /// Reads a target. `hints` say how to read it; `left` is how long throttling may hold it up.
    ///
    /// # Errors
    /// What the service answered, or that it did not.
    pub async fn read(
        &self,
        target: &Target,
        hints: &ReadHints,
        left: Duration,
    ) -> Result<Observed, ServiceError> {
        let call = (target.operation(), Way::Read);
        let send = || self.read_once(target, hints);
        self.throttling.paced(call, left, send).await
    }

    async fn read_once(
        &self,
        target: &Target,
        hints: &ReadHints,
    ) -> Result<Observed, ServiceError> {
        match target.operation() {
            Operation::SageMakerUpdateUserProfile => {
                Box::pin(sagemaker::read_user_profile(self.sagemaker(), target)).await
            }
            Operation::SageMakerUpdateDomain => {
                Box::pin(sagemaker::read_domain(self.sagemaker(), target)).await
            }
            Operation::DataZoneUpdateUserProfile => {
                Box::pin(datazone::read(self.datazone(), target, hints)).await
            }
            #[cfg(feature = "finspace")]
            Operation::FinSpaceUpdateKxUser => {
                Box::pin(finspace::read(self.finspace(), target)).await
            }
            #[cfg(not(feature = "finspace"))]
            Operation::FinSpaceUpdateKxUser => Err(ServiceError::left_out()),
        }
    }

    /// Sends a change. `left` is how long throttling may hold it up.
    ///
    /// # Errors
    /// As [`Services::read`].
    pub async fn write(&self, input: &Input, left: Duration) -> Result<(), ServiceError> {
        let call = (input.operation(), Way::Write);
        let send = || self.write_once(input);
        self.throttling.paced(call, left, send).await
    }

    async fn write_once(&self, input: &Input) -> Result<(), ServiceError> {
        match input {
            Input::UserProfile(input) => {
                Box::pin(sagemaker::update_user_profile(self.sagemaker(), input)).await
            }
            Input::Domain(input) => {
                Box::pin(sagemaker::update_domain(self.sagemaker(), input)).await
            }
            Input::DataZoneProfile(input) => {
                Box::pin(datazone::update(self.datazone(), input)).await
            }
            #[cfg(feature = "finspace")]
            Input::KxUser(input) => Box::pin(finspace::update(self.finspace(), input)).await,
        }
    }
}

/// What else a read takes: DataZone reads by `type` and with a `sessionName` too.
#[derive(Debug, Clone, Default)]
pub struct ReadHints {
    pub kind: Option<String>,
    pub session_name: Option<String>,
}
