//! Metrics in CloudWatch's embedded metric format: JSON lines among the logs, of which CloudWatch makes metrics
//! (CloudWatch user guide, embedded metric format specification).
//!
//! | metric | unit | of each change |
//! | --- | --- | --- |
//! | `Changes` | count | one |
//! | `Attempts` | count | write requests, repetitions included; one write for several events counts once |
//! | `Throttles` | count | answers that said "slower", to reads and writes |
//! | `Latency` | milliseconds | from its start to its outcome, waits included |
//! | `EventAge` | seconds | from the event's `time` to the end of the invocation's work |
//! | `Stale` | count | one if a newer event was there first |
//! | `Duplicates` | count | one if the ledger had an event of its very time as written |
//! | `Refused` | count | one if a guard forbade it |
//!
//! The dimensions are `service` and `operation`, and of `Changes` also these and `outcome`. An event that may not
//! come over HTTP is `Refused` for service `usher`, operation `admit`: nobody asked what it would call.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::OnceLock;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use tracing::info;

use crate::report::{ChangeReport, Outcome, Report};

/// The namespace of all.
pub const NAMESPACE: &str = "Usher";

/// Names and units, in CloudWatch's words.
pub const METRICS: [(&str, &str); 8] = [
    ("Changes", "Count"),
    ("Attempts", "Count"),
    ("Throttles", "Count"),
    ("Latency", "Milliseconds"),
    ("EventAge", "Seconds"),
    ("Stale", "Count"),
    ("Duplicates", "Count"),
    ("Refused", "Count"),
];

/// The dimensions of every metric.
pub const DIMENSIONS: [&str; 2] = ["service", "operation"];

/// What `Changes` is told apart by besides.
pub const BY_OUTCOME: &str = "outcome";

/// What most lines are shorter than, in bytes.
const LENGTH: usize = 1024;

/// The most values that one metric may have on a line (embedded metric format specification, target members).
const MOST_VALUES: usize = 100;

/// Tracing's target of metric lines, and the field that holds one. They are INFO: Lambda takes a line without a level for
/// that and drops it where the level is higher.
pub(super) const TARGET: &str = "usher::metrics";
pub(super) const FIELD: &str = "metric";

/// The metrics of an invocation, report by report: nothing else of a report is kept for them.
#[derive(Default)]
pub struct Tally {
    /// By call and outcome; several where there are more values than a line holds.
    sums: BTreeMap<(&'static str, &'static str), Vec<Sums>>,
    /// What the calls and targets whose requests have been counted hash to.
    counted: HashSet<u64>,
}

impl Tally {
    /// Takes a report into account.
    pub fn add(&mut self, report: &Report) {
        for change in &report.changes {
            let lines = self.sums.entry((change.call, change.outcome.name()));
            let lines = lines.or_default();
            let full = |sums: &Sums| sums.latencies.len() >= MOST_VALUES;
            if lines.last().is_none_or(full) {
                lines.push(Sums::default());
            }
            if let Some(sums) = lines.last_mut() {
                // An invocation writes a target once, for all its events: each of their reports has the same requests.
                let requests = change.attempts > 0 || change.throttles > 0;
                let write = (change.call, change.target.as_deref().unwrap_or_default());
                let first = requests && self.counted.insert(hash(&write));
                sums.add(change, report.event.time, first);
            }
        }
    }

    /// Writes the metrics of an invocation that ends now.
    pub fn emit(self, now: OffsetDateTime) {
        self.lines(now).for_each(|line| tell(&line));
    }

    /// One line for each call and outcome; more where there are more than a line holds.
    fn lines(self, now: OffsetDateTime) -> impl Iterator<Item = String> {
        let sums = self.sums.into_iter();
        sums.flat_map(move |((call, outcome), sums)| {
            sums.into_iter()
                .map(move |sums| sums.line(call, outcome, now))
        })
    }
}

fn hash(write: &(&str, &str)) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(write)
}

/// Writes that so many events were refused before anyone asked what they would call.
pub fn emit_refused(events: usize, now: OffsetDateTime) {
    if events == 0 {
        return;
    }
    let directives = [Directive {
        namespace: NAMESPACE,
        dimensions: [&DIMENSIONS],
        metrics: &[("Refused", "Count")],
    }];
    let directives = serde_json::value::to_raw_value(&directives).ok();
    let aws = Aws {
        timestamp: millis(now),
        directives: directives.as_deref(),
    };
    let [service, operation] = DIMENSIONS;
    let refused = Members(&[
        ("_aws", Member::Aws(&aws)),
        (service, Member::Text("usher")),
        (operation, Member::Text("admit")),
        ("Refused", Member::Count(events as u64)),
    ]);
    if let Ok(line) = serde_json::to_string(&refused) {
        tell(&line);
    }
}

fn tell(line: &str) {
    info!(target: TARGET, metric = line);
}

#[derive(Serialize)]
struct Aws<'a> {
    #[serde(rename = "Timestamp")]
    timestamp: i64,
    #[serde(rename = "CloudWatchMetrics")]
    directives: Option<&'a RawValue>,
}

/// Which members of a change's line are metrics, and by which dimensions. It is the same on every line, and most of it.
fn directives() -> Option<&'static RawValue> {
    static DIRECTIVES: OnceLock<Option<Box<RawValue>>> = OnceLock::new();
    let make = || {
        let [service, operation] = DIMENSIONS;
        let directives = [
            Directive {
                namespace: NAMESPACE,
                dimensions: [&DIMENSIONS],
                metrics: &METRICS,
            },
            Directive {
                namespace: NAMESPACE,
                dimensions: [&[service, operation, BY_OUTCOME]],
                metrics: &[("Changes", "Count")],
            },
        ];
        // It has string keys and no numbers, so that this cannot fail.
        serde_json::value::to_raw_value(&directives).ok()
    };
    DIRECTIVES.get_or_init(make).as_deref()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [&'a [&'a str]; 1],
    #[serde(serialize_with = "named")]
    metrics: &'a [(&'a str, &'a str)],
}

fn named<S: Serializer>(metrics: &[(&str, &str)], out: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Metric<'a> {
        name: &'a str,
        unit: &'a str,
    }
    out.collect_seq(metrics.iter().map(|(name, unit)| Metric { name, unit }))
}

/// A line, member by member: what a line has comes of the names above. It is written as it stands, for every event has some, and
/// building trees of them took as long as comparing a target with what is wanted of it.
struct Members<'a>(&'a [(&'a str, Member<'a>)]);

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Aws(&'a Aws<'a>),
    Text(&'a str),
    Count(u64),
    Counts(&'a [u64]),
    Seconds(&'a [f64]),
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(name, member)| (name, member)))
    }
}

/// What the changes of one call and one outcome come to.
#[derive(Default)]
struct Sums {
    attempts: u64,
    throttles: u64,
    /// Milliseconds, and with it the number of changes.
    latencies: Vec<u64>,
    /// When the events happened.
    times: Vec<OffsetDateTime>,
    duplicates: u64,
}

impl Sums {
    fn add(&mut self, change: &ChangeReport, time: OffsetDateTime, with_requests: bool) {
        if with_requests {
            self.attempts += u64::from(change.attempts);
            self.throttles += u64::from(change.throttles);
        }
        self.latencies.push(change.millis);
        self.times.push(time);
        self.duplicates += u64::from(change.repeated);
    }

    fn line(&self, call: &str, outcome: &str, now: OffsetDateTime) -> String {
        let Self {
            attempts,
            throttles,
            latencies,
            times,
            duplicates,
        } = self;
        let age = |time: &OffsetDateTime| (now - *time).as_seconds_f64().max(0.0);
        let ages: Vec<f64> = times.iter().map(age).collect();
        let changes = latencies.len() as u64;
        let those =
            |wanted: Outcome| Member::Count(if outcome == wanted.name() { changes } else { 0 });
        let (service, operation) = call.split_once(':').unwrap_or((call, call));
        let [service_name, operation_name] = DIMENSIONS;
        let aws = Aws {
            timestamp: millis(now),
            directives: directives(),
        };
        let line = Members(&[
            ("_aws", Member::Aws(&aws)),
            (service_name, Member::Text(service)),
            (operation_name, Member::Text(operation)),
            (BY_OUTCOME, Member::Text(outcome)),
            ("Changes", Member::Count(changes)),
            ("Attempts", Member::Count(*attempts)),
            ("Throttles", Member::Count(*throttles)),
            ("Latency", Member::Counts(latencies)),
            ("EventAge", Member::Seconds(&ages)),
            ("Stale", those(Outcome::Stale)),
            ("Duplicates", Member::Count(*duplicates)),
            ("Refused", those(Outcome::Refused)),
        ]);
        let mut text = Vec::with_capacity(LENGTH);
        // It has string keys and finite numbers only, so that this cannot fail.
        let _ = serde_json::to_writer(&mut text, &line);
        String::from_utf8(text).unwrap_or_default()
    }
}

fn millis(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::report::{Disposition, EventRef};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn lines(reports: &[Report], now: OffsetDateTime) -> Vec<Value> {
        let mut tally = Tally::default();
        reports.iter().for_each(|report| tally.add(report));
        let read = |line: String| serde_json::from_str(&line).expect("JSON");
        tally.lines(now).map(read).collect()
    }

    fn change(target: &str, outcome: Outcome) -> ChangeReport {
        ChangeReport {
            call: "sagemaker:UpdateUserProfile",
            target: Some(target.to_owned()),
            rules: Vec::new(),
            outcome,
            members: Vec::new(),
            attempts: 2,
            millis: 40,
            error: None,
            throttles: 1,
            repeated: true,
        }
    }

    fn report(age: Duration, changes: Vec<ChangeReport>) -> Report {
        Report {
            event: EventRef {
                id: "e1".to_owned(),
                source: "acme.hr".to_owned(),
                detail_type: "Person Moved".to_owned(),
                time: NOW - age,
            },
            rules: Vec::new(),
            changes,
            disposition: Disposition::Done,
        }
    }

    #[test]
    fn one_write_for_two_events_is_two_changes_and_its_requests_count_once() {
        let reports = [
            report(
                Duration::from_millis(1500),
                vec![change("a", Outcome::Updated)],
            ),
            report(Duration::ZERO, vec![change("a", Outcome::Updated)]),
        ];
        let lines = lines(&reports, NOW);
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["Changes"], 2);
        assert_eq!(line["Attempts"], 2);
        assert_eq!(line["Throttles"], 1);
        assert_eq!(line["Latency"], json!([40, 40]));
        assert_eq!(line["EventAge"], json!([1.5, 0.0]));
        assert_eq!(line["Duplicates"], 2);
        assert_eq!((&line["Stale"], &line["Refused"]), (&json!(0), &json!(0)));
        assert_eq!(line["service"], "sagemaker");
        assert_eq!(line["operation"], "UpdateUserProfile");
        assert_eq!(line["outcome"], "updated");
    }

    #[test]
    fn every_outcome_has_a_line_and_no_line_has_more_values_than_cloudwatch_takes() {
        let mut changes: Vec<_> = (0..250)
            .map(|n| change(&format!("t{n}"), Outcome::Stale))
            .collect();
        changes.push(change("r", Outcome::Refused));
        let lines = lines(&[report(Duration::ZERO, changes)], NOW);
        let sizes: Vec<_> = lines
            .iter()
            .map(|line| (&line["Stale"], &line["Refused"], &line["Changes"]))
            .map(|(stale, refused, changes)| (stale.as_u64(), refused.as_u64(), changes.as_u64()))
            .collect();
        let expected = [(0, 1, 1), (100, 0, 100), (100, 0, 100), (50, 0, 50)];
        assert_eq!(sizes, expected.map(|(s, r, c)| (Some(s), Some(r), Some(c))));
    }

    #[test]
    fn an_event_of_the_future_has_no_age() {
        let mut future = report(Duration::ZERO, vec![change("a", Outcome::Updated)]);
        future.event.time = NOW + Duration::from_secs(60);
        assert_eq!(lines(&[future], NOW)[0]["EventAge"], json!([0.0]));
    }
}
