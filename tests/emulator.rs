//! The emulator as the real SDK sees it: every operation, every error, every fault.

#![cfg(feature = "finspace")]

#[path = "support/client.rs"]
mod client;

use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_datazone as datazone;
use aws_sdk_finspace as finspace;
use aws_sdk_sagemaker as sagemaker;
use aws_sdk_sagemaker::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use client::http_client;
use datazone::types::{UserProfileStatus, UserProfileType, UserType};
use sagemaker::types as sm;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use usher::emulator::{
    Below, Cleared, Clock, Details, Effect, Emulator, Fault, ManualClock, Options, ProfileName,
    ProfileStatus, Rate, Settling, Status, World,
};

const DOMAIN: &str = "d-abc123def456";
const LAKE: &str = "dzd_4rv6k2";
const JANE: &str = "jane-doe";
const JANE_ID: &str = "3f2a9c64-1d7e-4b85-9a0f-6c5d2e8b7a10";
const STEWARD: &str = "arn:aws:iam::111122223333:role/data-steward";
const QUANT: &str = "arn:aws:iam::111122223333:role/kdb-quant";
/// 1 December 2025, nine o'clock.
const START: OffsetDateTime = match OffsetDateTime::from_unix_timestamp(1_764_579_600) {
    Ok(start) => start,
    Err(_) => OffsetDateTime::UNIX_EPOCH,
};
const SETTLE: Duration = Duration::from_secs(30);

// ---- clients ----------------------------------------------------------------------------------------

struct Clients {
    sagemaker: sagemaker::Client,
    datazone: datazone::Client,
    finspace: finspace::Client,
}

/// The SDK's clients, without retries, so that every request is one that the test made.
macro_rules! client {
    ($service:ident, $emulator:expr) => {
        $service::Client::from_conf(
            $service::Config::builder()
                .behavior_version($service::config::BehaviorVersion::latest())
                .region($service::config::Region::new("eu-central-1"))
                .credentials_provider($service::config::Credentials::new(
                    "id", "key", None, None, "test",
                ))
                .endpoint_url($emulator.endpoint())
                .http_client(http_client())
                .retry_config($service::config::retry::RetryConfig::disabled())
                .timeout_config(
                    $service::config::timeout::TimeoutConfig::builder()
                        .operation_timeout(Duration::from_secs(20))
                        .build(),
                )
                .build(),
        )
    };
}

fn clients(emulator: &Emulator) -> Clients {
    Clients {
        sagemaker: client!(sagemaker, emulator),
        datazone: client!(datazone, emulator),
        finspace: client!(finspace, emulator),
    }
}

async fn start(world: World) -> (Emulator, Clients) {
    let emulator = Emulator::start(world, Options::default()).await.unwrap();
    let clients = clients(&emulator);
    (emulator, clients)
}

/// An emulator whose clock stands still and whose changes take half a minute.
async fn start_settling(world: World) -> (Emulator, Clients, ManualClock) {
    let clock = ManualClock::starting_at(START);
    let options = Options {
        clock: Clock::Manual(clock.clone()),
        settle: SETTLE,
        ..Options::default()
    };
    let emulator = Emulator::start(world, options).await.unwrap();
    let clients = clients(&emulator);
    (emulator, clients, clock)
}

/// What a call failed with: HTTP status, code, message.
fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> (u16, String, String) {
    let error = result.expect_err("the call was to be refused");
    let status = error.raw_response().expect("an answer").status().as_u16();
    let code = error.code().unwrap_or_default().to_owned();
    (status, code, error.message().unwrap_or_default().to_owned())
}

#[track_caller]
fn assert_refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
    status: u16,
    code: &str,
    words: &str,
) {
    let found = refusal(result);
    assert_eq!((found.0, found.1.as_str()), (status, code), "{}", found.2);
    assert!(
        found.2.contains(words),
        "{:?} does not contain {words:?}",
        found.2
    );
}

impl Clients {
    async fn describe(
        &self,
        name: &str,
    ) -> sagemaker::operation::describe_user_profile::DescribeUserProfileOutput {
        let call = self
            .sagemaker
            .describe_user_profile()
            .domain_id(DOMAIN)
            .user_profile_name(name);
        call.send().await.unwrap()
    }

    fn update(
        &self,
        settings: sm::UserSettings,
    ) -> sagemaker::operation::update_user_profile::builders::UpdateUserProfileFluentBuilder {
        let call = self.sagemaker.update_user_profile().domain_id(DOMAIN);
        call.user_profile_name(JANE).user_settings(settings)
    }

    fn update_domain(
        &self,
    ) -> sagemaker::operation::update_domain::builders::UpdateDomainFluentBuilder {
        self.sagemaker.update_domain().domain_id(DOMAIN)
    }

    fn kx(
        &self,
        role: &str,
        token: &str,
    ) -> finspace::operation::update_kx_user::builders::UpdateKxUserFluentBuilder {
        let call = self
            .finspace
            .update_kx_user()
            .environment_id("kx1")
            .user_name(JANE);
        call.iam_role(role).client_token(token)
    }

    async fn kx_role(&self) -> String {
        let call = self
            .finspace
            .get_kx_user()
            .environment_id("kx1")
            .user_name(JANE);
        call.send().await.unwrap().iam_role.unwrap()
    }

    fn assign(
        &self,
        user: &str,
        status: UserProfileStatus,
    ) -> datazone::operation::update_user_profile::builders::UpdateUserProfileFluentBuilder {
        let call = self.datazone.update_user_profile().domain_identifier(LAKE);
        call.user_identifier(user).status(status)
    }

    fn get(
        &self,
        user: &str,
    ) -> datazone::operation::get_user_profile::builders::GetUserProfileFluentBuilder {
        self.datazone
            .get_user_profile()
            .domain_identifier(LAKE)
            .user_identifier(user)
    }
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

fn with_role(name: &str) -> sm::UserSettings {
    sm::UserSettings::builder()
        .execution_role(role(name))
        .build()
}

fn jane(world: &mut World) -> &mut usher::emulator::UserProfile {
    let domain = world.sagemaker.domains.get_mut(DOMAIN).unwrap();
    domain
        .user_profiles
        .get_mut(&ProfileName(JANE.to_owned()))
        .unwrap()
}

/// One HTTP request without the SDK: the whole answer as text, empty if the connection was reset.
async fn raw(emulator: &Emulator, request: &str) -> String {
    let address = emulator.endpoint().replace("http://", "");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn http(
    emulator: &Emulator,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String) {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}");
    let answer = raw(
        emulator,
        &format!("{head}Content-Length: {length}\r\n\r\n{body}"),
    )
    .await;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status line");
    (status, answer)
}

fn json_body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).unwrap()
}

// ---- SageMaker user profiles ------------------------------------------------------------------------

#[tokio::test]
async fn a_user_profile_is_described_with_its_settings_names_and_times() {
    let (emulator, clients) = start(World::sample()).await;
    let found = clients.describe("Jane-Doe").await;
    assert_eq!(
        found.user_profile_name(),
        Some(JANE),
        "names do not care about case"
    );
    assert_eq!(found.domain_id(), Some(DOMAIN));
    assert_eq!(
        found.user_profile_arn(),
        Some("arn:aws:sagemaker:eu-central-1:111122223333:user-profile/d-abc123def456/jane-doe")
    );
    assert_eq!(found.status(), Some(&sm::UserProfileStatus::InService));
    assert_eq!(found.creation_time().unwrap().secs(), 1_742_202_000);
    assert_eq!(found.home_efs_file_system_uid(), Some("200005"));
    let settings = found.user_settings().unwrap();
    assert_eq!(
        settings.execution_role(),
        Some(role("studio-base").as_str())
    );
    let lab = settings.jupyter_lab_app_settings().unwrap();
    assert_eq!(lab.lifecycle_config_arns().len(), 1);
    let spec = lab.default_resource_spec().unwrap();
    assert_eq!(spec.instance_type(), Some(&sm::AppInstanceType::MlT3Medium));
    emulator.stop().await;
}

#[tokio::test]
async fn an_update_leaves_what_is_absent_replaces_lists_and_clears_them_with_an_empty_one() {
    let (_emulator, clients) = start(World::sample()).await;
    let lab = sm::JupyterLabAppSettings::builder()
        .set_lifecycle_config_arns(Some(vec![]))
        .build();
    let settings = sm::UserSettings::builder()
        .jupyter_lab_app_settings(lab)
        .security_groups("sg-1")
        .security_groups("sg-2")
        .build();
    clients.update(settings).send().await.unwrap();
    let again = sm::UserSettings::builder().security_groups("sg-3").build();
    clients.update(again).send().await.unwrap();
    let settings = clients.describe(JANE).await.user_settings.unwrap();
    assert_eq!(settings.execution_role, Some(role("studio-base")));
    assert_eq!(settings.security_groups, Some(vec!["sg-3".to_owned()]));
    let lab = settings.jupyter_lab_app_settings.unwrap();
    assert_eq!(lab.lifecycle_config_arns, Some(vec![]));
    assert!(
        lab.default_resource_spec.is_some(),
        "structures merge by default"
    );
}

#[tokio::test]
async fn a_world_may_replace_structures_as_a_whole_and_leave_out_cleared_lists() {
    let mut world = World::sample();
    world.sagemaker.below = Below::Replace;
    world.sagemaker.cleared = Cleared::Absent;
    let (_emulator, clients) = start(world).await;
    let lab = sm::JupyterLabAppSettings::builder()
        .set_lifecycle_config_arns(Some(vec![]))
        .build();
    let settings = sm::UserSettings::builder()
        .jupyter_lab_app_settings(lab)
        .build();
    clients.update(settings).send().await.unwrap();
    let settings = clients.describe(JANE).await.user_settings.unwrap();
    let lab = settings.jupyter_lab_app_settings.unwrap();
    assert_eq!(lab.lifecycle_config_arns, None);
    assert_eq!(lab.default_resource_spec, None);
    assert_eq!(
        settings.execution_role,
        Some(role("studio-base")),
        "other first-level members stay"
    );
}

#[tokio::test]
async fn an_update_settles_in_time_and_refuses_another_one_meanwhile() {
    let (emulator, clients, clock) = start_settling(World::sample()).await;
    clients
        .update(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        clients.describe(JANE).await.status,
        Some(sm::UserProfileStatus::Updating)
    );
    let again = clients.update(with_role("studio-base")).send().await;
    assert!(
        again
            .as_ref()
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_resource_in_use()
    );
    assert_refused(again, 400, "ResourceInUse", "Updating");

    clock.advance(SETTLE - Duration::from_millis(1));
    assert_eq!(
        clients.describe(JANE).await.status,
        Some(sm::UserProfileStatus::Updating)
    );
    clock.advance(Duration::from_millis(1));
    let settled = clients.describe(JANE).await;
    assert_eq!(settled.status, Some(sm::UserProfileStatus::InService));
    assert_eq!(
        settled.last_modified_time.unwrap().secs(),
        (START + SETTLE).unix_timestamp()
    );
    clients
        .update(with_role("studio-base"))
        .send()
        .await
        .unwrap();
    let settings = clients.describe(JANE).await.user_settings.unwrap();
    assert_eq!(settings.execution_role, Some(role("studio-base")));
    assert_eq!(
        emulator
            .requests()
            .iter()
            .filter(|request| request.committed)
            .count(),
        2
    );
}

#[tokio::test]
async fn an_update_that_the_world_fails_ends_with_its_reason_and_changes_nothing() {
    let mut world = World::sample();
    jane(&mut world).fail_next_update = Some("The role cannot be assumed.".to_owned());
    let (_emulator, clients, clock) = start_settling(world).await;
    clients
        .update(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    clock.advance(SETTLE);
    let failed = clients.describe(JANE).await;
    assert_eq!(failed.status, Some(sm::UserProfileStatus::UpdateFailed));
    assert_eq!(
        failed.failure_reason.as_deref(),
        Some("The role cannot be assumed.")
    );
    assert_eq!(
        failed.user_settings.unwrap().execution_role,
        Some(role("studio-base"))
    );
    clients
        .update(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    clock.advance(SETTLE);
    let settled = clients.describe(JANE).await;
    assert_eq!(
        (settled.status, settled.failure_reason),
        (Some(sm::UserProfileStatus::InService), None)
    );
}

#[tokio::test]
async fn a_status_without_an_end_stays_and_a_failed_one_is_described() {
    let mut world = World::sample();
    jane(&mut world).describe.status = Status::Updating;
    let max = ProfileName("max-mustermann".to_owned());
    let domain = world.sagemaker.domains.get_mut(DOMAIN).unwrap();
    let max = domain.user_profiles.get_mut(&max).unwrap();
    max.describe.status = Status::Failed;
    max.describe.failure_reason = Some("No address left.".to_owned());
    let (_emulator, clients, clock) = start_settling(world).await;
    clock.advance(Duration::from_secs(86_400));
    assert_refused(
        clients.update(with_role("studio-quant")).send().await,
        400,
        "ResourceInUse",
        "Updating",
    );
    let failed = clients.describe("max-mustermann").await;
    assert_eq!(failed.status, Some(sm::UserProfileStatus::Failed));
    assert_eq!(failed.failure_reason.as_deref(), Some("No address left."));
}

#[tokio::test]
async fn a_user_profile_is_created_pending_and_deleted_in_time() {
    let (emulator, clients, clock) = start_settling(World::sample()).await;
    let create = || {
        clients
            .sagemaker
            .create_user_profile()
            .domain_id(DOMAIN)
            .user_profile_name("New-One")
    };
    create()
        .user_settings(with_role("studio-base"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        clients.describe("new-one").await.status,
        Some(sm::UserProfileStatus::Pending)
    );
    let twice = create().user_profile_name("NEW-ONE").send().await;
    assert_refused(twice, 400, "ResourceInUse", "already exists");
    clock.advance(SETTLE);
    let created = clients.describe("new-one").await;
    assert_eq!(created.user_profile_name(), Some("New-One"));
    assert_eq!(
        created.creation_time.unwrap().secs(),
        START.unix_timestamp()
    );

    let delete = || {
        clients
            .sagemaker
            .delete_user_profile()
            .domain_id(DOMAIN)
            .user_profile_name("new-one")
    };
    delete().send().await.unwrap();
    assert_eq!(
        clients.describe("new-one").await.status,
        Some(sm::UserProfileStatus::Deleting)
    );
    assert_refused(delete().send().await, 400, "ResourceInUse", "Deleting");
    clock.advance(SETTLE);
    let gone = emulator.world();
    let profiles = &gone.sagemaker.domains[DOMAIN].user_profiles;
    assert!(!profiles.contains_key(&ProfileName("new-one".to_owned())));
    let described = clients
        .sagemaker
        .describe_user_profile()
        .domain_id(DOMAIN)
        .user_profile_name("new-one");
    let described = described.send().await;
    assert!(
        described
            .as_ref()
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_resource_not_found()
    );
    assert_refused(described, 400, "ResourceNotFound", "does not exist");
    assert_refused(
        delete().send().await,
        400,
        "ResourceNotFound",
        "does not exist",
    );
}

#[tokio::test]
async fn a_profile_with_running_apps_cannot_be_deleted() {
    let mut world = World::sample();
    jane(&mut world).running_apps = 1;
    let (_emulator, clients) = start(world).await;
    let delete = clients
        .sagemaker
        .delete_user_profile()
        .domain_id(DOMAIN)
        .user_profile_name(JANE);
    assert_refused(
        delete.send().await,
        400,
        "ResourceInUse",
        "App(s) are associated",
    );
}

#[tokio::test]
async fn what_does_not_exist_or_has_an_impossible_name_is_refused() {
    let (_emulator, clients) = start(World::sample()).await;
    let update = |domain: &str, name: &str| {
        let call = clients.sagemaker.update_user_profile();
        call.domain_id(domain).user_profile_name(name).send()
    };
    assert_refused(
        update("d-other", JANE).await,
        400,
        "ResourceNotFound",
        "domain/d-other",
    );
    assert_refused(
        update(DOMAIN, "nobody").await,
        400,
        "ResourceNotFound",
        "nobody",
    );
    assert_refused(
        update(DOMAIN, "jane.doe@acme.com").await,
        400,
        "ValidationException",
        "'userProfileName'",
    );
    assert_refused(
        update("abc", JANE).await,
        400,
        "ValidationException",
        "'domainId'",
    );
    let bare = clients
        .sagemaker
        .update_user_profile()
        .domain_id(DOMAIN)
        .send()
        .await;
    assert_refused(bare, 400, "ValidationException", "must not be null");
    let unset = sm::UserSettings::builder().execution_role("").build();
    assert_refused(
        clients.update(unset).send().await,
        400,
        "ValidationException",
        "'userSettings.executionRole'",
    );
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    let (_emulator, clients) = start(World::sample()).await;
    // The sample's domain lands in Studio, so its portal cannot be switched off alone.
    let portal = || sm::UserSettings::builder().studio_web_portal(sm::StudioWebPortal::Disabled);
    let alone = clients.update(portal().build()).send().await;
    assert_refused(
        alone,
        400,
        "ValidationException",
        "StudioWebPortal is disabled",
    );
    let classic = portal().default_landing_uri("app:JupyterServer:").build();
    clients.update(classic).send().await.unwrap();

    let arn = "arn:aws:sagemaker:eu-central-1:111122223333:studio-lifecycle-config/other";
    let spec = sm::ResourceSpec::builder()
        .lifecycle_config_arn(arn)
        .build();
    let lab = sm::JupyterLabAppSettings::builder()
        .default_resource_spec(spec)
        .build();
    let detached = sm::UserSettings::builder()
        .jupyter_lab_app_settings(lab)
        .build();
    assert_refused(
        clients.update(detached).send().await,
        400,
        "ValidationException",
        "must be included",
    );
    let server = sm::JupyterServerAppSettings::builder()
        .lifecycle_config_arns(arn)
        .build();
    let bare = sm::UserSettings::builder()
        .jupyter_server_app_settings(server)
        .build();
    assert_refused(
        clients.update(bare).send().await,
        400,
        "ValidationException",
        "DefaultResourceSpec is required",
    );
}

#[tokio::test]
async fn sso_users_belong_to_domains_that_authenticate_with_sso() {
    let mut world = World::sample();
    let create = |clients: &Clients| {
        clients
            .sagemaker
            .create_user_profile()
            .domain_id(DOMAIN)
            .user_profile_name("new-one")
    };
    let (_iam, clients) = start(world.clone()).await;
    let call = create(&clients)
        .single_sign_on_user_identifier("UserName")
        .single_sign_on_user_value("new.one");
    assert_refused(
        call.send().await,
        400,
        "ValidationException",
        "AuthMode is SSO",
    );

    world
        .sagemaker
        .domains
        .get_mut(DOMAIN)
        .unwrap()
        .describe
        .auth_mode = Some("SSO".to_owned());
    let (_sso, clients) = start(world).await;
    assert_refused(
        create(&clients).send().await,
        400,
        "ValidationException",
        "are required",
    );
    let call = create(&clients)
        .single_sign_on_user_identifier("UserName")
        .single_sign_on_user_value("new.one");
    call.send().await.unwrap();
    assert_eq!(
        clients
            .describe("new-one")
            .await
            .single_sign_on_user_value(),
        Some("new.one")
    );
}

// ---- SageMaker domains ------------------------------------------------------------------------------

#[tokio::test]
async fn a_domain_is_described_as_the_world_says() {
    let (_emulator, clients) = start(World::sample()).await;
    let found = clients
        .sagemaker
        .describe_domain()
        .domain_id(DOMAIN)
        .send()
        .await
        .unwrap();
    assert_eq!(
        found.domain_arn(),
        Some("arn:aws:sagemaker:eu-central-1:111122223333:domain/d-abc123def456")
    );
    assert_eq!(found.domain_name(), Some("research"));
    assert_eq!(found.status(), Some(&sm::DomainStatus::InService));
    assert_eq!(found.subnet_ids().len(), 2);
    assert_eq!(
        found.app_network_access_type(),
        Some(&sm::AppNetworkAccessType::VpcOnly)
    );
    let docker = found.domain_settings().unwrap().docker_settings().unwrap();
    assert_eq!(
        docker.enable_docker_access(),
        Some(&sm::FeatureStatus::Disabled)
    );
    let storage = found
        .default_user_settings()
        .unwrap()
        .space_storage_settings()
        .unwrap();
    assert_eq!(
        storage
            .default_ebs_storage_settings()
            .unwrap()
            .default_ebs_volume_size_in_gb(),
        Some(20)
    );
    let other = clients
        .sagemaker
        .describe_domain()
        .domain_id("d-other")
        .send()
        .await;
    assert_refused(other, 400, "ResourceNotFound", "d-other");
}

#[tokio::test]
async fn domain_settings_for_update_are_described_as_domain_settings() {
    let (_emulator, clients, clock) = start_settling(World::sample()).await;
    let rstudio = sm::RStudioServerProDomainSettingsForUpdate::builder()
        .domain_execution_role_arn(role("rstudio"))
        .build();
    let docker = sm::DockerSettings::builder()
        .enable_docker_access(sm::FeatureStatus::Enabled)
        .build();
    let settings = sm::DomainSettingsForUpdate::builder()
        .r_studio_server_pro_domain_settings_for_update(rstudio)
        .docker_settings(docker)
        .build();
    let update = clients.update_domain().domain_settings_for_update(settings);
    let update = update.app_security_group_management(sm::AppSecurityGroupManagement::Service);
    let update = update.tag_propagation(sm::TagPropagation::Enabled);
    update
        .default_user_settings(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    let describe = || clients.sagemaker.describe_domain().domain_id(DOMAIN).send();
    assert_eq!(
        describe().await.unwrap().status,
        Some(sm::DomainStatus::Updating)
    );
    assert_refused(
        clients.update_domain().send().await,
        400,
        "ResourceInUse",
        "Updating",
    );
    clock.advance(SETTLE);
    let found = describe().await.unwrap();
    assert_eq!(found.status, Some(sm::DomainStatus::InService));
    assert_eq!(found.tag_propagation, Some(sm::TagPropagation::Enabled));
    let settings = found.domain_settings.unwrap();
    let rstudio = settings.r_studio_server_pro_domain_settings.unwrap();
    assert_eq!(rstudio.domain_execution_role_arn, Some(role("rstudio")));
    assert!(settings.security_group_ids.is_some(), "absent members stay");
    let defaults = found.default_user_settings.unwrap();
    assert_eq!(defaults.execution_role, Some(role("studio-quant")));
    assert!(defaults.sharing_settings.is_some());
}

#[tokio::test]
async fn update_domain_refuses_unchanged_members_that_are_sent_back() {
    let (_emulator, clients) = start(World::sample()).await;
    let groups = clients
        .update_domain()
        .app_security_group_management(sm::AppSecurityGroupManagement::Customer);
    assert_refused(
        groups.send().await,
        400,
        "ValidationException",
        "can only be set for Rstudio enabled domains",
    );
    let access = || {
        clients
            .update_domain()
            .app_network_access_type(sm::AppNetworkAccessType::VpcOnly)
    };
    assert_refused(
        access().send().await,
        400,
        "ValidationException",
        "VpcId and Subnet IDs are required",
    );
    let complete = access()
        .vpc_id("vpc-0a1b2c3d4e5f60718")
        .subnet_ids("subnet-0a1b2c3d4e5f60718");
    complete.send().await.unwrap();
}

#[tokio::test]
async fn update_domain_refuses_what_cannot_be_changed_at_all() {
    let (_emulator, clients) = start(World::sample()).await;
    let vpc = clients.update_domain().vpc_id("vpc-other").send().await;
    assert_refused(vpc, 400, "ValidationException", "VpcId cannot be changed");
    let role = sm::UserSettings::builder().execution_role("").build();
    let unset = clients
        .update_domain()
        .default_user_settings(role)
        .send()
        .await;
    assert_refused(
        unset,
        400,
        "ValidationException",
        "'defaultUserSettings.executionRole'",
    );
    let none = clients
        .update_domain()
        .set_subnet_ids(Some(vec![]))
        .send()
        .await;
    assert_refused(none, 400, "ValidationException", "'subnetIds'");
    let enable = clients
        .update_domain()
        .home_efs_file_system_creation(sm::HomeEfsFileSystemCreation::Enabled);
    enable.send().await.unwrap();
    let disable = clients
        .update_domain()
        .home_efs_file_system_creation(sm::HomeEfsFileSystemCreation::Disabled);
    assert_refused(
        disable.send().await,
        400,
        "ValidationException",
        "from Enabled to Disabled",
    );
}

#[tokio::test]
async fn running_apps_stand_in_the_way_of_some_updates_only() {
    let mut world = World::sample();
    world
        .sagemaker
        .domains
        .get_mut(DOMAIN)
        .unwrap()
        .running_apps = 2;
    let (_emulator, clients) = start(world).await;
    let moved = clients
        .update_domain()
        .default_user_settings(with_role("studio-quant"))
        .send()
        .await;
    assert_refused(
        moved,
        400,
        "ValidationException",
        "with InService App. Delete all InService apps",
    );
    let fewer = clients
        .update_domain()
        .subnet_ids("subnet-0a1b2c3d4e5f60718")
        .send()
        .await;
    assert_refused(fewer, 400, "ValidationException", "with InService App");
    let same = with_role("studio-base");
    clients
        .update_domain()
        .default_user_settings(same)
        .send()
        .await
        .unwrap();
    clients
        .update_domain()
        .tag_propagation(sm::TagPropagation::Enabled)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_rstudio_domain_keeps_its_network_access_and_its_security_groups() {
    let mut world = World::sample();
    let domain = world.sagemaker.domains.get_mut(DOMAIN).unwrap();
    let rstudio = json!({"DomainExecutionRoleArn": role("rstudio")});
    domain
        .describe
        .domain_settings
        .insert("RStudioServerProDomainSettings".to_owned(), rstudio);
    domain.describe.app_security_group_management = Some("Service".to_owned());
    let (_emulator, clients) = start(world).await;
    let access = clients
        .update_domain()
        .app_network_access_type(sm::AppNetworkAccessType::PublicInternetOnly);
    assert_refused(
        access.send().await,
        400,
        "ValidationException",
        "RStudio enabled domains",
    );
    let groups = |value| {
        clients
            .update_domain()
            .app_security_group_management(value)
            .send()
    };
    let customer = groups(sm::AppSecurityGroupManagement::Customer).await;
    assert_refused(customer, 400, "ValidationException", "must be Service");
    groups(sm::AppSecurityGroupManagement::Service)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_rstudio_rules_concern_only_requests_about_rstudio() {
    let mut world = World::sample();
    let domain = world.sagemaker.domains.get_mut(DOMAIN).unwrap();
    let rstudio = json!({"DomainExecutionRoleArn": role("rstudio")});
    let settings = &mut domain.describe.domain_settings;
    settings.insert("RStudioServerProDomainSettings".to_owned(), rstudio);
    let (_emulator, clients) = start(world).await;
    let tags = clients
        .update_domain()
        .tag_propagation(sm::TagPropagation::Enabled);
    tags.send().await.unwrap();
    let rstudio = sm::RStudioServerProDomainSettingsForUpdate::builder()
        .domain_execution_role_arn(role("rstudio-2"))
        .build();
    let settings = sm::DomainSettingsForUpdate::builder()
        .r_studio_server_pro_domain_settings_for_update(rstudio)
        .build();
    let moved = clients.update_domain().domain_settings_for_update(settings);
    assert_refused(
        moved.send().await,
        400,
        "ValidationException",
        "must be Service",
    );
}

// ---- DataZone ---------------------------------------------------------------------------------------

#[tokio::test]
async fn a_datazone_profile_is_found_by_name_by_id_and_by_arn() {
    let (_emulator, clients) = start(World::sample()).await;
    let by_name = clients.get("jane.doe").send().await.unwrap();
    assert_eq!(by_name.id(), Some(JANE_ID));
    assert_eq!(by_name.domain_id(), Some(LAKE));
    assert_eq!(by_name.r#type(), Some(&UserProfileType::Sso));
    assert_eq!(by_name.status(), Some(&UserProfileStatus::Assigned));
    let person = by_name.details().unwrap().as_sso().unwrap();
    assert_eq!(person.first_name(), Some("Jane"));
    let by_id = clients
        .get(JANE_ID)
        .r#type(UserProfileType::Sso)
        .send()
        .await
        .unwrap();
    assert_eq!(by_id.id(), by_name.id());
    let by_arn = clients.get(STEWARD).send().await.unwrap();
    assert_eq!(by_arn.status(), Some(&UserProfileStatus::Activated));
    assert_eq!(
        by_arn.details().unwrap().as_iam().unwrap().arn(),
        Some(STEWARD)
    );

    for call in [
        clients.get("nobody"),
        clients.get("jane.doe").r#type(UserProfileType::Iam),
    ] {
        assert_refused(
            call.send().await,
            404,
            "ResourceNotFoundException",
            "does not exist",
        );
    }
    let elsewhere = clients
        .get("jane.doe")
        .domain_identifier("dzd_other")
        .send()
        .await;
    assert_refused(elsewhere, 404, "ResourceNotFoundException", "dzd_other");
    assert_refused(
        clients.get("not a name").send().await,
        400,
        "ValidationException",
        "'userIdentifier'",
    );
    let misnamed = clients.get(JANE).domain_identifier("lake").send().await;
    assert_refused(misnamed, 400, "ValidationException", "'domainIdentifier'");
}

#[tokio::test]
async fn a_datazone_status_stays_within_its_pair() {
    let (emulator, clients) = start(World::sample()).await;
    let left = clients
        .assign("jane.doe", UserProfileStatus::NotAssigned)
        .send()
        .await
        .unwrap();
    assert_eq!(left.status(), Some(&UserProfileStatus::NotAssigned));
    let crossed = clients
        .assign("jane.doe", UserProfileStatus::Deactivated)
        .send()
        .await;
    assert!(
        crossed
            .as_ref()
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_validation_exception()
    );
    assert_refused(
        crossed,
        400,
        "ValidationException",
        "cannot change to this status",
    );
    clients
        .assign(STEWARD, UserProfileStatus::Deactivated)
        .send()
        .await
        .unwrap();
    let crossed = clients
        .assign(STEWARD, UserProfileStatus::Assigned)
        .send()
        .await;
    assert_refused(
        crossed,
        400,
        "ValidationException",
        "cannot change to this status",
    );
    let unknown = clients
        .assign(STEWARD, UserProfileStatus::from("GONE"))
        .send()
        .await;
    assert_refused(
        unknown,
        400,
        "ValidationException",
        "[ASSIGNED, NOT_ASSIGNED, ACTIVATED, DEACTIVATED]",
    );
    let profiles = &emulator.world().datazone.domains[LAKE].user_profiles;
    assert_eq!(profiles[JANE_ID].status, ProfileStatus::NotAssigned);
}

#[tokio::test]
async fn datazone_profiles_are_created_for_each_type_of_user() {
    let (emulator, clients) = start(World::sample()).await;
    let create = |user: &str, kind| {
        let call = clients
            .datazone
            .create_user_profile()
            .domain_identifier(LAKE);
        call.user_identifier(user).user_type(kind)
    };
    let sso = create("new.one", UserType::SsoUser).send().await.unwrap();
    assert_eq!(sso.status(), Some(&UserProfileStatus::Assigned));
    let id = "11111111-2222-3333-4444-555555555555";
    assert_eq!(
        create(id, UserType::SsoUser).send().await.unwrap().id(),
        Some(id)
    );
    let arn = role("analyst");
    let iam = create(&arn, UserType::IamRole).send().await.unwrap();
    assert_eq!(iam.status(), Some(&UserProfileStatus::Activated));
    let session = create(&arn, UserType::IamRoleSession).session_name("jane");
    assert_ne!(
        session.send().await.unwrap().id(),
        iam.id(),
        "a session has a profile of its own"
    );
    assert_eq!(
        clients
            .get(&arn)
            .session_name("jane")
            .send()
            .await
            .unwrap()
            .details()
            .unwrap()
            .as_iam()
            .unwrap()
            .session_name(),
        Some("jane")
    );

    assert_refused(
        create("new.one", UserType::SsoUser).send().await,
        400,
        "ValidationException",
        "already exists",
    );
    assert_refused(
        create("new.two", UserType::IamUser).send().await,
        400,
        "ValidationException",
        "userType",
    );
    assert_refused(
        create(&arn, UserType::SsoUser).send().await,
        400,
        "ValidationException",
        "userType",
    );
    let statuses: Vec<_> = emulator
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses[..2], [Some(201), Some(201)]);
}

#[tokio::test]
async fn a_datazone_create_repeated_with_its_token_has_the_same_answer_and_no_effect() {
    let (emulator, clients) = start(World::sample()).await;
    let create = |user: &str| {
        let call = clients
            .datazone
            .create_user_profile()
            .domain_identifier(LAKE);
        call.user_identifier(user).client_token("once").send()
    };
    let first = create("new.one").await.unwrap();
    assert_eq!(create("new.one").await.unwrap().id(), first.id());
    assert_refused(
        create("new.two").await,
        400,
        "ValidationException",
        "clientToken",
    );
    let committed: Vec<_> = emulator
        .requests()
        .iter()
        .map(|request| request.committed)
        .collect();
    assert_eq!(committed, [true, false, false]);
}

#[tokio::test]
async fn a_datazone_read_may_lag_behind_a_write() {
    let mut world = World::sample();
    world.datazone.read_lag_millis = 60_000;
    let (_emulator, clients, clock) = start_settling(world).await;
    clients.get("jane.doe").send().await.unwrap();
    clients
        .assign("jane.doe", UserProfileStatus::NotAssigned)
        .send()
        .await
        .unwrap();
    assert_refused(
        clients.get("jane.doe").send().await,
        404,
        "ResourceNotFoundException",
        "does not exist",
    );
    clock.advance(Duration::from_secs(60));
    let found = clients.get("jane.doe").send().await.unwrap();
    assert_eq!(found.status(), Some(&UserProfileStatus::NotAssigned));
}

#[tokio::test]
async fn sso_changes_in_one_domain_collide_and_others_do_not() {
    let mut world = World::sample();
    world.datazone.sso_millis = 400;
    let (emulator, clients) = start(world).await;
    let assign = |user: &'static str, status| clients.assign(user, status).send();
    let jane = tokio::spawn(assign("jane.doe", UserProfileStatus::NotAssigned));
    while !emulator.requests().iter().any(|request| request.committed) {
        tokio::task::yield_now().await;
    }
    let max = assign("max.mustermann", UserProfileStatus::Assigned).await;
    assert_refused(
        max,
        400,
        "ValidationException",
        "conflicting operation in process",
    );
    assign(STEWARD, UserProfileStatus::Deactivated)
        .await
        .unwrap();
    jane.await.unwrap().unwrap();
    assign("max.mustermann", UserProfileStatus::Assigned)
        .await
        .unwrap();
    assign("jane.doe", UserProfileStatus::Assigned)
        .await
        .unwrap();
}

// ---- FinSpace ---------------------------------------------------------------------------------------

#[tokio::test]
async fn a_kx_user_is_created_read_updated_and_deleted() {
    let (emulator, clients) = start(World::sample()).await;
    let create = || {
        clients
            .finspace
            .create_kx_user()
            .environment_id("kx1")
            .user_name("new_one")
    };
    let created = create().iam_role(QUANT).send().await.unwrap();
    assert_eq!(
        created.user_arn(),
        Some("arn:aws:finspace:eu-central-1:111122223333:kxEnvironment/kx1/kxUser/new_one")
    );
    let twice = create().iam_role(QUANT).send().await;
    assert!(
        twice
            .as_ref()
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_resource_already_exists_exception()
    );
    assert_refused(
        twice,
        409,
        "ResourceAlreadyExistsException",
        "already exists",
    );
    let updated = clients.kx(QUANT, "t1").send().await.unwrap();
    assert_eq!(
        (updated.user_name(), updated.environment_id()),
        (Some(JANE), Some("kx1"))
    );
    assert_eq!(clients.kx_role().await, QUANT);
    let delete = || {
        clients
            .finspace
            .delete_kx_user()
            .environment_id("kx1")
            .user_name("new_one")
            .send()
    };
    delete().await.unwrap();
    assert_refused(delete().await, 404, "ResourceNotFoundException", "new_one");
    assert!(
        !emulator.world().finspace.environments["kx1"]
            .users
            .contains_key("new_one")
    );
}

#[tokio::test]
async fn finspace_refuses_what_does_not_exist_or_cannot() {
    let (_emulator, clients) = start(World::sample()).await;
    let elsewhere = clients.kx(QUANT, "t").environment_id("kx2").send().await;
    assert!(
        elsewhere
            .as_ref()
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_resource_not_found_exception()
    );
    assert_refused(elsewhere, 404, "ResourceNotFoundException", "kx2");
    assert_refused(
        clients.kx(QUANT, "t").user_name("nobody").send().await,
        404,
        "ResourceNotFoundException",
        "nobody",
    );
    assert_refused(
        clients.kx(QUANT, "t").user_name("j.doe").send().await,
        400,
        "ValidationException",
        "'userName'",
    );
    assert_refused(
        clients.kx(QUANT, "t").environment_id("k-x").send().await,
        400,
        "ValidationException",
        "'environmentId'",
    );
    assert_refused(
        clients.kx("arn:aws:iam::1:role/x", "t").send().await,
        400,
        "ValidationException",
        "'iamRole'",
    );
    let long = "t".repeat(37);
    assert_refused(
        clients.kx(QUANT, &long).send().await,
        400,
        "ValidationException",
        "'clientToken'",
    );
}

#[tokio::test]
async fn a_kx_token_repeated_within_ten_minutes_has_no_effect_and_later_acts_again() {
    let (emulator, clients, clock) = start_settling(World::sample()).await;
    let base = role("kdb-base");
    clients.kx(QUANT, "first").send().await.unwrap();
    clients.kx(&base, "second").send().await.unwrap();
    let replayed = clients.kx(QUANT, "first").send().await.unwrap();
    assert_eq!(
        replayed.iam_role(),
        Some(QUANT),
        "the answer of the first time"
    );
    assert_eq!(clients.kx_role().await, base);

    let reused = clients.kx(&base, "first").send().await;
    let error = reused.as_ref().unwrap_err().as_service_error().unwrap();
    assert!(error.is_conflict_exception());
    assert_refused(reused, 409, "ConflictException", "other parameters");

    clock.advance(Duration::from_secs(600));
    clients.kx(QUANT, "first").send().await.unwrap();
    assert_eq!(clients.kx_role().await, QUANT);
    let writes: Vec<_> = emulator
        .requests()
        .into_iter()
        .filter(|r| r.operation == "UpdateKxUser")
        .collect();
    let committed: Vec<_> = writes.iter().map(|request| request.committed).collect();
    assert_eq!(committed, [true, true, false, false, true]);
    let commits: Vec<_> = writes.iter().map(|request| request.commit).collect();
    assert_eq!(commits, [Some(1), Some(2), None, None, Some(3)]);
    assert_eq!(writes[0].client_token.as_deref(), Some("first"));
}

// ---- the wire ---------------------------------------------------------------------------------------

const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 whatever\r\n";

#[tokio::test]
async fn requests_that_are_none_are_refused_in_the_form_of_their_service() {
    let (emulator, _clients) = start(World::sample()).await;
    let amz = |operation: &str| format!("X-Amz-Target: SageMaker.{operation}\r\n{SIGNED}");

    let (status, answer) = http(&emulator, "POST", "/", &amz("ListApps"), "{}").await;
    assert_eq!(
        (status, &json_body(&answer)["__type"]),
        (400, &json!("UnknownOperationException"))
    );
    let (status, answer) = http(&emulator, "GET", "/v2/domains/dzd_x/projects", SIGNED, "").await;
    assert_eq!(status, 404);
    assert!(
        answer.contains("x-amzn-errortype: UnknownOperationException"),
        "{answer}"
    );

    let (status, answer) = http(
        &emulator,
        "POST",
        "/",
        &amz("UpdateUserProfile"),
        "{\"DomainId\": ",
    )
    .await;
    assert_eq!(
        (status, &json_body(&answer)["__type"]),
        (400, &json!("SerializationException"))
    );
    assert!(
        answer.contains("content-type: application/x-amz-json-1.1"),
        "{answer}"
    );
    let (status, answer) = http(
        &emulator,
        "PUT",
        "/kx/environments/kx1/users/jane-doe",
        SIGNED,
        "[1]",
    )
    .await;
    assert_eq!(status, 400);
    assert!(
        answer.contains("x-amzn-errortype: SerializationException"),
        "{answer}"
    );
    let wrong =
        r#"{"DomainId": "d-abc123def456", "UserProfileName": "jane-doe", "UserSettings": 5}"#;
    let (status, answer) = http(&emulator, "POST", "/", &amz("UpdateUserProfile"), wrong).await;
    assert_eq!(
        (status, &json_body(&answer)["__type"]),
        (400, &json!("SerializationException"))
    );
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let (status, _) = http(&emulator, "POST", "/", &amz("UpdateUserProfile"), &deep).await;
    assert_eq!(status, 400);
    let (status, _) = http(
        &emulator,
        "GET",
        "/v2/domains/dzd_4rv6k2/user-profiles/%ff",
        SIGNED,
        "",
    )
    .await;
    assert_eq!(status, 400);

    let unsigned = "X-Amz-Target: SageMaker.DescribeDomain\r\n";
    let (status, answer) = http(&emulator, "POST", "/", unsigned, "{}").await;
    assert_eq!(
        (status, &json_body(&answer)["__type"]),
        (403, &json!("MissingAuthenticationToken"))
    );

    let large = format!(r#"{{"DomainId": "{}"}}"#, "d".repeat(1024 * 1024));
    let (status, answer) = http(&emulator, "POST", "/", &amz("DescribeDomain"), &large).await;
    assert_eq!(
        (status, &json_body(&answer)["__type"]),
        (413, &json!("RequestEntityTooLargeException"))
    );
    assert!(answer.contains("x-amzn-requestid: "), "{answer}");

    let log = emulator.requests();
    assert_eq!(log.len(), 9);
    assert!(
        log.iter()
            .all(|request| request.error.is_some() && !request.committed)
    );
    assert_eq!(
        (log[0].operation, log[2].operation),
        ("", "UpdateUserProfile")
    );
}

#[tokio::test]
async fn modelled_sagemaker_errors_say_message_with_a_capital_and_throttling_does_not() {
    let (emulator, _clients) = start(World::sample()).await;
    let headers = format!("X-Amz-Target: SageMaker.DescribeDomain\r\n{SIGNED}");
    let (_, answer) = http(
        &emulator,
        "POST",
        "/",
        &headers,
        r#"{"DomainId": "d-other"}"#,
    )
    .await;
    let body = json_body(&answer);
    assert_eq!(body["__type"], "ResourceNotFound");
    assert!(body["Message"].is_string() && body["message"].is_null());
    emulator.fault(Fault::new(Effect::error(
        400,
        "ThrottlingException",
        "Rate exceeded",
    )));
    let (_, answer) = http(
        &emulator,
        "POST",
        "/",
        &headers,
        r#"{"DomainId": "d-other"}"#,
    )
    .await;
    assert_eq!(
        json_body(&answer),
        json!({"__type": "ThrottlingException", "message": "Rate exceeded"})
    );
}

#[tokio::test]
async fn inputs_can_be_checked_against_the_models() {
    fn check(call: &str, input: &Value) -> Result<(), String> {
        match (call, &input["iamRole"]) {
            ("finspace:UpdateKxUser", Value::String(role)) if role.ends_with("quant") => {
                Err("no quants".to_owned())
            }
            _ => Ok(()),
        }
    }
    let options = Options {
        validate: Some(check),
        ..Options::default()
    };
    let emulator = Emulator::start(World::sample(), options).await.unwrap();
    let clients = clients(&emulator);
    assert_refused(
        clients.kx(QUANT, "t").send().await,
        400,
        "ValidationException",
        "no quants",
    );
    clients.kx(&role("kdb-base"), "t").send().await.unwrap();
}

// ---- faults -----------------------------------------------------------------------------------------

#[tokio::test]
async fn an_error_is_answered_as_often_as_written_with_its_headers() {
    let (emulator, clients) = start(World::sample()).await;
    let mut effect = Effect::error(429, "ThrottlingException", "Slow down");
    if let Effect::Error { headers, .. } = &mut effect {
        headers.insert("x-amz-retry-after".to_owned(), "30".to_owned());
    }
    emulator.fault(Fault::new(effect).on("datazone:UpdateUserProfile").times(2));
    clients.get("jane.doe").send().await.unwrap();
    for _ in 0..2 {
        let refused = clients
            .assign("jane.doe", UserProfileStatus::NotAssigned)
            .send()
            .await;
        let error = refused.as_ref().unwrap_err();
        assert_eq!(
            error
                .raw_response()
                .unwrap()
                .headers()
                .get("x-amz-retry-after"),
            Some("30")
        );
        assert!(error.as_service_error().unwrap().is_throttling_exception());
        assert_refused(refused, 429, "ThrottlingException", "Slow down");
    }
    clients
        .assign("jane.doe", UserProfileStatus::NotAssigned)
        .send()
        .await
        .unwrap();
    assert!(emulator.world().faults.is_empty());
    let committed: Vec<_> = emulator
        .requests()
        .iter()
        .map(|request| request.committed)
        .collect();
    assert_eq!(committed, [false, false, false, true]);
}

#[tokio::test]
async fn a_fault_meets_only_its_target_and_delays_add_up_before_it() {
    let (emulator, clients) = start(World::sample()).await;
    emulator.fault(Fault::new(Effect::Delay { millis: 60 }).on("finspace:*"));
    emulator.fault(Fault::new(Effect::Delay { millis: 60 }).on("finspace:*"));
    emulator.fault(
        Fault::new(Effect::error(500, "InternalServerException", ""))
            .about("finspace:kx-user/kx1/Jane-*"),
    );
    let max = clients.kx(QUANT, "t0").user_name("max-mustermann");
    let started = std::time::Instant::now();
    max.send().await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(120),
        "{:?}",
        started.elapsed()
    );
    assert_refused(
        clients.kx(QUANT, "t1").send().await,
        500,
        "InternalServerException",
        "",
    );
    clients.kx(QUANT, "t1").send().await.unwrap();
}

#[tokio::test]
async fn a_reset_before_the_commit_has_no_effect_and_one_after_it_has() {
    let (emulator, clients) = start(World::sample()).await;
    for commit in [false, true] {
        emulator.fault(Fault::new(Effect::Reset { commit }).on("finspace:UpdateKxUser"));
        let failed = clients
            .kx(QUANT, &format!("t{commit}"))
            .send()
            .await
            .unwrap_err();
        assert!(matches!(failed, SdkError::DispatchFailure(_)), "{failed:?}");
        assert_eq!(clients.kx_role().await == QUANT, commit);
    }
    let log = emulator.requests();
    assert_eq!((log[0].status, log[0].committed), (None, false));
    assert_eq!((log[2].status, log[2].committed), (None, true));
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset() {
    let (emulator, _clients) = start(World::sample()).await;
    emulator.fault(Fault::new(Effect::Reset { commit: false }));
    let address = emulator.endpoint().replace("http://", "");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /kx/environments/kx1/users/jane-doe HTTP/1.1\r\nHost: x\r\n{SIGNED}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let error = connection.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn answers_can_be_truncated_garbled_or_empty_after_the_commit() {
    let (emulator, clients) = start(World::sample()).await;
    let effects = [
        Effect::Truncate { commit: true },
        Effect::Garbage { commit: true },
        Effect::Garbage { commit: false },
        Effect::Truncate { commit: false },
    ];
    for effect in effects {
        let commit = matches!(
            effect,
            Effect::Truncate { commit: true } | Effect::Garbage { commit: true }
        );
        emulator.reset();
        emulator.fault(Fault::new(effect.clone()).on("finspace:UpdateKxUser"));
        let failed = clients.kx(QUANT, "t").send().await.unwrap_err();
        assert_eq!(failed.code(), None, "{effect:?}: {failed:?}");
        assert_eq!(clients.kx_role().await == QUANT, commit, "{effect:?}");
        assert_eq!(emulator.requests()[0].status, Some(200));
    }
    // The SDK takes an empty body for a structure without members.
    emulator.reset();
    emulator.fault(Fault::new(Effect::Empty { commit: true }).times(2));
    let empty = clients.kx(QUANT, "t").send().await.unwrap();
    assert_eq!(empty.user_name(), None);
    let empty = clients
        .update(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    assert_eq!(empty.user_profile_arn(), None);
    assert_eq!(clients.kx_role().await, QUANT);
}

#[tokio::test]
async fn a_truncated_answer_ends_in_the_middle_of_its_body() {
    let (emulator, _clients) = start(World::sample()).await;
    emulator.fault(Fault::new(Effect::Truncate { commit: true }));
    let (status, answer) = http(
        &emulator,
        "GET",
        "/kx/environments/kx1/users/jane-doe",
        SIGNED,
        "",
    )
    .await;
    assert_eq!(status, 200);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length: usize = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(body.len(), length / 2);
    assert!(body.starts_with(r#"{"userName""#), "{body}");
}

#[tokio::test]
async fn a_stalled_request_ends_with_the_client_s_patience_or_the_emulator() {
    let (emulator, clients) = start(World::sample()).await;
    emulator.fault(
        Fault::new(Effect::Stall { commit: true })
            .on("finspace:UpdateKxUser")
            .times(2),
    );
    let patience = Duration::from_millis(300);
    let waited = tokio::time::timeout(patience, clients.kx(QUANT, "t").send()).await;
    assert!(waited.is_err(), "there is no answer");
    assert_eq!(clients.kx_role().await, QUANT);
    let stalled = tokio::spawn(clients.kx(QUANT, "t").send());
    while emulator.requests().len() < 3 {
        tokio::task::yield_now().await;
    }
    emulator.stop().await;
    let failed = stalled.await.unwrap().unwrap_err();
    assert!(matches!(failed, SdkError::DispatchFailure(_)), "{failed:?}");
}

#[tokio::test]
async fn chance_is_reproducible() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let options = Options {
            seed: 7,
            ..Options::default()
        };
        let emulator = Emulator::start(World::sample(), options).await.unwrap();
        let clients = clients(&emulator);
        emulator.fault(
            Fault::new(Effect::error(500, "InternalServerException", ""))
                .always()
                .chance(0.5),
        );
        let mut run = Vec::new();
        for _ in 0..32 {
            run.push(clients.get("jane.doe").send().await.is_ok());
        }
        assert_eq!(emulator.world().faults.len(), 1, "for ever");
        emulator.clear_faults();
        clients.get("jane.doe").send().await.unwrap();
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    let good = runs[0].iter().filter(|ok| **ok).count();
    assert!((6..=26).contains(&good), "{good} of 32");
}

#[tokio::test]
async fn a_rate_limit_throttles_each_operation_in_the_form_of_its_service() {
    let mut world = World::sample();
    world.rates = vec![Rate {
        operation: "*".to_owned(),
        per_second: 2.0,
        burst: 2,
    }];
    let (_emulator, clients, clock) = start_settling(world).await;
    for _ in 0..2 {
        clients.describe(JANE).await;
        clients.get("jane.doe").send().await.unwrap();
        clients.kx_role().await;
    }
    let describe = || {
        clients
            .sagemaker
            .describe_user_profile()
            .domain_id(DOMAIN)
            .user_profile_name(JANE)
            .send()
    };
    assert_refused(
        describe().await,
        400,
        "ThrottlingException",
        "Rate exceeded",
    );
    assert_refused(
        clients.get("jane.doe").send().await,
        429,
        "ThrottlingException",
        "Rate exceeded",
    );
    let kx = clients
        .finspace
        .get_kx_user()
        .environment_id("kx1")
        .user_name(JANE)
        .send()
        .await;
    assert_refused(kx, 429, "ThrottlingException", "Rate exceeded");
    clients
        .assign("jane.doe", UserProfileStatus::Assigned)
        .send()
        .await
        .unwrap();
    clock.advance(Duration::from_millis(500));
    describe().await.unwrap();
    assert_refused(
        describe().await,
        400,
        "ThrottlingException",
        "Rate exceeded",
    );
}

#[tokio::test]
async fn latency_comes_before_every_answer() {
    let options = Options {
        latency: Duration::from_millis(50),
        ..Options::default()
    };
    let emulator = Emulator::start(World::sample(), options).await.unwrap();
    let started = std::time::Instant::now();
    clients(&emulator).get("jane.doe").send().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(50));
}

// ---- the world and the log --------------------------------------------------------------------------

fn value(world: &World) -> Value {
    serde_json::to_value(world).unwrap()
}

#[test]
fn the_sample_world_has_the_people_of_the_documentation() {
    let world = World::sample();
    let names: Vec<_> = world.sagemaker.domains[DOMAIN]
        .user_profiles
        .keys()
        .map(|name| name.0.as_str())
        .collect();
    assert_eq!(names, ["admin-root", JANE, "max-mustermann"]);
    let profiles = &world.datazone.domains[LAKE].user_profiles;
    assert!(
        matches!(&profiles[JANE_ID].details, Details::Sso { username, .. } if username == "jane.doe")
    );
    assert_eq!(
        world.finspace.environments["kx1"].users[JANE].iam_role,
        role("kdb-base")
    );
}

#[tokio::test]
async fn a_world_read_back_is_a_world_file_again() {
    let mut world = World::sample();
    world.faults = vec![
        Fault::new(Effect::Delay { millis: 5 })
            .on("sagemaker:*")
            .always(),
        Fault::new(Effect::error(500, "InternalFailure", ""))
            .about("*/jane-doe")
            .times(3)
            .chance(0.25),
        Fault::new(Effect::Stall { commit: true }),
    ];
    world.rates = vec![Rate {
        operation: "datazone:*".to_owned(),
        per_second: 0.5,
        burst: 3,
    }];
    world.sagemaker.below = Below::Replace;
    jane(&mut world).settling = Some(Settling {
        at: START + SETTLE,
        to: Status::InService,
        reason: None,
    });
    jane(&mut world).describe.status = Status::Updating;
    let (emulator, _clients, clock) = start_settling(world.clone()).await;
    assert!(emulator.world() == world);
    let written = serde_json::to_vec(&emulator.world()).unwrap();
    assert!(World::from_json(&written).unwrap() == world);
    emulator.clear_faults();
    clock.advance(SETTLE);
    assert!(jane(&mut emulator.world()).describe.status == Status::InService);
}

#[tokio::test]
async fn a_world_read_in_the_middle_of_changes_goes_on_from_there() {
    let mut world = World::sample();
    world.datazone.read_lag_millis = 60_000;
    let (emulator, clients, clock) = start_settling(world).await;
    clients
        .update(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    clients
        .assign("jane.doe", UserProfileStatus::NotAssigned)
        .send()
        .await
        .unwrap();
    clock.advance(Duration::from_millis(1_500));
    let saved = serde_json::to_vec(&emulator.world()).unwrap();
    emulator.stop().await;

    let world = World::from_json(&saved).unwrap();
    let (_emulator, clients, clock) = start_settling(world).await;
    let again = clients.update(with_role("studio-base")).send().await;
    assert_refused(again, 400, "ResourceInUse", "Updating");
    let hidden = clients.get("jane.doe").send().await;
    assert_refused(hidden, 404, "ResourceNotFoundException", "does not exist");
    clock.advance(Duration::from_secs(60));
    let settled = clients.describe(JANE).await;
    assert_eq!(settled.status, Some(sm::UserProfileStatus::InService));
    assert_eq!(
        settled.user_settings.unwrap().execution_role,
        Some(role("studio-quant"))
    );
    clients.get("jane.doe").send().await.unwrap();
}

#[test]
fn a_wrong_world_file_is_refused_with_the_place() {
    let refused = |json: &str| World::from_json(json.as_bytes()).unwrap_err().to_string();
    let head = r#"{"account": "111122223333", "region": "eu-central-1","#;
    let shape = refused(&format!(
        "{head}\n \"sagemaker\": {{\"domains\": {{\"d-abc\": {{\"describe\": {{\"DomainNam\": \"x\"}}}}}}}}}}"
    ));
    assert!(
        shape.starts_with("sagemaker.domains.d-abc.describe"),
        "{shape}"
    );
    assert!(
        shape.contains("unknown field `DomainNam`") && shape.contains("line 2"),
        "{shape}"
    );
    let twice = refused(&format!(
        "{head} \"finspace\": {{\"environments\": {{\"kx1\": {{}}, \"kx1\": {{}}}}}}}}"
    ));
    assert!(twice.contains("second time"), "{twice}");
    let case = refused(&format!(
        "{head} \"sagemaker\": {{\"domains\": {{\"d-a\": {{\"userProfiles\": {{\"jane\": {{}}, \"JANE\": {{}}}}}}}}}}}}"
    ));
    assert!(case.contains("second time"), "{case}");
    assert!(refused(&format!("{head} \"faults\": []}} x")).contains("trailing characters"));

    let contents = refused(
        r#"{"account": "1", "region": "x",
            "sagemaker": {"domains": {"research": {"userProfiles": {"jane.doe": {}}}}},
            "datazone": {"domains": {"dzd_a": {"userProfiles": {"x": {"status": "ASSIGNED",
              "details": {"iam": {"arn": "arn:aws:iam::111122223333:role/a"}}}}}}},
            "faults": [{"operation": "sagemaker:UpdateProfile", "effect": {"stall": {}}},
                       {"effect": {"error": {"status": 200, "code": "Fine"}}}]}"#,
    );
    for part in [
        "twelve digits",
        "\"research\"",
        "\"jane.doe\"",
        "UUID",
        "matches no operation",
        "status 200",
    ] {
        assert!(contents.contains(part), "{part} is missing in {contents}");
    }
}

#[tokio::test]
async fn the_log_has_every_request_with_its_target_and_its_end() {
    let (emulator, clients, clock) = start_settling(World::sample()).await;
    clients
        .update(with_role("studio-quant"))
        .send()
        .await
        .unwrap();
    clock.advance(Duration::from_secs(1));
    clients
        .update(with_role("studio-base"))
        .send()
        .await
        .unwrap_err();
    clients
        .assign(STEWARD, UserProfileStatus::Deactivated)
        .send()
        .await
        .unwrap();
    clients.kx(QUANT, "token").send().await.unwrap();
    let log = emulator.requests();
    let calls: Vec<_> = log
        .iter()
        .map(|request| (request.number, request.call()))
        .collect();
    let expected = [
        (1, "sagemaker:UpdateUserProfile"),
        (2, "sagemaker:UpdateUserProfile"),
        (3, "datazone:UpdateUserProfile"),
        (4, "finspace:UpdateKxUser"),
    ];
    assert_eq!(
        calls,
        expected.map(|(number, call)| (number, call.to_owned()))
    );
    assert_eq!(
        (log[0].at, log[1].at),
        (START, START + Duration::from_secs(1))
    );
    assert_eq!(
        log[0].target.as_deref(),
        Some("sagemaker:user-profile/d-abc123def456/jane-doe")
    );
    assert_eq!(
        log[0].input["UserSettings"],
        json!({"ExecutionRole": role("studio-quant")})
    );
    assert_eq!(
        (log[1].status, log[1].error.as_deref(), log[1].committed),
        (Some(400), Some("ResourceInUse"), false)
    );
    assert_eq!(
        log[2].target.as_deref(),
        Some(format!("datazone:user-profile/{LAKE}/{STEWARD}").as_str())
    );
    assert_eq!(log[2].input["status"], "DEACTIVATED");
    assert_eq!(
        log[3].target.as_deref(),
        Some("finspace:kx-user/kx1/jane-doe")
    );
    assert_eq!(
        (log[3].client_token.as_deref(), log[3].committed),
        (Some("token"), true)
    );
    let printed = format!("{log:?} {emulator:?} {:?}", emulator.world());
    assert!(
        !printed.contains("jane") && !printed.contains("studio-quant"),
        "{printed}"
    );
}

#[tokio::test]
async fn the_log_keeps_the_last_requests_only() {
    let options = Options {
        log_limit: 3,
        ..Options::default()
    };
    let emulator = Emulator::start(World::sample(), options).await.unwrap();
    let clients = clients(&emulator);
    for _ in 0..5 {
        clients.get("jane.doe").send().await.unwrap();
    }
    let log = emulator.requests();
    assert_eq!(
        log.iter().map(|request| request.number).collect::<Vec<_>>(),
        [3, 4, 5]
    );
    assert!(log.iter().all(|request| request.status == Some(200)));
}

#[tokio::test]
async fn world_log_and_faults_can_be_had_over_http() {
    let (emulator, clients) = start(World::sample()).await;
    let fault = r#"{"operation": "finspace:*", "times": 1, "effect": {"error": {"status": 403, "code": "AccessDeniedException", "message": "no"}}}"#;
    let (status, answer) = http(&emulator, "POST", "/_usher/faults", "", fault).await;
    assert_eq!(
        (status, json_body(&answer).as_array().unwrap().len()),
        (200, 1)
    );
    let (_, answer) = http(
        &emulator,
        "POST",
        "/_usher/faults",
        "",
        &format!("[{fault}, {fault}]"),
    )
    .await;
    assert_eq!(json_body(&answer).as_array().unwrap().len(), 3);
    assert_refused(
        clients.kx(QUANT, "t").send().await,
        403,
        "AccessDeniedException",
        "no",
    );
    let (_, answer) = http(&emulator, "GET", "/_usher/faults", "", "").await;
    assert_eq!(json_body(&answer).as_array().unwrap().len(), 2);
    assert_eq!(
        http(&emulator, "DELETE", "/_usher/faults", "", "").await.0,
        200
    );
    clients.kx(QUANT, "t").send().await.unwrap();

    let (_, answer) = http(&emulator, "GET", "/_usher/requests", "", "").await;
    let log = json_body(&answer);
    assert_eq!(log[0]["error"], "AccessDeniedException");
    assert_eq!(
        (&log[1]["number"], &log[1]["committed"]),
        (&json!(2), &json!(true))
    );
    let (_, answer) = http(&emulator, "GET", "/_usher/world", "", "").await;
    let world = json_body(&answer);
    assert_eq!(world, value(&emulator.world()));
    assert_eq!(
        world["finspace"]["environments"]["kx1"]["users"][JANE]["iamRole"],
        QUANT
    );

    assert_eq!(
        http(&emulator, "DELETE", "/_usher/requests", "", "")
            .await
            .0,
        200
    );
    assert!(emulator.requests().is_empty());
    assert_eq!(
        http(&emulator, "POST", "/_usher/reset", "", "").await.0,
        200
    );
    assert!(emulator.world() == World::sample());
    let other = value(&World::empty()).to_string();
    assert_eq!(
        http(&emulator, "PUT", "/_usher/world", "", &other).await.0,
        200
    );
    assert!(emulator.world() == World::empty());

    let (status, answer) = http(
        &emulator,
        "POST",
        "/_usher/faults",
        "",
        r#"{"effect": {"explode": {}}}"#,
    )
    .await;
    assert_eq!(status, 400);
    assert!(answer.contains("unknown variant `explode`"), "{answer}");
    assert_eq!(
        http(&emulator, "PUT", "/_usher/world", "", "{}").await.0,
        400
    );
    assert_eq!(
        http(&emulator, "GET", "/_usher/nothing", "", "").await.0,
        404
    );
}

#[tokio::test]
async fn an_emulator_frees_its_port_when_it_is_stopped_or_dropped() {
    let emulator = Emulator::start(World::empty(), Options::default())
        .await
        .unwrap();
    let endpoint = emulator.endpoint();
    let port: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(endpoint, format!("http://127.0.0.1:{port}"));
    let options = || Options {
        port,
        ..Options::default()
    };
    assert!(
        Emulator::start(World::empty(), options()).await.is_err(),
        "the port is taken"
    );
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    emulator.stop().await;
    let again = Emulator::start(World::empty(), options()).await.unwrap();
    drop(again);
    while tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_clock_may_follow_tokio() {
    let clock = Clock::tokio(START);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(clock.now() >= START + Duration::from_millis(30));
}
