//! SageMaker's settings structures: how an update changes them, and what must hold among their members.

use serde_json::{Map, Value};

use super::names::{self, IAM_ROLE};
use super::protocol::Problem;
use super::world::{Below, SageMaker};

/// A structure member of a request; `null` is the same as absent.
pub(super) fn structure<'a>(
    input: &'a Map<String, Value>,
    member: &str,
) -> Result<Option<&'a Map<String, Value>>, Problem> {
    match input.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) => Err(Problem::serialization(&format!(
            "{member} must be a structure"
        ))),
    }
}

/// The settings after an update. A member that was not sent stays, a list is replaced, `[]` clears it
/// (LifecycleConfigArns in the SageMaker model; terraform-provider-aws#35505, #43127).
pub(super) fn updated(
    current: &Map<String, Value>,
    sent: &Map<String, Value>,
    service: Behaviour,
) -> Map<String, Value> {
    let mut settings = current.clone();
    overlay(&mut settings, sent, service.below);
    tidy(&mut settings, service.keep_empty);
    settings
}

/// What the API reference leaves open.
#[derive(Clone, Copy)]
pub(super) struct Behaviour {
    below: Below,
    keep_empty: bool,
}

impl From<&SageMaker> for Behaviour {
    fn from(world: &SageMaker) -> Behaviour {
        let keep_empty = match world.cleared {
            super::world::Cleared::Empty => true,
            super::world::Cleared::Absent => false,
        };
        Behaviour {
            below: world.below,
            keep_empty,
        }
    }
}

// Recursion is bounded by the JSON parser, which takes 128 levels.
fn overlay(current: &mut Map<String, Value>, sent: &Map<String, Value>, below: Below) {
    for (member, value) in sent {
        match (value, current.get_mut(member), below) {
            (Value::Null, _, _) => {}
            (Value::Object(new), Some(Value::Object(old)), Below::Merge) => {
                overlay(old, new, below)
            }
            (value, _, Below::Merge | Below::Replace) => {
                current.insert(member.clone(), value.clone());
            }
        }
    }
}

/// Takes out nulls, which are the same as absent, and the empty lists if they are not described.
fn tidy(settings: &mut Map<String, Value>, keep_empty: bool) {
    settings.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(items) => keep_empty || !items.is_empty(),
        Value::Object(members) => {
            tidy(members, keep_empty);
            true
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    });
}

/// What must hold among the members of a user's settings; `defaults` are the domain's.
pub(super) fn check(
    settings: &Map<String, Value>,
    defaults: &Map<String, Value>,
    place: &str,
) -> Result<(), Problem> {
    check_role(settings, place)?;
    let effective = |member| {
        settings
            .get(member)
            .or_else(|| defaults.get(member))
            .and_then(Value::as_str)
    };
    let landing = effective("DefaultLandingUri").unwrap_or_default();
    // "This value can only be passed if StudioWebPortal is set to ENABLED" (UserSettings in the model);
    // the wording is that of terraform-provider-aws#35504.
    if landing.starts_with("studio::") && effective("StudioWebPortal") == Some("DISABLED") {
        return Err(Problem::validation(
            "StudioWebPortal is disabled for this domain/user.",
        ));
    }
    settings.iter().try_for_each(|(app, value)| match value {
        Value::Object(members) => check_lifecycle(app, members),
        _ => Ok(()),
    })
}

/// An execution role cannot be unset with `""` (terraform-provider-aws#27990).
pub(super) fn check_role(settings: &Map<String, Value>, place: &str) -> Result<(), Problem> {
    match names::text(settings, "ExecutionRole")? {
        Some(role) if !(IAM_ROLE.legal)(role) => {
            let constraint = format!(
                "Member must satisfy regular expression pattern: {}",
                IAM_ROLE.pattern
            );
            Err(names::refused(
                &format!("{place}.ExecutionRole"),
                &format!("'{role}'"),
                &constraint,
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// The apps whose settings have `LifecycleConfigArns` (SageMaker model).
const WITH_LIFECYCLES: [&str; 4] = [
    "JupyterServerAppSettings",
    "KernelGatewayAppSettings",
    "CodeEditorAppSettings",
    "JupyterLabAppSettings",
];

fn check_lifecycle(app: &str, settings: &Map<String, Value>) -> Result<(), Problem> {
    let attached = settings
        .get("LifecycleConfigArns")
        .and_then(Value::as_array);
    let resources = settings
        .get("DefaultResourceSpec")
        .and_then(Value::as_object);
    // "If you use this parameter, the DefaultResourceSpec parameter is also required": said of
    // JupyterServerAppSettings only (SageMaker model).
    if app == "JupyterServerAppSettings"
        && attached.is_some_and(|arns| !arns.is_empty())
        && resources.is_none()
    {
        return Err(Problem::validation(&format!(
            "DefaultResourceSpec is required when LifecycleConfigArns is specified in {app}."
        )));
    }
    // A default lifecycle configuration must be one of those attached (SageMaker developer guide, lifecycle
    // configurations), where any can be: TensorBoard and RSession have no list of them (SageMaker model).
    if !WITH_LIFECYCLES.contains(&app) {
        return Ok(());
    }
    let default = resources.and_then(|spec| spec.get("LifecycleConfigArn"));
    let is_attached = |arn| attached.is_some_and(|arns| arns.contains(arn));
    match default {
        Some(arn) if !is_attached(arn) => Err(Problem::validation(&format!(
            "LifecycleConfigArn in the DefaultResourceSpec of {app} must be included in LifecycleConfigArns."
        ))),
        Some(_) | None => Ok(()),
    }
}
