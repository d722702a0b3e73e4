//! DataZone: user profiles. Updates are done when they are answered.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_datazone::Client;
use aws_sdk_datazone::config::Builder;
use aws_sdk_datazone::operation::get_user_profile::GetUserProfileOutput;
use aws_sdk_datazone::operation::update_user_profile::UpdateUserProfileInput;
use aws_sdk_datazone::types::UserProfileDetails;
use serde_json::{Map, Value, json};

use super::retries::OneVerdict;
use super::warm_up::{Ping, answered};
use super::{Observed, ReadHints, ServiceError, State, interceptors};
use crate::call::Target;

pub(super) fn client(config: &SdkConfig) -> Client {
    let mut client = Builder::from(config).retry_classifier(OneVerdict);
    client.set_interceptors(interceptors(config));
    Client::from_conf(client.build())
}

pub(super) async fn connect(client: &Client) -> Result<(), String> {
    let call = client
        .get_user_profile()
        .domain_identifier("-")
        .user_identifier("-")
        .customize()
        .config_override(Builder::new().retry_config(RetryConfig::disabled()))
        .interceptor(Ping);
    answered(call.send().await)
}

pub(super) async fn read(
    client: &Client,
    target: &Target,
    hints: &ReadHints,
) -> Result<Observed, ServiceError> {
    let described = client
        .get_user_profile()
        .domain_identifier(target.container())
        .user_identifier(target.user())
        .set_type(hints.kind.as_deref().map(Into::into))
        .set_session_name(hints.session_name.clone())
        .send()
        .await?;
    if described.status.is_none() {
        return Err(ServiceError::unreadable());
    }
    Ok(Observed {
        members: members(&described),
        state: State::Ready { failed: None },
    })
}

/// The members of `GetUserProfile`'s answer; this crate has no public schemas to read them by.
fn members(described: &GetUserProfileOutput) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value.into());
        }
    };
    put("domainId", described.domain_id.as_deref());
    put("id", described.id.as_deref());
    put("type", described.r#type.as_ref().map(|kind| kind.as_str()));
    put(
        "status",
        described.status.as_ref().map(|status| status.as_str()),
    );
    let details = match &described.details {
        Some(UserProfileDetails::Iam(iam)) => {
            json!({"iam": {"arn": iam.arn, "principalId": iam.principal_id}})
        }
        Some(UserProfileDetails::Sso(sso)) => json!({"sso": {
            "username": sso.username,
            "firstName": sso.first_name,
            "lastName": sso.last_name,
        }}),
        _ => return Value::Object(members),
    };
    members.insert("details".to_owned(), details);
    Value::Object(members)
}

pub(super) async fn update(
    client: &Client,
    input: &UpdateUserProfileInput,
) -> Result<(), ServiceError> {
    let input = input.clone();
    let answer = client
        .update_user_profile()
        .set_domain_identifier(input.domain_identifier)
        .set_user_identifier(input.user_identifier)
        .set_type(input.r#type)
        .set_status(input.status)
        .set_session_name(input.session_name)
        .send()
        .await?;
    answer.status.map(drop).ok_or_else(ServiceError::unreadable)
}
