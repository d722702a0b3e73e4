//! Read, then change only what differs.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};
use usher::api::Operation;
use usher::call::Input;
use usher::emulator::World;
use usher::report::{Disposition, Outcome, Report};

use crate::support::{
    AS_THE_EVENT_SAYS, DOMAIN, Desk, event, file, jane, kx, role_arn, sample_with,
};

const RULES: &str = include_str!("../../usher.yaml");
const LIFE: [&str; 4] = [
    "person-onboarded.json",
    "person-moved.json",
    "person-left.json",
    "team-defaults-changed.json",
];

fn without_colour(text: &impl ToString) -> String {
    anstream::adapter::strip_str(&text.to_string()).to_string()
}

/// Reports without what differs from run to run.
fn steady(reports: &[Report]) -> Value {
    let mut reports = serde_json::to_value(reports).expect("reports are JSON");
    for report in reports.as_array_mut().into_iter().flatten() {
        for change in report["changes"].as_array_mut().into_iter().flatten() {
            change["millis"] = 0.into();
        }
    }
    reports
}

#[tokio::test]
async fn a_plan_shows_each_step_of_a_working_life() {
    let desk = Desk::new(RULES, World::sample()).await;
    for name in LIFE {
        let plans = desk.plan(&[file(name)]).await;
        assert_snapshot!(format!("plan-{name}.txt"), without_colour(&plans[0]));
        assert_json_snapshot!(format!("plan-{name}"), plans[0]);
    }
    assert!(desk.writes().is_empty(), "a plan writes nothing");
}

#[tokio::test]
async fn a_plan_says_what_is_unchanged_refused_and_impossible() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let mut shown = String::new();
    for event in [
        jane(
            "unchanged",
            1,
            json!({"ExecutionRole": role_arn("studio-base")}),
        ),
        jane(
            "foreign role",
            1,
            json!({"ExecutionRole": "arn:aws:iam::999999999999:role/x"}),
        ),
        event(
            "protected",
            1,
            json!({"profile": "Admin-Root", "settings": {"StudioWebPortal": "ENABLED"}}),
        ),
        jane("wrong value", 1, json!({"StudioWebPortal": "OPEN"})),
        event(
            "nobody",
            1,
            json!({"profile": "nobody", "settings": {"StudioWebPortal": "ENABLED"}}),
        ),
        event("no call", 1, json!({})),
    ] {
        let plans = desk.plan(std::slice::from_ref(&event)).await;
        shown.push_str(&format!(
            "# {}\n{}\n",
            event.id(),
            without_colour(&plans[0])
        ));
    }
    assert_snapshot!(shown);
    assert!(desk.writes().is_empty());
}

#[tokio::test]
async fn applying_each_step_of_a_working_life_reports_what_became_of_it() {
    let desk = Desk::new(RULES, World::sample()).await;
    for name in LIFE {
        let reports = desk.apply(&[file(name)]).await;
        assert_eq!(reports[0].disposition, Disposition::Done);
        assert_json_snapshot!(format!("report-{name}"), steady(&reports));
    }
    assert_eq!(desk.kx_role("jane-doe"), role_arn("kdb-equities"));
    assert_eq!(
        desk.settings_of("jane-doe")["ExecutionRole"],
        role_arn("studio-left")
    );
}

#[tokio::test]
async fn applying_twice_changes_nothing_the_second_time_however_the_service_merges_and_describes() {
    for below in ["merge", "replace"] {
        for cleared in ["empty", "absent"] {
            let world = sample_with(|world| {
                world["sagemaker"]["below"] = below.into();
                world["sagemaker"]["cleared"] = cleared.into();
            });
            let desk = Desk::new(RULES, world).await;
            for name in LIFE {
                desk.apply(&[file(name)]).await;
                let writes = desk.writes().len();
                assert!(writes > 0);
                let again = desk.apply(&[file(name)]).await;
                assert_eq!(desk.writes().len(), writes, "{name}, {below}, {cleared}");
                for change in &again[0].changes {
                    assert_eq!(
                        change.outcome,
                        Outcome::Unchanged,
                        "{name}, {below}, {cleared}"
                    );
                    assert_eq!((change.attempts, change.members.len()), (0, 0));
                }
                let plan = desk.plan(&[file(name)]).await;
                assert!(without_colour(&plan[0]).contains("unchanged."), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn an_empty_list_clears_and_an_absent_member_is_left_as_it_is() {
    for cleared in ["empty", "absent"] {
        let world = sample_with(|world| world["sagemaker"]["cleared"] = cleared.into());
        let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
        let clear = json!({"JupyterLabAppSettings": {"LifecycleConfigArns": []}});
        let (_, change) = desk.change(jane("clear", 1, clear)).await;
        assert_eq!(change.outcome, Outcome::Updated);
        let settings = desk.settings_of("jane-doe");
        let list = &settings["JupyterLabAppSettings"]["LifecycleConfigArns"];
        assert!(list.is_null() || *list == json!([]), "{list}");
        assert_eq!(settings["ExecutionRole"], role_arn("studio-base"));
        let spec = &settings["JupyterLabAppSettings"]["DefaultResourceSpec"];
        assert_eq!(*spec, json!({"InstanceType": "ml.t3.medium"}));
    }
}

#[tokio::test]
async fn clearing_a_list_that_is_not_there_is_no_change() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let clear = json!({"CodeEditorAppSettings": {"LifecycleConfigArns": []}});
    let (_, change) = desk.change(jane("clear", 1, clear)).await;
    assert_eq!(change.outcome, Outcome::Unchanged);
    assert!(desk.writes().is_empty());
}

#[tokio::test]
async fn a_first_level_member_is_sent_whole_and_its_neighbours_are_not_sent() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let wanted = json!({
        "ExecutionRole": role_arn("studio-base"),
        "JupyterLabAppSettings": {"DefaultResourceSpec": {"InstanceType": "ml.m5.large"}},
    });
    let (_, change) = desk.change(jane("bigger", 1, wanted)).await;
    let paths: Vec<&str> = change
        .members
        .iter()
        .map(|member| member.path.as_str())
        .collect();
    assert_eq!(
        paths,
        ["UserSettings.JupyterLabAppSettings.DefaultResourceSpec.InstanceType"]
    );
    let welcome = "arn:aws:sagemaker:eu-central-1:111122223333:studio-lifecycle-config/welcome";
    let sent = json!({
        "DomainId": DOMAIN,
        "UserProfileName": "jane-doe",
        "UserSettings": {"JupyterLabAppSettings": {
            "DefaultResourceSpec": {"InstanceType": "ml.m5.large"},
            "LifecycleConfigArns": [welcome],
        }},
    });
    assert_eq!(desk.writes()[0].input, sent);
}

#[tokio::test]
async fn update_domain_sends_nothing_that_does_not_differ() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let wanted = json!({
        "domain": DOMAIN,
        "tags": "ENABLED",
        "network": "VpcOnly",
        "userDefaults": {"StudioWebPortal": "ENABLED", "SecurityGroups": ["sg-0a1b2c3d4e5f60718"]},
        "subnets": ["subnet-0b1c2d3e4f5061728", "subnet-0a1b2c3d4e5f60718"],
    });
    let (_, change) = desk.change(event("tags", 1, wanted)).await;
    assert_eq!(change.outcome, Outcome::Updated);
    assert_eq!(
        desk.writes()[0].input,
        json!({"DomainId": DOMAIN, "TagPropagation": "ENABLED"})
    );
}

#[tokio::test]
async fn going_vpc_only_takes_the_vpc_and_the_subnets_along_though_they_do_not_differ() {
    let world = sample_with(|world| {
        world["sagemaker"]["domains"][DOMAIN]["describe"]["AppNetworkAccessType"] =
            "PublicInternetOnly".into();
    });
    let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    let wanted = json!({"domain": DOMAIN, "network": "VpcOnly"});
    let (_, change) = desk.change(event("vpc", 1, wanted)).await;
    assert_eq!(
        change.outcome,
        Outcome::Updated,
        "{:?}",
        change.error.map(|e| e.message)
    );
    let sent = json!({
        "DomainId": DOMAIN,
        "AppNetworkAccessType": "VpcOnly",
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "SubnetIds": ["subnet-0a1b2c3d4e5f60718", "subnet-0b1c2d3e4f5061728"],
    });
    assert_eq!(desk.writes()[0].input, sent);
}

#[tokio::test]
async fn domain_settings_are_matched_with_domain_settings_for_update_member_by_member() {
    let rstudio = json!({
        "DomainExecutionRoleArn": role_arn("studio-rstudio"),
        "RStudioConnectUrl": "https://connect.example.com",
    });
    let world = sample_with(|world| {
        let describe = &mut world["sagemaker"]["domains"][DOMAIN]["describe"];
        describe["DomainSettings"]["RStudioServerProDomainSettings"] = rstudio.clone();
        describe["AppSecurityGroupManagement"] = "Service".into();
    });
    let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    let settings = |connect: &str| {
        json!({"domain": DOMAIN, "domainSettings": {
            "ExecutionRoleIdentityConfig": "USER_PROFILE_NAME",
            "DockerSettings": {"EnableDockerAccess": "DISABLED"},
            "RStudioServerProDomainSettingsForUpdate": {
                "DomainExecutionRoleArn": role_arn("studio-rstudio"),
                "RStudioConnectUrl": connect,
            },
        }})
    };
    let same = settings("https://connect.example.com");
    let (_, change) = desk.change(event("same", 1, same)).await;
    assert_eq!(change.outcome, Outcome::Unchanged);
    let (_, change) = desk
        .change(event("other", 2, settings("https://other.example.com")))
        .await;
    assert_eq!(
        change.outcome,
        Outcome::Updated,
        "{:?}",
        change.error.map(|e| e.message)
    );
    let sent = json!({
        "DomainId": DOMAIN,
        "DomainSettingsForUpdate": {"RStudioServerProDomainSettingsForUpdate": {
            "DomainExecutionRoleArn": role_arn("studio-rstudio"),
            "RStudioConnectUrl": "https://other.example.com",
        }},
        // Required beside it in a domain that is VpcOnly.
        "AppSecurityGroupManagement": "Service",
    });
    assert_eq!(desk.writes()[0].input, sent);
}

#[tokio::test]
async fn the_same_event_delivered_again_uses_the_same_client_token() {
    let (first, second) = (
        Desk::new(AS_THE_EVENT_SAYS, World::sample()).await,
        Desk::new(AS_THE_EVENT_SAYS, World::sample()).await,
    );
    for desk in [&first, &second] {
        desk.apply(&[kx("event-1", 1, "kdb-rates")]).await;
    }
    let token = |desk: &Desk| desk.writes()[0].client_token.clone().expect("a token");
    assert_eq!(token(&first), token(&second));
    assert_eq!(token(&first).len(), 36);
}

#[tokio::test]
async fn a_then_b_then_a_within_ten_minutes_ends_at_a() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    for (id, second, role) in [("1", 1, "kdb-a"), ("2", 2, "kdb-b"), ("3", 3, "kdb-a")] {
        let (_, change) = desk.change(kx(id, second, role)).await;
        assert_eq!(change.outcome, Outcome::Updated);
        assert_eq!(desk.kx_role("jane-doe"), role_arn(role));
    }
    let mut tokens: Vec<_> = desk
        .writes()
        .into_iter()
        .map(|write| write.client_token)
        .collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "each event has its own token");
}

#[tokio::test]
async fn a_client_token_that_the_rule_gives_stays_as_it_is() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let detail =
        json!({"kxUser": "jane-doe", "role": role_arn("kdb-rates"), "token": "ticket-4711"});
    desk.apply(&[event("1", 1, detail)]).await;
    assert_eq!(
        desk.writes()[0].client_token.as_deref(),
        Some("ticket-4711")
    );
}

#[test]
fn an_unknown_member_is_refused_with_its_path_and_the_nearest_right_name() {
    let arguments = json!({
        "DomainId": DOMAIN,
        "UserProfileName": "jane-doe",
        "UserSettings": {"JupyterLabAppSettings": {"DefaultResourceSpec": {"InstanceTyp": "ml.m5.large"}}},
    });
    let decoded = Input::decode(Operation::SageMakerUpdateUserProfile, &arguments);
    let message = decoded.err().expect("an error").to_string();
    assert_eq!(
        message,
        "UserSettings.JupyterLabAppSettings.DefaultResourceSpec.InstanceTyp: unknown member; did you mean `InstanceType`?"
    );
}

#[tokio::test]
async fn a_computed_unknown_member_ends_as_rejected_and_nothing_is_written() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let wrong = json!({"JupyterLabAppSetting": {"LifecycleConfigArns": []}});
    let (report, change) = desk.change(jane("1", 1, wrong)).await;
    assert_eq!(
        (report.disposition, change.outcome),
        (Disposition::Reject, Outcome::Failed)
    );
    let error = change.error.expect("an error");
    assert!(
        error.message.contains("UserSettings.JupyterLabAppSetting"),
        "{}",
        error.message
    );
    assert!(
        error.message.contains("JupyterLabAppSettings"),
        "{}",
        error.message
    );
    assert!(desk.writes().is_empty());
}
