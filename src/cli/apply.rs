//! `usher apply`: a few events with their plans, or many with a rate, a journal and reports.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};
use usher::apply::{Deadline, Invocation, PATIENCE};
use usher::event::Event;
use usher::report::{Disposition, Report};

use super::Exit;
use super::resume::Resumed;
use super::run::{Desk, Run, show};
use super::summary::{counted, ended, exit, passed_over, summary};
use super::told::{Told, create};

#[derive(Args)]
pub struct Apply {
    #[command(flatten)]
    run: Run,
    /// Take up at most this many events a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    /// Keep a journal in this file of what is done, and leave that out: after a stop the same command goes on. A journal holds
    /// for one place: AWS with its account, region and endpoint, or one --emulator. The built-in stand-in begins anew each time and has none.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Also write the report of every event to this file, one JSON object to a line. With --resume, a run that goes on adds to it.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// The most events that are shown one by one, with their plans.
const FEW: usize = 20;

/// The most events handled together: what they ask of one target becomes one change.
const TOGETHER: usize = 100;

impl Apply {
    pub async fn run(&self, json: bool) -> anyhow::Result<Exit> {
        self.files_are_distinct()?;
        if self.resume.is_some() && !self.run.lasts() {
            anstream::eprintln!(
                "error: --resume goes with --aws or --emulator; the built-in stand-in begins anew each time, so there is nothing to go on from"
            );
            return Ok(Exit::Usage);
        }
        let mut desk = match self.run.desk(json).await? {
            Ok(desk) => desk,
            Err(exit) => return Ok(exit),
        };
        let mut journal = Resumed::default();
        if let (Some(path), Some(place)) = (&self.resume, self.run.place(&desk).await?) {
            journal = Resumed::open(path, &place, &mut desk)?;
        }
        passed_over(&desk.usher.rules, &desk.events);
        let few = desk.events.len() <= FEW;
        let goes_on = journal.goes_on;
        let file = self.report.as_deref().map(|path| create(path, goes_on));
        let mut told = Told::new(file.transpose()?, desk.events.len(), !few, !few && !json);
        told.write(&desk.malformed)?;
        if few && !json {
            let patience = Deadline::after(PATIENCE);
            for plan in desk.usher.plan(&desk.events, patience).await {
                show(&plan);
            }
        }
        if desk.events.is_empty() && desk.malformed.is_empty() && !goes_on {
            anstream::eprintln!("there are no events, so there is nothing to do");
        }
        let end = self.all(&desk, &journal, &mut told).await;
        let reports = told.reports();
        if json {
            print_all(&reports, &desk)?;
        } else if few {
            ended(&reports);
        } else {
            summary(&reports, desk.malformed.len());
        }
        let exit = self.ended(end, &reports, &desk);
        desk.close().await;
        Ok(exit)
    }

    /// Says how to go on, if there is more to do.
    fn ended(&self, end: End, reports: &[Report], desk: &Desk) -> Exit {
        let all = counted(desk.events.len(), "event");
        match end {
            End::All => {
                let again = |report: &Report| report.disposition == Disposition::Retry;
                if self.resume.is_some() && reports.iter().any(again) {
                    self.how_to_go_on();
                }
                return exit(reports, desk.malformed.len());
            }
            End::Stopped => anstream::eprintln!("stopped after {} of {all}", reports.len()),
            End::Failed(error) => anstream::eprintln!(
                "error: {error:#}; therefore stopped after {} of {all}",
                reports.len()
            ),
        }
        self.how_to_go_on();
        Exit::Failed
    }

    /// What is written must not be what is read.
    fn files_are_distinct(&self) -> anyhow::Result<()> {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut read = self.run.files()?;
        for (name, written) in [("--resume", &self.resume), ("--report", &self.report)] {
            let Some(written) = written else { continue };
            if read
                .iter()
                .any(|path| canonical(path) == canonical(written))
            {
                bail!(
                    "{} is used for something else already; give {name} a file of its own",
                    written.display()
                );
            }
            read.push(written.clone());
        }
        Ok(())
    }

    /// Applies the events, part by part. After Ctrl-C, or when the journal or the reports cannot be written, what has begun is
    /// finished; after a second Ctrl-C it is not.
    async fn all(&self, desk: &Desk, journal: &Resumed, told: &mut Told) -> End {
        let (size, most) = self.parts(desk.usher.concurrency);
        let mut parts = desk.events.chunks(size);
        let mut running = FuturesUnordered::new();
        let mut interrupts = match interrupts() {
            Ok(interrupts) => interrupts,
            Err(error) => return End::Failed(error.into()),
        };
        let mut end = End::All;
        let mut asked = false;
        let mut turn = Instant::now();
        let mut taken = 0;
        loop {
            let more = taken < desk.events.len() && matches!(end, End::All);
            if !more && running.is_empty() {
                return end;
            }
            tokio::select! {
                biased;
                _ = interrupts.recv() => {
                    if taken < desk.events.len() || asked {
                        end = end.or(End::Stopped);
                    }
                    if asked || running.is_empty() {
                        return end;
                    }
                    asked = true;
                    told.say("finishing what has begun; Ctrl-C again stops at once");
                }
                Some(done) = running.next(), if !running.is_empty() => {
                    let (place, reports): (usize, Vec<Report>) = done;
                    // The journal last: what it says is done has been reported.
                    let written = told.write(&reports).and_then(|()| journal.record(place, &reports));
                    if let Err(error) = written {
                        end = end.or(End::Failed(error));
                    }
                    told.tell(place, reports);
                }
                () = sleep_until(turn), if more && running.len() < most => {
                    let Some(events) = parts.next() else { continue };
                    if let Err(error) = journal.take(taken, events, &desk.untimed) {
                        end = end.or(End::Failed(error));
                        continue;
                    }
                    running.push(applied(desk, taken, events));
                    taken += events.len();
                    turn = Instant::now() + self.wait(events.len());
                }
            }
        }
    }

    /// How many events are handled together, and how many of these parts at a time. With a rate, a second's events come
    /// in about four parts, and one part does not wait until another's changes have settled.
    fn parts(&self, concurrency: usize) -> (usize, usize) {
        match self.rate {
            None => (TOGETHER.max(concurrency), 1),
            Some(rate) => {
                let size = (rate as usize / 4).clamp(1, TOGETHER);
                (size, (concurrency / size).max(1))
            }
        }
    }

    /// How long the next event has to wait after so many were taken up.
    fn wait(&self, taken: usize) -> Duration {
        let seconds = self.rate.map_or(0.0, |rate| taken as f64 / f64::from(rate));
        Duration::from_secs_f64(seconds)
    }

    fn how_to_go_on(&self) {
        match &self.resume {
            Some(path) => anstream::eprintln!(
                "the same command goes on: it leaves out what stands in {}",
                path.display()
            ),
            None => anstream::eprintln!(
                "the same command begins anew; with --aws or --emulator, --resume FILE keeps a journal to go on from"
            ),
        }
    }
}

/// Ctrl-C, each time: none is missed while the one before is being answered.
#[cfg(unix)]
fn interrupts() -> std::io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn interrupts() -> std::io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

/// How far it came.
enum End {
    All,
    /// By Ctrl-C.
    Stopped,
    Failed(anyhow::Error),
}

impl End {
    /// The first reason for an end counts.
    fn or(self, other: Self) -> Self {
        match self {
            Self::All => other,
            Self::Stopped | Self::Failed(_) => self,
        }
    }
}

/// All reports, and what was no event.
fn print_all(reports: &[Report], desk: &Desk) -> anyhow::Result<()> {
    let reports = reports.iter().map(serde_json::to_value);
    let mut all = reports.collect::<Result<Vec<_>, _>>()?;
    all.extend(desk.malformed.iter().cloned());
    super::print(&all)
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
