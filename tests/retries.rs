//! Retries where time matters, on a virtual clock: a sleep notes what it was asked for, moves the clock and returns at once. Requests
//! are those that the emulator saw.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use serde_json::{Value, json};
use usher::api::Operation;
use usher::aws::{Class, Place, ReadHints, ServiceError, Services, configure};
use usher::call::{Input, Target};
use usher::emulator::{Clock, Effect, Emulator, Fault, ManualClock, Options, World};

/// Time that passes only where it is slept.
#[derive(Clone, Debug)]
struct Virtual(Arc<Mutex<Passed>>);

#[derive(Debug)]
struct Passed {
    now: SystemTime,
    /// When each sleep began, and how long it was.
    slept: Vec<(SystemTime, Duration)>,
    emulator: ManualClock,
}

impl AsyncSleep for Virtual {
    fn sleep(&self, duration: Duration) -> Sleep {
        let passed = Arc::clone(&self.0);
        Sleep::new(async move {
            let mut passed = passed.lock().expect("nobody panicked");
            let began = passed.now;
            passed.now += duration;
            passed.slept.push((began, duration));
            passed.emulator.advance(duration);
        })
    }
}

impl TimeSource for Virtual {
    fn now(&self) -> SystemTime {
        self.0.lock().expect("nobody panicked").now
    }
}

/// The services' clients and an emulator, in one virtual time.
struct Desk {
    emulator: Emulator,
    services: Services,
    time: Virtual,
}

impl Desk {
    /// Chance comes of the clock, so each start has its own.
    async fn starting_at(second: u64, world: World) -> Self {
        let start = UNIX_EPOCH + Duration::from_secs(1_772_434_800 + second);
        let clock = ManualClock::starting_at(start.into());
        let options = Options {
            clock: Clock::Manual(clock.clone()),
            ..Options::default()
        };
        let emulator = Emulator::start(world, options).await.expect("a free port");
        let time = Virtual(Arc::new(Mutex::new(Passed {
            now: start,
            slept: Vec::new(),
            emulator: clock,
        })));
        let config = configure(Place::Emulator(&emulator.endpoint()))
            .await
            .expect("the emulator needs no region");
        let sleep = SharedAsyncSleep::new(time.clone());
        let config = config.in_time(sleep, SharedTimeSource::new(time.clone()));
        let services = Services::new(&config);
        Self {
            emulator,
            services,
            time,
        }
    }

    async fn new() -> Self {
        Self::starting_at(0, World::sample()).await
    }

    async fn read(&self, service: Service, left: Duration) -> Result<(), ServiceError> {
        let target = service.target();
        let hints = ReadHints::default();
        self.services.read(&target, &hints, left).await.map(drop)
    }

    async fn write(&self, service: Service, left: Duration) -> Result<(), ServiceError> {
        let input = Input::decode(service.operation(), &service.arguments()).expect("an input");
        self.services.write(&input, left).await
    }

    fn slept(&self) -> Vec<Duration> {
        let passed = self.time.0.lock().expect("nobody panicked");
        passed.slept.iter().map(|(_, slept)| *slept).collect()
    }

    fn requests(&self) -> usize {
        self.emulator.requests().len()
    }
}

#[derive(Clone, Copy, Debug)]
enum Service {
    SageMaker,
    DataZone,
    FinSpace,
}

use Service::{DataZone, FinSpace, SageMaker};

const ALL: [Service; 3] = [SageMaker, DataZone, FinSpace];

impl Service {
    fn operation(self) -> Operation {
        match self {
            SageMaker => Operation::SageMakerUpdateUserProfile,
            DataZone => Operation::DataZoneUpdateUserProfile,
            FinSpace => Operation::FinSpaceUpdateKxUser,
        }
    }

    fn arguments(self) -> Value {
        match self {
            SageMaker => json!({"DomainId": "d-abc123def456", "UserProfileName": "jane-doe",
                "UserSettings": {"StudioWebPortal": "ENABLED"}}),
            DataZone => json!({"domainIdentifier": "dzd_4rv6k2", "status": "NOT_ASSIGNED",
                "userIdentifier": "3f2a9c64-1d7e-4b85-9a0f-6c5d2e8b7a10"}),
            FinSpace => {
                json!({"environmentId": "kx1", "userName": "jane-doe", "clientToken": "ticket-1",
                "iamRole": "arn:aws:iam::111122223333:role/kdb-rates"})
            }
        }
    }

    fn target(self) -> Target {
        let identity: &[&str] = match self {
            SageMaker => &["d-abc123def456", "jane-doe"],
            DataZone => &["dzd_4rv6k2", "3f2a9c64-1d7e-4b85-9a0f-6c5d2e8b7a10"],
            FinSpace => &["kx1", "jane-doe"],
        };
        let identity: Vec<String> = identity.iter().map(ToString::to_string).collect();
        Target::new(self.operation(), &identity)
    }

    fn update(self) -> &'static str {
        self.operation().name()
    }

    /// A SageMaker throttle is HTTP 400 (aws-cli#7596), the others' 429 [service models].
    fn throttle(self, retry_after: Option<&str>) -> Effect {
        let header = |millis: &str| ("x-amz-retry-after".to_owned(), millis.to_owned());
        Effect::Error {
            status: match self {
                SageMaker => 400,
                DataZone | FinSpace => 429,
            },
            code: "ThrottlingException".to_owned(),
            message: "Rate exceeded".to_owned(),
            headers: retry_after
                .map(header)
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

const LONG: Duration = Duration::from_secs(3600);

/// The longest that the backoffs may be, in milliseconds.
const LONGEST: [u64; 9] = [200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The backoff after each request but the last: the sleep that begins when it was answered. The rest, if any, is slept for its turn.
fn backoffs(desk: &Desk) -> Vec<Duration> {
    let requests = desk.emulator.requests();
    let passed = desk.time.0.lock().expect("nobody panicked");
    let after = |at: SystemTime| passed.slept.iter().find(|(began, _)| *began == at);
    let backoffs = requests
        .iter()
        .filter_map(|request| after(request.at.into()));
    backoffs.map(|(_, slept)| *slept).collect()
}

#[tokio::test]
async fn a_throttle_without_end_is_tried_ten_times_and_then_reported_on_every_service_alike() {
    for service in ALL {
        let desk = Desk::new().await;
        let fault = Fault::new(service.throttle(None)).on(service.update());
        desk.emulator.fault(fault.always());
        let error = desk.write(service, LONG).await.expect_err("a throttle");
        assert_eq!(
            (error.code.as_str(), error.class),
            ("ThrottlingException", Class::Throttled)
        );
        assert_eq!(desk.requests(), 10, "{service:?}");
    }
}

#[tokio::test]
async fn each_backoff_is_any_part_of_twice_the_last_up_to_five_seconds() {
    let mut parts: Vec<Vec<f64>> = vec![Vec::new(); LONGEST.len()];
    for second in 0..40 {
        let service = ALL[second as usize % ALL.len()];
        let desk = Desk::starting_at(second, World::sample()).await;
        let fault = Fault::new(service.throttle(None)).on(service.update());
        desk.emulator.fault(fault.always());
        desk.write(service, LONG).await.expect_err("a throttle");
        let backoffs = backoffs(&desk);
        assert_eq!(backoffs.len(), LONGEST.len());
        for (nth, (backoff, longest)) in backoffs.into_iter().zip(LONGEST).enumerate() {
            assert!(backoff <= millis(longest), "{nth}: {backoff:?}");
            parts[nth].push(backoff.as_secs_f64() * 1000.0 / longest as f64);
        }
    }
    for parts in parts {
        assert_eq!(parts.len(), 40);
        // Any part of it: of 40, each quarter has some and none has most.
        for quarter in 0..4 {
            let within = |part: &&f64| (**part * 4.0) as usize == quarter;
            let count = parts.iter().filter(within).count();
            assert!(
                (1..=25).contains(&count),
                "{count} of 40 in quarter {quarter}"
            );
        }
    }
}

#[tokio::test]
async fn the_delay_that_a_throttle_asks_for_is_slept_exactly_on_every_service() {
    for service in ALL {
        for asked in [1700, 9000] {
            let desk = Desk::new().await;
            let effect = service.throttle(Some(&asked.to_string()));
            desk.emulator.fault(Fault::new(effect).on(service.update()));
            desk.write(service, LONG).await.expect("the second time");
            assert_eq!(desk.slept(), [millis(asked)], "{service:?}");
            assert_eq!(desk.requests(), 2, "{service:?}");
        }
    }
}

#[tokio::test]
async fn a_delay_of_more_than_twenty_seconds_is_slept_as_twenty() {
    let desk = Desk::new().await;
    let effect = DataZone.throttle(Some("3600000"));
    desk.emulator
        .fault(Fault::new(effect).on(DataZone.update()));
    desk.write(DataZone, LONG).await.expect("the second time");
    assert_eq!(desk.slept(), [millis(20_000)]);
}

#[tokio::test]
async fn what_cannot_be_over_in_time_is_not_begun() {
    for service in ALL {
        let desk = Desk::new().await;
        let effect = service.throttle(Some("5000"));
        desk.emulator
            .fault(Fault::new(effect).on(service.update()).always());
        let error = desk.write(service, millis(12_000)).await.expect_err("late");
        assert_eq!(error.code, "ThrottlingException");
        // After 5 s and 10 s; the next would be after 15 s.
        assert_eq!(desk.slept(), [millis(5000), millis(5000)], "{service:?}");
        assert_eq!(desk.requests(), 3, "{service:?}");
    }
}

#[tokio::test]
async fn whatever_the_backoffs_are_nothing_is_slept_past_the_deadline() {
    for second in 0..30 {
        let left = millis(300 * second + 1);
        let desk = Desk::starting_at(second, World::sample()).await;
        desk.emulator
            .fault(Fault::new(SageMaker.throttle(None)).always());
        let error = desk.write(SageMaker, left).await.expect_err("a throttle");
        assert_eq!(error.class, Class::Throttled);
        let slept: Duration = desk.slept().into_iter().sum();
        assert!(slept < left, "{slept:?} of {left:?}");
        assert!(desk.requests() > 0);
    }
}

#[tokio::test]
async fn a_request_whose_turn_would_come_too_late_is_never_sent() {
    let desk = Desk::new().await;
    let effect = SageMaker.throttle(Some("0"));
    desk.emulator
        .fault(Fault::new(effect).on(SageMaker.update()).always());
    desk.write(SageMaker, LONG).await.expect_err("a throttle");
    let sent = desk.requests();
    let error = desk.write(SageMaker, millis(10)).await.expect_err("late");
    assert_eq!(
        (error.code.as_str(), error.class),
        ("Usher.Throttled", Class::Throttled)
    );
    assert_eq!(desk.requests(), sent);
}

#[tokio::test]
async fn a_throttled_write_slows_no_read_and_no_other_service() {
    let desk = Desk::new().await;
    let effect = SageMaker.throttle(None);
    desk.emulator
        .fault(Fault::new(effect).on(SageMaker.update()).always());
    desk.write(SageMaker, LONG).await.expect_err("a throttle");
    let slept = desk.slept().len();
    for _ in 0..20 {
        desk.read(SageMaker, LONG).await.expect("a profile");
        desk.read(FinSpace, LONG).await.expect("a user");
        desk.write(DataZone, LONG).await.expect("an update");
    }
    assert_eq!(desk.slept().len(), slept);
}

#[tokio::test]
async fn before_the_first_throttle_nothing_is_waited_for() {
    let desk = Desk::new().await;
    for _ in 0..200 {
        desk.read(SageMaker, Duration::ZERO)
            .await
            .expect("a profile");
    }
    assert_eq!((desk.slept().len(), desk.requests()), (0, 200));
}

#[tokio::test]
async fn after_a_throttle_requests_come_at_the_rate_that_the_service_lets_through() {
    let mut world = serde_json::to_value(World::sample()).expect("JSON");
    world["rates"] =
        json!([{"operation": "sagemaker:DescribeUserProfile", "perSecond": 5.0, "burst": 5}]);
    let world = World::from_json(world.to_string().as_bytes()).expect("a world");
    let desk = Desk::starting_at(0, world).await;
    for _ in 0..1000 {
        desk.read(SageMaker, LONG).await.expect("in the end");
    }
    let slept: Duration = desk.slept().into_iter().sum();
    let possible = 1000.0 / (slept.as_secs_f64() * 5.0 + 5.0);
    assert!(possible >= 0.95, "{possible}");
    let throttled = desk.requests() - 1000;
    assert!(throttled <= 50, "{throttled} of 1000");
}

#[tokio::test]
async fn five_hundreds_back_off_by_themselves_at_most_five_times() {
    for second in 0..20 {
        let service = ALL[second as usize % ALL.len()];
        let desk = Desk::starting_at(second, World::sample()).await;
        let effect = Effect::error(500, "InternalServerException", "sorry");
        desk.emulator
            .fault(Fault::new(effect).on(service.update()).always());
        let error = desk.write(service, LONG).await.expect_err("a fault");
        assert_eq!(error.class, Class::Unreachable);
        assert_eq!(desk.requests(), 5, "{service:?}");
        let slept = desk.slept();
        assert_eq!(slept.len(), 4);
        for (slept, longest) in slept.iter().zip(LONGEST) {
            assert!(*slept <= millis(longest), "{slept:?} of {longest} ms");
        }
    }
}

#[tokio::test]
async fn a_quota_is_no_throttle_and_is_not_waited_for() {
    let desk = Desk::new().await;
    let effect = Effect::error(400, "LimitExceededException", "no more");
    desk.emulator
        .fault(Fault::new(effect).on(FinSpace.update()).always());
    let error = desk.write(FinSpace, LONG).await.expect_err("a quota");
    assert_eq!(error.class, Class::Permanent);
    assert_eq!((desk.requests(), desk.slept().len()), (1, 0));
}
