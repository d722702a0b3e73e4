//! SageMaker: user profiles and domains. Updates are accepted at once and settle later.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_sagemaker::Client;
use aws_sdk_sagemaker::config::Builder;
use aws_sdk_sagemaker::operation::update_domain::UpdateDomainInput;
use aws_sdk_sagemaker::operation::update_user_profile::UpdateUserProfileInput;
use aws_smithy_schema::serde::SerializableStruct;

use super::retries::OneVerdict;
use super::warm_up::{Ping, answered};
use super::{Observed, ServiceError, State, interceptors};
use crate::call::{Target, encode};

pub(super) fn client(config: &SdkConfig) -> Client {
    let mut client = Builder::from(config).retry_classifier(OneVerdict);
    client.set_interceptors(interceptors(config));
    Client::from_conf(client.build())
}

pub(super) async fn connect(client: &Client) -> Result<(), String> {
    let call = client
        .describe_user_profile()
        .domain_id("-")
        .user_profile_name("-")
        .customize()
        .config_override(Builder::new().retry_config(RetryConfig::disabled()))
        .interceptor(Ping);
    answered(call.send().await)
}

pub(super) async fn read_user_profile(
    client: &Client,
    target: &Target,
) -> Result<Observed, ServiceError> {
    let described = client
        .describe_user_profile()
        .domain_id(target.container())
        .user_profile_name(target.user())
        .send()
        .await?;
    let status = described.status.as_ref().map(|status| status.as_str());
    observed(&described, status, described.failure_reason.as_deref())
}

pub(super) async fn read_domain(
    client: &Client,
    target: &Target,
) -> Result<Observed, ServiceError> {
    let described = client
        .describe_domain()
        .domain_id(target.container())
        .send()
        .await?;
    let status = described.status.as_ref().map(|status| status.as_str());
    observed(&described, status, described.failure_reason.as_deref())
}

/// While a profile or domain is Pending, Updating or Deleting it cannot be changed (aws-controllers-k8s,
/// sagemaker-controller, pkg/common/custom_requeue.go).
fn observed(
    described: &dyn SerializableStruct,
    status: Option<&str>,
    reason: Option<&str>,
) -> Result<Observed, ServiceError> {
    let members = encode(described).map_err(|_| ServiceError::unreadable())?;
    let state = match status {
        None => return Err(ServiceError::unreadable()),
        Some("Pending" | "Updating" | "Deleting") => State::Busy,
        Some("Update_Failed" | "Failed" | "Delete_Failed") => State::Ready {
            failed: Some(reason.unwrap_or("the service gave no reason").to_owned()),
        },
        Some(_) => State::Ready { failed: None },
    };
    Ok(Observed { members, state })
}

pub(super) async fn update_user_profile(
    client: &Client,
    input: &UpdateUserProfileInput,
) -> Result<(), ServiceError> {
    let input = input.clone();
    let answer = client
        .update_user_profile()
        .set_domain_id(input.domain_id)
        .set_user_profile_name(input.user_profile_name)
        .set_user_settings(input.user_settings)
        .send()
        .await?;
    // Every accepted update answers with the ARN; without it, something else answered.
    answer
        .user_profile_arn
        .map(drop)
        .ok_or_else(ServiceError::unreadable)
}

pub(super) async fn update_domain(
    client: &Client,
    input: &UpdateDomainInput,
) -> Result<(), ServiceError> {
    let input = input.clone();
    let answer = client
        .update_domain()
        .set_domain_id(input.domain_id)
        .set_default_user_settings(input.default_user_settings)
        .set_domain_settings_for_update(input.domain_settings_for_update)
        .set_app_security_group_management(input.app_security_group_management)
        .set_default_space_settings(input.default_space_settings)
        .set_subnet_ids(input.subnet_ids)
        .set_app_network_access_type(input.app_network_access_type)
        .set_tag_propagation(input.tag_propagation)
        .set_home_efs_file_system_creation(input.home_efs_file_system_creation)
        .set_vpc_id(input.vpc_id)
        .send()
        .await?;
    answer
        .domain_arn
        .map(drop)
        .ok_or_else(ServiceError::unreadable)
}
