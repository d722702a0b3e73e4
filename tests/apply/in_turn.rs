//! Many events for one target in one batch: each is judged in its turn, on what those before it leave.

use std::time::Duration;

use serde_json::{Value, json};
use usher::emulator::{Effect, Fault, World};
use usher::event::Event;
use usher::report::{Cause, Disposition, Outcome, Report};

use crate::support::{AS_THE_EVENT_SAYS, DOMAIN, Desk, event, jane, kx, role_arn, sample_with};

fn outcomes(reports: &[Report]) -> Vec<Outcome> {
    let outcomes = reports.iter().map(|report| report.changes[0].outcome);
    outcomes.collect()
}

fn code(report: &Report) -> Option<&str> {
    let error = report.changes[0].error.as_ref();
    error.map(|error| error.code.as_str())
}

/// Jane's own setting switches the portal off.
fn without_portal() -> World {
    sample_with(|world| {
        let jane = &mut world["sagemaker"]["domains"][DOMAIN]["userProfiles"]["jane-doe"];
        jane["describe"]["UserSettings"]["StudioWebPortal"] = "DISABLED".into();
    })
}

fn landing() -> Value {
    json!({"DefaultLandingUri": "studio::"})
}

fn portal(switch: &str) -> Value {
    json!({"StudioWebPortal": switch})
}

#[tokio::test]
async fn an_event_that_is_sound_only_after_an_earlier_one_is_written_with_it() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, without_portal()).await;
    // Arrival is the other way round: what counts is `at`.
    let events = [
        jane("landing", 2, landing()),
        jane("portal", 1, portal("ENABLED")),
    ];
    let reports = desk.apply(&events).await;
    assert_eq!(outcomes(&reports), [Outcome::Updated, Outcome::Updated]);
    assert_eq!(desk.writes().len(), 1);
    assert_eq!(
        desk.settings_of("jane-doe")["DefaultLandingUri"],
        "studio::"
    );
}

#[tokio::test]
async fn of_equal_times_the_order_of_arrival_tells_what_is_sound() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, without_portal()).await;
    let landing_first = [
        jane("landing", 1, landing()),
        jane("portal", 1, portal("ENABLED")),
    ];
    let reports = desk.apply(&landing_first).await;
    assert_eq!(outcomes(&reports), [Outcome::Failed, Outcome::Updated]);
    assert_eq!(reports[0].changes[0].cause(), Some(Cause::Values));
    assert_eq!(reports[0].disposition, Disposition::Reject);
}

#[tokio::test]
async fn one_that_fails_in_the_middle_fails_alone_and_what_it_wanted_counts_for_nobody() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, without_portal()).await;
    let foreign =
        json!({"ExecutionRole": "arn:aws:iam::999999999999:role/x", "StudioWebPortal": "ENABLED"});
    let notebook = json!({"SharingSettings": {"NotebookOutputOption": "Allowed"}});
    let events = [
        jane("refused", 1, foreign),
        jane("fails without it", 2, landing()),
        jane("goes on", 3, notebook),
        jane("portal", 4, portal("ENABLED")),
        jane("sound by now", 5, landing()),
        jane("contradicts", 6, portal("DISABLED")),
        jane(
            "last",
            7,
            json!({"ExecutionRole": role_arn("studio-rates")}),
        ),
    ];
    let reports = desk.apply(&events).await;
    let (updated, failed) = (Outcome::Updated, Outcome::Failed);
    assert_eq!(
        outcomes(&reports),
        [
            Outcome::Refused,
            failed,
            updated,
            updated,
            updated,
            failed,
            updated
        ]
    );
    assert_eq!(desk.writes().len(), 1);
    let settings = desk.settings_of("jane-doe");
    assert_eq!(settings["DefaultLandingUri"], "studio::");
    assert_eq!(settings["StudioWebPortal"], "ENABLED");
    assert_eq!(settings["ExecutionRole"], role_arn("studio-rates"));
}

#[tokio::test]
async fn a_plan_shows_each_event_what_the_earlier_ones_leave() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, without_portal()).await;
    let events = [
        jane("portal", 1, portal("ENABLED")),
        jane("landing", 2, landing()),
    ];
    let plans = desk.plan(&events).await;
    assert!(plans.iter().all(|plan| plan.changes[0].error.is_none()));
}

/// One rule gives a role to whoever has a certain other one, and nothing to anybody else; another gives it to everyone.
const SWAP: &str = r#"
version: 1
guards:
  roles: ["arn:aws:iam::111122223333:role/kdb-*"]
rules:
  - name: swap
    when: {source: [acme.hr], detail: {from: [{exists: true}]}}
    do:
      - call: finspace:UpdateKxUser
        with:
          environmentId: kx1
          userName: jane-doe
          iamRole: "{% $current.iamRole = detail.from ? detail.to %}"
  - name: set
    when: {source: [acme.hr], detail: {role: [{exists: true}]}}
    do:
      - call: finspace:UpdateKxUser
        with: {environmentId: kx1, userName: jane-doe, iamRole: "{% detail.role %}"}
"#;

fn swap(id: &str, second: u32, from: &str, to: &str) -> Event {
    event(
        id,
        second,
        json!({"from": role_arn(from), "to": role_arn(to)}),
    )
}

fn set(id: &str, second: u32, role: &str) -> Event {
    event(id, second, json!({"role": role_arn(role)}))
}

#[tokio::test]
async fn an_expression_that_finds_nothing_at_aws_finds_what_an_earlier_event_leaves() {
    let desk = Desk::new(SWAP, World::sample()).await;
    let events = [
        set("a", 1, "kdb-a"),
        swap("b", 2, "kdb-a", "kdb-b"),
        swap("not b", 3, "kdb-x", "kdb-y"),
        swap("c", 4, "kdb-b", "kdb-c"),
    ];
    let reports = desk.apply(&events).await;
    let (updated, failed) = (Outcome::Updated, Outcome::Failed);
    assert_eq!(outcomes(&reports), [updated, updated, failed, updated]);
    assert_eq!(code(&reports[2]), Some("expression-nothing"));
    assert_eq!(desk.kx_role("jane-doe"), role_arn("kdb-c"));
    assert_eq!(desk.writes().len(), 1);
}

#[tokio::test]
async fn a_role_that_no_guard_allows_is_refused_before_anything_is_read() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let foreign = json!({"ExecutionRole": "arn:aws:iam::999999999999:role/x"});
    let protected = json!({"profile": "admin-root", "settings": portal("ENABLED")});
    let reports = desk
        .apply(&[
            jane("foreign", 1, foreign),
            event("protected", 1, protected),
        ])
        .await;
    assert_eq!(outcomes(&reports), [Outcome::Refused, Outcome::Refused]);
    assert_eq!(code(&reports[0]), Some("guards.roles"));
    assert_eq!(code(&reports[1]), Some("guards.protected"));
    assert!(desk.emulator.requests().is_empty());
}

#[tokio::test]
async fn what_the_service_takes_only_in_two_requests_is_written_in_two_deliveries() {
    let world = sample_with(|world| {
        let describe = &mut world["sagemaker"]["domains"][DOMAIN]["describe"];
        describe["AppNetworkAccessType"] = "PublicInternetOnly".into();
        describe["AppSecurityGroupManagement"] = "Service".into();
    });
    let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    // AppNetworkAccessType cannot change in a request that brings RStudio (API reference, UpdateDomain).
    let rstudio = json!({"RStudioServerProDomainSettingsForUpdate": {
        "DomainExecutionRoleArn": role_arn("studio-rstudio"),
    }});
    let events = [
        event(
            "rstudio",
            2,
            json!({"domain": DOMAIN, "domainSettings": rstudio}),
        ),
        event("open", 1, json!({"domain": DOMAIN, "network": "VpcOnly"})),
        event("tags", 3, json!({"domain": DOMAIN, "tags": "ENABLED"})),
    ];
    let reports = desk.apply(&events[..2]).await;
    assert_eq!(outcomes(&reports), [Outcome::Failed, Outcome::Updated]);
    assert_eq!(code(&reports[0]), Some("Usher.ByItself"));
    assert_eq!(reports[0].disposition, Disposition::Retry);
    // It comes again, beside a newer one.
    let reports = desk.apply(&[events[0].clone(), events[2].clone()]).await;
    assert_eq!(outcomes(&reports), [Outcome::Updated, Outcome::Updated]);
    assert_eq!(desk.writes().len(), 2);
}

#[tokio::test]
async fn a_later_event_does_not_use_the_client_token_of_an_earlier_one() {
    let desk = Desk::new(AS_THE_EVENT_SAYS, World::sample()).await;
    let own = json!({"kxUser": "jane-doe", "role": role_arn("kdb-a"), "token": "our-token-1"});
    let events = [event("a", 1, own), kx("b", 2, "kdb-b")];
    desk.apply(&events).await;
    let sent = &desk.writes()[0].input;
    assert_eq!(sent["iamRole"], role_arn("kdb-b"));
    assert_ne!(sent["clientToken"], "our-token-1");
}

/// A role for everyone who has one already; whoever has `kdb-other` gets one that no guard allows.
const LATER: &str = r#"
version: 1
guards:
  roles: ["arn:aws:iam::111122223333:role/kdb-*"]
rules:
  - name: later
    when: {source: [acme.hr]}
    do:
      - call: finspace:UpdateKxUser
        with:
          environmentId: kx1
          userName: jane-doe
          iamRole: "{% $contains($string($current.iamRole), 'kdb-other') ? detail.bad : detail.good %}"
"#;

#[tokio::test]
async fn an_event_refused_at_the_second_look_leaves_no_doubt_if_every_request_was_refused_too() {
    let desk = Desk::new(LATER, World::sample()).await;
    let update = "finspace:UpdateKxUser";
    let throttle = Effect::error(429, "ThrottlingException", "Rate exceeded");
    let conflict = Effect::error(409, "ConflictException", "conflict");
    desk.emulator.fault(Fault::new(throttle).on(update));
    desk.emulator
        .fault(Fault::new(Effect::Delay { millis: 400 }).on(update));
    desk.emulator.fault(Fault::new(conflict).on(update));
    let asks = |id: &str, second: u32| {
        let roles = json!({"good": role_arn("kdb-good"), "bad": role_arn("root")});
        event(id, second, roles)
    };
    // While the second attempt is held up, somebody else gives her the role that changes everything.
    let other = desk.meanwhile(2, "kdb-other");
    let ((_, change), ()) = tokio::join!(desk.change(asks("newer", 5)), other);
    assert_eq!(change.outcome, Outcome::Refused);
    // An older event is refused in its own right, not kept waiting for the newer one.
    let (_, change) = desk.change(asks("older", 3)).await;
    assert_eq!(change.outcome, Outcome::Refused);
    desk.emulator.reset();
    let (_, change) = desk.change(asks("older", 3)).await;
    assert_eq!(change.outcome, Outcome::Updated);
}

/// Takes its time for each event.
const SLOW: &str = r#"
version: 1
guards:
  roles: ["arn:aws:iam::111122223333:role/kdb-*"]
rules:
  - name: slow
    when: {source: [acme.hr]}
    do:
      - call: finspace:UpdateKxUser
        with:
          environmentId: kx1
          userName: "{% detail.user %}"
          iamRole: "{% ($n := $count([1..9000][$ % 7 = 0]); $current.iamRole ? detail.role : detail.role) %}"
"#;

#[tokio::test]
async fn a_batch_that_runs_out_of_time_writes_its_older_part_and_leaves_the_newer_to_the_queue() {
    let desk = Desk::new(SLOW, World::sample()).await;
    let events: Vec<_> = (0..1500)
        .map(|n| {
            let detail = json!({"user": "jane-doe", "role": role_arn(&format!("kdb-{n}"))});
            event(&n.to_string(), n, detail)
        })
        .collect();
    let reports = desk.apply_within(Duration::from_secs(3), &events).await;
    let written = reports
        .iter()
        .take_while(|report| report.disposition == Disposition::Done)
        .count();
    assert!(written < events.len());
    for report in &reports[written..] {
        assert_eq!(report.disposition, Disposition::Retry);
        assert_eq!(code(report), Some("Usher.Deadline"));
    }
    match written {
        0 => assert!(desk.writes().is_empty()),
        _ => assert_eq!(
            desk.kx_role("jane-doe"),
            role_arn(&format!("kdb-{}", written - 1))
        ),
    }
}
