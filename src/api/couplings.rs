//! What AWS documents about two members together, which no constraint of a single value can say.

mod settings;

use serde_json::Value;

use super::Operation;
use super::violation::{COUPLING, Segment, Violation};
use super::wording::quoted;
use settings::settings;

/// Everything in a call's arguments that AWS refuses because of another member.
///
/// `arguments` are those after all merging, the observed settings included. `observed` is the target as its describe
/// call returns it, under the API's names; nothing means that it is not known yet, as when a file is loaded: then
/// only members that contradict each other are reported, not missing ones, which another rule may bring. Strings that
/// are expressions contradict nothing. What the observed target has already is not reported again.
pub fn couplings(
    operation: Operation,
    arguments: &Value,
    observed: Option<&Value>,
) -> Vec<Violation> {
    let mut found = stated(operation, arguments, observed);
    if let (false, Some(observed)) = (found.is_empty(), observed) {
        let already = stated(operation, observed, Some(observed));
        found.retain(|violation| !already.contains(violation));
    }
    found
}

fn stated(operation: Operation, arguments: &Value, observed: Option<&Value>) -> Vec<Violation> {
    let mut found = Vec::new();
    let both = Both {
        arguments,
        observed,
    };
    match operation {
        Operation::SageMakerUpdateUserProfile => settings(both, "UserSettings", &mut found),
        Operation::SageMakerUpdateDomain => {
            settings(both, "DefaultUserSettings", &mut found);
            settings(both, "DefaultSpaceSettings", &mut found);
            found.extend(mount_as_domain(both));
            found.extend(security_groups(both));
            found.extend(network(both));
            found.extend(home_file_system(both));
        }
        Operation::DataZoneUpdateUserProfile => found.extend(status(both)),
        Operation::FinSpaceUpdateKxUser => {}
    }
    found
}

/// What is asked for and what there is.
#[derive(Copy, Clone)]
struct Both<'a> {
    arguments: &'a Value,
    observed: Option<&'a Value>,
}

impl<'a> Both<'a> {
    /// A string that is asked for, unless it is an expression.
    fn asked(self, path: &[&str]) -> Option<&'a str> {
        constant(at(self.arguments, path)?)
    }

    /// A string that there is now.
    fn now(self, path: &[&str]) -> Option<&'a str> {
        at(self.observed?, path)?.as_str()
    }

    /// A string as it will be; nothing too when that is an expression's to say.
    fn then(self, path: &[&str]) -> Option<&'a str> {
        match at(self.arguments, path) {
            Some(value) => constant(value),
            None => self.now(path),
        }
    }

    /// Whether there will be nothing at a path, for sure.
    fn lacks(self, path: &[&str]) -> bool {
        let absent = |value: &Value| at(value, path).is_none_or(Value::is_null);
        absent(self.arguments) && self.observed.is_some_and(absent)
    }
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn constant(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !is_expression(text))
}

fn is_expression(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}")
}

fn violation(path: &[&str], found: impl Into<String>, allowed: &str) -> Violation {
    let path: Vec<Segment> = path.iter().map(|name| Segment::from(*name)).collect();
    Violation::new(&path, COUPLING, found, allowed)
}

/// "Do not use the DefaultAsDomain value when setting this parameter for a domain" [model, UserSettings.AutoMountHomeEFS].
fn mount_as_domain(both: Both<'_>) -> Option<Violation> {
    let path = ["DefaultUserSettings", "AutoMountHomeEFS"];
    let given = both
        .asked(&path)
        .filter(|given| *given == "DefaultAsDomain")?;
    Some(violation(
        &path,
        quoted(given),
        "Enabled or Disabled for a domain",
    ))
}

const RSTUDIO: [&str; 3] = [
    "DomainSettingsForUpdate",
    "RStudioServerProDomainSettingsForUpdate",
    "DomainExecutionRoleArn",
];
const RSTUDIO_NOW: [&str; 3] = [
    "DomainSettings",
    "RStudioServerProDomainSettings",
    "DomainExecutionRoleArn",
];
const MANAGEMENT: [&str; 1] = ["AppSecurityGroupManagement"];
const NETWORK: [&str; 1] = ["AppNetworkAccessType"];

/// "Required when AppNetworkAccessType is VPCOnly and […] DomainExecutionRoleArn is provided. If setting up the domain
/// for use with RStudio, this value must be set to Service" [model, UpdateDomain.AppSecurityGroupManagement]; and it "can
/// only be set for Rstudio enabled domains" (hashicorp/terraform-provider-aws#39923).
fn security_groups(both: Both<'_>) -> Option<Violation> {
    let role = at(both.arguments, &RSTUDIO).and_then(Value::as_str);
    let role_now = both.now(&RSTUDIO_NOW);
    let rstudio = role.or(role_now).is_some();
    match both.asked(&MANAGEMENT) {
        Some(given) if rstudio && given != "Service" => {
            let problem = violation(
                &MANAGEMENT,
                quoted(given),
                "Service for a domain with RStudio",
            );
            Some(problem.with_help(Some("Service")))
        }
        Some(given)
            if !rstudio && both.observed.is_some() && both.now(&MANAGEMENT) != Some(given) =>
        {
            let allowed = "nothing for a domain without RStudio (its DomainExecutionRoleArn)";
            Some(violation(&MANAGEMENT, quoted(given), allowed))
        }
        Some(_) => None,
        None => {
            let needed =
                both.then(&NETWORK) == Some("VpcOnly") && role.is_some() && role != role_now;
            let allowed = "Service, required for RStudio in a domain that is VpcOnly";
            let missing = needed && both.lacks(&MANAGEMENT);
            missing.then(|| violation(&MANAGEMENT, "nothing", allowed).with_help(Some("Service")))
        }
    }
}

/// "The configuration cannot be updated if […] DomainExecutionRoleArn is already set or […] provided as part of the same
/// request" [model, UpdateDomain.AppNetworkAccessType]; "VpcId and Subnet IDs are required for updating domains to
/// VpcOnly mode" (hashicorp/terraform-provider-aws#45528).
fn network(both: Both<'_>) -> Option<Violation> {
    let given = both.asked(&NETWORK)?;
    let now = both.now(&NETWORK);
    if both.observed.is_none() || now == Some(given) {
        return None;
    }
    let rstudio = at(both.arguments, &RSTUDIO).is_some() || both.now(&RSTUDIO_NOW).is_some();
    if rstudio {
        let allowed = "no change for a domain with RStudio (its DomainExecutionRoleArn)";
        return Some(violation(&NETWORK, quoted(given), allowed).with_help(now));
    }
    let lost = given == "VpcOnly" && (both.lacks(&["VpcId"]) || both.lacks(&["SubnetIds"]));
    lost.then(|| {
        violation(
            &NETWORK,
            quoted(given),
            "VpcOnly only together with VpcId and SubnetIds",
        )
    })
}

/// "You cannot change from Enabled to Disabled" [model, UpdateDomain.HomeEfsFileSystemCreation].
fn home_file_system(both: Both<'_>) -> Option<Violation> {
    let path = ["HomeEfsFileSystemCreation"];
    let forbidden = both.asked(&path) == Some("Disabled") && both.now(&path) == Some("Enabled");
    forbidden.then(|| {
        violation(
            &path,
            quoted("Disabled"),
            "Enabled, which cannot be changed back",
        )
    })
}

/// A profile moves within its own pair of statuses: ACTIVATED ↔ DEACTIVATED or ASSIGNED ↔ NOT_ASSIGNED
/// (aws-cloudformation's aws-datazone-userprofile, Update and Delete handlers).
fn status(both: Both<'_>) -> Option<Violation> {
    const PAIRS: [[&str; 2]; 2] = [["ACTIVATED", "DEACTIVATED"], ["ASSIGNED", "NOT_ASSIGNED"]];
    let (given, now) = (both.asked(&["status"])?, both.now(&["status"])?);
    let pair = PAIRS.iter().find(|pair| pair.contains(&now))?;
    let other = PAIRS.iter().find(|pair| pair.contains(&given))?;
    if pair == other {
        return None;
    }
    let counterpart = other
        .iter()
        .position(|status| *status == given)
        .and_then(|index| pair.get(index));
    let allowed = format!("{} or {} for a profile that is {now}", pair[0], pair[1]);
    Some(violation(&["status"], quoted(given), &allowed).with_help(counterpart.copied()))
}
