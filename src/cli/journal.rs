//! What is done where, kept in a file: `usher apply --resume`.
//!
//! The first line says in which place. After it come the events that are done, the times given to those that have none of their own,
//! and what the ledger knows of each target: before a write and after it. So a run that goes on knows which targets are as a newer
//! event wants them, also where that event is not done, and also where the run before was killed.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use usher::event::Event;
use usher::ledger::{Known, Ledger, Memory};
use usher::report::{Disposition, Report};

use super::events;
use super::place::Place;

/// An event as it stands in a file. A source gives each of its events an id of its own (CloudEvents 1.0, `id`); where one does not, or a
/// file is edited, the digest tells them apart.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    source: String,
    id: String,
    digest: String,
}

impl Mark {
    pub fn of(event: &Event, untimed: bool) -> Self {
        Self {
            source: event.source().to_owned(),
            id: event.id().to_owned(),
            digest: events::digest(event, untimed),
        }
    }
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    /// The first.
    Journal { version: u32, place: Place },
    /// Needs nothing more. What failed or was refused has no such line: the next run tries it again.
    Done(Mark),
    /// Has no time of its own, and keeps the one that it was taken up with.
    Taken { event: Mark, time: String },
    Target {
        target: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        begun: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        settled: Option<String>,
    },
}

const VERSION: u32 = 1;

/// How every journal begins: the name of [`Line::Journal`].
const BEGINNING: &[u8] = b"{\"journal\":";

/// The file, held by this process alone.
pub struct Journal {
    done: HashSet<Mark>,
    taken: HashMap<Mark, OffsetDateTime>,
    targets: HashMap<String, Known>,
    file: Arc<File>,
    /// A line could not be written.
    broken: Arc<AtomicBool>,
}

impl Journal {
    /// Reads the journal of this place, or begins one.
    ///
    /// # Errors
    /// When the file is another's: another program's, another place's, or another process's that works with it now.
    pub fn open(path: &Path, place: &Place) -> anyhow::Result<Self> {
        let name = path.display();
        // A device or a pipe would never end, or keep nothing.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            bail!("the journal {name} is no file; give --resume the name of one");
        }
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let file = options.open(path);
        let mut file = file.with_context(|| format!("cannot open the journal {name}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another `usher apply` is working with the journal {name}; wait until it has ended, or give this one a file of its own"
            ),
            // Some network file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock the journal {name}"));
            }
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)
            .with_context(|| format!("cannot read the journal {name}"))?;
        let mut journal = Self {
            done: HashSet::new(),
            taken: HashMap::new(),
            targets: HashMap::new(),
            file: Arc::new(file),
            broken: Arc::default(),
        };
        let whole = whole(&text)
            .with_context(|| format!("{name} is no journal of `usher apply --resume`"))?;
        journal
            .read(whole, place)
            .with_context(|| format!("cannot go on from {name}"))?;
        journal
            .begin(whole, text.len(), place)
            .with_context(|| format!("cannot write the journal {name}"))?;
        Ok(journal)
    }

    fn read(&mut self, text: &[u8], place: &Place) -> anyhow::Result<()> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        for (index, line) in lines.enumerate() {
            let damaged = || {
                anyhow!(
                    "line {} is damaged. Without that line the file can be used: what it says is done is done again, and what it says \
                     of a target may be written over by an older event",
                    index + 1
                )
            };
            match serde_json::from_slice(line).map_err(|_| damaged())? {
                Line::Journal {
                    version,
                    place: other,
                } => {
                    if version != VERSION {
                        bail!(
                            "another version of usher wrote it; go on with that one, or begin another file"
                        );
                    }
                    if other != *place {
                        bail!(
                            "it says what is done on {other}, and this run is on {place}; give this run a file of its own"
                        );
                    }
                }
                Line::Done(mark) => {
                    self.done.insert(mark);
                }
                Line::Taken { event, time } => {
                    let time = OffsetDateTime::parse(&time, &Rfc3339).map_err(|_| damaged())?;
                    self.taken.insert(event, time);
                }
                Line::Target {
                    target,
                    begun,
                    settled,
                } => {
                    let time = |text: Option<String>| {
                        let parsed = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339));
                        parsed.transpose().map_err(|_| damaged())
                    };
                    let known = Known {
                        begun: time(begun)?,
                        settled: time(settled)?,
                        target: target.clone(),
                    };
                    self.targets.insert(target, known);
                }
            }
        }
        Ok(())
    }

    /// Cuts half a line off the end, and writes the first one.
    fn begin(&self, whole: &[u8], length: usize, place: &Place) -> anyhow::Result<()> {
        if whole.len() < length {
            self.file.set_len(whole.len() as u64)?;
        }
        if !whole.is_empty() && !whole.ends_with(b"\n") {
            (&*self.file).write_all(b"\n")?;
        }
        if whole.is_empty() {
            let line = Line::Journal {
                version: VERSION,
                place: place.clone(),
            };
            write(&self.file, &[line])?;
        }
        Ok(())
    }

    /// Whether nothing stands in it yet.
    pub fn is_new(&self) -> bool {
        self.done.is_empty() && self.taken.is_empty() && self.targets.is_empty()
    }

    /// Whether this event is done already.
    pub fn has(&self, mark: &Mark) -> bool {
        self.done.contains(mark)
    }

    /// The time that an event was taken up with which has none of its own.
    pub fn time(&self, mark: &Mark) -> Option<OffsetDateTime> {
        self.taken.get(mark).copied()
    }

    /// A ledger that knows what earlier runs wrote, and takes down what this one does.
    pub fn ledger(&mut self) -> Ledger {
        let known = std::mem::take(&mut self.targets);
        let file = Arc::clone(&self.file);
        let broken = Arc::clone(&self.broken);
        Ledger::Memory(Memory::logged(known.into_values(), move |known| {
            let Known {
                target,
                settled,
                begun,
            } = known;
            let line = Line::Target {
                target: target.clone(),
                begun: begun.map(rfc3339),
                settled: settled.map(rfc3339),
            };
            write(&file, &[line]).inspect_err(|_| broken.store(true, Ordering::Relaxed))
        }))
    }

    /// Takes down the times that untimed events have got.
    pub fn take<'a>(
        &self,
        untimed: impl Iterator<Item = (&'a Mark, &'a Event)>,
    ) -> anyhow::Result<()> {
        let lines = untimed.map(|(mark, event)| Line::Taken {
            event: mark.clone(),
            time: rfc3339(event.time()),
        });
        write(&self.file, &lines.collect::<Vec<_>>()).context("cannot write the journal")
    }

    /// Takes down which of these events are done.
    pub fn record<'a>(
        &self,
        ended: impl Iterator<Item = (&'a Mark, &'a Report)>,
    ) -> anyhow::Result<()> {
        let done = ended.filter(|(_, report)| report.disposition == Disposition::Done);
        let lines: Vec<Line> = done.map(|(mark, _)| Line::Done(mark.clone())).collect();
        if self.broken.load(Ordering::Relaxed) {
            bail!("cannot write the journal");
        }
        write(&self.file, &lines).context("cannot write the journal")
    }
}

/// The lines that are whole: a process that was killed may leave half a line, at the end. `None` for another sort of file.
fn whole(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().rposition(|byte| *byte == b'\n');
    let (lines, last) = text.split_at_checked(end.map_or(0, |end| end + 1))?;
    let is_whole = serde_json::from_slice::<IgnoredAny>(last).is_ok();
    let whole = if is_whole { text } else { lines };
    let ours = match whole.is_empty() {
        true => BEGINNING.starts_with(last) || last.starts_with(BEGINNING),
        false => whole.starts_with(BEGINNING),
    };
    ours.then_some(whole)
}

/// All of it in one write, at the end of the file.
fn write(mut file: &File, lines: &[Line]) -> std::io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    file.write_all(&text)
}

/// Times before the year 0 cannot be written so: all of them are as old as any that can.
fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339)
        .unwrap_or_else(|_| "0000-01-01T00:00:00Z".to_owned())
}
