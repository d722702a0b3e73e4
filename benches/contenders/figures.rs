//! From samples to one row of figures for each contender.

use std::time::Duration;

use serde_json::{Value, json};

use crate::contender::Contender;
use crate::job::REQUESTS;
use crate::measure::{Sample, Warm};

/// What the samples of one contender come to. Times are medians, in milliseconds.
#[derive(Default)]
pub struct Figures {
    pub name: &'static str,
    pub works: bool,
    pub start: f64,
    pub start_cpu: f64,
    /// With what goes on beside the first poll.
    pub ready_cpu: f64,
    pub start_faults: f64,
    /// Resident memory at the first poll, MiB.
    pub start_resident: f64,
    pub first: f64,
    pub p50: f64,
    pub p99: f64,
    /// The median of a client that spends nothing.
    pub raw: f64,
    /// The same two where the services answer at once.
    pub hurried_p50: f64,
    pub hurried_raw: f64,
    /// How late the services' answers left: median and 99th percentile, in microseconds.
    pub late: [f64; 2],
    pub event_cpu: f64,
    pub hurried_cpu: f64,
    pub unrelated_cpu: f64,
    pub requests: f64,
    /// At its highest, MiB.
    pub peak: f64,
    /// Zipped, MB.
    pub artefact: Option<f64>,
}

impl Figures {
    pub fn of(contender: &Contender, samples: &[Sample]) -> Self {
        let warm: Vec<&Warm> = samples.iter().filter_map(|one| one.warm.as_ref()).collect();
        let times = |of: fn(&Warm) -> &Vec<Duration>| -> Vec<f64> {
            let times = warm.iter().flat_map(|warm| of(warm));
            times.copied().map(millis).collect()
        };
        let mut late: Vec<f64> = warm
            .iter()
            .flat_map(|warm| warm.late.iter().map(|late| millis(*late) * 1e3))
            .collect();
        let start = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
        let event = |figure: fn(&Warm) -> f64| median(warm.iter().copied().map(figure));
        Self {
            name: contender.name,
            works: contender.works,
            start: start(|one| millis(one.start)),
            start_cpu: start(|one| millis(one.polled)),
            ready_cpu: start(|one| millis(one.started.cpu)),
            start_faults: start(|one| one.started.faults as f64),
            start_resident: start(|one| one.started.resident as f64 / 1024.0),
            first: start(|one| millis(one.first)),
            p50: quantile(&mut times(|warm| &warm.times), 0.5),
            p99: quantile(&mut times(|warm| &warm.times), 0.99),
            raw: quantile(&mut times(|warm| &warm.raw), 0.5),
            hurried_p50: quantile(&mut times(|warm| &warm.hurried_times), 0.5),
            hurried_raw: quantile(&mut times(|warm| &warm.hurried_raw), 0.5),
            late: [0.5, 0.99].map(|part| quantile(&mut late, part)),
            event_cpu: event(|warm| millis(warm.event)),
            hurried_cpu: event(|warm| millis(warm.hurried)),
            unrelated_cpu: event(|warm| millis(warm.unrelated)),
            requests: event(|warm| warm.requests),
            peak: event(|warm| warm.peak as f64 / 1024.0),
            artefact: contender.artefact.map(|bytes| bytes as f64 / 1e6),
        }
    }

    /// Processor time of one AWS call: what an event with six, answered at once, takes more than one with none.
    pub fn call_cpu(&self) -> f64 {
        (self.hurried_cpu - self.unrelated_cpu) / REQUESTS as f64
    }

    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "start_ms": self.start,
            "start_cpu_ms": self.start_cpu,
            "ready_cpu_ms": self.ready_cpu,
            "start_page_faults": self.start_faults,
            "start_resident_mib": self.start_resident,
            "first_event_ms": self.first,
            "warm_p50_ms": self.p50,
            "warm_p99_ms": self.p99,
            "raw_p50_ms": self.raw,
            "hurried_p50_ms": self.hurried_p50,
            "hurried_raw_p50_ms": self.hurried_raw,
            "answers_late_us": self.late,
            "cpu_per_event_ms": self.event_cpu,
            "cpu_per_hurried_event_ms": self.hurried_cpu,
            "cpu_per_unrelated_event_ms": self.unrelated_cpu,
            "cpu_per_call_ms": self.works.then(|| self.call_cpu()),
            "requests_per_event": self.requests,
            "peak_mib": self.peak,
            "artefact_zipped_mb": self.artefact,
        })
    }
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(&mut values.collect::<Vec<f64>>(), 0.5)
}

/// The smallest value that this part of all are not above; 0 if there are none.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * part).ceil() as usize;
    values.get(place.max(1) - 1).copied().unwrap_or_default()
}
