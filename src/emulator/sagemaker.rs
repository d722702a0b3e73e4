//! SageMaker user profiles.

use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::describe::{Status, UserProfileDescription, on_the_wire};
use super::names::{self, DOMAIN_ID, USER_PROFILE_NAME};
use super::protocol::{Answer, Problem};
use super::settings::{self, Behaviour, structure};
use super::world::{Domain, ProfileName, UserProfile, World};

/// When a request arrives, and how long the changes it starts take.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub now: OffsetDateTime,
    pub settle: Duration,
}

pub(super) fn create(
    world: &mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let (arn, behaviour) = (
        profile_arn(world, input)?,
        Behaviour::from(&world.sagemaker),
    );
    let (domain, name) = domain_of(world, input, at.now)?;
    let sso = names::one_of(input, "SingleSignOnUserIdentifier", &["UserName"])?;
    let person = names::text(input, "SingleSignOnUserValue")?;
    check_sso(domain, sso.is_some(), person.is_some())?;
    if domain.user_profiles.contains_key(&name) {
        let message = format!("UserProfile [{arn}] already exists.");
        return Err(Problem::new(400, "ResourceInUse", message));
    }
    let sent = structure(input, "UserSettings")?
        .cloned()
        .unwrap_or_default();
    let user_settings = settings::updated(&Map::new(), &sent, behaviour);
    settings::check(
        &user_settings,
        &domain.describe.default_user_settings,
        "UserSettings",
    )?;
    let describe = UserProfileDescription {
        creation_time: at.now,
        home_efs_file_system_uid: Some((200_001 + domain.user_profiles.len()).to_string()),
        single_sign_on_user_identifier: sso.map(str::to_owned),
        single_sign_on_user_value: person.map(str::to_owned),
        user_settings,
        ..UserProfileDescription::default()
    };
    let mut profile = UserProfile {
        describe,
        ..UserProfile::default()
    };
    profile
        .life()
        .change(Status::Pending, Status::InService, at.now, at.settle);
    domain.user_profiles.insert(name, profile);
    Ok(Answer::written(json!({"UserProfileArn": arn})))
}

pub(super) fn describe(
    world: &mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let arn = profile_arn(world, input)?;
    let (domain, name) = domain_of(world, input, at.now)?;
    // The name as it was created, not as it was asked for.
    let Some((created_as, profile)) = domain.user_profiles.get_key_value(&name) else {
        return Err(not_found("UserProfile", &arn));
    };
    let UserProfileDescription {
        creation_time,
        last_modified_time,
        ..
    } = profile.describe;
    let mut body = on_the_wire(&profile.describe, creation_time, last_modified_time);
    body.insert("UserProfileName".to_owned(), json!(created_as.0));
    body.insert(
        "DomainId".to_owned(),
        json!(names::required(input, &DOMAIN_ID)?),
    );
    body.insert("UserProfileArn".to_owned(), json!(arn));
    Ok(Answer::read(Value::Object(body)))
}

pub(super) fn update(
    world: &mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let (arn, behaviour) = (
        profile_arn(world, input)?,
        Behaviour::from(&world.sagemaker),
    );
    let (domain, name) = domain_of(world, input, at.now)?;
    let Some(profile) = domain.user_profiles.get_mut(&name) else {
        return Err(not_found("UserProfile", &arn));
    };
    let status = profile.describe.status;
    if profile.life().is_busy() {
        return Err(in_use("UserProfile", &arn, status));
    }
    let sent = structure(input, "UserSettings")?
        .cloned()
        .unwrap_or_default();
    let user_settings = settings::updated(&profile.describe.user_settings, &sent, behaviour);
    settings::check(
        &user_settings,
        &domain.describe.default_user_settings,
        "UserSettings",
    )?;
    if profile.life().update(at.now, at.settle) {
        profile.describe.user_settings = user_settings;
    }
    Ok(Answer::written(json!({"UserProfileArn": arn})))
}

pub(super) fn delete(
    world: &mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let arn = profile_arn(world, input)?;
    let (domain, name) = domain_of(world, input, at.now)?;
    let Some(profile) = domain.user_profiles.get_mut(&name) else {
        return Err(not_found("UserProfile", &arn));
    };
    let status = profile.describe.status;
    if profile.life().is_busy() {
        return Err(in_use("UserProfile", &arn, status));
    }
    if profile.running_apps > 0 {
        // The wording is that of aws/amazon-sagemaker-feedback#113.
        let message =
            format!("Unable to delete UserProfile [{arn}] because App(s) are associated with it.");
        return Err(Problem::new(400, "ResourceInUse", message));
    }
    profile
        .life()
        .change(Status::Deleting, Status::Deleting, at.now, at.settle);
    Ok(Answer::written(json!({})))
}

/// "If the Domain's AuthMode is IAM Identity Center, this field is required", otherwise it "cannot be
/// specified" (CreateUserProfileRequest in the model).
fn check_sso(domain: &Domain, has_identifier: bool, has_value: bool) -> Result<(), Problem> {
    let message = match domain.describe.auth_mode.as_deref() {
        Some("SSO") if has_identifier && has_value => return Ok(()),
        Some("SSO") => "SingleSignOnUserIdentifier and SingleSignOnUserValue are required.",
        Some(_) | None if has_identifier || has_value => {
            "Single sign-on users need a domain whose AuthMode is SSO."
        }
        Some(_) | None => return Ok(()),
    };
    Err(Problem::validation(message))
}

/// The domain and the profile's name in it; that profile's status is brought up to date.
fn domain_of<'a>(
    world: &'a mut World,
    input: &Map<String, Value>,
    now: OffsetDateTime,
) -> Result<(&'a mut Domain, ProfileName), Problem> {
    let id = names::required(input, &DOMAIN_ID)?;
    let name = ProfileName(names::required(input, &USER_PROFILE_NAME)?.to_owned());
    let arn = arn(world, &format!("domain/{id}"));
    let domain = world
        .sagemaker
        .domains
        .get_mut(id)
        .ok_or_else(|| not_found("Domain", &arn))?;
    let stays = domain
        .user_profiles
        .get_mut(&name)
        .is_none_or(|profile| profile.life().settle(now));
    if !stays {
        domain.user_profiles.remove(&name);
    }
    Ok((domain, name))
}

fn profile_arn(world: &World, input: &Map<String, Value>) -> Result<String, Problem> {
    let id = names::required(input, &DOMAIN_ID)?;
    let name = names::required(input, &USER_PROFILE_NAME)?;
    Ok(arn(
        world,
        &format!("user-profile/{id}/{}", name.to_ascii_lowercase()),
    ))
}

/// The ARN of a SageMaker resource in this account.
pub(super) fn arn(world: &World, resource: &str) -> String {
    format!(
        "arn:aws:sagemaker:{}:{}:{resource}",
        world.region, world.account
    )
}

pub(super) fn not_found(kind: &str, arn: &str) -> Problem {
    Problem::new(
        400,
        "ResourceNotFound",
        format!("{kind} [{arn}] does not exist."),
    )
}

pub(super) fn in_use(kind: &str, arn: &str, status: Status) -> Problem {
    Problem::new(
        400,
        "ResourceInUse",
        format!("{kind} [{arn}] is in use: its status is {status:?}."),
    )
}
