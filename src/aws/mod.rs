//! The only place that talks to AWS: clients that are built once, reads and writes of targets, and what their errors mean.

mod agent;
mod configuration;
mod datazone;
pub mod dynamodb;
mod environment;
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

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use serde_json::Value;

use crate::api::Operation;
use crate::call::{Input, Target};

use agent::Agent;
use retries::EachAttempt;
use throttling::{Throttling, Way};
use traces::EachCall;

pub use configuration::{ConfigError, Place, configure};
pub use environment::from_environment;
pub use error::{Class, ServiceError};
pub use retries::{Attempts, counted, throttled};
pub use traces::traced;
pub use trust::BadBundle;

/// What has a hand in every call of a service. None is ever switched off, and the SDK need not ask before each of their hooks.
fn interceptors(config: &SdkConfig) -> [SharedInterceptor; 3] {
    [
        SharedInterceptor::permanent(EachAttempt),
        SharedInterceptor::permanent(EachCall),
        SharedInterceptor::permanent(Agent::new(config)),
    ]
}

/// The table of the ledger.
pub fn ledger_table(config: &SdkConfig, name: &str) -> dynamodb::Table {
    let mut client = aws_sdk_dynamodb::config::Builder::from(config);
    client
        .push_interceptor(SharedInterceptor::permanent(EachCall))
        .push_interceptor(SharedInterceptor::permanent(Agent::new(config)));
    let client = aws_sdk_dynamodb::Client::from_conf(client.build());
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
