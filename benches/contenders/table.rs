//! The figures as people read them.

use crate::figures::Figures;

const COLUMNS: [&str; 18] = [
    "", "start", "CPU", "ready", "faults", "RSS", "first", "raw", "p50", "p99", "late", "event",
    "at once", "idle", "call", "requests", "peak", "zip",
];
const UNITS: [&str; 18] = [
    "",
    "ms",
    "ms",
    "CPU ms",
    "",
    "MiB",
    "event ms",
    "ms",
    "ms",
    "ms",
    "µs",
    "CPU ms",
    "CPU ms",
    "CPU ms",
    "CPU ms",
    "per event",
    "MiB",
    "MB",
];

/// One line for each contender, and what Usher comes to beside the others.
pub fn print(all: &[Figures], latency: f64) {
    let rows = all.iter().map(|one| row(one).map(Some));
    let headings = [COLUMNS, UNITS].map(|line| line.map(|word| Some(word.to_owned())));
    for line in headings.into_iter().chain(rows) {
        let cells = line.into_iter().flatten().enumerate();
        let cells: Vec<String> = cells
            .map(|(place, cell)| match place {
                0 => format!("{cell:<7}"),
                _ => format!("{cell:>9}"),
            })
            .collect();
        println!("{}", cells.join(" ").trim_end());
    }
    for line in beside(all, latency) {
        println!("{line}");
    }
}

fn row(one: &Figures) -> [String; 18] {
    let job = |value: f64, digits: usize| match one.works && one.p50 > 0.0 {
        true => format!("{value:.digits$}"),
        false => "–".to_owned(),
    };
    let warm = |value: f64, digits: usize| match one.p50 > 0.0 {
        true => format!("{value:.digits$}"),
        false => "–".to_owned(),
    };
    [
        one.name.to_owned(),
        format!("{:.2}", one.start),
        format!("{:.2}", one.start_cpu),
        format!("{:.2}", one.ready_cpu),
        format!("{:.0}", one.start_faults),
        format!("{:.1}", one.start_resident),
        format!("{:.2}", one.first),
        job(one.raw, 2),
        warm(one.p50, 2),
        warm(one.p99, 2),
        job(one.late[0], 0),
        warm(one.event_cpu, 3),
        warm(one.hurried_cpu, 3),
        warm(one.unrelated_cpu, 3),
        job(one.call_cpu(), 3),
        job(one.requests, 2),
        warm(one.peak, 1),
        one.artefact
            .map_or_else(|| "–".to_owned(), |size| format!("{size:.2}")),
    ]
}

/// Usher's figures as multiples of the others'.
fn beside(all: &[Figures], latency: f64) -> Vec<String> {
    let find = |name: &str| all.iter().find(|one| one.name == name);
    let Some(usher) = find("usher") else {
        return Vec::new();
    };
    let mut lines = vec![String::new()];
    if let Some(floor) = find("floor") {
        lines.push(format!(
            "usher's start is {:.2} x the floor's; its CPU {:.2} x, {:.2} x with what is made ready beside the first poll",
            usher.start / floor.start,
            usher.start_cpu / floor.start_cpu,
            usher.ready_cpu / floor.ready_cpu
        ));
    }
    let warm = all.iter().filter(|one| one.works && one.p50 > 0.0);
    for Figures {
        name,
        raw,
        p50,
        hurried_raw,
        hurried_p50,
        late: [late, latest],
        ..
    } in warm
    {
        lines.push(format!(
            "{name}'s p50 is the services' {raw:.2} ms and {:.2} ms; of their answers, due after {latency} ms, half left {late:.0} µs late, one in a hundred {latest:.0} µs; answered at once it is {hurried_raw:.2} ms and {:.2} ms",
            p50 - raw,
            hurried_p50 - hurried_raw
        ));
    }
    for other in all {
        if other.works && other.name != "usher" {
            lines.push(format!(
                "usher starts {:.1} x faster than {}, with {:.1} x less CPU; an event takes {:.1} x less CPU, one answered at once {:.1} x",
                other.start / usher.start,
                other.name,
                other.start_cpu / usher.start_cpu,
                other.event_cpu / usher.event_cpu,
                other.hurried_cpu / usher.hurried_cpu
            ));
        }
    }
    lines
}
