//! What there is of DataZone, and how it behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::names;
use super::{is_zero, unique};

/// DataZone domains and their user profiles.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataZone {
    /// For how many milliseconds a read answers 404 after a create or an update
    /// (terraform-provider-aws internal/service/datazone/user_profile.go waits for it).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read_lag_millis: u32,
    /// How many milliseconds a change of an SSO profile takes. Another one in the same domain meanwhile
    /// collides with it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sso_millis: u32,
    /// By domain id.
    #[serde(default, deserialize_with = "unique")]
    pub domains: BTreeMap<String, DataZoneDomain>,
}

/// A DataZone domain.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataZoneDomain {
    /// By profile id. One ARN may have two profiles (aws-toolkit-vscode#8854).
    #[serde(default, deserialize_with = "unique")]
    pub user_profiles: BTreeMap<String, DataZoneProfile>,
}

/// A DataZone user profile.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataZoneProfile {
    pub status: ProfileStatus,
    /// `iam` or `sso`; this is the profile's type, too.
    pub details: Details,
    /// Reads answer 404 before this instant.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    pub hidden_until: Option<OffsetDateTime>,
}

/// UserProfileStatus in the model: two pairs, and a profile stays within its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProfileStatus {
    Assigned,
    NotAssigned,
    Activated,
    Deactivated,
}

/// Whom a profile is for (UserProfileDetails in the model).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Details {
    Iam {
        arn: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        principal_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_profile_id: Option<String>,
    },
    Sso {
        username: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_name: Option<String>,
    },
}

impl DataZone {
    pub(super) fn problems(&self) -> Vec<String> {
        let profiles = (self.domains.iter()).flat_map(|(domain, d)| {
            d.user_profiles
                .iter()
                .map(move |(id, profile)| (domain, id, profile))
        });
        profiles
            .filter_map(|(domain, id, profile)| {
                let path = format!("datazone.domains.{domain}.userProfiles.{id}");
                if !names::is_user_id(id) {
                    return Some(format!("{path}: the id of a profile is a UUID"));
                }
                (!profile.details.allows(profile.status))
                    .then(|| format!("{path}.status: not a status of this type of profile"))
            })
            .collect()
    }
}

impl ProfileStatus {
    /// Which of the two pairs of statuses this one belongs to.
    pub(in super::super) fn is_assignment(self) -> bool {
        match self {
            ProfileStatus::Assigned | ProfileStatus::NotAssigned => true,
            ProfileStatus::Activated | ProfileStatus::Deactivated => false,
        }
    }
}

impl Details {
    /// UserProfileType in the model.
    pub(in super::super) fn kind(&self) -> &'static str {
        match self {
            Details::Iam { .. } => "IAM",
            Details::Sso { .. } => "SSO",
        }
    }

    pub(in super::super) fn session(&self) -> Option<&str> {
        match self {
            Details::Iam { session_name, .. } => session_name.as_deref(),
            Details::Sso { .. } => None,
        }
    }

    /// The status of a new profile.
    pub(in super::super) fn first_status(&self) -> ProfileStatus {
        match self {
            Details::Iam { .. } => ProfileStatus::Activated,
            Details::Sso { .. } => ProfileStatus::Assigned,
        }
    }

    /// IAM principals are activated or deactivated; SSO users are assigned, or activated once they signed in.
    pub(super) fn allows(&self, status: ProfileStatus) -> bool {
        match self {
            Details::Iam { .. } => !status.is_assignment(),
            Details::Sso { .. } => true,
        }
    }
}
