//! Which events are finished, kept in a file: `usher apply --resume`.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use usher::event::Event;
use usher::report::{Disposition, Report};

/// One line of the file. A source gives each of its events an id of its own (CloudEvents 1.0, `id`; EventBridge's are unique everywhere).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)] // an event has a source and an id too, but is no journal
struct Finished {
    source: String,
    id: String,
}

/// The events that are done, those of earlier runs too.
pub struct Journal {
    finished: HashSet<Finished>,
    file: File,
}

impl Journal {
    /// Reads the journal, or begins one.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {name}")),
        };
        let mut finished = HashSet::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            match serde_json::from_str(line) {
                // A process that was killed may leave half a line, at the end.
                _ if !line.ends_with('\n') => {}
                Ok(event) => {
                    finished.insert(event);
                }
                Err(_) => bail!(
                    "{name}, line {}: this is no journal of `usher apply --resume`",
                    index + 1
                ),
            }
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let (_, half) = text.split_at(whole);
        // What is cut off must be the beginning of a line of ours, not somebody's file without a line's end.
        let ours =
            half.starts_with(r#"{"source":"#) && serde_json::from_str::<IgnoredAny>(half).is_err();
        if whole == 0 && !half.is_empty() && !ours {
            bail!("{name}: this is no journal of `usher apply --resume`");
        }
        let open = OpenOptions::new().create(true).append(true).open(path);
        let file = open.with_context(|| format!("cannot write {name}"))?;
        file.set_len(whole as u64)
            .with_context(|| format!("cannot write {name}"))?;
        Ok(Self { finished, file })
    }

    /// Whether this event is done already.
    pub fn has(&self, event: &Event) -> bool {
        let this = Finished {
            source: event.source().to_owned(),
            id: event.id().to_owned(),
        };
        self.finished.contains(&this)
    }

    /// Takes down what is done. What failed or was refused is not: the next run tries it again.
    pub fn record(&mut self, reports: &[Report]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for report in reports
            .iter()
            .filter(|report| report.disposition == Disposition::Done)
        {
            let this = Finished {
                source: report.event.source.clone(),
                id: report.event.id.clone(),
            };
            serde_json::to_writer(&mut lines, &this)?;
            lines.push(b'\n');
        }
        self.file
            .write_all(&lines)
            .context("cannot write the journal")
    }
}
