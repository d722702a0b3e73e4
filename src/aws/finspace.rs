//! FinSpace: kx users. The service ended on 7 October 2026 (user guide, end of support).

use aws_sdk_finspace::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_finspace::operation::update_kx_user::UpdateKxUserInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::endpoint::Endpoint;
use bytes::Bytes;
use http::Method;

use super::client::{Call, Client, Service};
use super::endpoint::{Wanted, at_once};
use super::rest::{body, keep, path};
use super::retries::Throttles;
use super::{Observed, ServiceError, State, accepted};
use crate::call::Target;

pub(super) static FINSPACE: Service = Service {
    id: "finspace",
    name: "finspace",
    endpoint,
    content: "application/json",
    throttles: Throttles::Elsewhere,
};

fn endpoint(wanted: &Wanted) -> Result<Endpoint, BoxError> {
    let params = Params::builder()
        .set_region(wanted.region.clone())
        .use_fips(wanted.fips)
        .use_dual_stack(wanted.dual_stack)
        .set_endpoint(wanted.url.clone())
        .build()?;
    at_once(DefaultResolver::new().resolve_endpoint(&params))
}

/// A kx user's path (API reference, `UpdateKxUser`).
fn user(environment: &str, name: &str) -> Result<String, ServiceError> {
    path(&["kx", "environments", environment, "users", name])
}

pub(super) async fn read(client: &Client, target: &Target) -> Result<Observed, ServiceError> {
    let call = Call {
        operation: "GetKxUser",
        method: Method::GET,
        path: &user(target.container(), target.user())?,
        target: None,
        body: Bytes::new(),
    };
    let answer = client.call(&call).await?;
    let names = ["userName", "userArn", "environmentId", "iamRole"];
    let members = keep(&answer, &names).filter(|members| members.contains_key("userName"));
    Ok(Observed {
        members: members.ok_or_else(ServiceError::unreadable)?.into(),
        state: State::Ready { failed: None },
    })
}

pub(super) async fn update(client: &Client, input: &UpdateKxUserInput) -> Result<(), ServiceError> {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let members = [
        ("iamRole", input.iam_role.as_deref()),
        ("clientToken", input.client_token.as_deref()),
    ];
    let call = Call {
        operation: "UpdateKxUser",
        method: Method::PUT,
        path: &user(&part(&input.environment_id), &part(&input.user_name))?,
        target: None,
        body: body(&members),
    };
    accepted(&client.call(&call).await?, "userName")
}
