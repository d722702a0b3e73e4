//! The one schedule that goes wrong without an order of writes, made to happen: an older event's write is held up on its way
//! while a newer event is written by somebody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use usher::emulator::{Effect, Emulator, Fault, Options, Request};

use crate::diary::Diary;
use crate::queue::{Message, Queue};
use crate::random::Random;
use crate::run::say;
use crate::runtime::{Place, Process};
use crate::story::{RULES, Story};
use crate::table;
use crate::verdict::{backwards, differences};

const TARGET: &str = "sagemaker:user-profile/d-chaos/p-0000";

/// How long the older event's write is on its way.
const HELD_UP: Duration = Duration::from_millis(1400);

/// Who handles the two events.
enum Cast {
    /// A process each, which know nothing of each other, or only through the ledger.
    Two { ledger: Option<(String, String)> },
    /// One process that takes both at once.
    One,
}

/// What came of it: writes that went backwards, and whether the target is as the newer event says.
async fn play(cast: Cast) -> (Vec<String>, bool) {
    let story = Story::new(1, &mut Random::new(0));
    let emulator = Emulator::start(story.world(), Options::default())
        .await
        .expect("a port is free");
    let held_up = Effect::Delay {
        millis: u64::try_from(HELD_UP.as_millis()).expect("about a second"),
    };
    emulator.fault(Fault::new(held_up).on("sagemaker:UpdateUserProfile"));
    let files = tempfile::tempdir().expect("there is room for a file");
    let rules = files.path().join("rules.yaml");
    std::fs::write(&rules, RULES).expect("the rules can be written");
    let queue = |messages| Arc::new(Queue::new(messages, Random::new(0)));
    let (older, newer) = (queue(vec![message(1, "studio")]), queue(Vec::new()));
    let (ledger, one) = match cast {
        Cast::Two { ledger } => (ledger, false),
        Cast::One => (None, true),
    };
    let place = Place {
        rules,
        aws: emulator.endpoint(),
        ledger,
    };
    let diary = Arc::new(Diary::default());
    let mut processes = Vec::new();
    let newer = if one {
        processes.push(Process::start("both", &place, &older, &diary, 2).await);
        Arc::clone(&older)
    } else {
        processes.push(Process::start("older", &place, &older, &diary, 1).await);
        processes.push(Process::start("newer", &place, &newer, &diary, 1).await);
        newer
    };
    until(|| !updates(&emulator).is_empty()).await;
    newer.send(message(2, "studio"));
    until(|| older.left() == 0 && newer.left() == 0).await;
    processes.clear();
    let ending = [(
        TARGET.to_owned(),
        "arn:aws:iam::111122223333:role/studio-00002".to_owned(),
    )]
    .into();
    let is_newest = differences(&emulator.world(), &ending).is_empty();
    (backwards(&emulator.requests()), is_newest)
}

fn message(number: u64, role: &str) -> Message {
    let body = json!({
        "version": "0",
        "id": format!("event-{number}"),
        "source": "acme.hr",
        "detail-type": "Person Moved",
        "time": "2026-10-01T00:00:00Z",
        "detail": {
            "person": "p-0000",
            "studio": format!("{role}-{number:05}"),
            "effectiveAt": format!("2026-10-01T00:00:0{number}Z"),
        },
    });
    Message::new(
        format!("m-event-{number}-0"),
        body.to_string(),
        Duration::ZERO,
    )
}

fn updates(emulator: &Emulator) -> Vec<Request> {
    let requests = emulator.requests().into_iter();
    requests
        .filter(|request| request.call() == "sagemaker:UpdateUserProfile")
        .collect()
}

async fn until(happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it did not happen within 20 s"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_ledger_two_processes_put_an_older_event_on_top_of_a_newer_one() {
    let (backwards, is_newest) = play(Cast::Two { ledger: None }).await;
    assert_eq!(
        backwards,
        [format!("change 2: {TARGET} went from 2 back to 1")]
    );
    assert!(!is_newest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_ledger_in_dynamodb_the_same_schedule_ends_as_the_newer_event_says() {
    let Some(endpoint) = table::endpoint() else {
        say("skipped on DynamoDB: USHER_TEST_DYNAMODB_ENDPOINT is not set");
        return;
    };
    let ledger = Some((endpoint.clone(), table::create(&endpoint).await));
    let (backwards, is_newest) = play(Cast::Two { ledger }).await;
    assert_eq!(backwards, Vec::<String>::new());
    assert!(is_newest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_ledger_in_memory_one_process_orders_the_invocations_that_it_takes_at_once() {
    let (backwards, is_newest) = play(Cast::One).await;
    assert_eq!(backwards, Vec::<String>::new());
    assert!(is_newest);
}

/// Its claim, had it made one, would be in doubt for ever: however often it comes again, it is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_with_a_refused_event_does_not_keep_older_events_from_being_written() {
    let Some(endpoint) = table::endpoint() else {
        say("skipped on DynamoDB: USHER_TEST_DYNAMODB_ENDPOINT is not set");
        return;
    };
    let story = Story::new(1, &mut Random::new(0));
    let emulator = Emulator::start(story.world(), Options::default())
        .await
        .expect("a port is free");
    emulator.fault(Fault::new(Effect::Delay { millis: 60_000 }));
    let files = tempfile::tempdir().expect("there is room for a file");
    let rules = files.path().join("rules.yaml");
    // Only for a value that may depend on the target is it read before an event is refused.
    let reading = RULES.replace("$role & detail.studio", "($current; $role & detail.studio)");
    assert_ne!(reading, RULES);
    std::fs::write(&rules, reading).expect("the rules can be written");
    let ledger = Some((endpoint.clone(), table::create(&endpoint).await));
    let place = Place {
        rules,
        aws: emulator.endpoint(),
        ledger,
    };
    let diary = Arc::new(Diary::default());
    let queue = Arc::new(Queue::new(vec![message(2, "root")], Random::new(0)));
    let first = Process::start("first", &place, &queue, &diary, 1).await;
    until(|| !emulator.requests().is_empty()).await;
    first.kill();
    let second = Process::start("second", &place, &queue, &diary, 1).await;
    until(|| diary.read().hopeless.contains("event-2")).await;
    queue.send(message(1, "studio"));
    until(|| {
        queue
            .done()
            .iter()
            .any(|message| message.id == "m-event-1-0")
    })
    .await;
    second.kill();
    let ending = [(
        TARGET.to_owned(),
        "arn:aws:iam::111122223333:role/studio-00001".to_owned(),
    )]
    .into();
    assert_eq!(
        differences(&emulator.world(), &ending),
        Vec::<String>::new()
    );
}
