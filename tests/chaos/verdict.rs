//! What must be true at the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use usher::emulator::{Request, World};

/// Writes that put an older event on top of a newer one, in words.
pub fn backwards(requests: &[Request]) -> Vec<String> {
    let mut commits: Vec<(u64, &Request)> = requests
        .iter()
        .filter_map(|request| Some((request.commit?, request)))
        .collect();
    commits.sort_by_key(|(commit, _)| *commit);
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for (commit, request) in commits {
        let target = request
            .target
            .as_deref()
            .expect("what was written has a target");
        let rank = rank(written(&request.input));
        let before = newest.entry(target).or_default();
        if rank < *before {
            found.push(format!(
                "change {commit}: {target} went from {before} back to {rank}"
            ));
        }
        *before = rank.max(*before);
    }
    found
}

/// The one value that an update of this test sets.
fn written(input: &Value) -> &str {
    let places = [
        "/UserSettings/ExecutionRole",
        "/DefaultUserSettings/ExecutionRole",
        "/iamRole",
        "/status",
    ];
    let found = places
        .iter()
        .find_map(|place| input.pointer(place)?.as_str());
    found.expect("every update of this test sets one of these")
}

/// How new the event is that says this: its number; of the statuses, that of those who have left comes last.
fn rank(value: &str) -> u64 {
    match value {
        "ACTIVATED" | "ASSIGNED" => 1,
        "DEACTIVATED" | "NOT_ASSIGNED" => 2,
        role => {
            let (_, number) = role
                .rsplit_once('-')
                .expect("a role ends in its event's number");
            number.parse().expect("a number")
        }
    }
}

/// Client tokens that came with more than one role.
pub fn reused_tokens(requests: &[Request]) -> Vec<String> {
    let mut roles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for request in requests
        .iter()
        .filter(|request| request.call() == "finspace:UpdateKxUser")
    {
        let token = request
            .client_token
            .as_deref()
            .expect("every update of a kdb user has a token");
        roles
            .entry(token)
            .or_default()
            .insert(written(&request.input));
    }
    let reused = roles.iter().filter(|(_, roles)| roles.len() > 1);
    reused
        .map(|(token, roles)| format!("token {token} came with {roles:?}"))
        .collect()
}

/// Targets that are not as they should be.
pub fn differences(world: &World, ending: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |(target, expected): (&String, &String)| {
        let found = found(world, target);
        (found != *expected).then(|| format!("{target} is {found} and should be {expected}"))
    };
    ending.iter().filter_map(differs).collect()
}

fn found(world: &World, target: &str) -> String {
    let (kind, rest) = target.split_once('/').expect("a target has a kind");
    let (container, name) = rest.split_once('/').unwrap_or((rest, ""));
    let world = serde_json::to_value(world).expect("a world is JSON");
    let pointer = match kind {
        "sagemaker:domain" => {
            format!("/sagemaker/domains/{container}/describe/DefaultUserSettings/ExecutionRole")
        }
        "sagemaker:user-profile" => {
            format!(
                "/sagemaker/domains/{container}/userProfiles/{name}/describe/UserSettings/ExecutionRole"
            )
        }
        "datazone:user-profile" => {
            format!("/datazone/domains/{container}/userProfiles/{name}/status")
        }
        "finspace:kx-user" => format!("/finspace/environments/{container}/users/{name}/iamRole"),
        other => panic!("there is no {other} in this test"),
    };
    let value = world.pointer(&pointer).and_then(Value::as_str);
    value.unwrap_or("not there").to_owned()
}
