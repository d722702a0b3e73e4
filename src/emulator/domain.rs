//! SageMaker domains: what UpdateDomain takes over, and what it refuses.

use serde_json::{Map, Value, json};

use super::describe::{DomainDescription, on_the_wire};
use super::names::{self, DOMAIN_ID};
use super::protocol::{Answer, Problem};
use super::sagemaker::{Moment, arn, in_use, not_found};
use super::settings::{self, Behaviour, structure};
use super::world::{Domain, World};

const RSTUDIO: &str = "RStudioServerProDomainSettings";
const RSTUDIO_FOR_UPDATE: &str = "RStudioServerProDomainSettingsForUpdate";

pub(super) fn describe(
    world: &mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let (arn, domain) = find(world, input, at)?;
    let DomainDescription {
        creation_time,
        last_modified_time,
        ..
    } = domain.describe;
    let mut body = on_the_wire(&domain.describe, creation_time, last_modified_time);
    body.insert(
        "DomainId".to_owned(),
        json!(names::required(input, &DOMAIN_ID)?),
    );
    body.insert("DomainArn".to_owned(), json!(arn));
    Ok(Answer::read(Value::Object(body)))
}

pub(super) fn update(
    world: &mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<Answer, Problem> {
    let behaviour = Behaviour::from(&world.sagemaker);
    let (arn, domain) = find(world, input, at)?;
    let status = domain.describe.status;
    if domain.life().is_busy() {
        return Err(in_use("Domain", &arn, status));
    }
    let next = desired(&domain.describe, input, behaviour)?;
    refuse_network(&domain.describe, input)?;
    refuse_security_groups(&next, input)?;
    refuse_running_apps(domain, &next, &arn)?;
    settings::check(
        &next.default_user_settings,
        &Map::new(),
        "DefaultUserSettings",
    )?;
    settings::check_role(&next.default_space_settings, "DefaultSpaceSettings")?;
    if domain.life().update(at.now, at.settle) {
        let DomainDescription {
            status,
            last_modified_time,
            ..
        } = domain.describe;
        domain.describe = DomainDescription {
            status,
            last_modified_time,
            failure_reason: None,
            ..next
        };
    }
    Ok(Answer::written(json!({"DomainArn": arn})))
}

fn find<'a>(
    world: &'a mut World,
    input: &Map<String, Value>,
    at: Moment,
) -> Result<(String, &'a mut Domain), Problem> {
    let id = names::required(input, &DOMAIN_ID)?;
    let arn = arn(world, &format!("domain/{id}"));
    let domain = world
        .sagemaker
        .domains
        .get_mut(id)
        .ok_or_else(|| not_found("Domain", &arn))?;
    // Domains are never deleted here, so they always stay.
    domain.life().settle(at.now);
    Ok((arn, domain))
}

/// The description after the update. What UpdateDomain calls `DomainSettingsForUpdate` is described as
/// `DomainSettings`, and its RStudio member changes its name likewise (SageMaker model).
fn desired(
    current: &DomainDescription,
    input: &Map<String, Value>,
    behaviour: Behaviour,
) -> Result<DomainDescription, Problem> {
    let mut next = current.clone();
    if let Some(sent) = structure(input, "DefaultUserSettings")? {
        next.default_user_settings =
            settings::updated(&current.default_user_settings, sent, behaviour);
    }
    if let Some(sent) = structure(input, "DefaultSpaceSettings")? {
        next.default_space_settings =
            settings::updated(&current.default_space_settings, sent, behaviour);
    }
    if let Some(sent) = structure(input, "DomainSettingsForUpdate")? {
        let mut sent = sent.clone();
        // DomainSettings' own name for it is not a member here, and unknown members have no effect.
        sent.remove(RSTUDIO);
        if let Some(rstudio) = sent.remove(RSTUDIO_FOR_UPDATE) {
            sent.insert(RSTUDIO.to_owned(), rstudio);
        }
        next.domain_settings = settings::updated(&current.domain_settings, &sent, behaviour);
    }
    take_scalars(&mut next, input)?;
    Ok(next)
}

/// Takes over the members that are no structures.
fn take_scalars(next: &mut DomainDescription, input: &Map<String, Value>) -> Result<(), Problem> {
    let scalars: [(&str, &[&str], &mut Option<String>); 4] = [
        (
            "AppNetworkAccessType",
            &["PublicInternetOnly", "VpcOnly"],
            &mut next.app_network_access_type,
        ),
        (
            "AppSecurityGroupManagement",
            &["Service", "Customer"],
            &mut next.app_security_group_management,
        ),
        (
            "TagPropagation",
            &["ENABLED", "DISABLED"],
            &mut next.tag_propagation,
        ),
        (
            "HomeEfsFileSystemCreation",
            &["Enabled", "Disabled"],
            &mut next.home_efs_file_system_creation,
        ),
    ];
    for (member, allowed, value) in scalars {
        if let Some(sent) = names::one_of(input, member, allowed)? {
            *value = Some(sent.to_owned());
        }
    }
    if let Some(vpc) = names::text(input, "VpcId")? {
        next.vpc_id = Some(vpc.to_owned());
    }
    if let Some(subnets) = subnets(input)? {
        next.subnet_ids = subnets;
    }
    Ok(())
}

fn subnets(input: &Map<String, Value>) -> Result<Option<Vec<String>>, Problem> {
    let wrong = || Problem::serialization("SubnetIds must be a list of strings");
    match input.get("SubnetIds") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            let ids: Option<Vec<String>> = items
                .iter()
                .map(|id| id.as_str().map(str::to_owned))
                .collect();
            let ids = ids.ok_or_else(wrong)?;
            if (1..=16).contains(&ids.len()) {
                return Ok(Some(ids));
            }
            let constraint = "Member must have length between 1 and 16";
            Err(names::refused("SubnetIds", &format!("{ids:?}"), constraint))
        }
        Some(_) => Err(wrong()),
    }
}

fn refuse_network(current: &DomainDescription, input: &Map<String, Value>) -> Result<(), Problem> {
    let access = names::text(input, "AppNetworkAccessType")?;
    // Also when the domain is VpcOnly already (terraform-provider-aws#45528).
    let complete = input.contains_key("VpcId") && input.contains_key("SubnetIds");
    if access == Some("VpcOnly") && !complete {
        let message = "VpcId and Subnet IDs are required for updating domains to VpcOnly mode.";
        return Err(Problem::validation(message));
    }
    // "The configuration cannot be updated if … DomainExecutionRoleArn is already set or … provided as part of
    // the same request" (UpdateDomainRequest in the model).
    let rstudio_sent =
        structure(input, "DomainSettingsForUpdate")?.and_then(|s| s.get(RSTUDIO_FOR_UPDATE));
    let changes = access.is_some() && access != current.app_network_access_type.as_deref();
    if changes && (has_rstudio(&current.domain_settings) || rstudio_sent.is_some()) {
        return Err(Problem::validation(
            "AppNetworkAccessType cannot be updated for RStudio enabled domains.",
        ));
    }
    // "Use this field only when adding VPC configuration to a SageMaker AI domain … created without VPC
    // settings" (the same).
    let vpc = names::text(input, "VpcId")?;
    if vpc.is_some() && current.vpc_id.is_some() && vpc != current.vpc_id.as_deref() {
        return Err(Problem::validation(
            "VpcId cannot be changed once it is set.",
        ));
    }
    // "You cannot change from Enabled to Disabled" (the same).
    let efs = names::text(input, "HomeEfsFileSystemCreation")?;
    if efs == Some("Disabled")
        && current.home_efs_file_system_creation.as_deref() == Some("Enabled")
    {
        return Err(Problem::validation(
            "HomeEfsFileSystemCreation cannot be changed from Enabled to Disabled.",
        ));
    }
    Ok(())
}

fn refuse_security_groups(
    next: &DomainDescription,
    input: &Map<String, Value>,
) -> Result<(), Problem> {
    let sent = names::text(input, "AppSecurityGroupManagement")?;
    if !has_rstudio(&next.domain_settings) {
        // Also when the same value is described (terraform-provider-aws#39923).
        return match sent {
            Some(_) => Err(Problem::validation(
                "AppSecurityGroupManagement can only be set for Rstudio enabled domains.",
            )),
            None => Ok(()),
        };
    }
    let rstudio =
        structure(input, "DomainSettingsForUpdate")?.and_then(|s| s.get(RSTUDIO_FOR_UPDATE));
    if sent.is_none() && rstudio.is_none() {
        return Ok(());
    }
    // "If setting up the domain for use with RStudio, this value must be set to Service"; it is required when the
    // domain is VpcOnly (UpdateDomainRequest in the model).
    let required = next.app_network_access_type.as_deref() == Some("VpcOnly");
    match next.app_security_group_management.as_deref() {
        Some("Service") => Ok(()),
        None if !required => Ok(()),
        Some(_) | None => Err(Problem::validation(
            "AppSecurityGroupManagement must be Service for Rstudio enabled domains.",
        )),
    }
}

/// What an app in service forbids: changes of the default execution role (developer guide, domain-edit), of
/// the RStudio settings (terraform-provider-aws#31912, whose wording this is), of the network access and the
/// removal of subnets (UpdateDomainRequest in the model).
fn refuse_running_apps(
    domain: &Domain,
    next: &DomainDescription,
    arn: &str,
) -> Result<(), Problem> {
    let now = &domain.describe;
    let role = |d: &DomainDescription| d.default_user_settings.get("ExecutionRole").cloned();
    let rstudio = |d: &DomainDescription| d.domain_settings.get(RSTUDIO).cloned();
    let forbidden = role(now) != role(next)
        || rstudio(now) != rstudio(next)
        || now.app_network_access_type != next.app_network_access_type
        || now.app_security_group_management != next.app_security_group_management
        || now
            .subnet_ids
            .iter()
            .any(|id| !next.subnet_ids.contains(id));
    if domain.running_apps > 0 && forbidden {
        return Err(Problem::validation(&format!(
            "Unable to update Domain [{arn}] with InService App. Delete all InService apps in the domain including \
             shared Apps for [domain-shared] User Profile, and try again."
        )));
    }
    Ok(())
}

fn has_rstudio(settings: &Map<String, Value>) -> bool {
    settings
        .get(RSTUDIO)
        .and_then(|rstudio| rstudio.get("DomainExecutionRoleArn"))
        .is_some()
}
