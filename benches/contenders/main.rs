//! Usher beside others that do the same job: `cargo bench --bench contenders`. `benches/README.md` says what is measured, and
//! how it came out.

mod contender;
mod figures;
mod http;
mod job;
mod large;
mod measure;
mod memory;
mod options;
mod process;
mod raw;
mod runtime;
mod services;
mod short;
mod table;
mod tls;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use contender::{Contender, NAMES, Places};
use figures::Figures;
use measure::{Sample, sample};
use options::Options;
use serde_json::json;

fn main() -> ExitCode {
    let done = Options::read(std::env::args().skip(1)).and_then(|options| run(&options));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let places = places(options);
    if options.short {
        return short::check(&places, options);
    }
    if options.tls {
        return tls::measure(&places, options);
    }
    if let Some(events) = options.memory {
        let usher = places.prepare("usher")?;
        return memory::measure(&usher, events, &places.work);
    }
    if options.large {
        let usher = places.prepare("usher")?;
        return large::measure(&usher, &options.shape, &places.work);
    }
    let names = NAMES.iter().filter(|name| options.wants(name));
    let mut contenders = Vec::new();
    for name in names {
        eprintln!("preparing {name}");
        contenders.push(places.prepare(name)?);
    }
    let samples = samples(&contenders, options, &places.work)?;
    same_writes(&contenders, &samples)?;
    let figures: Vec<Figures> = contenders
        .iter()
        .zip(&samples)
        .map(|(contender, samples)| Figures::of(contender, samples))
        .collect();
    let latency = figures::millis(options.latency);
    match options.json {
        true => println!(
            "{:#}",
            json!({
                "latency_ms": latency,
                "contenders": figures.iter().map(Figures::json).collect::<Vec<_>>(),
            })
        ),
        false => table::print(&figures, latency),
    }
    Ok(())
}

fn places(options: &Options) -> Places {
    // Cargo gives benchmarks a directory for what they make: `tmp` in the target directory.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_usher-lambda"));
    Places {
        sources: Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/contenders"),
        work: target.unwrap_or(Path::new("target")).join("contenders"),
        usher: options.usher.clone().unwrap_or_else(built),
        floor: options.floor.clone(),
        plain: options.plain.clone(),
        python: options.python.clone(),
    }
}

/// All contenders in turn, again and again, so that whatever else the machine does meets them alike.
fn samples(
    contenders: &[Contender],
    options: &Options,
    work: &Path,
) -> Result<Vec<Vec<Sample>>, String> {
    let mut samples: Vec<Vec<Sample>> = contenders.iter().map(|_| Vec::new()).collect();
    let every = options.rounds.div_ceil(options.warm);
    for round in 0..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let events = match round {
            0 => 0,
            round if (round - 1) % every == 0 => options.events,
            _ => 0,
        };
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            let one = sample(contender, options.latency, events, work)?;
            // The first round brings the files into memory.
            if round > 0 {
                samples.push(one);
            }
        }
    }
    Ok(samples)
}

/// What is compared must be the same work: the same requests with the same arguments.
fn same_writes(contenders: &[Contender], samples: &[Vec<Sample>]) -> Result<(), String> {
    let mut first: Option<(&str, Vec<_>)> = None;
    for (contender, samples) in contenders.iter().zip(samples) {
        let Some(one) = samples.first().filter(|_| contender.works) else {
            continue;
        };
        let asked = short::meaning(&one.seen);
        match &first {
            None => first = Some((contender.name, asked)),
            Some((_, other)) if *other == asked => {}
            Some((name, other)) => {
                return Err(format!(
                    "{name} and {} do not ask for the same:\n{other:#?}\n{asked:#?}",
                    contender.name
                ));
            }
        }
    }
    Ok(())
}
