//! FinSpace: kx users. The service ended on 7 October 2026 (user guide, end of support).

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_finspace::Client;
use aws_sdk_finspace::config::Builder;
use aws_sdk_finspace::operation::update_kx_user::UpdateKxUserInput;
use serde_json::{Map, Value};

use super::retries::OneVerdict;
use super::warm_up::{Ping, answered};
use super::{Observed, ServiceError, State, interceptors};
use crate::call::Target;

pub(super) fn client(config: &SdkConfig) -> Client {
    let mut client = Builder::from(config).retry_classifier(OneVerdict);
    client.set_interceptors(interceptors(config));
    Client::from_conf(client.build())
}

pub(super) async fn connect(client: &Client) -> Result<(), String> {
    let call = client
        .get_kx_user()
        .environment_id("-")
        .user_name("-")
        .customize()
        .config_override(Builder::new().retry_config(RetryConfig::disabled()))
        .interceptor(Ping);
    answered(call.send().await)
}

pub(super) async fn read(client: &Client, target: &Target) -> Result<Observed, ServiceError> {
    let described = client
        .get_kx_user()
        .environment_id(target.container())
        .user_name(target.user())
        .send()
        .await?;
    if described.user_name.is_none() {
        return Err(ServiceError::unreadable());
    }
    let members = [
        ("userName", described.user_name),
        ("userArn", described.user_arn),
        ("environmentId", described.environment_id),
        ("iamRole", described.iam_role),
    ];
    let members: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect();
    Ok(Observed {
        members: members.into(),
        state: State::Ready { failed: None },
    })
}

pub(super) async fn update(client: &Client, input: &UpdateKxUserInput) -> Result<(), ServiceError> {
    let input = input.clone();
    let answer = client
        .update_kx_user()
        .set_environment_id(input.environment_id)
        .set_user_name(input.user_name)
        .set_iam_role(input.iam_role)
        .set_client_token(input.client_token)
        .send()
        .await?;
    answer
        .user_name
        .map(drop)
        .ok_or_else(ServiceError::unreadable)
}
