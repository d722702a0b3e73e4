//! DataZone: user profiles. Updates are done when they are answered.

use aws_sdk_datazone::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_datazone::operation::update_user_profile::UpdateUserProfileInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::endpoint::Endpoint;
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

use super::client::{Call, Client, Service};
use super::endpoint::{Wanted, at_once};
use super::rest::{body, keep, path, with_query};
use super::retries::Throttles;
use super::{Observed, ReadHints, ServiceError, State, accepted};
use crate::call::Target;

pub(super) static DATAZONE: Service = Service {
    id: "DataZone",
    name: "datazone",
    endpoint,
    content: "application/json",
    throttles: Throttles::Elsewhere,
};

fn endpoint(wanted: &Wanted) -> Result<Endpoint, BoxError> {
    let params = Params::builder()
        .set_region(wanted.region.clone())
        .use_fips(wanted.fips)
        .set_endpoint(wanted.url.clone())
        .build()?;
    at_once(DefaultResolver::new().resolve_endpoint(&params))
}

/// A user profile's path (API reference, `UpdateUserProfile`).
fn profile(domain: &str, user: &str) -> Result<String, ServiceError> {
    path(&["v2", "domains", domain, "user-profiles", user])
}

pub(super) async fn read(
    client: &Client,
    target: &Target,
    hints: &ReadHints,
) -> Result<Observed, ServiceError> {
    let query = [
        ("type", hints.kind.as_deref()),
        ("sessionName", hints.session_name.as_deref()),
    ];
    let call = Call {
        operation: "GetUserProfile",
        method: Method::GET,
        path: &with_query(profile(target.container(), target.user())?, &query),
        target: None,
        body: Bytes::new(),
    };
    let answer = client.call(&call).await?;
    let members = members(&answer).filter(|members| members.contains_key("status"));
    Ok(Observed {
        members: members.ok_or_else(ServiceError::unreadable)?.into(),
        state: State::Ready { failed: None },
    })
}

/// The members of `GetUserProfile`'s answer that are known; the SDK's crate has no public schemas to read them by.
fn members(answer: &Value) -> Option<Map<String, Value>> {
    let mut members = keep(answer, &["domainId", "id", "type", "status"])?;
    let mut details = Map::new();
    for (kind, names) in [
        ("iam", ["arn", "principalId"].as_slice()),
        ("sso", &["username", "firstName", "lastName"]),
    ] {
        let known = answer.get("details").and_then(|all| all.get(kind));
        if let Some(known) = known.filter(|known| !known.is_null()) {
            details.insert(kind.to_owned(), keep(known, names)?.into());
        }
    }
    if !details.is_empty() {
        members.insert("details".to_owned(), details.into());
    }
    Some(members)
}

pub(super) async fn update(
    client: &Client,
    input: &UpdateUserProfileInput,
) -> Result<(), ServiceError> {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let members = [
        (
            "status",
            input.status.as_ref().map(|status| status.as_str()),
        ),
        ("type", input.r#type.as_ref().map(|kind| kind.as_str())),
        ("sessionName", input.session_name.as_deref()),
    ];
    let call = Call {
        operation: "UpdateUserProfile",
        method: Method::PUT,
        path: &profile(
            &part(&input.domain_identifier),
            &part(&input.user_identifier),
        )?,
        target: None,
        body: body(&members),
    };
    accepted(&client.call(&call).await?, "status")
}
