//! Usher's memory and processor time for the largest payloads: an SQS batch of 1, 3 and 6 MB, in shapes that are hard on it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::contender::Contender;
use crate::job::{self, Kind};
use crate::measure::Running;
use crate::process::Usage;

/// Payloads, in bytes: half of Lambda's limit of 6 MB for an invocation and less, and nearly all of it.
const SIZES: [usize; 3] = [1_000_000, 3_000_000, 6_000_000];

/// The most messages in a batch (Lambda developer guide, SQS event source).
const MESSAGES: usize = 10_000;

/// Events before the payload: enough for the 10,000 targets whose last event is remembered in memory. A function that has seen none
/// would be charged for those, and for what it sets up once.
const BEFORE: usize = 3500;

/// What the messages of a batch are like.
struct Shape {
    name: &'static str,
    /// Messages in a batch of the largest size; smaller batches have fewer, not smaller ones.
    messages: usize,
    /// The message of this number, with so many bytes to spend.
    body: fn(usize, usize) -> String,
    /// Whether each of them is to come back as an item failure.
    fails: bool,
}

const SHAPES: [Shape; 10] = [
    Shape {
        name: "no rule is for any",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default().from("acme.other"), size),
        fails: false,
    },
    Shape {
        name: "largest events, one person each",
        messages: 6,
        body: |number, size| event(number, &Says::default().of(number), size),
        fails: false,
    },
    Shape {
        name: "large events, one person each",
        messages: 10,
        body: |number, size| event(number, &Says::default().of(number), size),
        fails: false,
    },
    Shape {
        name: "the same of one person",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default(), size),
        fails: false,
    },
    Shape {
        name: "something else of one person",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default().moved(number), size),
        fails: false,
    },
    Shape {
        name: "one person each",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default().of(number), size),
        fails: false,
    },
    Shape {
        name: "nothing to change for each",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default().settled(number), size),
        fails: false,
    },
    Shape {
        name: "values that AWS would refuse",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default().of(number).badly(number), size),
        fails: true,
    },
    Shape {
        name: "values that no rule can use",
        messages: MESSAGES,
        body: |number, size| event(number, &Says::default().of(number).unusably(), size),
        fails: true,
    },
    Shape {
        name: "no events at all",
        messages: MESSAGES,
        body: |number, size| filled(&format!(r#"{{"id":"e-{number}","detail":"#), size, ""),
        fails: true,
    },
];

/// What an event says of whom.
struct Says {
    source: &'static str,
    person: String,
    department: usize,
    /// JSON.
    team: String,
}

impl Default for Says {
    fn default() -> Self {
        Self {
            source: "acme.hr",
            person: "person-1".to_owned(),
            department: 7,
            team: r#""Rates""#.to_owned(),
        }
    }
}

impl Says {
    fn from(self, source: &'static str) -> Self {
        Self { source, ..self }
    }

    fn of(self, number: usize) -> Self {
        let person = format!("person-{number}");
        Self { person, ..self }
    }

    fn settled(self, number: usize) -> Self {
        Self {
            person: format!("settled-{number}"),
            department: 0,
            team: r#""Base""#.to_owned(),
            ..self
        }
    }

    /// Another department and another team than the event before.
    fn moved(self, number: usize) -> Self {
        Self {
            department: 1 + number % (job::RULES - 1),
            team: format!(r#""Team-{number}""#),
            ..self
        }
    }

    /// A role cannot have a blank in its name.
    fn badly(self, number: usize) -> Self {
        let team = format!(r#""Team {number}""#);
        Self { team, ..self }
    }

    /// `$lowercase` takes no number.
    fn unusably(self) -> Self {
        let team = "7".to_owned();
        Self { team, ..self }
    }
}

/// An event of so many bytes in JSON, as JSON in a string takes them. What no rule asks for is like what a directory sends along.
fn event(number: usize, says: &Says, size: usize) -> String {
    let Says {
        source,
        person,
        department,
        team,
    } = says;
    let text = format!(
        r#"{{"id":"e-{number}","detail-type":"Person Moved","source":"{source}","time":"2026-03-02T07:00:04Z","detail":{{"userName":"{person}","identityCenterUserId":"{person}","department":"Department {department}","team":{team},"groups":["#
    );
    filled(&text, size, r#"{"id":"g-0"}]}}"#)
}

/// The two texts with objects of a few members between them.
fn filled(first: &str, size: usize, last: &str) -> String {
    const GROUP: &str = r#"{"id":"g-1047","name":"Rates Quants","active":true,"rank":17},"#;
    let room = size.saturating_sub(escaped(first) + escaped(last));
    let mut text = first.to_owned();
    text.push_str(&GROUP.repeat(room / escaped(GROUP)));
    text.push_str(last);
    text
}

/// How long it is as a JSON string, without the quotes around it.
fn escaped(text: &str) -> usize {
    text.len() + text.matches('"').count()
}

/// As large as may be. Of a record only what is read is there: the rest would make messages fewer.
fn batch(shape: &Shape, size: usize) -> (Vec<u8>, usize) {
    let largest = SIZES.iter().max().copied().unwrap_or_default();
    let each = largest / shape.messages;
    let mut text = r#"{"Records":["#.to_owned();
    let mut messages = 0;
    loop {
        let record = record(messages, shape, each);
        if messages == shape.messages || text.len() + record.len() + 2 > size {
            break;
        }
        if messages > 0 {
            text.push(',');
        }
        text.push_str(&record);
        messages += 1;
    }
    text.push_str("]}");
    (text.into_bytes(), messages)
}

fn record(number: usize, shape: &Shape, size: usize) -> String {
    let around = |body: &str| {
        let id = format!("059f36b4-87a3-44ab-83d2-{number:012}");
        format!(r#"{{"messageId":"{id}","body":"{body}","eventSource":"aws:sqs"}}"#)
    };
    let room = size.saturating_sub(around("").len() + 1);
    around(&(shape.body)(number, room).replace('"', r#"\""#))
}

/// Every shape with `word` in its name in every size, each with a function of its own.
///
/// # Errors
/// What the contender did wrong.
pub fn measure(contender: &Contender, word: &str, work: &Path) -> Result<(), String> {
    println!(
        "{:<32} {:>8} {:>5} {:>9} {:>7} {:>8} {:>9} {:>8}",
        "an SQS batch", "messages", "MB", "above MiB", "times", "CPU ms", "ms a MB", "requests"
    );
    for shape in SHAPES.iter().filter(|shape| shape.name.contains(word)) {
        for size in SIZES {
            let line = measured(contender, shape, size, work)?;
            println!("{:<32} {line}", shape.name);
        }
    }
    Ok(())
}

fn measured(
    contender: &Contender,
    shape: &Shape,
    size: usize,
    work: &Path,
) -> Result<String, String> {
    let (payload, messages) = batch(shape, size);
    let size = payload.len();
    let running = Running::start(contender, &[], Duration::ZERO, work)?;
    for number in 0..BEFORE {
        let kind = match number % 20 {
            0 => Kind::Change,
            _ => Kind::Settled,
        };
        running.invoke(kind, number)?;
    }
    running.services.seen();
    let idle = rested(&running, 1 + BEFORE);
    forget_peak(&running)?;
    let answer = running.runtime.invoke(payload);
    let answer = answer.ok_or("it does not answer")?;
    let after = rested(&running, 2 + BEFORE);
    let failed = String::from_utf8_lossy(&answer.body)
        .matches("itemIdentifier")
        .count();
    if answer.is_error || failed != if shape.fails { messages } else { 0 } {
        return Err(format!(
            "{}: {failed} of {messages} failed\n{}",
            shape.name,
            String::from_utf8_lossy(&answer.body)
        ));
    }
    let (above, cpu) = (
        after.peak.saturating_sub(idle.resident),
        after.cpu - idle.cpu,
    );
    let (megabytes, cpu) = (size as f64 / 1e6, cpu.as_secs_f64() * 1e3);
    let mut line = String::new();
    // A String takes whatever is written to it.
    let _ = write!(
        line,
        "{messages:>8} {megabytes:>5.2} {:>9.1} {:>7.2} {cpu:>8.0} {:>9.1} {:>8}",
        above as f64 / 1024.0,
        (above * 1024) as f64 / size as f64,
        cpu / megabytes,
        running.services.seen().len(),
    );
    Ok(line)
}

/// What it has used once it has polled so often: an event ends with the next poll, not with the answer.
fn rested(running: &Running, polls: usize) -> Usage {
    running.runtime.poll(polls);
    thread::sleep(Duration::from_millis(20));
    running.usage()
}

/// From now on the highest resident memory is that since now (proc(5), clear_refs).
fn forget_peak(running: &Running) -> Result<(), String> {
    let file = format!("/proc/{}/clear_refs", running.process());
    fs::write(&file, "5").map_err(|error| format!("{file}: {error}"))
}
