//! `usher plan`, and what `usher apply` has in common with it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use usher::apply::{Deadline, PATIENCE, Usher};
use usher::aws::{self, Configuration, Services, configure};
use usher::emulator::{Emulator, Options};
use usher::event::{Event, Malformed};
use usher::ledger::{Ledger, Memory};
use usher::plan::{Action, Plan};
use usher::report::Disposition;

use super::place::Place;
use super::summary::passed_over;
use super::{Exit, RulesFile, emulate, events, files};

#[derive(Args)]
pub struct Run {
    /// Files with events, in any form that the function takes; directories of such files; patterns with * and ?; `-` is standard
    /// input. Files may hold one event to a line (.ndjson, .jsonl).
    #[arg(value_name = "EVENT", required = true)]
    events: Vec<PathBuf>,
    #[command(flatten)]
    rules: RulesFile,
    #[command(flatten)]
    services: Where,
    /// Targets handled at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
}

/// Which services.
#[derive(Args)]
#[group(multiple = false)]
struct Where {
    /// Use AWS itself, with the usual environment variables, profile and region.
    #[arg(long)]
    aws: bool,
    /// What the stand-in begins with, as a JSON file; without it, a sample world.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Use a stand-in that runs already (`usher emulate`), at this URL on this machine.
    #[arg(long, value_name = "URL")]
    emulator: Option<String>,
}

/// Everything a command needs; the stand-in lives as long as it does.
pub(super) struct Desk {
    pub usher: Usher,
    pub events: Vec<Event>,
    /// Of each, whether nothing says when it happened.
    pub untimed: Vec<bool>,
    /// What the files hold that are no events, as reports.
    pub malformed: Vec<Value>,
    config: Configuration,
    emulator: Option<Emulator>,
}

impl Run {
    pub async fn plan(&self, json: bool) -> anyhow::Result<Exit> {
        let desk = match self.desk(json).await? {
            Ok(desk) => desk,
            Err(exit) => return Ok(exit),
        };
        let plans = desk
            .usher
            .plan(&desk.events, Deadline::after(PATIENCE))
            .await;
        passed_over(&desk.usher.rules, &desk.events);
        if json {
            super::print(&plans)?;
        } else {
            for plan in &plans {
                show(plan);
            }
        }
        let count = |action| plans.iter().map(|plan| plan.count(action)).sum::<usize>();
        let exit = match (
            count(Action::Failed) + desk.malformed.len(),
            count(Action::Refused),
            count(Action::Change),
        ) {
            (0, 0, 0) => Exit::Done,
            (0, 0, _) => Exit::Changes,
            (0, ..) => Exit::Refused,
            _ => Exit::Failed,
        };
        desk.close().await;
        Ok(exit)
    }

    pub(super) async fn desk(&self, json: bool) -> anyhow::Result<Result<Desk, Exit>> {
        let rules = match self.rules.load(json)? {
            Ok(rules) => rules,
            Err(exit) => return Ok(Err(exit)),
        };
        let (mut found, mut untimed, mut malformed) = (Vec::new(), Vec::new(), Vec::new());
        for event in events::read_all(&self.events)? {
            match event.event {
                Ok(one) => {
                    found.push(one);
                    untimed.push(event.untimed);
                }
                Err(problem) => {
                    anstream::eprintln!("error: {}: {problem}", event.place);
                    let Malformed { code, message, .. } = problem;
                    malformed.push(json!({
                        "event": null,
                        "place": event.place,
                        "error": {"code": code, "message": message, "retryable": false},
                        "disposition": Disposition::Reject,
                    }));
                }
            }
        }
        let (config, emulator) = self.services.connect().await?;
        let usher = Usher {
            rules,
            services: Services::new(&config),
            // All of one run's targets: an older event may stand any number of events after a newer one.
            ledger: Ledger::Memory(Memory::bounded(usize::MAX)),
            concurrency: usize::from(self.concurrency),
            settle: true,
            single_sign_on: Default::default(),
        };
        Ok(Ok(Desk {
            usher,
            events: found,
            untimed,
            malformed,
            config,
            emulator,
        }))
    }

    /// The files that are read.
    pub(super) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = files::named(&self.events)?;
        files.push(self.rules.path.clone());
        files.extend(self.services.world.clone());
        Ok(files)
    }

    /// Where the events are applied, if that place lasts longer than this run.
    pub(super) async fn place(&self, desk: &Desk) -> anyhow::Result<Option<Place>> {
        let Where { aws, emulator, .. } = &self.services;
        match emulator {
            Some(url) => Ok(Some(Place::Emulator(url.trim_end_matches('/').to_owned()))),
            None if *aws => Place::aws(desk.config.sdk()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the services last longer than this run.
    pub(super) fn lasts(&self) -> bool {
        self.services.aws || self.services.emulator.is_some()
    }
}

impl Desk {
    pub async fn close(self) {
        if let Some(emulator) = self.emulator {
            emulator.stop().await;
        }
    }
}

impl Where {
    async fn connect(&self) -> anyhow::Result<(Configuration, Option<Emulator>)> {
        if self.aws {
            let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
            let place = aws::Place::Environment {
                ca_bundle: bundle.as_deref().map(Path::new),
            };
            return Ok((configure(place).await?, None));
        }
        if let Some(url) = &self.emulator {
            if !is_loopback(url) {
                bail!(
                    "--emulator takes a URL on this machine, such as http://127.0.0.1:4599; found {url}"
                );
            }
            return Ok((configure(aws::Place::Emulator(url)).await?, None));
        }
        let world = emulate::world(self.world.as_deref())?;
        let options = Options {
            settle: Duration::from_millis(200),
            validate: Some(emulate::validate),
            ..Options::default()
        };
        let emulator = Emulator::start(world, options)
            .await
            .context("cannot start the stand-in for the services")?;
        anstream::eprintln!(
            "on the built-in stand-in for the services; nothing reaches AWS without --aws"
        );
        let config = configure(aws::Place::Emulator(&emulator.endpoint())).await?;
        Ok((config, Some(emulator)))
    }
}

/// Whether a URL is plain HTTP to this machine: without `--aws` nothing may leave it.
fn is_loopback(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    local && port.parse::<u16>().is_ok()
}

pub(super) fn show(plan: &Plan) {
    for event in &plan.events {
        anstream::println!("{} from {} ({})", event.detail_type, event.source, event.id);
    }
    anstream::println!("{plan}");
}
