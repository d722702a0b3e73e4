//! The only place that talks to AWS: clients that are built once, reads and writes of targets, and what their errors mean.

mod agent;
mod answer;
mod backoff;
mod client;
mod configuration;
mod credentials;
mod datazone;
pub mod dynamodb;
mod endpoint;
mod environment;
mod error;
#[cfg(feature = "finspace")]
mod finspace;
mod pace;
mod rest;
mod retries;
mod sagemaker;
mod signature;
mod skew;
mod throttling;
mod traces;
mod transport;
mod trust;
mod web_identity;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::api::Operation;
use crate::call::{Input, Target};

use client::{Client, Common};
use throttling::{Throttling, Way};

pub use configuration::{ConfigError, Configuration, Place, configure};
pub use environment::from_environment;
pub use error::{Class, ServiceError};
pub use retries::{Attempts, counted, throttled};
pub use traces::traced;
pub use trust::BadBundle;

/// The table of the ledger, by its name or its ARN.
pub fn ledger_table(configuration: &Configuration, name: &str) -> dynamodb::Table {
    let client = Client::new(&dynamodb::DYNAMODB, &Common::new(configuration));
    dynamodb::Table::new(client.about(name), name)
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

/// The clients of the services.
#[derive(Clone)]
pub struct Services(Arc<Clients>);

struct Clients {
    sagemaker: Client,
    datazone: Client,
    #[cfg(feature = "finspace")]
    finspace: Client,
    throttling: Throttling,
}

/// A target as AWS describes it now.
pub struct Observed {
    /// Under the API's own member names.
    pub members: Value,
    pub state: State,
}

/// Every accepted update answers with this text; without it, something else answered.
fn accepted(answer: &Value, member: &str) -> Result<(), ServiceError> {
    match answer.get(member) {
        Some(Value::String(_)) => Ok(()),
        _ => Err(ServiceError::unreadable()),
    }
}

/// Whether a target can be changed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It can. `failed` is the reason why the last change did not settle, if it did not.
    Ready { failed: Option<String> },
    /// It is being changed.
    Busy,
}

impl Services {
    /// No connection is made.
    pub fn new(configuration: &Configuration) -> Self {
        let common = Common::new(configuration);
        Self(Arc::new(Clients {
            sagemaker: Client::new(&sagemaker::SAGEMAKER, &common),
            datazone: Client::new(&datazone::DATAZONE, &common),
            #[cfg(feature = "finspace")]
            finspace: Client::new(&finspace::FINSPACE, &common),
            throttling: Throttling::new(configuration),
        }))
    }

    /// Finds out now, and not when it is called, where an operation's service is: to do so, the SDK's rules read what they know of
    /// AWS's partitions, and a start would pay for services that no rule calls.
    pub async fn prepare(&self, operation: Operation) {
        if let Some(client) = self.client(operation) {
            client.prepare().await;
        }
    }

    /// Whether all services are known to be spoken to without TLS.
    pub fn speak_plainly(&self) -> bool {
        let mut all = Operation::ALL.into_iter();
        all.all(|operation| self.client(operation).is_none_or(Client::speaks_plainly))
    }

    /// Opens a connection to the service of an operation, in addition to those that others open meanwhile, unless it speaks
    /// plain HTTP.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self, operation: Operation) -> Result<(), String> {
        match self.client(operation) {
            Some(client) => client.connect().await,
            None => Ok(()),
        }
    }

    /// None if this build has left the service out.
    fn client(&self, operation: Operation) -> Option<&Client> {
        match operation {
            Operation::SageMakerUpdateUserProfile | Operation::SageMakerUpdateDomain => {
                Some(&self.0.sagemaker)
            }
            Operation::DataZoneUpdateUserProfile => Some(&self.0.datazone),
            #[cfg(feature = "finspace")]
            Operation::FinSpaceUpdateKxUser => Some(&self.0.finspace),
            #[cfg(not(feature = "finspace"))]
            Operation::FinSpaceUpdateKxUser => None,
        }
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
        self.0.throttling.paced(call, left, send).await
    }

    async fn read_once(
        &self,
        target: &Target,
        hints: &ReadHints,
    ) -> Result<Observed, ServiceError> {
        match target.operation() {
            Operation::SageMakerUpdateUserProfile => {
                sagemaker::read_user_profile(&self.0.sagemaker, target).await
            }
            Operation::SageMakerUpdateDomain => {
                sagemaker::read_domain(&self.0.sagemaker, target).await
            }
            Operation::DataZoneUpdateUserProfile => {
                datazone::read(&self.0.datazone, target, hints).await
            }
            #[cfg(feature = "finspace")]
            Operation::FinSpaceUpdateKxUser => finspace::read(&self.0.finspace, target).await,
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
        self.0.throttling.paced(call, left, send).await
    }

    async fn write_once(&self, input: &Input) -> Result<(), ServiceError> {
        match input {
            Input::UserProfile(input) => {
                sagemaker::update_user_profile(&self.0.sagemaker, input).await
            }
            Input::Domain(input) => sagemaker::update_domain(&self.0.sagemaker, input).await,
            Input::DataZoneProfile(input) => datazone::update(&self.0.datazone, input).await,
            #[cfg(feature = "finspace")]
            Input::KxUser(input) => finspace::update(&self.0.finspace, input).await,
        }
    }
}

/// What else a read takes: DataZone reads by `type` and with a `sessionName` too.
#[derive(Debug, Clone, Default)]
pub struct ReadHints {
    pub kind: Option<String>,
    pub session_name: Option<String>,
}
