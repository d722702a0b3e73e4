//! DataZone user profiles.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::clock::later;
use super::names::{self, DATAZONE_DOMAIN, DATAZONE_USER};
use super::operation::Operation;
use super::protocol::{Answer, Problem};
use super::sagemaker::Moment;
use super::tokens::{Token, Tokens};
use super::world::{DataZone, DataZoneDomain, DataZoneProfile, Details, ProfileStatus};

const TYPES: &[&str] = &["IAM", "SSO"];
const STATUSES: &[&str] = &["ASSIGNED", "NOT_ASSIGNED", "ACTIVATED", "DEACTIVATED"];

/// DataZone's part of the state: what exists, the tokens used, and the domains with an SSO change under way.
pub(super) struct Part<'a> {
    pub world: &'a mut DataZone,
    pub tokens: &'a mut Tokens,
    pub busy: &'a mut HashSet<String>,
}

pub(super) fn create(
    part: &mut Part<'_>,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let operation = Operation::CreateDataZoneProfile;
    let domain_id = names::required(input, &DATAZONE_DOMAIN)?;
    let user = names::required(input, &DATAZONE_USER)?;
    let details = new_details(input, user)?;
    let domain = part
        .world
        .domains
        .get_mut(domain_id)
        .ok_or_else(|| no_domain(domain_id))?;
    names::text(input, "clientToken")?;
    match part.tokens.look_up(operation, domain_id, input, at.now) {
        Token::Repeated(answer) => return Ok(answer),
        Token::Reused => {
            return Err(Problem::validation(
                "clientToken was used for a request with other parameters.",
            ));
        }
        Token::New => {}
    }
    let asked = Asked {
        user,
        kind: Some(details.kind()),
        session: details.session(),
    };
    if find(domain, &asked).is_some() {
        // The model has no conflict for this operation.
        return Err(Problem::validation(
            "A user profile already exists for this user.",
        ));
    }
    let id = new_id(domain, domain_id, user, details.session());
    let busy = begin(part.busy, part.world.sso_millis, domain_id, &details)?;
    let hidden_until = hidden(part.world.read_lag_millis, at.now);
    let profile = DataZoneProfile {
        status: details.first_status(),
        details,
        hidden_until,
    };
    let body = body(domain_id, &id, &profile);
    domain.user_profiles.insert(id, profile);
    let answer = Answer {
        status: 201,
        body,
        committed: true,
        busy,
    };
    part.tokens
        .keep(operation, domain_id, input, &answer, at.now);
    Ok(answer)
}

pub(super) fn get(
    world: &DataZone,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let domain_id = names::required(input, &DATAZONE_DOMAIN)?;
    let asked = asked(input)?;
    let domain = world
        .domains
        .get(domain_id)
        .ok_or_else(|| no_domain(domain_id))?;
    let found = find(domain, &asked).and_then(|id| domain.user_profiles.get_key_value(&id));
    match found {
        Some((id, profile)) if profile.hidden_until.is_none_or(|until| until <= at.now) => {
            Ok(Answer::read(body(domain_id, id, profile)))
        }
        Some(_) | None => Err(no_profile()),
    }
}

pub(super) fn update(
    part: &mut Part<'_>,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let domain_id = names::required(input, &DATAZONE_DOMAIN)?;
    let asked = asked(input)?;
    let status: ProfileStatus = names::one_of(input, "status", STATUSES)?
        .and_then(|status| serde_json::from_value(json!(status)).ok())
        .ok_or_else(|| names::refused("status", "null", "Member must not be null"))?;
    let domain = part
        .world
        .domains
        .get_mut(domain_id)
        .ok_or_else(|| no_domain(domain_id))?;
    let id = find(domain, &asked).ok_or_else(no_profile)?;
    let profile = domain.user_profiles.get_mut(&id).ok_or_else(no_profile)?;
    // A profile moves within its pair only (aws-cloudformation resource provider aws-datazone-userprofile,
    // CreateHandler: the valid transitions).
    if status.is_assignment() != profile.status.is_assignment() {
        return Err(Problem::validation(
            "The user profile cannot change to this status from its current status.",
        ));
    }
    let busy = begin(
        part.busy,
        part.world.sso_millis,
        domain_id,
        &profile.details,
    )?;
    profile.status = status;
    profile.hidden_until = hidden(part.world.read_lag_millis, at.now);
    let body = body(domain_id, &id, profile);
    Ok(Answer {
        status: 200,
        body,
        committed: true,
        busy,
    })
}

/// Whom a request means.
struct Asked<'a> {
    user: &'a str,
    kind: Option<&'a str>,
    session: Option<&'a str>,
}

fn asked(input: &Map<String, Value>) -> Result<Asked<'_>, Problem> {
    let user = names::required(input, &DATAZONE_USER)?;
    let kind = names::one_of(input, "type", TYPES)?;
    Ok(Asked {
        user,
        kind,
        session: session(input)?,
    })
}

fn session(input: &Map<String, Value>) -> Result<Option<&str>, Problem> {
    match names::text(input, "sessionName")? {
        Some(name) if !(2..=64).contains(&name.len()) => {
            let constraint = "Member must have length between 2 and 64";
            Err(names::refused(
                "sessionName",
                &format!("'{name}'"),
                constraint,
            ))
        }
        found => Ok(found),
    }
}

/// The id of the profile that is meant: by its id, else by user name or ARN. An ARN may have several
/// profiles (aws-toolkit-vscode#8854); which one the service takes is not known, here it is the first.
fn find(domain: &DataZoneDomain, asked: &Asked<'_>) -> Option<String> {
    let of_kind =
        |profile: &DataZoneProfile| asked.kind.is_none_or(|kind| kind == profile.details.kind());
    if let Some((id, profile)) = domain.user_profiles.get_key_value(asked.user) {
        return of_kind(profile).then(|| id.clone());
    }
    let is_meant = |profile: &DataZoneProfile| match &profile.details {
        Details::Iam {
            arn, session_name, ..
        } => arn == asked.user && session_name.as_deref() == asked.session,
        Details::Sso { username, .. } => username == asked.user,
    };
    let mut profiles = domain.user_profiles.iter();
    profiles
        .find(|(_, profile)| of_kind(profile) && is_meant(profile))
        .map(|(id, _)| id.clone())
}

/// Who the new profile is for. The user types are those of CreateUserProfileInput in the model.
fn new_details(input: &Map<String, Value>, user: &str) -> Result<Details, Problem> {
    let types = &["IAM_USER", "IAM_ROLE", "SSO_USER", "IAM_ROLE_SESSION"];
    let (kind, session) = (names::one_of(input, "userType", types)?, session(input)?);
    let is_arn = names::is_iam_arn(user);
    let iam = |session_name: Option<&str>| Details::Iam {
        arn: user.to_owned(),
        principal_id: None,
        session_name: session_name.map(str::to_owned),
        group_profile_id: None,
    };
    match kind {
        Some("IAM_ROLE_SESSION") if is_arn && session.is_some() => Ok(iam(session)),
        Some("IAM_USER" | "IAM_ROLE") | None if is_arn && session.is_none() => Ok(iam(None)),
        Some("SSO_USER") | None if !is_arn && session.is_none() => Ok(Details::Sso {
            username: user.to_owned(),
            first_name: None,
            last_name: None,
        }),
        Some(_) | None => Err(Problem::validation(
            "userIdentifier and sessionName do not fit the userType.",
        )),
    }
}

/// An Identity Center user keeps their id; others get one that is the same each time.
fn new_id(domain: &DataZoneDomain, domain_id: &str, user: &str, session: Option<&str>) -> String {
    let name = format!("{domain_id}/{user}/{}", session.unwrap_or_default());
    let new = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string();
    if names::is_user_id(user) && !domain.user_profiles.contains_key(user) {
        user.to_owned()
    } else {
        new
    }
}

/// Marks the domain as busy if this is a change of an SSO profile that takes time. Such changes collide in
/// Identity Center (aws-solutions-library-samples, guidance for sagemaker domains, user.tf); the model has no
/// conflict for it, so it is a validation error here, as the least helpful of those it has.
fn begin(
    busy: &mut HashSet<String>,
    takes_millis: u32,
    domain: &str,
    details: &Details,
) -> Result<Option<String>, Problem> {
    match details {
        Details::Sso { .. } if busy.contains(domain) => Err(Problem::validation(
            "There is a conflicting operation in process.",
        )),
        Details::Sso { .. } if takes_millis > 0 => {
            busy.insert(domain.to_owned());
            Ok(Some(domain.to_owned()))
        }
        Details::Sso { .. } | Details::Iam { .. } => Ok(None),
    }
}

fn hidden(millis: u32, now: OffsetDateTime) -> Option<OffsetDateTime> {
    (millis > 0).then(|| later(now, Duration::from_millis(u64::from(millis))))
}

fn body(domain_id: &str, id: &str, profile: &DataZoneProfile) -> Value {
    json!({
        "domainId": domain_id,
        "id": id,
        "type": profile.details.kind(),
        "status": profile.status,
        "details": profile.details,
    })
}

fn no_domain(id: &str) -> Problem {
    Problem::new(
        404,
        "ResourceNotFoundException",
        format!("Domain {id} does not exist."),
    )
}

fn no_profile() -> Problem {
    Problem::new(
        404,
        "ResourceNotFoundException",
        "The user profile does not exist.",
    )
}
