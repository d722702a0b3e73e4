//! Couplings within the settings of users and spaces.

use serde_json::Value;

use super::super::nearest;
use super::super::violation::Violation;
use super::super::wording::quoted;
use super::{Both, at, is_expression, violation};

/// The applications that have both a default lifecycle configuration and a list of them.
const APPS: [&str; 4] = [
    "JupyterServerAppSettings",
    "KernelGatewayAppSettings",
    "CodeEditorAppSettings",
    "JupyterLabAppSettings",
];

pub(super) fn settings(both: Both<'_>, settings: &str, found: &mut Vec<Violation>) {
    // What is not asked for is not refused.
    let Some(asked) = both.arguments.get(settings) else {
        return;
    };
    let is_asked = |member: &str| asked.get(member).is_some();
    let default = |app| at(asked, &[app, "DefaultResourceSpec", "LifecycleConfigArn"]);
    for app in APPS.into_iter().filter(|app| default(app).is_some()) {
        found.extend(default_in_list(both, settings, app));
    }
    if is_asked("JupyterServerAppSettings") {
        found.extend(default_given(both, settings));
        found.extend(only_system(both, settings));
    }
    if is_asked("DefaultLandingUri") || is_asked("StudioWebPortal") {
        found.extend(landing(both, settings));
    }
}

/// "Only specifying DefaultResourceSpec does not [throw] an error, but fails when booting up" the app
/// (aws-cloudformation/cloudformation-coverage-roadmap#1568): a default configuration must be in the list too.
fn default_in_list(both: Both<'_>, settings: &str, app: &str) -> Option<Violation> {
    let path = [settings, app, "DefaultResourceSpec", "LifecycleConfigArn"];
    // `None` is the model's word for "no default".
    let default = both.asked(&path).filter(|default| *default != "None")?;
    let listed = match at(both.arguments, &[settings, app, "LifecycleConfigArns"]) {
        Some(Value::Array(listed)) => listed.as_slice(),
        // Not known before it is evaluated, or of a wrong type, which is reported elsewhere.
        Some(_) => return None,
        None if both.observed.is_some() => &[],
        None => return None,
    };
    // Emptying the list is how the model says to remove configurations; a default that stays behind does no harm then.
    let emptied =
        at(both.arguments, &[settings, app, "LifecycleConfigArns"]).is_some() && listed.is_empty();
    if emptied && both.now(&path) == Some(default) {
        return None;
    }
    let may_be = |item: &Value| {
        item.as_str()
            .is_some_and(|item| item == default || is_expression(item))
    };
    if listed.iter().any(may_be) {
        return None;
    }
    let near = nearest(default, listed.iter().filter_map(Value::as_str)).map(str::to_owned);
    let problem = violation(
        &path,
        quoted(default),
        "a configuration that LifecycleConfigArns lists too",
    );
    Some(problem.with_help(near))
}

/// "If you use this parameter, the DefaultResourceSpec parameter is also required": said of JupyterServer alone
/// [model, JupyterServerAppSettings.LifecycleConfigArns]. For JupyterLab the developer guide attaches
/// configurations without a default.
fn default_given(both: Both<'_>, settings: &str) -> Option<Violation> {
    let path = [settings, "JupyterServerAppSettings", "LifecycleConfigArns"];
    let listed = at(both.arguments, &path)?.as_array()?;
    let needless = listed.is_empty()
        || !both.lacks(&[settings, "JupyterServerAppSettings", "DefaultResourceSpec"]);
    let found = format!("a list of {} without DefaultResourceSpec", listed.len());
    (!needless).then(|| {
        violation(
            &path,
            found,
            "a list together with DefaultResourceSpec, or an empty one",
        )
    })
}

/// "JupyterServer apps only support the system value" [model, ResourceSpec.InstanceType].
fn only_system(both: Both<'_>, settings: &str) -> Option<Violation> {
    let path = [
        settings,
        "JupyterServerAppSettings",
        "DefaultResourceSpec",
        "InstanceType",
    ];
    let given = both.asked(&path).filter(|given| *given != "system")?;
    Some(
        violation(
            &path,
            quoted(given),
            "system, the only type for JupyterServer",
        )
        .with_help(Some("system")),
    )
}

/// `studio::` "can only be passed if StudioWebPortal is set to ENABLED" [model, UserSettings.DefaultLandingUri], and
/// turning the portal off alone fails (hashicorp/terraform-provider-aws#35504).
fn landing(both: Both<'_>, settings: &str) -> Option<Violation> {
    let (landing, portal) = (
        [settings, "DefaultLandingUri"],
        [settings, "StudioWebPortal"],
    );
    let of_domain = settings == "DefaultUserSettings";
    let to_studio = both.then(&landing) == Some("studio::");
    let turned_off = both.asked(&portal) == Some("DISABLED");
    // A profile without a value of its own has the domain's, which is not known here.
    let never_on = both.then(&portal) == Some("DISABLED") || of_domain && both.lacks(&portal);
    if both.asked(&landing) == Some("studio::") && never_on {
        let allowed =
            "studio:: only with StudioWebPortal ENABLED; app:JupyterServer: is Studio Classic";
        return Some(
            violation(&landing, quoted("studio::"), allowed).with_help(Some("app:JupyterServer:")),
        );
    }
    if turned_off && (to_studio || of_domain && both.lacks(&landing)) {
        let allowed = "DISABLED only with a DefaultLandingUri other than studio::, such as app:JupyterServer:";
        return Some(violation(&portal, quoted("DISABLED"), allowed));
    }
    None
}
