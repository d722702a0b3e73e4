//! Usher's memory over many events, with services that answer at once.

use std::path::Path;
use std::time::Duration;

use crate::contender::Contender;
use crate::job::Kind;
use crate::measure::Running;

/// Runs twice: with a thousand people who come again and again, and with other people in every event.
///
/// # Errors
/// What the contender did wrong.
pub fn measure(contender: &Contender, events: usize, work: &Path) -> Result<(), String> {
    for (people, who) in [
        (1000, "a thousand people, again and again"),
        (usize::MAX, "somebody else each time"),
    ] {
        println!("{who}");
        println!(
            "{:>9} {:>9} {:>9} {:>9}",
            "events", "now MiB", "peak MiB", "CPU ms"
        );
        let running = Running::start(contender, &[], Duration::ZERO, work)?;
        line(0, &running, 0.0);
        let (mut next, mut before) = (1000.min(events), running.usage().cpu);
        let mut since = 0;
        for number in 0..events {
            running.invoke(Kind::Change, number % people)?;
            running.services.seen();
            if number + 1 == next {
                let cpu = running.usage().cpu;
                let each = (cpu - before).as_secs_f64() * 1e3 / (next - since) as f64;
                line(next, &running, each);
                (before, since) = (cpu, next);
                next = match next {
                    1000 => 10_000,
                    other => other + 10_000,
                }
                .min(events);
            }
        }
        println!();
    }
    Ok(())
}

fn line(events: usize, running: &Running, cpu: f64) {
    let usage = running.usage();
    let mib = |kib: u64| kib as f64 / 1024.0;
    let (now, peak) = (mib(usage.resident), mib(usage.peak));
    println!("{events:>9} {now:>9.1} {peak:>9.1} {cpu:>9.3}");
}
