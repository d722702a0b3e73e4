//! What AWS has now, as a test says it.

use serde_json::{Map, Value, json};

use crate::api::{CheckOptions, Operation, Violation, check_shape, nearest};
use crate::call::Target;
use crate::emulator::{DataZoneDomain, DataZoneProfile, Details, ProfileName, World};
use crate::plan::merge;
use crate::report::{Cause, Failure};
use crate::rules::target_kind;

/// What AWS has now. There is no `Debug`: it is about people.
pub enum Given {
    /// These members of these targets; `None` for a target that does not exist. Of any other target nothing is set.
    Targets(Vec<(Target, Option<Value>)>),
    /// Everything there is.
    World(Box<World>),
}

impl Default for Given {
    fn default() -> Self {
        Self::Targets(Vec::new())
    }
}

impl Given {
    /// A target's members as AWS would describe them.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn observe(&self, target: &Target) -> Result<Value, Failure> {
        let found = match self {
            Self::Targets(targets) => {
                let given = targets.iter().find(|(known, _)| known == target);
                given.map_or_else(|| Some(json!({})), |(_, members)| members.clone())
            }
            Self::World(world) => described(world, target),
        };
        let members = found.ok_or_else(|| missing(target))?;
        Ok(merge(Some(&identity(target)), &members))
    }
}

fn missing(target: &Target) -> Failure {
    let code = match target.operation() {
        Operation::SageMakerUpdateUserProfile | Operation::SageMakerUpdateDomain => {
            "ResourceNotFound"
        }
        Operation::DataZoneUpdateUserProfile | Operation::FinSpaceUpdateKxUser => {
            "ResourceNotFoundException"
        }
    };
    Failure {
        code: code.to_owned(),
        message: format!("{target} does not exist"),
        retryable: false,
        cause: Cause::NoSuchTarget,
    }
}

/// What the services repeat of the request.
fn identity(target: &Target) -> Value {
    match target.operation() {
        Operation::SageMakerUpdateUserProfile => {
            json!({"DomainId": target.container(), "UserProfileName": target.user()})
        }
        Operation::SageMakerUpdateDomain => json!({"DomainId": target.container()}),
        Operation::DataZoneUpdateUserProfile => json!({"domainId": target.container()}),
        Operation::FinSpaceUpdateKxUser => {
            json!({"environmentId": target.container(), "userName": target.user()})
        }
    }
}

/// What the services of a world would describe. `None` when there is no such target.
fn described(world: &World, target: &Target) -> Option<Value> {
    let (container, user) = (target.container(), target.user());
    match target.operation() {
        Operation::SageMakerUpdateUserProfile => {
            let profiles = &world.sagemaker.domains.get(container)?.user_profiles;
            let profile = profiles.get(&ProfileName(user.to_owned()))?;
            serde_json::to_value(&profile.describe).ok()
        }
        Operation::SageMakerUpdateDomain => {
            let domain = world.sagemaker.domains.get(container)?;
            serde_json::to_value(&domain.describe).ok()
        }
        Operation::DataZoneUpdateUserProfile => {
            let (id, profile) = data_zone(world.datazone.domains.get(container)?, user)?;
            let kind = match profile.details {
                Details::Iam { .. } => "IAM",
                Details::Sso { .. } => "SSO",
            };
            Some(
                json!({"id": id, "type": kind, "status": profile.status, "details": profile.details}),
            )
        }
        Operation::FinSpaceUpdateKxUser => {
            let user = world
                .finspace
                .environments
                .get(container)?
                .users
                .get(user)?;
            Some(json!({"iamRole": user.iam_role}))
        }
    }
}

/// By id, else by user name or ARN, as the emulator finds them.
fn data_zone<'a>(
    domain: &'a DataZoneDomain,
    user: &str,
) -> Option<(&'a String, &'a DataZoneProfile)> {
    let is_meant = |profile: &DataZoneProfile| match &profile.details {
        Details::Iam { arn, .. } => arn == user,
        Details::Sso { username, .. } => username == user,
    };
    let by_id = domain.user_profiles.get_key_value(user);
    by_id.or_else(|| {
        domain
            .user_profiles
            .iter()
            .find(|(_, profile)| is_meant(profile))
    })
}

/// The target of this name: `sagemaker:user-profile/d-abc/jane-doe`.
///
/// # Errors
/// A sentence about what a name looks like.
pub(super) fn target(name: &str) -> Result<Target, String> {
    let kinds = Operation::ALL.map(target_kind);
    let (kind, rest) = name.split_once('/').unwrap_or((name, ""));
    let Some(operation) = Operation::ALL
        .into_iter()
        .find(|operation| target_kind(*operation) == kind)
    else {
        let near = nearest(kind, kinds).map(|near| format!("; did you mean `{near}`?"));
        return Err(format!(
            "a target begins with {}{}",
            kinds.join(", "),
            near.unwrap_or_default()
        ));
    };
    let identity = operation.identity();
    // A DataZone user may be an ARN, which has slashes of its own.
    let parts: Vec<String> = rest
        .splitn(identity.len(), '/')
        .map(str::to_owned)
        .collect();
    if parts.len() != identity.len() || parts.iter().any(String::is_empty) {
        return Err(format!(
            "a target of this kind is {kind}/{{{}}}",
            identity.join("}/{")
        ));
    }
    Ok(Target::new(operation, &parts))
}

/// What AWS could not have: members that it does not describe, and values of another type.
pub(super) fn impossible(operation: Operation, members: &Map<String, Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    let options = CheckOptions {
        computed: &|_| false,
        allow_unknown_values: &[],
        partial: true,
    };
    for (name, value) in members {
        let known = operation.input().member(name);
        if let Some(member) = known.filter(|_| !operation.identity().contains(&name.as_str())) {
            let violations = check_shape(member.shape, value, &options);
            found.extend(violations.into_iter().map(|mut violation| {
                violation.path.insert(0, name.as_str().into());
                violation
            }));
        } else if !described_only(operation).contains(&name.as_str()) {
            let names = operation.input().members().iter().map(|member| member.name);
            let mut names: Vec<&str> = names
                .chain(described_only(operation).iter().copied())
                .collect();
            names.sort_unstable();
            names.dedup();
            let near = nearest(name, names.iter().copied());
            let violation = Violation::new(
                &[name.as_str().into()],
                "unknown-member",
                format!("`{name}`"),
                names.join(", "),
            );
            found.push(violation.with_help(near));
        }
    }
    // What AWS has may be newer than our model, and need not be whole.
    found.retain(|violation| matches!(violation.code, "unknown-member" | "wrong-type"));
    found
}

/// The members that are described and cannot be updated (API reference: DescribeUserProfile, DescribeDomain,
/// GetUserProfile, GetKxUser).
fn described_only(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::SageMakerUpdateUserProfile => &[
            "DomainId",
            "UserProfileArn",
            "UserProfileName",
            "HomeEfsFileSystemUid",
            "Status",
            "LastModifiedTime",
            "CreationTime",
            "FailureReason",
            "SingleSignOnUserIdentifier",
            "SingleSignOnUserValue",
        ],
        Operation::SageMakerUpdateDomain => &[
            "DomainArn",
            "DomainId",
            "DomainName",
            "HomeEfsFileSystemId",
            "SingleSignOnManagedApplicationInstanceId",
            "SingleSignOnApplicationArn",
            "Status",
            "CreationTime",
            "LastModifiedTime",
            "FailureReason",
            "SecurityGroupIdForDomainBoundary",
            "AuthMode",
            "DomainSettings",
            "HomeEfsFileSystemKmsKeyId",
            "Url",
            "KmsKeyId",
        ],
        Operation::DataZoneUpdateUserProfile => &["domainId", "id", "details"],
        Operation::FinSpaceUpdateKxUser => &["environmentId", "userArn", "userName"],
    }
}
