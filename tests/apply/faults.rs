//! What goes wrong, how often it is tried again, and how it is reported. Requests are those that the emulator saw.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use usher::emulator::{Effect, Fault, Options, World};
use usher::event::Event;
use usher::report::{Cause, ChangeReport, Disposition, Outcome};

use crate::support::{
    AS_THE_EVENT_SAYS, DOMAIN, Desk, JANE_AT_LAKE, event, jane, kx, role_arn, sample_with,
};

#[derive(Clone, Copy, Debug)]
enum Service {
    SageMaker,
    DataZone,
    FinSpace,
}

use Service::{DataZone, FinSpace, SageMaker};

const ALL: [Service; 3] = [SageMaker, DataZone, FinSpace];

impl Service {
    fn event(self) -> Event {
        match self {
            SageMaker => jane("1", 1, json!({"StudioWebPortal": "ENABLED"})),
            DataZone => event(
                "1",
                1,
                json!({"lakeUser": JANE_AT_LAKE, "status": "NOT_ASSIGNED"}),
            ),
            FinSpace => kx("1", 1, "kdb-rates"),
        }
    }

    fn update(self) -> &'static str {
        match self {
            SageMaker => "sagemaker:UpdateUserProfile",
            DataZone => "datazone:UpdateUserProfile",
            FinSpace => "finspace:UpdateKxUser",
        }
    }

    /// A SageMaker throttle is HTTP 400 (aws-cli#7596).
    fn throttle(self) -> Effect {
        let status = match self {
            SageMaker => 400,
            DataZone | FinSpace => 429,
        };
        Effect::error(status, "ThrottlingException", "Rate exceeded")
    }

    fn is_done(self, desk: &Desk) -> bool {
        match self {
            SageMaker => desk.settings_of("jane-doe")["StudioWebPortal"] == "ENABLED",
            DataZone => {
                let world = serde_json::to_value(desk.emulator.world()).expect("JSON");
                world["datazone"]["domains"]["dzd_4rv6k2"]["userProfiles"][JANE_AT_LAKE]["status"]
                    == "NOT_ASSIGNED"
            }
            FinSpace => desk.kx_role("jane-doe") == role_arn("kdb-rates"),
        }
    }
}

async fn desk() -> Desk {
    Desk::new(AS_THE_EVENT_SAYS, World::sample()).await
}

/// One event while `fault` is in force on the service's update.
async fn with_fault(service: Service, fault: Fault) -> (Desk, Disposition, ChangeReport) {
    let desk = desk().await;
    desk.emulator.fault(fault.on(service.update()));
    let (report, change) = desk.change(service.event()).await;
    (desk, report.disposition, change)
}

fn code(change: &ChangeReport) -> &str {
    change
        .error
        .as_ref()
        .map_or("", |error| error.code.as_str())
}

#[tokio::test]
async fn a_throttle_is_tried_again_on_every_service_alike() {
    for service in ALL {
        let fault = Fault::new(service.throttle()).times(2);
        let (desk, disposition, change) = with_fault(service, fault).await;
        assert_eq!(disposition, Disposition::Done, "{service:?}");
        assert_eq!(
            (change.outcome, change.attempts),
            (Outcome::Updated, 3),
            "{service:?}"
        );
        assert_eq!(desk.writes().len(), 3, "{service:?}");
        assert_eq!(change.throttles, 2, "{service:?}");
        assert!(service.is_done(&desk));
    }
}

#[tokio::test]
async fn a_throttle_without_end_is_left_to_the_queue_with_the_services_own_code() {
    for service in ALL {
        let desk = desk().await;
        let fault = Fault::new(service.throttle()).on(service.update());
        desk.emulator.fault(fault.always());
        let time = Duration::from_millis(1500);
        let reports = desk.apply_within(time, &[service.event()]).await;
        assert_eq!(reports[0].disposition, Disposition::Retry, "{service:?}");
        let change = &reports[0].changes[0];
        assert_eq!(code(change), "ThrottlingException");
        assert_eq!(change.cause(), Some(Cause::Unfinished));
        assert_eq!(change.attempts, change.throttles, "{service:?}");
        let sent = desk.writes().len();
        assert_eq!(usize::try_from(change.attempts), Ok(sent), "{service:?}");
    }
}

#[tokio::test]
async fn five_hundreds_are_tried_again() {
    for (service, status, code) in [
        (SageMaker, 500, "InternalFailure"),
        (SageMaker, 503, "ServiceUnavailable"),
        (DataZone, 500, "InternalServerException"),
        (FinSpace, 500, "InternalServerException"),
        (FinSpace, 503, "Unavailable"),
    ] {
        let fault = Fault::new(Effect::error(status, code, "sorry")).times(2);
        let (desk, disposition, change) = with_fault(service, fault).await;
        assert_eq!(disposition, Disposition::Done, "{service:?} {status}");
        assert_eq!(
            (change.attempts, desk.writes().len()),
            (3, 3),
            "{service:?} {status}"
        );
        assert!(service.is_done(&desk));
    }
}

#[tokio::test]
async fn a_lost_or_unreadable_answer_is_tried_again_whether_the_change_was_made_or_not() {
    for service in ALL {
        for commit in [false, true] {
            for effect in [
                Effect::Reset { commit },
                Effect::Truncate { commit },
                Effect::Garbage { commit },
                Effect::Empty { commit },
            ] {
                let name = format!("{service:?} {effect:?}");
                let (desk, disposition, change) = with_fault(service, Fault::new(effect)).await;
                assert_eq!(disposition, Disposition::Done, "{name}: {}", code(&change));
                assert_eq!(
                    (change.outcome, change.attempts),
                    (Outcome::Updated, 2),
                    "{name}"
                );
                assert_eq!(change.members.len(), 1, "{name}");
                assert_eq!(desk.writes().len(), 2, "{name}");
                assert!(service.is_done(&desk), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn what_will_be_refused_again_is_asked_once() {
    let refusals = [
        (SageMaker, 400, "ResourceLimitExceeded", Cause::Service),
        (SageMaker, 400, "ValidationException", Cause::Service),
        (SageMaker, 400, "AccessDeniedException", Cause::Service),
        (SageMaker, 400, "ResourceNotFound", Cause::NoSuchTarget),
        (DataZone, 400, "ValidationException", Cause::Service),
        (DataZone, 403, "AccessDeniedException", Cause::Service),
        (DataZone, 401, "UnauthorizedException", Cause::Service),
        (
            DataZone,
            404,
            "ResourceNotFoundException",
            Cause::NoSuchTarget,
        ),
        (FinSpace, 400, "LimitExceededException", Cause::Service),
        (FinSpace, 400, "ValidationException", Cause::Service),
        (FinSpace, 403, "AccessDeniedException", Cause::Service),
        (
            FinSpace,
            404,
            "ResourceNotFoundException",
            Cause::NoSuchTarget,
        ),
    ];
    for (service, status, name, cause) in refusals {
        let fault = Fault::new(Effect::error(status, name, "no")).always();
        let (desk, disposition, change) = with_fault(service, fault).await;
        assert_eq!(disposition, Disposition::Reject, "{service:?} {name}");
        assert_eq!(
            (change.attempts, desk.writes().len()),
            (1, 1),
            "{service:?} {name}"
        );
        assert_eq!(
            (code(&change), change.cause()),
            (name, Some(cause)),
            "{service:?}"
        );
        assert_eq!(change.error.map(|error| error.retryable), Some(false));
        assert!(!service.is_done(&desk));
    }
}

#[tokio::test]
async fn what_does_not_exist_is_rejected_and_never_written() {
    let desk = desk().await;
    let nobody = [
        event(
            "1",
            1,
            json!({"profile": "nobody", "settings": {"StudioWebPortal": "ENABLED"}}),
        ),
        event("2", 1, json!({"domain": "d-nowhere", "tags": "ENABLED"})),
        event("3", 1, json!({"lakeUser": "nobody", "status": "ASSIGNED"})),
        event(
            "4",
            1,
            json!({"kxUser": "nobody", "role": role_arn("kdb-rates")}),
        ),
    ];
    for report in desk.apply(&nobody).await {
        assert_eq!(report.disposition, Disposition::Reject);
        assert_eq!(report.changes[0].cause(), Some(Cause::NoSuchTarget));
        assert_eq!(report.changes[0].attempts, 0);
    }
    assert!(desk.writes().is_empty());
}

#[tokio::test]
async fn a_resource_in_use_is_waited_for() {
    let fault = Fault::new(Effect::error(400, "ResourceInUse", "in use")).times(2);
    let (desk, disposition, change) = with_fault(SageMaker, fault).await;
    assert_eq!(disposition, Disposition::Done);
    assert_eq!((change.outcome, change.attempts), (Outcome::Updated, 3));
    // It is read again before each write.
    assert_eq!((desk.reads(), desk.writes().len()), (3, 3));
}

#[tokio::test]
async fn a_profile_that_is_being_changed_is_waited_for() {
    let options = Options {
        settle: Duration::from_millis(400),
        ..Options::default()
    };
    let desk = Desk::with(AS_THE_EVENT_SAYS, World::sample(), options).await;
    desk.apply(&[jane("1", 1, json!({"StudioWebPortal": "ENABLED"}))])
        .await;
    let sharing = json!({"SharingSettings": {"NotebookOutputOption": "Allowed"}});
    let (_, change) = desk.change(jane("2", 2, sharing)).await;
    assert_eq!((change.outcome, change.attempts), (Outcome::Updated, 1));
    assert_eq!(
        desk.writes().len(),
        2,
        "nothing is written while it is Updating"
    );
    assert!(desk.reads() > 2);
}

#[tokio::test]
async fn a_conflict_is_read_again_and_then_decided() {
    let conflict = || Fault::new(Effect::error(409, "ConflictException", "conflict"));
    let (desk, disposition, change) = with_fault(FinSpace, conflict()).await;
    assert_eq!(disposition, Disposition::Done);
    assert_eq!((change.outcome, change.attempts), (Outcome::Updated, 2));
    assert_eq!((desk.reads(), desk.writes().len()), (2, 2));
}

#[tokio::test]
async fn a_conflict_after_which_the_role_is_right_leaves_nothing_to_write() {
    let desk = desk().await;
    let conflict = Effect::error(409, "ConflictException", "conflict");
    // Two requests that arrive together: the first is held up and then refused, while the second, of somebody else, is done.
    desk.emulator
        .fault(Fault::new(Effect::Delay { millis: 400 }).on(FinSpace.update()));
    desk.emulator
        .fault(Fault::new(conflict).on(FinSpace.update()));
    let other = desk.meanwhile(1, "kdb-rates");
    let ((_, change), ()) = tokio::join!(desk.change(FinSpace.event()), other);
    assert_eq!((change.outcome, change.attempts), (Outcome::Unchanged, 1));
    assert!(change.members.is_empty());
    assert_eq!((desk.reads(), desk.writes().len()), (2, 2));
}

#[tokio::test]
async fn apps_in_service_end_as_retry_after_one_request() {
    let world =
        sample_with(|world| world["sagemaker"]["domains"][DOMAIN]["runningApps"] = 1.into());
    let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    let detail =
        json!({"domain": DOMAIN, "userDefaults": {"ExecutionRole": role_arn("studio-new")}});
    let (report, change) = desk.change(event("1", 1, detail)).await;
    assert_eq!(report.disposition, Disposition::Retry);
    assert_eq!(
        (code(&change), change.cause()),
        ("ValidationException", Some(Cause::Busy))
    );
    assert_eq!((change.attempts, desk.writes().len()), (1, 1));
}

#[tokio::test]
async fn a_stall_ends_at_the_deadline_as_retry_and_what_is_finished_is_reported_as_finished() {
    let desk = desk().await;
    let stall = Effect::Stall { commit: false };
    desk.emulator
        .fault(Fault::new(stall).on(FinSpace.update()).always());
    let started = Instant::now();
    let reports = desk
        .apply_within(
            Duration::from_millis(1500),
            &[FinSpace.event(), SageMaker.event()],
        )
        .await;
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "the attempt's own timeout is longer"
    );
    assert_eq!(reports[0].disposition, Disposition::Retry);
    let stalled = &reports[0].changes[0];
    assert_eq!(
        (code(stalled), stalled.cause()),
        ("Usher.Deadline", Some(Cause::Unfinished))
    );
    assert_eq!(stalled.attempts, 1);
    assert_eq!(reports[1].disposition, Disposition::Done);
    assert!(SageMaker.is_done(&desk));
}

#[tokio::test]
async fn after_the_deadline_nothing_is_called() {
    let desk = desk().await;
    let events = [SageMaker.event(), DataZone.event(), FinSpace.event()];
    let reports = desk.apply_within(Duration::ZERO, &events).await;
    for report in &reports {
        assert_eq!(report.disposition, Disposition::Retry);
        assert_eq!(code(&report.changes[0]), "Usher.Deadline");
        assert_eq!(report.changes[0].attempts, 0);
    }
    assert!(desk.emulator.requests().is_empty());
}

#[tokio::test]
async fn a_delay_that_would_take_beyond_the_deadline_is_not_begun() {
    let desk = desk().await;
    let slow = Effect::Error {
        status: 429,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        headers: BTreeMap::from([("x-amz-retry-after".to_owned(), "20000".to_owned())]),
    };
    desk.emulator
        .fault(Fault::new(slow).on(DataZone.update()).always());
    let reports = desk
        .apply_within(Duration::from_millis(1500), &[DataZone.event()])
        .await;
    assert_eq!(reports[0].disposition, Disposition::Retry);
    assert_eq!(code(&reports[0].changes[0]), "ThrottlingException");
    assert_eq!(
        desk.writes().len(),
        1,
        "the delay of 20 s was kept, not the backoff of 200 ms"
    );
}

#[tokio::test]
async fn a_profile_that_stays_busy_ends_as_retry() {
    let world = sample_with(|world| {
        world["sagemaker"]["domains"][DOMAIN]["userProfiles"]["jane-doe"]["describe"]["Status"] =
            "Updating".into();
    });
    let desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    let reports = desk
        .apply_within(Duration::from_millis(1200), &[SageMaker.event()])
        .await;
    assert_eq!(reports[0].disposition, Disposition::Retry);
    assert_eq!(code(&reports[0].changes[0]), "Usher.Updating");
    assert_eq!(reports[0].changes[0].cause(), Some(Cause::Busy));
    assert!(desk.writes().is_empty());
}

#[tokio::test]
async fn settling_waits_until_the_profile_is_in_service() {
    let options = Options {
        settle: Duration::from_millis(500),
        ..Options::default()
    };
    let mut desk = Desk::with(AS_THE_EVENT_SAYS, World::sample(), options).await;
    desk.usher.settle = true;
    let started = Instant::now();
    let (_, change) = desk.change(SageMaker.event()).await;
    assert_eq!(change.outcome, Outcome::Updated);
    assert!(started.elapsed() >= Duration::from_millis(500));
    let world = serde_json::to_value(desk.emulator.world()).expect("JSON");
    let profile = &world["sagemaker"]["domains"][DOMAIN]["userProfiles"]["jane-doe"];
    assert_eq!(profile["describe"]["Status"], "InService");
}

#[tokio::test]
async fn an_update_that_fails_while_it_settles_is_reported_with_its_reason() {
    let world = sample_with(|world| {
        world["sagemaker"]["domains"][DOMAIN]["userProfiles"]["jane-doe"]["failNextUpdate"] =
            "no such subnet".into();
    });
    let mut desk = Desk::new(AS_THE_EVENT_SAYS, world).await;
    desk.usher.settle = true;
    let (report, change) = desk.change(SageMaker.event()).await;
    assert_eq!(
        (report.disposition, change.outcome),
        (Disposition::Reject, Outcome::Failed)
    );
    assert_eq!(code(&change), "Update_Failed");
    assert_eq!(
        change.error.map(|error| error.message).as_deref(),
        Some("no such subnet")
    );
}

#[tokio::test]
async fn a_rule_can_ask_to_settle() {
    let rules = AS_THE_EVENT_SAYS.replace(
        "- call: sagemaker:UpdateUserProfile\n",
        "- call: sagemaker:UpdateUserProfile\n        settle: wait\n",
    );
    let options = Options {
        settle: Duration::from_millis(300),
        ..Options::default()
    };
    let desk = Desk::with(&rules, World::sample(), options).await;
    desk.change(SageMaker.event()).await;
    assert!(desk.reads() > 1, "it was read until it was InService");
}

#[tokio::test]
async fn a_read_that_fails_is_reported_like_a_write_that_fails_and_nothing_is_written() {
    let denied = || Effect::error(400, "AccessDeniedException", "not allowed");
    for (effect, requests, code, disposition) in [
        (denied(), 1, "AccessDeniedException", Disposition::Reject),
        (
            Effect::Garbage { commit: false },
            5,
            "Usher.Unreadable",
            Disposition::Retry,
        ),
    ] {
        let desk = desk().await;
        desk.emulator
            .fault(Fault::new(effect).on("sagemaker:Describe*").always());
        let (report, change) = desk.change(SageMaker.event()).await;
        assert_eq!(
            (report.disposition, self::code(&change)),
            (disposition, code)
        );
        assert_eq!(
            (desk.reads(), desk.writes().len(), change.attempts),
            (requests, 0, 0)
        );
    }
}

#[tokio::test]
async fn a_read_that_fails_now_and_then_is_repeated() {
    for service in ALL {
        let desk = desk().await;
        for effect in [
            service.throttle(),
            Effect::Reset { commit: false },
            Effect::Empty { commit: false },
        ] {
            let reads = format!(
                "{}:*Get*",
                service.update().split(':').next().unwrap_or_default()
            );
            let reads = match service {
                SageMaker => "sagemaker:Describe*".to_owned(),
                DataZone | FinSpace => reads,
            };
            desk.emulator.fault(Fault::new(effect).on(&reads));
        }
        let (_, change) = desk.change(service.event()).await;
        assert_eq!(
            (change.outcome, change.attempts),
            (Outcome::Updated, 1),
            "{service:?}"
        );
        assert_eq!((desk.reads(), desk.writes().len()), (4, 1), "{service:?}");
    }
}

#[tokio::test]
async fn a_client_token_of_the_rules_own_that_was_used_for_another_role_ends_as_retry() {
    let desk = desk().await;
    let with_token = |id: &str, second, role: &str| {
        let detail = json!({"kxUser": "jane-doe", "role": role_arn(role), "token": "ticket-4711"});
        event(id, second, detail)
    };
    desk.apply(&[with_token("1", 1, "kdb-a")]).await;
    let (report, change) = desk.change(with_token("2", 2, "kdb-b")).await;
    assert_eq!(report.disposition, Disposition::Retry);
    assert_eq!(
        (code(&change), change.cause()),
        ("ConflictException", Some(Cause::Busy))
    );
    assert_eq!((change.attempts, desk.writes().len()), (6, 7));
    assert_eq!(desk.kx_role("jane-doe"), role_arn("kdb-a"));
}
