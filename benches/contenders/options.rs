//! What was asked for.

use std::path::PathBuf;
use std::time::Duration;

use crate::contender::NAMES;

pub const USAGE: &str = "\
Measures Usher beside others that do the same job, all in one run.

  cargo bench --bench contenders -- [options]

  --rounds N       starts of each contender, after one that does not count; default 15
  --warm N         of these, how many go on to the warm events; default 3
  --events N       events to warm each with, and as many to measure; default 200
  --latency-ms N   how long the services take to answer; default 20
  --only A,B       only these of floor, usher, plain, python, node, bundle
  --usher PATH     the function's binary; default the one that cargo has just built
  --floor PATH, --plain PATH   binaries that are built already
  --python NAME    default python3
  --json           figures as JSON
  --tls            instead of all that: the first event and warm ones with the services behind TLS
  --memory N       instead of all that: Usher's memory over N events, of which every thousandth is about the same person
  --large          instead of all that: Usher's memory and processor time for SQS batches of up to 6 MB
  --shape TEXT     of these only the shapes with this in their name
  --short          instead of all that: only what is the same on every machine (requests, instructions, allocations),
                   held against limits; fails if one is broken";

pub struct Options {
    pub rounds: usize,
    pub warm: usize,
    pub events: usize,
    pub latency: Duration,
    pub only: Option<Vec<String>>,
    pub usher: Option<PathBuf>,
    pub floor: Option<PathBuf>,
    pub plain: Option<PathBuf>,
    pub python: String,
    pub json: bool,
    pub tls: bool,
    pub memory: Option<usize>,
    pub large: bool,
    pub shape: String,
    pub short: bool,
}

impl Options {
    /// # Errors
    /// An option that means nothing.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            rounds: 15,
            warm: 3,
            events: 200,
            latency: Duration::from_millis(20),
            only: None,
            usher: None,
            floor: None,
            plain: None,
            python: "python3".to_owned(),
            json: false,
            tls: false,
            memory: None,
            large: false,
            shape: String::new(),
            short: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                // Cargo says so to every benchmark.
                "--bench" => {}
                "--help" => return Err(USAGE.to_owned()),
                "--json" => options.json = true,
                "--tls" => options.tls = true,
                "--large" => options.large = true,
                "--short" => options.short = true,
                "--shape" => options.shape = value()?,
                "--rounds" => options.rounds = number(&value()?)?,
                "--warm" => options.warm = number(&value()?)?,
                "--events" => options.events = number(&value()?)?,
                "--memory" => options.memory = Some(number(&value()?)?),
                "--latency-ms" => {
                    let text = value()?;
                    let millis = text.parse().ok().filter(|millis| *millis <= 10_000);
                    let millis = millis.ok_or(format!("{text} is no number up to 10000"))?;
                    options.latency = Duration::from_millis(millis);
                }
                "--only" => options.only = Some(names(&value()?)?),
                "--usher" => options.usher = Some(path(&value()?)?),
                "--floor" => options.floor = Some(path(&value()?)?),
                "--plain" => options.plain = Some(path(&value()?)?),
                "--python" => options.python = value()?,
                _ => return Err(format!("{word} is no option\n\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// Whether this contender takes part.
    pub fn wants(&self, name: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| only.iter().any(|one| one == name))
    }
}

fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{text} is no number above 0"))
}

fn names(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = text.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        None => Ok(names),
        Some(other) => Err(format!(
            "no contender is called {other}; there are {NAMES:?}"
        )),
    }
}

/// From where the command was given: contenders start elsewhere.
fn path(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| format!("{text}: {error}"))
}
