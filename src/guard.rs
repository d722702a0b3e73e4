//! Guards: the limits on what any plan may do.
//!
//! [`guard`] is the only maker of a [`Guarded`] change, and nothing but a [`Guarded`] change can be applied.

use serde_json::Value;

use crate::api::{display_path, roles_in};
use crate::call::{Input, Target};
use crate::event::Event;
use crate::glob::Glob;
use crate::plan::Change;
use crate::rules::GuardConfig;

/// A change that every guard allows.
pub struct Guarded(Change);

impl Guarded {
    /// The change.
    pub fn change(&self) -> &Change {
        &self.0
    }

    /// What to send, or nothing when the target is as it should be.
    pub fn input(&self) -> Option<&Input> {
        self.0.input.as_ref()
    }
}

/// A change that a guard forbids. Nothing of it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{guard}: {reason}")]
pub struct Refusal {
    /// The guard, as the rules file names it: `guards.roles`.
    pub guard: &'static str,
    pub reason: String,
}

/// Lets a change through, or says which guard refuses it.
///
/// # Errors
/// A role that no glob of `roles` matches; a target that one of `protected` does, under any name that the service
/// knows it by.
pub fn guard(change: Change, observed: &Value, config: &GuardConfig) -> Result<Guarded, Refusal> {
    let Change {
        target, desired, ..
    } = &change;
    allowed(target, desired, Some(observed), config)?;
    Ok(Guarded(change))
}

/// Whether the guards allow these arguments. Without the target as `observed` it is known only by the name that the rules
/// gave it, so what is refused then is refused whatever the target is like, and what is not may still be.
///
/// # Errors
/// As [`guard`].
pub fn allowed(
    target: &Target,
    arguments: &Value,
    observed: Option<&Value>,
    config: &GuardConfig,
) -> Result<(), Refusal> {
    if let Some(roles) = &config.roles {
        for (path, role) in roles_in(target.operation(), arguments) {
            if !roles.iter().any(|glob| glob.matches(&role)) {
                let member = display_path(&path);
                return Err(Refusal {
                    guard: "guards.roles",
                    reason: format!("{member}: {role} matches none of the allowed roles"),
                });
            }
        }
    }
    if config.protected.is_empty() {
        return Ok(());
    }
    let names = names(target, observed);
    let protects = |glob: &&Glob| names.iter().any(|name| glob.matches(name));
    if let Some(glob) = config.protected.iter().find(protects) {
        return Err(Refusal {
            guard: "guards.protected",
            reason: format!("{target} is protected by `{}`", glob.as_str()),
        });
    }
    Ok(())
}

/// Every name of the target: a DataZone user can be named by id, user name or ARN (API reference, UpdateUserProfile).
fn names(target: &Target, observed: Option<&Value>) -> Vec<String> {
    let mut names = vec![target.to_string(), target.key().to_owned()];
    let aliases = ["/id", "/details/iam/arn", "/details/sso/username"];
    let aliases = aliases
        .iter()
        .filter_map(|pointer| observed?.pointer(pointer)?.as_str());
    names.extend(aliases.map(|user| target.alias(user)));
    names
}

/// Whether an event from this source may arrive over HTTP. Anyone who may call the API writes what he likes into
/// `source`; `aws.*` means that AWS itself says so.
///
/// # Errors
/// When it may not.
pub fn admit(event: &Event, config: &GuardConfig) -> Result<(), Refusal> {
    let source = event.source();
    let allowed = match &config.http_sources {
        Some(globs) => globs.iter().any(|glob| glob.matches(source)),
        None => !source.starts_with("aws."),
    };
    if allowed {
        return Ok(());
    }
    Err(Refusal {
        guard: "guards.sources.http",
        reason: "events of this source are not taken over HTTP".to_owned(),
    })
}
