//! The long run: everything goes wrong for a while, then nothing does, then what was put aside is driven back.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use usher::emulator::{Effect, Emulator, Fault, Options};

use crate::accounts::{check_accounts, check_reasons, event_of, hopeless};
use crate::diary::{Diary, Entries};
use crate::queue::{Message, Queue};
use crate::random::Random;
use crate::runtime::{Place, Process};
use crate::story::{RULES, Story};
use crate::table::{self, BadLine};
use crate::verdict::{backwards, differences, reused_tokens};

/// How many events are told if nobody says otherwise.
const EVENTS: u64 = 240;

/// How many requests the emulator remembers.
const LOG: usize = 1_000_000;

/// A line that is seen although the test passes.
pub fn say(line: &str) {
    // Where stderr is closed nobody reads it.
    let _ = writeln!(std::io::stderr(), "chaos: {line}");
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is not a whole number")),
    )
}

/// The processes, and who else has a part in it.
struct Stage {
    place: Place,
    emulator: Emulator,
    line: Option<BadLine>,
    queue: Arc<Queue>,
    diary: Arc<Diary>,
    processes: Vec<Process>,
    started: u64,
    began: Instant,
    stop: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_target_ends_as_its_newest_event_says_and_every_event_is_accounted_for() {
    let events = number("USHER_CHAOS_EVENTS").unwrap_or(EVENTS).max(1);
    let clock = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000 % 1_000_000_000;
    let seed = number("USHER_CHAOS_SEED").unwrap_or(u64::try_from(clock).unwrap_or_default());
    say(&format!(
        "USHER_CHAOS_EVENTS={events} USHER_CHAOS_SEED={seed}"
    ));
    let mut random = Random::new(seed);
    let story = Story::new(events, &mut random);
    let spread = Duration::from_millis(3000 + events * 20);
    let messages = story.messages(spread, &mut random);
    let sent = messages.len();
    let files = tempfile::tempdir().expect("there is room for a file");
    let mut stage = Stage::set(&story, messages, files.path(), seed, events).await;
    stage.trouble(spread, &mut random).await;
    stage.calm();
    stage.until_empty().await;
    let mut driven = 0;
    for _ in 0..3 {
        let entries = stage.entries();
        check_reasons(&stage.queue.aside(), &entries);
        let hopeless = hopeless(&story);
        let back = stage
            .queue
            .drive_back(|message| !hopeless.contains(event_of(message)));
        if back == 0 {
            break;
        }
        driven += back;
        stage.until_empty().await;
    }
    stage.processes.clear();
    let entries = stage.entries();
    let requests = stage.emulator.requests();
    let commits = requests.iter().filter(|request| request.committed).count();
    say(&format!(
        "{sent} messages, {} put aside, {driven} driven back; {} deaths, {} invocations out of time; {} requests, {commits} of them \
         changes; {} messages to or from the table lost; {:.1} s",
        stage.queue.aside().len(),
        entries.deaths,
        entries.timeouts,
        requests.len(),
        stage.line.as_ref().map_or(0, BadLine::lost),
        stage.began.elapsed().as_secs_f64(),
    ));
    say(&format!("{:?}", entries.counts));
    assert_eq!(
        backwards(&requests),
        Vec::<String>::new(),
        "an older event was written after a newer one"
    );
    assert_eq!(reused_tokens(&requests), Vec::<String>::new());
    check_accounts(&story, &stage.queue, sent, &entries);
    assert_eq!(
        differences(&stage.emulator.world(), &story.ending()),
        Vec::<String>::new()
    );
    assert_eq!(
        entries.counts.get("function error"),
        None,
        "a batch failed as a whole"
    );
    assert!(
        requests.len() < LOG,
        "the emulator's log is not complete; make it larger"
    );
    if events >= EVENTS {
        // A run in which nothing went wrong shows nothing.
        assert!(commits > 0 && entries.counts.contains_key("stale"));
        let deadly = stage.place.ledger.is_none() || entries.deaths > 0;
        assert!(deadly && stage.line.as_ref().is_none_or(|line| line.lost() > 0));
    }
}

impl Stage {
    async fn set(
        story: &Story,
        messages: Vec<Message>,
        files: &std::path::Path,
        seed: u64,
        events: u64,
    ) -> Self {
        let rules = files.join("rules.yaml");
        std::fs::write(&rules, RULES).expect("the rules can be written");
        let options = Options {
            settle: Duration::from_millis(20),
            latency: Duration::from_millis(3),
            seed,
            log_limit: LOG,
            ..Options::default()
        };
        let emulator = Emulator::start(story.world(), options)
            .await
            .expect("a port is free");
        let (ledger, line, processes) = match table::endpoint() {
            Some(endpoint) => {
                let table = table::create(&endpoint).await;
                let line = BadLine::to(&endpoint, Random::new(seed ^ 1)).await;
                (Some((line.endpoint.clone(), table)), Some(line), 4)
            }
            None => {
                say(
                    "USHER_TEST_DYNAMODB_ENDPOINT is not set: one process, its ledger in memory, and no deaths",
                );
                (None, None, 1)
            }
        };
        let aws = emulator.endpoint();
        let mut stage = Self {
            place: Place { rules, aws, ledger },
            emulator,
            line,
            queue: Arc::new(Queue::new(messages, Random::new(seed ^ 2))),
            diary: Arc::default(),
            processes: Vec::new(),
            started: 0,
            began: Instant::now(),
            stop: Duration::from_millis(55_000 + events.saturating_sub(EVENTS) * 100),
        };
        for _ in 0..processes {
            let process = stage.process().await;
            stage.processes.push(process);
        }
        stage
    }

    /// One more process; every other one takes several invocations at once.
    async fn process(&mut self) -> Process {
        self.started += 1;
        let concurrency = if self.started % 2 == 1 { 3 } else { 1 };
        let name = format!("process-{}", self.started);
        Process::start(&name, &self.place, &self.queue, &self.diary, concurrency).await
    }

    /// Everything goes wrong until the last message was visible for a while.
    async fn trouble(&mut self, spread: Duration, random: &mut Random) {
        for fault in faults() {
            self.emulator.fault(fault);
        }
        let until = self.began + spread + Duration::from_secs(3);
        let mut next_death = Instant::now() + Duration::from_millis(700);
        while Instant::now() < until && self.queue.left() > 0 {
            self.look_after().await;
            if self.place.ledger.is_some() && Instant::now() >= next_death {
                let working: Vec<usize> = (0..self.processes.len())
                    .filter(|place| self.processes[*place].is_working())
                    .collect();
                if !working.is_empty() {
                    let place = working[random.below(working.len() as u64) as usize];
                    self.replace(place).await;
                }
                next_death = Instant::now() + Duration::from_millis(200 + random.below(800));
            }
        }
    }

    fn calm(&self) {
        self.emulator.clear_faults();
        self.queue.calm();
        if let Some(line) = &self.line {
            line.calm();
        }
    }

    async fn until_empty(&mut self) {
        while self.queue.left() > 0 {
            self.look_after().await;
        }
    }

    /// A short while; processes whose time is up are replaced, as Lambda does.
    async fn look_after(&mut self) {
        let (elapsed, left) = (self.began.elapsed(), self.queue.left());
        assert!(
            elapsed < self.stop,
            "not done after {elapsed:?}: {left} messages left; {:?}",
            self.entries().counts
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
        for place in 0..self.processes.len() {
            if self.processes[place].is_over() {
                self.replace(place).await;
            }
        }
    }

    async fn replace(&mut self, place: usize) {
        self.diary.died();
        let another = self.process().await;
        std::mem::replace(&mut self.processes[place], another).kill();
    }

    fn entries(&self) -> Entries {
        self.diary.read()
    }
}

/// What goes wrong, each with its chance for every request.
fn faults() -> Vec<Fault> {
    let fault = |operation: &str, chance: f64, effect| {
        Fault::new(effect).on(operation).always().chance(chance)
    };
    let throttle = |status| Effect::Error {
        status,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        headers: [("x-amz-retry-after".to_owned(), "60".to_owned())].into(),
    };
    let failure = || Effect::error(500, "InternalServerException", "An internal error");
    vec![
        fault("*", 0.10, Effect::Delay { millis: 120 }),
        fault("*:Update*", 0.01, Effect::Delay { millis: 2600 }),
        // HTTP 400: aws-cli#7596.
        fault("sagemaker:*", 0.06, throttle(400)),
        fault("datazone:*", 0.06, throttle(429)),
        fault("finspace:*", 0.06, throttle(429)),
        fault("*", 0.03, failure()),
        fault("*", 0.03, Effect::Reset { commit: false }),
        fault("*", 0.03, Effect::Reset { commit: true }),
        fault("*", 0.02, Effect::Truncate { commit: true }),
        fault("*", 0.01, Effect::Garbage { commit: true }),
        fault("*", 0.01, Effect::Empty { commit: true }),
        fault("*", 0.005, Effect::Stall { commit: true }),
        fault("*", 0.005, Effect::Stall { commit: false }),
    ]
}
