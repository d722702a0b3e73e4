//! What is told of the events while there are more to come: the file of reports, the progress, and what failed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use serde::de::IgnoredAny;
use usher::plan::EndedOne;
use usher::report::{Outcome, Report};

/// Where reports go.
pub struct Told {
    file: Option<File>,
    bar: ProgressBar,
    /// Whether to print what failed or was refused as it happens.
    lines: bool,
    /// By the place of the first of them among all events.
    parts: BTreeMap<usize, Vec<Report>>,
}

impl Told {
    /// Of this many events: progress, on a terminal, and what failed, if it is `long`.
    pub fn new(file: Option<File>, events: usize, long: bool, lines: bool) -> Self {
        Self {
            file,
            bar: bar(events, long),
            lines,
            parts: BTreeMap::new(),
        }
    }

    /// Writes some of the reports to the file.
    pub fn write<T: Serialize>(&mut self, reports: &[T]) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut lines = Vec::new();
        for report in reports {
            serde_json::to_writer(&mut lines, report)?;
            lines.push(b'\n');
        }
        file.write_all(&lines).context("cannot write the reports")
    }

    /// Takes the reports of a part, whose first event has this place among all.
    pub fn tell(&mut self, place: usize, reports: Vec<Report>) {
        if self.lines {
            self.bar.suspend(|| reports.iter().for_each(unsuccessful));
        }
        self.bar.inc(reports.len() as u64);
        self.parts.insert(place, reports);
    }

    pub fn say(&self, what: &str) {
        self.bar.suspend(|| anstream::eprintln!("{what}"));
    }

    /// All reports, in the order of their events.
    pub fn reports(self) -> Vec<Report> {
        self.bar.finish_and_clear();
        self.parts.into_values().flatten().collect()
    }
}

fn unsuccessful(report: &Report) {
    let changes = report.changes.iter();
    for change in
        changes.filter(|change| matches!(change.outcome, Outcome::Refused | Outcome::Failed))
    {
        let about = format!("{} ({})", report.event.detail_type, report.event.id);
        anstream::print!("{about}\n{}", EndedOne(change));
    }
}

/// How every report begins.
const BEGINNING: &str = "{\"event\":";

/// The file for the reports. A run that goes on adds to it.
pub fn create(path: &Path, goes_on: bool) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    match goes_on {
        true => options.read(true).append(true),
        false => options.truncate(true),
    };
    let mut file = options
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    if goes_on {
        mend(&mut file).with_context(|| format!("cannot go on with {}", path.display()))?;
    }
    Ok(file)
}

/// Cuts off the half line that a killed process may have left; its event is not in the journal, so its report comes again.
fn mend(file: &mut File) -> anyhow::Result<()> {
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    let end = end.map_or(0, |end| end + 1);
    let (_, last) = bytes.split_at(end);
    if last.is_empty() {
        return Ok(());
    }
    let beginning = BEGINNING.as_bytes();
    if serde_json::from_slice::<IgnoredAny>(last).is_ok() {
        file.write_all(b"\n")?;
    } else if last.starts_with(beginning) || beginning.starts_with(last) {
        file.set_len(end as u64)?;
    } else {
        bail!("it ends in something else than reports");
    }
    Ok(())
}

/// How often the progress is drawn when nothing else happens: the time left goes on.
const TICK: Duration = Duration::from_millis(500);

/// On a terminal, and only where it takes a while.
fn bar(events: usize, long: bool) -> ProgressBar {
    if !long || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let form = "{bar:30} {pos} of {len} events{pace}";
    let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.with_key("pace", |state: &ProgressState, out: &mut dyn fmt::Write| {
        // Nothing is known before the first are done. Where this cannot be written, the bar is shorter.
        if state.pos() > 0 {
            let left = HumanDuration(state.eta());
            let _ = write!(out, ", {:.1} a second, {left} left", state.per_sec());
        }
    });
    let bar = ProgressBar::new(events as u64).with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}
