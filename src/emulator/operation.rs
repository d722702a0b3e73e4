//! What the emulator can do.

use serde_json::{Map, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Service {
    SageMaker,
    DataZone,
    FinSpace,
}

/// Everything the emulator can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    CreateUserProfile,
    DescribeUserProfile,
    UpdateUserProfile,
    DeleteUserProfile,
    DescribeDomain,
    UpdateDomain,
    CreateDataZoneProfile,
    GetDataZoneProfile,
    UpdateDataZoneProfile,
    CreateKxUser,
    GetKxUser,
    UpdateKxUser,
    DeleteKxUser,
}

impl Operation {
    pub(super) const ALL: [Operation; 13] = [
        Operation::CreateUserProfile,
        Operation::DescribeUserProfile,
        Operation::UpdateUserProfile,
        Operation::DeleteUserProfile,
        Operation::DescribeDomain,
        Operation::UpdateDomain,
        Operation::CreateDataZoneProfile,
        Operation::GetDataZoneProfile,
        Operation::UpdateDataZoneProfile,
        Operation::CreateKxUser,
        Operation::GetKxUser,
        Operation::UpdateKxUser,
        Operation::DeleteKxUser,
    ];

    /// The operation as IAM names it.
    pub(super) fn call(self) -> &'static str {
        match self {
            Operation::CreateUserProfile => "sagemaker:CreateUserProfile",
            Operation::DescribeUserProfile => "sagemaker:DescribeUserProfile",
            Operation::UpdateUserProfile => "sagemaker:UpdateUserProfile",
            Operation::DeleteUserProfile => "sagemaker:DeleteUserProfile",
            Operation::DescribeDomain => "sagemaker:DescribeDomain",
            Operation::UpdateDomain => "sagemaker:UpdateDomain",
            Operation::CreateDataZoneProfile => "datazone:CreateUserProfile",
            Operation::GetDataZoneProfile => "datazone:GetUserProfile",
            Operation::UpdateDataZoneProfile => "datazone:UpdateUserProfile",
            Operation::CreateKxUser => "finspace:CreateKxUser",
            Operation::GetKxUser => "finspace:GetKxUser",
            Operation::UpdateKxUser => "finspace:UpdateKxUser",
            Operation::DeleteKxUser => "finspace:DeleteKxUser",
        }
    }

    /// The operation as its service names it.
    pub(super) fn name(self) -> &'static str {
        self.call().split_once(':').map_or("", |(_, name)| name)
    }

    pub(super) fn service(self) -> Service {
        match self {
            Operation::CreateUserProfile
            | Operation::DescribeUserProfile
            | Operation::UpdateUserProfile
            | Operation::DeleteUserProfile
            | Operation::DescribeDomain
            | Operation::UpdateDomain => Service::SageMaker,
            Operation::CreateDataZoneProfile
            | Operation::GetDataZoneProfile
            | Operation::UpdateDataZoneProfile => Service::DataZone,
            Operation::CreateKxUser
            | Operation::GetKxUser
            | Operation::UpdateKxUser
            | Operation::DeleteKxUser => Service::FinSpace,
        }
    }

    /// What a request with this input is about, as `<service>:<kind>/<container>/<name>`.
    pub(super) fn target(self, input: &Map<String, Value>) -> Option<String> {
        let (kind, members): (&str, &[&str]) = match self {
            Operation::DescribeDomain | Operation::UpdateDomain => {
                ("sagemaker:domain", &["DomainId"])
            }
            Operation::CreateUserProfile
            | Operation::DescribeUserProfile
            | Operation::UpdateUserProfile
            | Operation::DeleteUserProfile => {
                ("sagemaker:user-profile", &["DomainId", "UserProfileName"])
            }
            Operation::CreateDataZoneProfile
            | Operation::GetDataZoneProfile
            | Operation::UpdateDataZoneProfile => (
                "datazone:user-profile",
                &["domainIdentifier", "userIdentifier"],
            ),
            Operation::CreateKxUser
            | Operation::GetKxUser
            | Operation::UpdateKxUser
            | Operation::DeleteKxUser => ("finspace:kx-user", &["environmentId", "userName"]),
        };
        members
            .iter()
            .try_fold(String::from(kind), |target, member| {
                let name = input.get(*member)?.as_str()?;
                Some(format!("{target}/{name}"))
            })
    }
}

impl Service {
    /// The service as IAM names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Service::SageMaker => "sagemaker",
            Service::DataZone => "datazone",
            Service::FinSpace => "finspace",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Service::SageMaker => "application/x-amz-json-1.1",
            Service::DataZone | Service::FinSpace => "application/json",
        }
    }
}
