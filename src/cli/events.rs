//! Events out of files: anything that the function takes as a payload, one to a file or one to a line.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use usher::event::{Defaults, Event, Malformed};
use usher::ingress::{self, Context, HttpAsk, Origin};

use super::files;

/// One event of a file, or why it is none.
pub struct Found {
    /// The file, and where in it: `events/sqs-batch.json, event 4`.
    pub place: String,
    pub event: Result<Event, Malformed>,
    /// Neither the event nor what it came in says when it happened.
    pub untimed: bool,
}

/// The most bytes of one file. Lambda takes 6 MB; a file of many events may be larger.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The most characters of a file's name in the id of an event that has none of its own.
const LONGEST: usize = 150;

/// Reads files, directories, patterns and standard input (`-`), in the order given. What is no event is among the answers.
///
/// An event that does not say when it happened happens now, one after the other.
///
/// # Errors
/// When a file cannot be read at all, or a directory has no events in it: then nothing should be done yet.
pub fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Found>> {
    let mut all = Vec::new();
    for file in files::named(paths)? {
        all.extend(read(&file)?);
    }
    let mut now = OffsetDateTime::now_utc();
    for found in &mut all {
        if let (true, Ok(event)) = (found.untimed, &mut found.event) {
            now += Duration::NANOSECOND;
            *event = at(event, now);
        }
    }
    Ok(all)
}

/// The same event at another time.
pub fn at(event: &Event, time: OffsetDateTime) -> Event {
    let mut document = event.document();
    if let Value::Object(members) = &mut document {
        members.shift_remove("time");
    }
    let id = event.id();
    // What was an event stays one.
    Event::from_json(document, &Defaults { id, time }).unwrap_or_else(|_| event.clone())
}

/// Reads a file, or standard input for `-`. Where nothing comes in at all there are no events.
pub fn read(path: &Path) -> anyhow::Result<Vec<Found>> {
    let is_input = path.as_os_str() == "-";
    let name = match is_input {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let bytes = bytes(path).with_context(|| format!("cannot read {name}"))?;
    // Some editors begin files with a byte order mark, which is no JSON.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let extension = path.extension().and_then(|extension| extension.to_str());
    let by_line = match extension {
        Some("ndjson" | "jsonl") => true,
        _ if is_input && bytes.trim_ascii().is_empty() => true,
        _ => has_many_values(bytes),
    };
    if !by_line {
        let mut found = payload(bytes, &name);
        if let [
            Found {
                event: Err(problem),
                ..
            },
        ] = found.as_mut_slice()
            && problem.status == 413
        {
            problem.message += "; a file of more has one event to a line";
        }
        return Ok(found);
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let found =
        lines.flat_map(|(index, line)| payload(line, &format!("{name}, line {}", index + 1)));
    Ok(found.collect())
}

/// Whether this is one event to a line: it is not one JSON value, but the first of its lines is, or another one that begins like
/// an event. So a broken first line spoils no other.
fn has_many_values(bytes: &[u8]) -> bool {
    let whole = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.by_ref().filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let mut rest = lines.peekable();
    if rest.peek().is_none() || (!whole(first) && whole(bytes)) {
        return false;
    }
    let opens = first.starts_with(b"[") || first == b"{";
    whole(first) || !opens && rest.any(|line| line.starts_with(b"{\"") && whole(line))
}

fn payload(bytes: &[u8], name: &str) -> Vec<Found> {
    let context = Context {
        request_id: &label(name),
        now: OffsetDateTime::now_utc(),
    };
    let nothing = |problem| {
        vec![Found {
            place: name.to_owned(),
            event: Err(problem),
            untimed: false,
        }]
    };
    let delivery = match ingress::read(bytes, &context) {
        Ok(delivery) => delivery,
        Err(problem) => return nothing(problem),
    };
    if let Origin::Http(http) = delivery.origin {
        match http.ask {
            HttpAsk::Problem { problem, .. } => return nothing(problem),
            HttpAsk::OpenApi => {
                let message =
                    "this is a request for the HTTP API's description, and no event".to_owned();
                return nothing(Malformed::new(400, "malformed-event", message));
            }
            HttpAsk::Events => {}
        }
    }
    let many = delivery.items.len() > 1;
    let items = delivery.items.into_iter().enumerate();
    let found = items.map(|(index, item)| Found {
        place: match many {
            true => format!("{name}, event {}", index + 1),
            false => name.to_owned(),
        },
        untimed: matches!(&item.event, Ok(event) if event.time() == context.now),
        event: item.event.map(|event| own_id(event, &context)),
    });
    found.collect()
}

/// Begins the ids that are made here, until they are whole: a character that stands for nothing (Unicode, private use).
const UNNAMED: char = '\u{e000}';

/// What an event is called that has no id of its own: its place, short enough for an id.
fn label(name: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let characters: Vec<char> = name.chars().map(printable).collect();
    let from = characters.len().saturating_sub(LONGEST);
    let last = characters.into_iter().skip(from);
    std::iter::once(UNNAMED).chain(last).collect()
}

/// Adds what an event says to the id that its place gave it: after the file is rewritten another event stands there, and one
/// that is taken for the other would be left out by `--resume`, or share its client token.
fn own_id(event: Event, context: &Context<'_>) -> Event {
    let Some(place) = event.id().strip_prefix(UNNAMED) else {
        return event;
    };
    let time = event.time();
    let id = format!("{place}, {}", digest(&event, time == context.now));
    let mut document = event.document().clone();
    if let Value::Object(members) = &mut document {
        members.shift_remove("id");
    }
    Event::from_json(document, &Defaults { id: &id, time }).unwrap_or(event)
}

/// What an event says, in 16 hexadecimal digits. The time of one that is untimed is none of it.
pub fn digest(event: &Event, untimed: bool) -> String {
    let mut hash = Sha256::new();
    for (name, value) in event.document().as_object().into_iter().flatten() {
        if !(untimed && name == "time") {
            hash.update(format!("{name:?}:{value}\n"));
        }
    }
    let hash = hash.finalize();
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The bytes of a file, or of standard input for `-`.
pub fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin()
            .lock()
            .take(LARGEST + 1)
            .read_to_end(&mut bytes),
        _ => std::fs::File::open(path)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes),
    }?;
    if read as u64 > LARGEST {
        bail!("it is larger than {} MiB", LARGEST / 1024 / 1024);
    }
    Ok(bytes)
}
