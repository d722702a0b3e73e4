//! Many events at once: one read and one write for each target, and each event its own report.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use usher::apply::{Deadline, Invocation};
use usher::emulator::{Effect, Fault, Options, World};
use usher::report::{Cause, Disposition, Outcome, Report};

use crate::support::{
    AS_THE_EVENT_SAYS, DOMAIN, Desk, JANE_AT_LAKE, LONG, event, jane, kx, role_arn, sample_with,
    taken,
};

fn output(option: &str) -> Value {
    json!({"SharingSettings": {"NotebookOutputOption": option}})
}

#[tokio::test]
async fn ten_events_for_one_person_become_one_read_and_one_write_for_each_target() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    // In another order than they happened.
    let seconds = [3, 1, 9, 7, 0, 8, 2, 6, 4, 5];
    let events: Vec<_> = seconds
        .iter()
        .map(|second| {
            let detail = json!({
                "profile": "jane-doe",
                "settings": {"ExecutionRole": role_arn(&format!("studio-{second}"))},
                "kxUser": "jane-doe",
                "role": role_arn(&format!("kdb-{second}")),
                "lakeUser": JANE_AT_LAKE,
                "status": if second % 2 == 1 { "NOT_ASSIGNED" } else { "ASSIGNED" },
            });
            event(&format!("event-{second}"), *second, detail)
        })
        .collect();
    let reports = desk.apply(&events).await;
    assert_eq!((desk.reads(), desk.writes().len()), (3, 3));
    for (report, event) in reports.iter().zip(&events) {
        assert_eq!(report.event.id, event.id());
        assert_eq!(report.disposition, Disposition::Done);
        assert_eq!(report.changes.len(), 3);
        assert!(
            report
                .changes
                .iter()
                .all(|change| change.outcome == Outcome::Updated)
        );
    }
    assert_eq!(desk.kx_role("jane-doe"), role_arn("kdb-9"));
    assert_eq!(
        desk.settings_of("jane-doe")["ExecutionRole"],
        role_arn("studio-9")
    );
}

/// Each event adds to what the profile has.
const GROWING: &str = r#"
version: 1
rules:
  - name: growing
    when: {source: [acme.hr]}
    do:
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: d-abc123def456
          UserProfileName: jane-doe
          UserSettings:
            JupyterLabAppSettings:
              LifecycleConfigArns: "{% $append($current.UserSettings.JupyterLabAppSettings.LifecycleConfigArns, detail.arn) %}"
"#;

#[tokio::test]
async fn what_a_later_event_finds_is_what_the_earlier_ones_leave() {
    let arn = |name: &str| {
        format!("arn:aws:sagemaker:eu-central-1:111122223333:studio-lifecycle-config/{name}")
    };
    let desk = Desk::new(GROWING, World::sample()).await;
    let events = [(2, "second"), (1, "first")]
        .map(|(second, name)| event(name, second, json!({"arn": arn(name)})));
    desk.apply(&events).await;
    assert_eq!(desk.writes().len(), 1);
    assert_eq!(
        desk.settings_of("jane-doe")["JupyterLabAppSettings"]["LifecycleConfigArns"],
        json!([arn("welcome"), arn("first"), arn("second")])
    );
}

#[tokio::test]
async fn an_older_event_later_is_stale_and_an_older_one_beside_a_newer_one_too() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    desk.apply(&[jane("5", 5, output("Allowed"))]).await;
    let late = desk.apply(&[jane("3", 3, output("Disabled"))]).await;
    assert_eq!(late[0].changes[0].outcome, Outcome::Stale);
    assert_eq!(late[0].disposition, Disposition::Done);
    let portal = json!({"StudioWebPortal": "ENABLED"});
    let both = desk
        .apply(&[jane("4", 4, output("Disabled")), jane("6", 6, portal)])
        .await;
    let outcomes = both.iter().map(|report| report.changes[0].outcome);
    assert!(outcomes.eq([Outcome::Stale, Outcome::Updated]));
    let settings = desk.settings_of("jane-doe");
    assert_eq!(
        settings["SharingSettings"]["NotebookOutputOption"],
        "Allowed"
    );
    assert_eq!(settings["StudioWebPortal"], "ENABLED");
}

#[tokio::test]
async fn an_event_in_whose_place_a_newer_one_was_refused_is_not_stale() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let foreign = json!({"ExecutionRole": "arn:aws:iam::999999999999:role/x"});
    let reports = desk
        .apply(&[jane("1", 1, output("Allowed")), jane("3", 3, foreign)])
        .await;
    let outcomes = reports.iter().map(|report| report.changes[0].outcome);
    assert!(outcomes.eq([Outcome::Updated, Outcome::Refused]));
    let (_, change) = desk.change(jane("2", 2, output("Disabled"))).await;
    assert_eq!(change.outcome, Outcome::Updated);
    assert_eq!(
        desk.settings_of("jane-doe")["SharingSettings"]["NotebookOutputOption"],
        "Disabled"
    );
}

#[tokio::test]
async fn a_domain_is_written_before_the_profiles_in_it() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let events = [
        jane("1", 1, output("Allowed")),
        event("2", 2, json!({"domain": DOMAIN, "tags": "ENABLED"})),
    ];
    desk.apply(&events).await;
    let order: Vec<_> = desk.writes().iter().map(|write| write.operation).collect();
    assert_eq!(order, ["UpdateDomain", "UpdateUserProfile"]);
}

#[tokio::test]
async fn sso_profiles_of_one_lake_are_changed_one_at_a_time_by_all_invocations_together() {
    let people = 6;
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let world = sample_with(|world| {
        world["datazone"]["ssoMillis"] = 40.into();
        for n in 0..people {
            world["datazone"]["domains"]["dzd_4rv6k2"]["userProfiles"][id(n)] =
                json!({"status": "ASSIGNED", "details": {"sso": {"username": format!("user{n}")}}});
        }
    });
    let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    let events: Vec<_> = (0..people)
        .map(|n| {
            event(
                &id(n),
                n,
                json!({"lakeUser": id(n), "status": "NOT_ASSIGNED"}),
            )
        })
        .collect();
    let (some, others) = events.split_at(3);
    let (some, others) = tokio::join!(desk.apply(some), desk.apply(others));
    let mut reports = some.iter().chain(&others);
    assert!(reports.all(|report| report.disposition == Disposition::Done));
    let writes = desk.writes();
    assert_eq!(writes.len(), 6, "no collision, so no repetition");
    assert!(writes.iter().all(|write| write.status == Some(200)));
}

#[tokio::test]
async fn no_more_targets_are_handled_at_a_time_than_the_setting_says() {
    let world = sample_with(|world| {
        for n in 0..8 {
            world["finspace"]["environments"]["kx1"]["users"][format!("u{n}")] =
                json!({"iamRole": role_arn("kdb-base")});
        }
    });
    let latency = Duration::from_millis(60);
    let options = Options {
        latency,
        ..Options::default()
    };
    let mut desk = Desk::with(AS_THE_EVENT_SAYS, world, options).await;
    desk.usher.concurrency = 2;
    let events: Vec<_> = (0..8)
        .map(|n| {
            let detail = json!({"kxUser": format!("u{n}"), "role": role_arn("kdb-rates")});
            event(&n.to_string(), n, detail)
        })
        .collect();
    let started = std::time::Instant::now();
    let reports = desk.apply(&events).await;
    // Eight targets, two requests each, two at a time.
    assert!(started.elapsed() >= latency * 8);
    assert!(
        reports
            .iter()
            .all(|report| report.disposition == Disposition::Done)
    );
}

#[tokio::test]
async fn bad_values_and_refusals_of_one_event_spoil_no_other_on_the_same_target() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let events = [
        jane("good", 1, output("Allowed")),
        jane(
            "bad",
            2,
            json!({"SharingSettings": {"NotebookOutputOption": "Perhaps"}}),
        ),
        jane(
            "foreign",
            3,
            json!({"ExecutionRole": "arn:aws:iam::999999999999:role/x"}),
        ),
        jane("also good", 4, json!({"StudioWebPortal": "ENABLED"})),
    ];
    let reports = desk.apply(&events).await;
    let outcomes: Vec<_> = reports
        .iter()
        .map(|report| report.changes[0].outcome)
        .collect();
    let (updated, failed, refused) = (Outcome::Updated, Outcome::Failed, Outcome::Refused);
    assert_eq!(outcomes, [updated, failed, refused, updated]);
    assert_eq!(reports[1].changes[0].cause(), Some(Cause::Values));
    // Wrong values and a role that no guard allows are known without a look at the target.
    assert_eq!((desk.reads(), desk.writes().len()), (1, 1));
    let settings = desk.settings_of("jane-doe");
    assert_eq!(
        settings["SharingSettings"]["NotebookOutputOption"],
        "Allowed"
    );
    assert_eq!(settings["StudioWebPortal"], "ENABLED");
    assert_eq!(settings["ExecutionRole"], role_arn("studio-base"));
}

#[tokio::test]
async fn of_two_events_that_contradict_each_other_the_later_is_left_out_as_if_they_had_come_apart()
{
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let events = [
        jane(
            "1",
            1,
            json!({"DefaultLandingUri": "studio::", "StudioWebPortal": "ENABLED"}),
        ),
        jane("2", 2, json!({"StudioWebPortal": "DISABLED"})),
    ];
    let reports = desk.apply(&events).await;
    let outcomes = reports.iter().map(|report| report.changes[0].outcome);
    assert!(outcomes.eq([Outcome::Updated, Outcome::Failed]));
    assert_eq!(reports[1].changes[0].cause(), Some(Cause::Values));
    assert_eq!(desk.settings_of("jane-doe")["StudioWebPortal"], "ENABLED");
}

const BY_NAME: &str = r#"
version: 1
rules:
  - name: everyone
    when: {source: [acme.hr]}
    do:
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: d-abc123def456
          UserProfileName: "{% $profileName(detail.name) %}"
          UserSettings: {SharingSettings: {NotebookOutputOption: Allowed}}
"#;

#[tokio::test]
async fn two_people_whose_names_become_one_are_both_refused() {
    let desk = Desk::new(BY_NAME, World::sample()).await;
    let person = |name: &str| {
        taken(
            json!({"id": name, "source": "acme.hr", "detail-type": "x", "detail": {"name": name}}),
        )
    };
    let reports = desk
        .apply(&[
            person("jane.doe"),
            person("jane_doe"),
            person("max.mustermann"),
        ])
        .await;
    let outcomes = reports.iter().map(|report| report.changes[0].outcome);
    assert!(outcomes.eq([Outcome::Refused, Outcome::Refused, Outcome::Updated]));
    assert_eq!(
        reports[0].changes[0]
            .error
            .as_ref()
            .map(|e| e.code.as_str()),
        Some("names")
    );
    assert_eq!(reports[0].disposition, Disposition::Reject);
    assert_eq!(desk.writes().len(), 1);
}

#[tokio::test]
async fn a_role_outside_of_the_guard_is_refused_and_nothing_is_written() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let foreign = json!({
        "SharingSettings": {"NotebookOutputOption": "Allowed"},
        "ExecutionRole": "arn:aws:iam::999999999999:role/x",
    });
    let (report, change) = desk.change(jane("1", 1, foreign)).await;
    assert_eq!(
        (report.disposition, change.outcome),
        (Disposition::Reject, Outcome::Refused)
    );
    assert_eq!(
        change.error.map(|error| error.code).as_deref(),
        Some("guards.roles")
    );
    assert!(desk.writes().is_empty());
}

#[tokio::test]
async fn a_protected_profile_is_refused_in_whatever_case_it_is_written() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    for name in ["admin-root", "ADMIN-Root"] {
        let detail = json!({"profile": name, "settings": output("Allowed")});
        let (_, change) = desk.change(event(name, 1, detail)).await;
        assert_eq!(change.outcome, Outcome::Refused, "{name}");
    }
    assert!(desk.writes().is_empty());
}

#[tokio::test]
async fn a_protected_lake_user_is_refused_under_every_name_that_the_service_takes() {
    let steward = "c1e8a7b3-92f4-4d06-b5e1-7a3c9d0f2e64";
    let arn = "arn:aws:iam::111122223333:role/data-steward";
    let protections = [
        (steward, [steward, arn]),
        (arn, [steward, arn]),
        (JANE_AT_LAKE, [JANE_AT_LAKE, "jane.doe"]),
        ("jane.doe", [JANE_AT_LAKE, "jane.doe"]),
    ];
    for (protected, names) in protections {
        let glob = format!("protected: [\"datazone:user-profile/*/{protected}\"]");
        let rules =
            AS_THE_EVENT_SAYS.replace("protected: [\"sagemaker:user-profile/*/admin-*\"]", &glob);
        let desk = Desk::new(&rules, World::sample()).await;
        for name in names {
            let detail = json!({"lakeUser": name, "status": "DEACTIVATED"});
            let detail = match name == steward || name == arn {
                true => detail,
                false => json!({"lakeUser": name, "status": "NOT_ASSIGNED"}),
            };
            let (_, change) = desk.change(event(name, 1, detail)).await;
            assert_eq!(change.outcome, Outcome::Refused, "{protected} as {name}");
        }
        assert!(desk.writes().is_empty());
    }
}

#[tokio::test]
async fn one_target_that_fails_does_not_stop_the_others() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let denied = Effect::error(403, "AccessDeniedException", "not allowed");
    desk.emulator
        .fault(Fault::new(denied).on("finspace:UpdateKxUser").always());
    let reports = desk
        .apply(&[kx("1", 1, "kdb-rates"), jane("2", 2, output("Allowed"))])
        .await;
    assert_eq!(reports[0].disposition, Disposition::Reject);
    assert_eq!(reports[1].disposition, Disposition::Done);
}

#[tokio::test]
async fn an_invocation_waits_for_another_one_that_is_changing_the_target() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let slow = Fault::new(Effect::Delay { millis: 400 });
    desk.emulator.fault(slow.on("sagemaker:UpdateUserProfile"));
    let first = async { desk.apply(&[jane("1", 1, output("Allowed"))]).await };
    let second = async {
        while desk.writes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        desk.apply(&[jane("2", 2, output("Disabled"))]).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first[0].changes[0].outcome, Outcome::Updated);
    assert_eq!(second[0].changes[0].outcome, Outcome::Updated);
    let operations: Vec<_> = desk
        .emulator
        .requests()
        .iter()
        .map(|r| r.operation)
        .collect();
    let (read, write) = ("DescribeUserProfile", "UpdateUserProfile");
    assert_eq!(
        operations,
        [read, write, read, write],
        "the second reads after the first is done"
    );
    assert_eq!(
        desk.settings_of("jane-doe")["SharingSettings"]["NotebookOutputOption"],
        "Disabled"
    );
}

#[tokio::test]
async fn who_waits_in_vain_for_another_invocation_ends_as_retry_and_has_called_nothing() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let slow = Fault::new(Effect::Delay { millis: 2000 });
    desk.emulator.fault(slow.on("sagemaker:UpdateUserProfile"));
    let first = async { desk.apply(&[jane("1", 1, output("Allowed"))]).await };
    let second = async {
        while desk.writes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let events = [jane("2", 2, output("Disabled"))];
        desk.apply_within(Duration::from_millis(600), &events).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first[0].disposition, Disposition::Done);
    assert_eq!(second[0].disposition, Disposition::Retry);
    let error = second[0].changes[0].error.as_ref().expect("a reason");
    assert_eq!(
        (error.code.as_str(), error.cause),
        ("Usher.Busy", Cause::Busy)
    );
    assert_eq!((desk.reads(), desk.writes().len()), (1, 1));
}

#[tokio::test]
async fn after_a_lost_answer_older_events_wait_until_the_newer_one_has_come_again() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let lost = Effect::Stall { commit: true };
    desk.emulator
        .fault(Fault::new(lost).on("finspace:UpdateKxUser"));
    let newer = || kx("newer", 5, "kdb-new");
    let reports = desk
        .apply_within(Duration::from_millis(800), &[newer()])
        .await;
    assert_eq!(reports[0].disposition, Disposition::Retry);

    let (report, change) = desk.change(kx("older", 3, "kdb-old")).await;
    assert_eq!(report.disposition, Disposition::Retry);
    assert_eq!(
        change.error.map(|error| error.code).as_deref(),
        Some("Usher.InDoubt")
    );
    assert_eq!(desk.kx_role("jane-doe"), role_arn("kdb-new"));

    // Beside an event that is newer still, it must wait too.
    let mixed = [kx("older", 3, "kdb-old"), kx("newest", 7, "kdb-new")];
    let reports = desk.apply(&mixed).await;
    let outcomes = reports.iter().map(|report| report.changes[0].outcome);
    assert!(outcomes.eq([Outcome::Failed, Outcome::Unchanged]));
    assert_eq!(reports[0].disposition, Disposition::Retry);

    let (_, change) = desk.change(newer()).await;
    assert_eq!(change.outcome, Outcome::Stale);
    let (_, change) = desk.change(kx("older", 3, "kdb-old")).await;
    assert_eq!(change.outcome, Outcome::Stale);
    assert_eq!(desk.kx_role("jane-doe"), role_arn("kdb-new"));
}

#[tokio::test]
async fn a_refused_change_leaves_no_doubt_so_an_older_event_can_go_on() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let denied = Effect::error(403, "AccessDeniedException", "not allowed");
    desk.emulator
        .fault(Fault::new(denied).on("finspace:UpdateKxUser"));
    let (_, change) = desk.change(kx("newer", 5, "kdb-new")).await;
    assert_eq!(change.outcome, Outcome::Failed);
    let (_, change) = desk.change(kx("older", 3, "kdb-old")).await;
    assert_eq!(change.outcome, Outcome::Updated);
}

/// A large batch must not keep the reports of those who are done until the last one is.
#[tokio::test]
async fn an_event_is_told_of_as_soon_as_its_own_changes_have_ended() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let slow = Effect::Delay { millis: 300 };
    desk.emulator
        .fault(Fault::new(slow).on("finspace:UpdateKxUser"));
    let mut events = [
        kx("slow", 1, "kdb-rates"),
        jane("quick", 2, output("Allowed")),
        event("for nobody", 3, json!({})),
    ];
    let invocation = Invocation {
        id: "attempt",
        deadline: Deadline::after(LONG),
        now: &OffsetDateTime::now_utc,
    };
    let mut told = Vec::new();
    let tell = |position, report: Report| {
        told.push((position, report.event.id, report.changes.len()));
    };
    desk.usher.apply_each(&mut events, &invocation, tell).await;
    let told: Vec<_> = told
        .iter()
        .map(|(position, id, changes)| (*position, id.as_str(), *changes))
        .collect();
    assert_eq!(
        told,
        [(2, "for nobody", 0), (1, "quick", 1), (0, "slow", 1)]
    );
}
