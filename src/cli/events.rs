//! Events out of files: anything that the function takes as a payload, one to a file or one to a line.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use time::OffsetDateTime;
use usher::event::{Event, Malformed};
use usher::ingress::{self, Context, HttpAsk, Origin};

/// One event of a file, or why it is none.
pub struct Found {
    /// The file, and where in it: `events/sqs-batch.json, event 4`.
    pub place: String,
    pub event: Result<Event, Malformed>,
}

/// The most bytes of one file. Lambda takes 6 MB; a file of many events may be larger.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Reads files, directories and standard input (`-`), in the order given. What is no event is among the answers.
///
/// # Errors
/// When a file cannot be read at all, or a directory has no events in it: then nothing should be done yet.
pub fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let files = inside(path).with_context(|| format!("cannot read {}", path.display()))?;
            if files.is_empty() {
                bail!(
                    "{} has no .json, .ndjson or .jsonl files in it",
                    path.display()
                );
            }
            for file in &files {
                found.extend(read(file)?);
            }
        } else {
            found.extend(read(path)?);
        }
    }
    Ok(found)
}

/// The files of a directory that may hold events, by name. What is in its directories is not looked at.
fn inside(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("json" | "ndjson" | "jsonl")) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a file, or standard input for `-`.
pub fn read(path: &Path) -> anyhow::Result<Vec<Found>> {
    let name = match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    };
    let bytes = bytes(path).with_context(|| format!("cannot read {name}"))?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let by_line = match extension {
        Some("ndjson" | "jsonl") => true,
        _ => has_many_values(&bytes),
    };
    if !by_line {
        return Ok(payload(&bytes, &name));
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let found =
        lines.flat_map(|(index, line)| payload(line, &format!("{name}, line {}", index + 1)));
    Ok(found.collect())
}

/// Whether there is one JSON value on the first line and something after it: one event to a line.
fn has_many_values(bytes: &[u8]) -> bool {
    let trimmed = bytes.trim_ascii();
    let Some(end) = trimmed.iter().position(|byte| *byte == b'\n') else {
        return false;
    };
    let (first, rest) = trimmed.split_at(end);
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
    whole && !rest.trim_ascii().is_empty()
}

fn payload(bytes: &[u8], name: &str) -> Vec<Found> {
    let context = Context {
        request_id: name,
        now: OffsetDateTime::now_utc(),
    };
    let nothing = |problem| {
        vec![Found {
            place: name.to_owned(),
            event: Err(problem),
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
    let found = delivery
        .items
        .into_iter()
        .enumerate()
        .map(|(index, item)| Found {
            place: match many {
                true => format!("{name}, event {}", index + 1),
                false => name.to_owned(),
            },
            event: item.event,
        });
    found.collect()
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
