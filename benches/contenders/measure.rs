//! One run of one contender, from its start to its end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::job::{self, Kind};
use crate::process::Usage;
use crate::raw;
use crate::runtime::{Answer, Runtime};
use crate::services::{Seen, Services};

/// How often a client that spends nothing makes the calls of one event.
const RAW: usize = 50;

/// A contender that runs.
pub struct Running {
    child: Child,
    pub runtime: Runtime,
    pub services: Services,
    /// From the spawn to the first poll.
    pub start: Duration,
    log: String,
}

/// What one start, and some events after it, took.
#[derive(Default)]
pub struct Sample {
    pub start: Duration,
    /// What it used until the first poll was under way, and with what went on beside it.
    pub polled: Duration,
    pub started: Usage,
    pub first: Duration,
    /// What came in during the first event.
    pub seen: Vec<Seen>,
    pub warm: Option<Warm>,
}

/// What it took once it was warm.
pub struct Warm {
    /// Each event's time, in order.
    pub times: Vec<Duration>,
    /// How late the services' answers left during these events.
    pub late: Vec<Duration>,
    /// What the same calls took a client that spends nothing, right after.
    pub raw: Vec<Duration>,
    /// The same where the services answer at once.
    pub hurried_times: Vec<Duration>,
    pub hurried_raw: Vec<Duration>,
    /// Processor time of one event, of one for which the services answer at once, and of one for which nothing is to be done.
    pub event: Duration,
    pub hurried: Duration,
    pub unrelated: Duration,
    /// Requests for one event.
    pub requests: f64,
    /// Resident memory at its highest, in KiB.
    pub peak: u64,
}

impl Running {
    /// Starts a contender, by way of `wrapper` (a command and its options, or nothing), and waits for its first poll.
    ///
    /// # Errors
    /// When it does not start, with what it wrote.
    pub fn start(
        contender: &Contender,
        wrapper: &[String],
        latency: Duration,
        work: &Path,
    ) -> Result<Self, String> {
        let services = Services::start(latency, None);
        let services = services.map_err(|error| format!("{}: {error}", contender.name))?;
        Self::with(contender, wrapper, services, work)
    }

    /// The same with services that run.
    ///
    /// # Errors
    /// As above.
    pub fn with(
        contender: &Contender,
        wrapper: &[String],
        services: Services,
        work: &Path,
    ) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", contender.name);
        let runtime = Runtime::start().map_err(failed)?;
        let log = work.join(format!("{}.log", contender.name));
        let out = File::create(&log).map_err(failed)?;
        let both = out.try_clone().map_err(failed)?;
        let mut words = wrapper.iter().chain(&contender.command);
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command
            .args(words)
            .env_clear()
            .envs(environment(&runtime, &services))
            .envs(contender.environment.iter().cloned())
            .current_dir(work)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(both);
        let spawned = Instant::now();
        let child = command.spawn().map_err(failed)?;
        let mut running = Self {
            child,
            runtime,
            services,
            start: Duration::ZERO,
            log: log.display().to_string(),
        };
        match running.runtime.poll(1) {
            Some(polled) => running.start = polled - spawned,
            None => return Err(running.failed("it does not poll")),
        }
        Ok(running)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }

    /// Hands an event over.
    ///
    /// # Errors
    /// When the answer is an error, or none comes.
    pub fn invoke(&self, kind: Kind, person: usize) -> Result<Answer, String> {
        match self.runtime.invoke(job::event(kind, person)) {
            Some(answer) if !answer.is_error => Ok(answer),
            Some(Answer { body, .. }) => Err(self.failed(&String::from_utf8_lossy(&body))),
            None => Err(self.failed("it does not answer")),
        }
    }

    /// Asks it to end, as a tool that writes its findings at the end needs it. Gives what it wrote.
    pub fn terminate(mut self) -> String {
        let process = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &process]).status();
        let _ = self.child.wait();
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn failed(&self, what: &str) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        format!("{what}\n{log}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Lambda sets, and where the services are. Nothing is inherited but the way to the interpreters.
fn environment(runtime: &Runtime, services: &Services) -> Vec<(&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut all = vec![
        ("PATH", path),
        ("AWS_LAMBDA_RUNTIME_API", runtime.address().to_string()),
        ("AWS_ENDPOINT_URL", services.url.clone()),
    ];
    let fixed = [
        ("AWS_LAMBDA_FUNCTION_NAME", "people"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/people"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "1"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("HOME", "/nowhere"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ];
    all.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    all
}

/// Starts a contender, sends it one event and, if `events` is more than none, so many to warm it and as many to measure.
///
/// # Errors
/// What a contender did wrong.
pub fn sample(
    contender: &Contender,
    latency: Duration,
    events: usize,
    work: &Path,
) -> Result<Sample, String> {
    let running = Running::start(contender, &[], latency, work)?;
    // The kernel counts a thread's time when it goes to sleep.
    thread::sleep(Duration::from_micros(200));
    let polled = running.usage().cpu;
    thread::sleep(Duration::from_millis(30));
    let started = running.usage();
    let first = running.invoke(Kind::Change, 1)?.took;
    let seen = running.services.seen();
    let warm = match events {
        0 => None,
        events => Some(warm(&running, events)?),
    };
    Ok(Sample {
        start: running.start,
        polled,
        started,
        first,
        seen,
        warm,
    })
}

fn warm(running: &Running, events: usize) -> Result<Warm, String> {
    let mut polls = 2;
    let mut all = |kind| -> Result<(Vec<Duration>, Duration), String> {
        let from = running.usage().cpu;
        let times: Result<Vec<Duration>, String> = (0..events)
            .map(|number| Ok(running.invoke(kind, number)?.took))
            .collect();
        // An event ends with the next poll, not with the answer.
        polls += events;
        running.runtime.poll(polls);
        thread::sleep(Duration::from_millis(5));
        let used = running.usage().cpu.saturating_sub(from);
        Ok((times?, used / u32::try_from(events).unwrap_or(1)))
    };
    all(Kind::Change)?;
    running.services.seen();
    running.services.server.late();
    let (times, event) = all(Kind::Change)?;
    let late = running.services.server.late();
    let requests = running.services.seen().len() as f64 / events as f64;
    let raw = || {
        let raw = raw::times(running.services.server.address, events.min(RAW));
        raw.map_err(|error| format!("the services: {error}"))
    };
    let waited_raw = raw()?;
    running.services.hurry();
    all(Kind::Change)?;
    let (hurried_times, hurried) = all(Kind::Change)?;
    let hurried_raw = raw()?;
    all(Kind::Unrelated)?;
    let (_, unrelated) = all(Kind::Unrelated)?;
    Ok(Warm {
        times,
        late,
        raw: waited_raw,
        hurried_times,
        hurried_raw,
        event,
        hurried,
        unrelated,
        requests,
        peak: running.usage().peak,
    })
}
