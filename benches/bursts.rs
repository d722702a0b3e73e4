//! 2,000 people at once while the services allow R requests a second and operation: `cargo bench --bench bursts`, or
//! `-- --rate 20 --people 500 --only usher`. `benches/README.md` says how it came out.
//!
//! Usher beside the same two calls with the retries of the SDK and of boto3, each as one process and as eight that share nothing but
//! the limit, and a queue from which each of a process's 8 workers takes the next person, as functions take messages from SQS.

#[path = "bursts/queue.rs"]
mod queue;
#[path = "bursts/worker.rs"]
mod worker;

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use usher::emulator::{Emulator, Options, Request, World};

use queue::Queue;

/// Workers of a process: what `USHER_CONCURRENCY` is by default.
const WORKERS: usize = 8;
const DOMAIN: &str = "d-abc123def456";

struct Burst {
    people: usize,
    /// Requests a second that the services allow, of each operation.
    rate: f64,
    /// Requests that they allow at once, after a pause.
    burst: u32,
    /// How long they take.
    latency: Duration,
    processes: Vec<usize>,
    only: Option<String>,
}

/// How one burst ended.
struct Figures {
    used: f64,
    throttled: f64,
    failed: usize,
    seconds: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let done = match arguments.split_first() {
        Some((first, rest)) if first == "worker" => runtime.block_on(worker::run(rest)),
        Some(_) | None => Burst::read(&arguments).and_then(|burst| {
            runtime.block_on(async {
                burst.compare().await?;
                worker::coalescing().await
            })
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

impl Burst {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut burst = Self {
            people: 2000,
            rate: 50.0,
            burst: 50,
            latency: Duration::from_millis(20),
            processes: vec![1, 8],
            only: None,
        };
        // cargo adds `--bench`.
        let mut arguments = arguments.iter().filter(|argument| *argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(format!("{name} has no value"))?;
            let bad = |_| format!("{name} {value}: not a number");
            match name.as_str() {
                "--people" => burst.people = value.parse().map_err(bad)?,
                "--burst" => burst.burst = value.parse().map_err(bad)?,
                "--rate" => {
                    burst.rate = value
                        .parse()
                        .map_err(|_| format!("{name} {value}: not a number"))?
                }
                "--processes" => burst.processes = vec![value.parse().map_err(bad)?],
                "--only" => burst.only = Some(value.clone()),
                _ => {
                    return Err(format!(
                        "{name}: there are --people, --rate, --burst, --processes, --only"
                    ));
                }
            }
        }
        Ok(burst)
    }

    async fn compare(&self) -> Result<(), String> {
        let Self {
            people,
            rate,
            burst,
            ..
        } = self;
        println!(
            "{people} people, one read and one write each; {rate} requests a second and operation, {burst} at once\n"
        );
        println!("| retries | processes | of the possible rate | throttled | failed | seconds |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: |");
        let python = python();
        for name in [
            "usher",
            "sdk-standard",
            "sdk-adaptive",
            "boto3-legacy",
            "boto3-standard",
            "boto3-adaptive",
        ] {
            if self
                .only
                .as_ref()
                .is_some_and(|only| !name.starts_with(only.as_str()))
            {
                continue;
            }
            for &processes in &self.processes {
                if name.starts_with("boto3") && python.is_none() {
                    println!("| {name} | {processes} | no `python3` with boto3 was found | | | |");
                    continue;
                }
                let Figures {
                    used,
                    throttled,
                    failed,
                    seconds,
                } = self.run(name, processes).await?;
                let (used, throttled) = (100.0 * used, 100.0 * throttled);
                println!(
                    "| {name} | {processes} | {used:.1} % | {throttled:.1} % | {failed} | {seconds:.0} |"
                );
            }
        }
        if let Some(version) = python {
            println!("\nboto3 {version}");
        }
        Ok(())
    }

    async fn run(&self, name: &str, processes: usize) -> Result<Figures, String> {
        let options = Options {
            latency: self.latency,
            log_limit: 10_000_000,
            ..Options::default()
        };
        let emulator = Emulator::start(self.world()?, options)
            .await
            .map_err(|error| error.to_string())?;
        let queue = Queue::open(self.people, processes * WORKERS)
            .await
            .map_err(|error| error.to_string())?;
        let mut children = Vec::new();
        for _ in 0..processes {
            children.push(spawn(name, &emulator.endpoint(), &queue.address)?);
        }
        let ended = tokio::task::spawn_blocking(move || children.into_iter().map(failures).sum());
        let failed: Result<usize, String> = ended.await.map_err(|error| error.to_string())?;
        let figures = self.figures(&emulator.requests(), failed?);
        emulator.stop().await;
        Ok(figures)
    }

    fn world(&self) -> Result<World, String> {
        let mut world = serde_json::to_value(World::sample()).map_err(|error| error.to_string())?;
        let profiles = &mut world["sagemaker"]["domains"][DOMAIN]["userProfiles"];
        let pattern = profiles["jane-doe"].clone();
        for nth in 0..self.people {
            profiles[format!("person-{nth}")] = pattern.clone();
        }
        world["rates"] = json!([{"operation": "*", "perSecond": self.rate, "burst": self.burst}]);
        World::from_json(world.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    fn figures(&self, requests: &[Request], failed: usize) -> Figures {
        let throttle = |request: &&Request| request.error.as_deref() == Some("ThrottlingException");
        let throttled = requests.iter().filter(throttle).count();
        let first = requests.iter().map(|request| request.at).min();
        let last = requests.iter().map(|request| request.at).max();
        let seconds = last
            .zip(first)
            .map_or(0.0, |(last, first)| (last - first).as_seconds_f64());
        let through = (requests.len() - throttled) as f64 / 2.0;
        Figures {
            used: through / (seconds * self.rate + f64::from(self.burst)),
            throttled: throttled as f64 / requests.len().max(1) as f64,
            failed,
            seconds,
        }
    }
}

/// The version of boto3, if the first `python3` there is has it.
fn python() -> Option<String> {
    let output = Command::new("python3")
        .args(["-c", "import boto3; print(boto3.__version__)"])
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| version.trim().to_owned())
}

fn spawn(name: &str, endpoint: &str, queue: &str) -> Result<Child, String> {
    let mut command = match name.strip_prefix("boto3-") {
        Some(mode) => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bursts/worker.py");
            let mut command = Command::new("python3");
            command.args([script, mode]);
            command
        }
        None => {
            let this = std::env::current_exe().map_err(|error| error.to_string())?;
            let mut command = Command::new(this);
            command.args(["worker", name]);
            command
        }
    };
    command.args([endpoint, queue]).stdout(Stdio::piped());
    command.spawn().map_err(|error| format!("{name}: {error}"))
}

/// How many people a process failed for: what it prints.
fn failures(child: Child) -> Result<usize, String> {
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let count: Result<Value, _> = serde_json::from_str(text.trim());
    let count = count
        .ok()
        .and_then(|count| count.as_u64())
        .filter(|_| output.status.success());
    count
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| format!("a process ended with {text}"))
}
