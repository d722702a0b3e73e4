//! `usher apply`: a few events with their plans, or many with a rate, a journal and reports.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;
use tokio::signal::ctrl_c;
use tokio::time::{Instant, sleep_until};
use usher::apply::{Deadline, Invocation, PATIENCE};
use usher::event::Event;
use usher::plan::EndedOne;
use usher::report::{Outcome, Report};

use super::Exit;
use super::journal::Journal;
use super::run::{Desk, Run, show};
use super::summary::{counted, ended, exit, summary};

#[derive(Args)]
pub struct Apply {
    #[command(flatten)]
    run: Run,
    /// Take up at most this many events a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    /// Keep a journal of the events that are done in this file, and leave out those that stand in it.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Also write the report of every event to this file, one JSON object to a line.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// The most events that are shown one by one, with their plans.
const FEW: usize = 20;

/// The most events handled together: what they ask of one target becomes one change.
const TOGETHER: usize = 100;

impl Apply {
    pub async fn run(&self, json: bool) -> anyhow::Result<Exit> {
        let mut journal = self.resume.as_deref().map(Journal::open).transpose()?;
        let mut desk = match self.run.desk(json).await? {
            Ok(desk) => desk,
            Err(exit) => return Ok(exit),
        };
        if let Some(journal) = &journal {
            let all = desk.events.len();
            desk.events.retain(|event| !journal.has(event));
            let left_out = all - desk.events.len();
            if left_out > 0 {
                anstream::eprintln!(
                    "{} done before, {} to do",
                    counted(left_out, "event"),
                    desk.events.len()
                );
            }
        }
        let few = desk.events.len() <= FEW;
        if few && !json {
            for plan in desk
                .usher
                .plan(&desk.events, Deadline::after(PATIENCE))
                .await
            {
                show(&plan);
            }
        }
        let mut told = Told {
            file: self
                .report
                .as_deref()
                .map(|path| create(path, journal.is_some()))
                .transpose()?,
            bar: bar(desk.events.len(), few),
            lines: !few && !json,
            parts: BTreeMap::new(),
        };
        let stopped = self.all(&desk, &mut journal, &mut told).await?;
        told.bar.finish_and_clear();
        let reports: Vec<Report> = told.parts.into_values().flatten().collect();
        if json {
            super::print(&reports)?;
        } else if few {
            ended(&reports);
        } else {
            summary(&reports);
        }
        let exit = match stopped {
            true => {
                self.how_to_go_on(reports.len(), desk.events.len());
                Exit::Failed
            }
            false => exit(&reports, desk.malformed),
        };
        desk.close().await;
        Ok(exit)
    }

    /// Applies the events, part by part. Tells whether it was stopped before the end. After Ctrl-C what has begun is
    /// finished; after a second one it is not.
    async fn all(
        &self,
        desk: &Desk,
        journal: &mut Option<Journal>,
        told: &mut Told,
    ) -> anyhow::Result<bool> {
        let (size, most) = self.parts(desk.usher.concurrency);
        let mut parts = desk.events.chunks(size);
        let mut running = FuturesUnordered::new();
        let mut interrupted = Box::pin(ctrl_c());
        let mut stopping = false;
        let began = Instant::now();
        let mut taken = 0;
        loop {
            let more = taken < desk.events.len() && !stopping;
            if !more && running.is_empty() {
                return Ok(taken < desk.events.len());
            }
            tokio::select! {
                biased;
                _ = &mut interrupted => {
                    if stopping || running.is_empty() {
                        return Ok(true);
                    }
                    stopping = true;
                    interrupted = Box::pin(ctrl_c());
                    told.say("finishing what has begun; Ctrl-C again stops at once");
                }
                Some(done) = running.next(), if !running.is_empty() => {
                    let (place, reports): (usize, Vec<Report>) = done;
                    if let Some(journal) = journal {
                        journal.record(&reports)?;
                    }
                    told.tell(place, reports)?;
                }
                () = sleep_until(began + self.turn(taken)), if more && running.len() < most => {
                    if let Some(events) = parts.next() {
                        running.push(applied(desk, taken, events));
                        taken += events.len();
                    }
                }
            }
        }
    }

    /// How many events are handled together, and how many of these parts at a time. With a rate, a second's events come
    /// in about four parts, and one part does not wait until another's changes have settled.
    fn parts(&self, concurrency: usize) -> (usize, usize) {
        match self.rate {
            None => (TOGETHER, 1),
            Some(rate) => {
                let size = (rate as usize / 4).clamp(1, TOGETHER);
                (size, (concurrency / size).max(1))
            }
        }
    }

    /// When, from the beginning, the event after so many may be taken up.
    fn turn(&self, taken: usize) -> Duration {
        let seconds = self.rate.map_or(0.0, |rate| taken as f64 / f64::from(rate));
        Duration::from_secs_f64(seconds)
    }

    fn how_to_go_on(&self, done: usize, all: usize) {
        anstream::eprintln!("stopped after {done} of {}", counted(all, "event"));
        match &self.resume {
            Some(path) => anstream::eprintln!(
                "the same command goes on: it leaves out what stands in {}",
                path.display()
            ),
            None => anstream::eprintln!(
                "the same command begins anew, and what is done already ends as unchanged; --resume FILE would keep a journal"
            ),
        }
    }
}

/// The reports of some events, and the place of the first of them among all.
async fn applied(desk: &Desk, place: usize, events: &[Event]) -> (usize, Vec<Report>) {
    let attempt = format!(
        "desk/{}/{place}",
        OffsetDateTime::now_utc().unix_timestamp_nanos()
    );
    let invocation = Invocation {
        id: &attempt,
        deadline: Deadline::after(PATIENCE),
        now: &OffsetDateTime::now_utc,
    };
    (place, Box::pin(desk.usher.apply(events, &invocation)).await)
}

/// Where reports go while there are more to come.
struct Told {
    file: Option<File>,
    bar: ProgressBar,
    /// Whether to print what failed or was refused as it happens.
    lines: bool,
    /// By the place of the first of them among all events.
    parts: BTreeMap<usize, Vec<Report>>,
}

impl Told {
    fn tell(&mut self, place: usize, reports: Vec<Report>) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            let mut lines = Vec::new();
            for report in &reports {
                serde_json::to_writer(&mut lines, report)?;
                lines.push(b'\n');
            }
            file.write_all(&lines).context("cannot write the reports")?;
        }
        if self.lines {
            self.bar.suspend(|| {
                for report in &reports {
                    for change in report.changes.iter().filter(|change| {
                        matches!(change.outcome, Outcome::Refused | Outcome::Failed)
                    }) {
                        let about = format!("{} ({})", report.event.detail_type, report.event.id);
                        anstream::print!("{about}\n{}", EndedOne(change));
                    }
                }
            });
        }
        self.bar.inc(reports.len() as u64);
        self.parts.insert(place, reports);
        Ok(())
    }

    fn say(&self, what: &str) {
        self.bar.suspend(|| anstream::eprintln!("{what}"));
    }
}

/// The file for the reports. A run that goes on adds to it.
fn create(path: &Path, resumed: bool) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    match resumed {
        true => options.append(true),
        false => options.truncate(true),
    };
    let file = options.open(path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

/// On a terminal, and only where it takes a while.
fn bar(events: usize, few: bool) -> ProgressBar {
    if few || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let form = "{bar:30} {pos} of {len} events, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(events as u64).with_style(style)
}
