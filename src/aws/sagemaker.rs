//! SageMaker: user profiles and domains. Updates are accepted at once and settle later.

use aws_sdk_sagemaker::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sagemaker::operation::describe_domain::DescribeDomainOutput;
use aws_sdk_sagemaker::operation::describe_user_profile::DescribeUserProfileOutput;
use aws_sdk_sagemaker::operation::update_domain::UpdateDomainInput;
use aws_sdk_sagemaker::operation::update_user_profile::UpdateUserProfileInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_schema::serde::SerializableStruct;
use aws_smithy_types::endpoint::Endpoint;
use http::Method;
use serde_json::{Value, json};

use super::client::{Call, Client, Service};
use super::endpoint::{Wanted, at_once};
use super::retries::Throttles;
use super::{Observed, ServiceError, State, accepted};
use crate::call::{Target, encode, received};

pub(super) static SAGEMAKER: Service = Service {
    id: "SageMaker",
    name: "sagemaker",
    endpoint,
    content: "application/x-amz-json-1.1",
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

async fn call(
    client: &Client,
    operation: &'static str,
    target: &'static str,
    input: &Value,
) -> Result<Value, ServiceError> {
    let call = Call {
        operation,
        method: Method::POST,
        path: "/",
        target: Some(target),
        body: input.to_string().into(),
    };
    Ok(client.call(&call).await?)
}

pub(super) async fn read_user_profile(
    client: &Client,
    target: &Target,
) -> Result<Observed, ServiceError> {
    let input = json!({"DomainId": target.container(), "UserProfileName": target.user()});
    let (operation, name) = ("DescribeUserProfile", "SageMaker.DescribeUserProfile");
    let answer = call(client, operation, name, &input).await?;
    let described = received(&answer, |reader| {
        DescribeUserProfileOutput::deserialize(reader)
    });
    let described = described.map_err(|_| ServiceError::unreadable())?;
    let status = described.status.as_ref().map(|status| status.as_str());
    observed(&described, status, described.failure_reason.as_deref())
}

pub(super) async fn read_domain(
    client: &Client,
    target: &Target,
) -> Result<Observed, ServiceError> {
    let input = json!({"DomainId": target.container()});
    let (operation, name) = ("DescribeDomain", "SageMaker.DescribeDomain");
    let answer = call(client, operation, name, &input).await?;
    let described = received(&answer, |reader| DescribeDomainOutput::deserialize(reader));
    let described = described.map_err(|_| ServiceError::unreadable())?;
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
    let (operation, name) = ("UpdateUserProfile", "SageMaker.UpdateUserProfile");
    let answer = call(client, operation, name, &encoded(input)?).await?;
    accepted(&answer, "UserProfileArn")
}

pub(super) async fn update_domain(
    client: &Client,
    input: &UpdateDomainInput,
) -> Result<(), ServiceError> {
    let (operation, name) = ("UpdateDomain", "SageMaker.UpdateDomain");
    let answer = call(client, operation, name, &encoded(input)?).await?;
    accepted(&answer, "DomainArn")
}

fn encoded(input: &dyn SerializableStruct) -> Result<Value, ServiceError> {
    encode(input).map_err(|error| ServiceError::unsendable(error.to_string()))
}
