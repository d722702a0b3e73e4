//! What an error of a service means for a change.

use std::time::Duration;

use super::answer::{Fault, Refused};

/// What to do about an error, whichever service it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The target does not exist.
    NotFound,
    /// The target is being changed: wait, read again, decide again.
    Busy,
    /// Something that runs must end first; nothing here can end it.
    InUse,
    /// Too many requests, still after all attempts.
    Throttled,
    /// No usable answer, still after several attempts.
    Unreachable,
    /// The same request will be refused again: not allowed, not valid, over a quota.
    Permanent,
}

/// An error of a service. `Debug` leaves the message out: services repeat values in some.
#[derive(Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// The service's own code, or one of ours where there was no answer.
    pub code: String,
    pub message: String,
    pub class: Class,
    /// How long the service asks to wait.
    retry_after: Option<Duration>,
}

impl std::fmt::Debug for ServiceError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ServiceError")
            .field("code", &self.code)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

impl ServiceError {
    pub(super) fn new(class: Class, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            class,
            retry_after: None,
        }
    }

    /// How long the service asks to wait before the request is made again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// An answer that says it went well but is not the service's: an update without what every update answers with.
    pub(super) fn unreadable() -> Self {
        let message = "the service's answer could not be read";
        Self::new(Class::Unreachable, "Usher.Unreadable", message)
    }

    /// No request can be made of the input: none that was checked.
    pub(super) fn unsendable(reason: impl Into<String>) -> Self {
        Self::new(Class::Permanent, "Usher.Request", reason)
    }

    /// The deadline came before the answer.
    pub(crate) fn late() -> Self {
        let message = "time was up before the service answered";
        Self::new(Class::Unreachable, "Usher.Deadline", message)
    }

    /// So many requests wait already, at the rate that the service lets through, that this one's turn comes after the deadline.
    pub(super) fn no_turn() -> Self {
        let message = "the service throttles, and this request's turn would come after time is up";
        Self::new(Class::Throttled, "Usher.Throttled", message)
    }

    #[cfg(not(feature = "finspace"))]
    pub(super) fn left_out() -> Self {
        let message = "this build has no FinSpace; build it with the feature `finspace`";
        Self::new(Class::Permanent, "Usher.LeftOut", message)
    }
}

impl From<Fault> for ServiceError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refused) => Self::from(*refused),
            Fault::Unreadable => Self::unreadable(),
            Fault::Timeout => Self::new(
                Class::Unreachable,
                "Usher.Timeout",
                "the service did not answer in time",
            ),
            Fault::Unreachable { reason, .. } => {
                Self::new(Class::Unreachable, "Usher.Unreachable", reason)
            }
            Fault::Unsendable(reason) => Self::unsendable(reason),
        }
    }
}

impl From<Refused> for ServiceError {
    fn from(refused: Refused) -> Self {
        let Refused {
            status,
            code,
            message,
            retry_after,
            ..
        } = refused;
        let error = match code {
            Some(code) => {
                let message = message.unwrap_or_else(|| "no message".to_owned());
                Self::new(class(&code, status, &message), &code, message)
            }
            None if status < 400 => Self::unreadable(),
            None => uncoded(status),
        };
        Self {
            retry_after,
            ..error
        }
    }
}

/// AWS's services say a code with every error: this is somebody else's answer, and says nothing about the request.
fn uncoded(status: u16) -> ServiceError {
    let class = match status {
        429 => Class::Throttled,
        _ => Class::Unreachable,
    };
    ServiceError::new(
        class,
        "Usher.NoCode",
        format!("HTTP status {status} without a code"),
    )
}

/// Codes from the service models and, for those that are not modelled, from the clients that met them (FACTS of each in
/// its place): a SageMaker throttle is HTTP 400 (aws-cli#7596).
fn class(code: &str, status: u16, message: &str) -> Class {
    match code {
        "ResourceNotFound" | "ResourceNotFoundException" => Class::NotFound,
        "ResourceInUse" | "ConflictException" => Class::Busy,
        // "Unable to update Domain […] with InService App […]" (terraform-provider-aws#31912): in use, said otherwise.
        "ValidationException" if message.contains("InService App") => Class::InUse,
        // DataZone has no conflict error; SSO changes made together say this (aws-solutions-library-samples, guidance
        // for SageMaker domains, user.tf).
        "ValidationException" if message.contains("conflicting operation") => Class::Busy,
        code if super::retries::is_quota(code) => Class::Permanent,
        code if super::retries::is_throttle(code) => Class::Throttled,
        _ if status == 429 => Class::Throttled,
        _ if status >= 500 => Class::Unreachable,
        _ => Class::Permanent,
    }
}
