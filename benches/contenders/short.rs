//! What is the same on every machine, held against limits: which requests are made, and, where there is valgrind, how many
//! instructions and allocations it takes. Nothing here is a time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::contender::{Contender, Places};
use crate::job::{Kind, REQUESTS};
use crate::measure::Running;
use crate::options::Options;
use crate::services::Seen;

/// Usher's start may take so many times the floor's instructions and allocations. The floor's are few: much of its start is
/// the kernel's. A third more than measured, since another processor's instructions count differently.
const START_INSTRUCTIONS: f64 = 40.0;
const START_ALLOCATIONS: f64 = 300.0;
/// And an event with six AWS calls so many times what the floor takes for answering `{}`.
const EVENT_INSTRUCTIONS: f64 = 27.0;
const EVENT_ALLOCATIONS: f64 = 18.0;

/// Events before those that are counted, and those that are.
const BEFORE: usize = 20;
const COUNTED: usize = 50;

/// # Errors
/// What cannot be started, or the limits that are broken.
pub fn check(places: &Places, options: &Options) -> Result<(), String> {
    let usher = places.prepare("usher")?;
    let floor = places.prepare("floor")?;
    let mut broken = requests(&usher, &others(places, options)?, &places.work)?;
    match is_there("valgrind") {
        true => broken.extend(counts(&usher, &floor, &places.work)?),
        false => println!("no valgrind: neither instructions nor allocations are counted"),
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(broken.join("\n")),
    }
}

/// Those whose requests are compared with Usher's: Python's, and Node's where there is Node.
fn others(places: &Places, options: &Options) -> Result<Vec<Contender>, String> {
    let is_possible = |name: &str| match name {
        "python" => true,
        "node" => is_there("npm") && is_there("node"),
        _ => options.plain.is_some(),
    };
    ["python", "node", "plain"]
        .into_iter()
        .filter(|name| options.wants(name) && is_possible(name))
        .map(|name| places.prepare(name))
        .collect()
}

fn is_there(command: &str) -> bool {
    let mut asked = Command::new(command);
    let asked = asked.arg("--version").stdout(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// Requests of an event that changes everything, of one that changes nothing, and of one that no rule is for.
fn requests(usher: &Contender, others: &[Contender], work: &Path) -> Result<Vec<String>, String> {
    let mut broken = Vec::new();
    let mut ushers: Option<Vec<Asked>> = None;
    for contender in std::iter::once(usher).chain(others) {
        let running = Running::start(contender, &[], Duration::ZERO, work)?;
        let asked = |kind| -> Result<Vec<Seen>, String> {
            running.invoke(kind, 1)?;
            Ok(running.services.seen())
        };
        let change = asked(Kind::Change)?;
        let settled = asked(Kind::Settled)?;
        let unrelated = asked(Kind::Unrelated)?;
        let all = [&change, &settled, &unrelated];
        let counts = all.map(|seen| (seen.len(), seen.iter().filter(|one| one.is_write()).count()));
        println!("{}: (requests, of them writes) {counts:?}", contender.name);
        if counts != [(REQUESTS, REQUESTS / 2), (REQUESTS / 2, 0), (0, 0)] {
            broken.push(format!(
                "{}: not the requests that the job takes",
                contender.name
            ));
        }
        let meaning = meaning(&change);
        let first = ushers.get_or_insert_with(|| meaning.clone());
        if *first != meaning {
            broken.push(format!(
                "{}: does not ask for what usher asks for",
                contender.name
            ));
        }
    }
    Ok(broken)
}

/// Operation, path and arguments of a request.
pub type Asked = (String, String, Value);

/// What was asked for, whatever the order.
pub fn meaning(seen: &[Seen]) -> Vec<Asked> {
    let mut all: Vec<Asked> = seen.iter().map(Seen::meaning).collect();
    let domain = |body: &Value| body["DomainId"].as_str().map(str::to_owned);
    all.sort_by_cached_key(|(operation, path, body)| {
        (operation.clone(), path.clone(), domain(body))
    });
    all
}

/// How often something happened: in the start, and in one event.
struct Count {
    start: f64,
    event: f64,
}

/// What valgrind counts, by which of its tools, and how it says so.
struct Tool {
    what: &'static str,
    options: &'static [&'static str],
    /// The words before the number.
    says: &'static str,
}

const INSTRUCTIONS: Tool = Tool {
    what: "instructions",
    options: &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
    says: "Collected :",
};

const ALLOCATIONS: Tool = Tool {
    what: "allocations",
    options: &[
        "--tool=memcheck",
        "--leak-check=no",
        "--undef-value-errors=no",
    ],
    says: "total heap usage:",
};

fn counts(usher: &Contender, floor: &Contender, work: &Path) -> Result<Vec<String>, String> {
    let limits = [
        (INSTRUCTIONS, START_INSTRUCTIONS, EVENT_INSTRUCTIONS),
        (ALLOCATIONS, START_ALLOCATIONS, EVENT_ALLOCATIONS),
    ];
    let mut broken = Vec::new();
    for (tool, start, event) in limits {
        let (of_usher, of_floor) = (count(usher, &tool, work)?, count(floor, &tool, work)?);
        let pairs = [
            ("a start", of_usher.start, of_floor.start, start),
            ("an event", of_usher.event, of_floor.event, event),
        ];
        for (when, ours, theirs, limit) in pairs {
            let line = format!(
                "{} of {when}: {ours:.0}, the floor's {theirs:.0}: {:.1} x, at most {limit} x",
                tool.what,
                ours / theirs
            );
            println!("{line}");
            if ours > theirs * limit {
                broken.push(format!("too many {line}"));
            }
        }
    }
    Ok(broken)
}

fn count(contender: &Contender, tool: &Tool, work: &Path) -> Result<Count, String> {
    let start = until(contender, tool, 0, work)?;
    let before = until(contender, tool, BEFORE, work)?;
    let after = until(contender, tool, BEFORE + COUNTED, work)?;
    Ok(Count {
        start,
        event: (after - before) / COUNTED as f64,
    })
}

/// Waits until a process does nothing any more: what goes on beside its poll belongs to it, however slow the machine is.
fn settle(running: &Running) {
    let mut before = Duration::MAX;
    for _ in 0..100 {
        let used = running.usage().cpu;
        if used == before {
            return;
        }
        before = used;
        thread::sleep(Duration::from_millis(200));
    }
}

/// Counts from the start to the end of so many events.
fn until(contender: &Contender, tool: &Tool, events: usize, work: &Path) -> Result<f64, String> {
    let words = std::iter::once("valgrind").chain(tool.options.iter().copied());
    let wrapper: Vec<String> = words.map(str::to_owned).collect();
    let running = Running::start(contender, &wrapper, Duration::ZERO, work)?;
    for number in 0..events {
        running.invoke(Kind::Change, number)?;
    }
    running.runtime.poll(1 + events);
    settle(&running);
    let said = running.terminate();
    let number = said.split_once(tool.says).and_then(|(_, rest)| {
        let digits = rest.trim_start().split(' ').next()?.replace(',', "");
        digits.trim().lines().next()?.parse().ok()
    });
    number.ok_or_else(|| format!("valgrind does not say how many {}:\n{said}", tool.what))
}
