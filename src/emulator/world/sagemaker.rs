//! What there is of SageMaker, and how it behaves.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::describe::{DomainDescription, Status, UserProfileDescription};
use super::{is_zero, unique};

/// SageMaker domains and their user profiles.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SageMaker {
    /// What an update does below the first level of a settings structure.
    #[serde(default)]
    pub below: Below,
    /// How a list that was cleared is described.
    #[serde(default)]
    pub cleared: Cleared,
    /// By domain id.
    #[serde(default, deserialize_with = "unique")]
    pub domains: BTreeMap<String, Domain>,
}

/// What an update does below the first level of a settings structure. The API reference is silent, so a
/// client has to do with either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Below {
    /// Structures merge member by member; lists are replaced.
    #[default]
    Merge,
    /// A first-level member is replaced as a whole.
    Replace,
}

/// How a list that was cleared is described afterwards. The API reference is silent on this, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleared {
    /// As `[]`.
    #[default]
    Empty,
    /// Not at all.
    Absent,
}

/// A SageMaker domain.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Domain {
    /// What DescribeDomain answers, less the id and the ARN.
    #[serde(default)]
    pub describe: DomainDescription,
    /// Apps in service in the domain; they stand in the way of some updates.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub running_apps: u32,
    /// The next update is accepted, then fails for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_next_update: Option<String>,
    /// The end of the change under way. Without it, a status such as `Updating` stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling: Option<Settling>,
    #[serde(default, deserialize_with = "unique")]
    pub user_profiles: BTreeMap<ProfileName, UserProfile>,
}

/// A SageMaker user profile.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserProfile {
    /// What DescribeUserProfile answers, less the domain, the name and the ARN.
    #[serde(default)]
    pub describe: UserProfileDescription,
    /// Apps of this user; they stand in the way of deleting the profile.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub running_apps: u32,
    /// The next update is accepted, then fails for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_next_update: Option<String>,
    /// The end of the change under way. Without it, a status such as `Updating` stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling: Option<Settling>,
}

/// How and when a change under way ends.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settling {
    /// From this instant on it has ended.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The status then. `Deleting` here means: gone.
    pub to: Status,
    /// The failure reason then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A user profile's name. Names that differ in case only are one name
/// (CreateUserProfile: "This value is not case sensitive").
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileName(pub String);

impl Ord for ProfileName {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |name: &'_ ProfileName| {
            name.0
                .clone()
                .into_bytes()
                .into_iter()
                .map(|b| b.to_ascii_lowercase())
        };
        lower(self).cmp(lower(other))
    }
}

impl PartialOrd for ProfileName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ProfileName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ProfileName {}
