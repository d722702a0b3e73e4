//! What SageMaker describes of domains and user profiles, and how their status goes on.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::clock::later;
use super::world::{Domain, Settling, UserProfile};

/// The status of a domain or a user profile (DomainStatus and UserProfileStatus in the API model).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    InService,
    Pending,
    Updating,
    #[serde(rename = "Update_Failed")]
    UpdateFailed,
    Failed,
    Deleting,
    #[serde(rename = "Delete_Failed")]
    DeleteFailed,
}

/// The members of DescribeDomain's answer, less DomainId and DomainArn.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct DomainDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub creation_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_modified_time: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_sign_on_managed_application_instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_sign_on_application_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_id_for_domain_boundary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_efs_file_system_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_efs_file_system_kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_efs_file_system_creation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_network_access_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_security_group_management: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_propagation: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub default_user_settings: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub default_space_settings: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub domain_settings: Map<String, Value>,
}

impl Default for DomainDescription {
    fn default() -> DomainDescription {
        DomainDescription {
            domain_name: None,
            status: Status::default(),
            failure_reason: None,
            creation_time: OffsetDateTime::UNIX_EPOCH,
            last_modified_time: OffsetDateTime::UNIX_EPOCH,
            auth_mode: None,
            single_sign_on_managed_application_instance_id: None,
            single_sign_on_application_arn: None,
            security_group_id_for_domain_boundary: None,
            home_efs_file_system_id: None,
            home_efs_file_system_kms_key_id: None,
            home_efs_file_system_creation: None,
            kms_key_id: None,
            url: None,
            vpc_id: None,
            subnet_ids: Vec::new(),
            app_network_access_type: None,
            app_security_group_management: None,
            tag_propagation: None,
            default_user_settings: Map::new(),
            default_space_settings: Map::new(),
            domain_settings: Map::new(),
        }
    }
}

/// The members of DescribeUserProfile's answer, less DomainId, UserProfileName and UserProfileArn.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct UserProfileDescription {
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub creation_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_modified_time: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_efs_file_system_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_sign_on_user_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_sign_on_user_value: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub user_settings: Map<String, Value>,
}

impl Default for UserProfileDescription {
    fn default() -> UserProfileDescription {
        UserProfileDescription {
            status: Status::default(),
            failure_reason: None,
            creation_time: OffsetDateTime::UNIX_EPOCH,
            last_modified_time: OffsetDateTime::UNIX_EPOCH,
            home_efs_file_system_uid: None,
            single_sign_on_user_identifier: None,
            single_sign_on_user_value: None,
            user_settings: Map::new(),
        }
    }
}

/// A description as it goes over the wire: times in seconds since 1970, as awsJson1.1 writes them.
pub(super) fn on_the_wire(
    description: &impl Serialize,
    created: OffsetDateTime,
    modified: OffsetDateTime,
) -> Map<String, Value> {
    let mut members = match serde_json::to_value(description) {
        Ok(Value::Object(members)) => members,
        // A structure of strings and JSON values becomes nothing but an object.
        Ok(_) | Err(_) => Map::new(),
    };
    members.insert("CreationTime".to_owned(), seconds(created));
    members.insert("LastModifiedTime".to_owned(), seconds(modified));
    members
}

fn seconds(at: OffsetDateTime) -> Value {
    json!(at.unix_timestamp() as f64 + f64::from(at.millisecond()) / 1000.0)
}

/// The part of a domain or a user profile that goes on by itself.
pub(super) struct Life<'a> {
    pub status: &'a mut Status,
    pub failure_reason: &'a mut Option<String>,
    pub last_modified_time: &'a mut OffsetDateTime,
    pub settling: &'a mut Option<Settling>,
    pub fail_next_update: &'a mut Option<String>,
}

impl Domain {
    pub(super) fn life(&mut self) -> Life<'_> {
        Life {
            status: &mut self.describe.status,
            failure_reason: &mut self.describe.failure_reason,
            last_modified_time: &mut self.describe.last_modified_time,
            settling: &mut self.settling,
            fail_next_update: &mut self.fail_next_update,
        }
    }
}

impl UserProfile {
    pub(super) fn life(&mut self) -> Life<'_> {
        Life {
            status: &mut self.describe.status,
            failure_reason: &mut self.describe.failure_reason,
            last_modified_time: &mut self.describe.last_modified_time,
            settling: &mut self.settling,
            fail_next_update: &mut self.fail_next_update,
        }
    }
}

impl Life<'_> {
    /// Brings the status up to date; false when the resource is gone.
    pub(super) fn settle(&mut self, now: OffsetDateTime) -> bool {
        let Some(Settling { at, to, reason }) =
            self.settling.take_if(|settling| settling.at <= now)
        else {
            return true;
        };
        *self.status = to;
        *self.failure_reason = reason;
        *self.last_modified_time = at;
        to != Status::Deleting
    }

    /// Starts a change that ends after `settle`.
    pub(super) fn change(
        &mut self,
        via: Status,
        to: Status,
        now: OffsetDateTime,
        settle: Duration,
    ) {
        *self.status = via;
        *self.failure_reason = None;
        *self.last_modified_time = now;
        *self.settling = Some(Settling {
            at: later(now, settle),
            to,
            reason: None,
        });
    }

    /// Starts an update; false if it is one that will fail, and its members are not to be taken over.
    pub(super) fn update(&mut self, now: OffsetDateTime, settle: Duration) -> bool {
        self.change(Status::Updating, Status::InService, now, settle);
        let Some(reason) = self.fail_next_update.take() else {
            return true;
        };
        let at = later(now, settle);
        *self.settling = Some(Settling {
            at,
            to: Status::UpdateFailed,
            reason: Some(reason),
        });
        false
    }

    /// While one of these, a resource takes no update (aws-controllers-k8s sagemaker-controller,
    /// pkg/common/custom_requeue.go).
    pub(super) fn is_busy(&self) -> bool {
        match self.status {
            Status::Pending | Status::Updating | Status::Deleting => true,
            Status::InService | Status::UpdateFailed | Status::Failed | Status::DeleteFailed => {
                false
            }
        }
    }
}
