//! What the function's log says, and what befell its processes: the reasons of whatever is not done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

#[derive(Default)]
pub struct Diary(Mutex<Entries>);

#[derive(Default, Clone)]
pub struct Entries {
    /// Per event id, the dispositions in the order in which they were logged.
    pub dispositions: BTreeMap<String, Vec<String>>,
    /// Per event id and target, outcome and error code, in order.
    pub outcomes: BTreeMap<(String, String), Vec<(String, String)>>,
    /// Events with an error that no other try can mend: refused, not found, not valid.
    pub hopeless: BTreeSet<String>,
    /// Messages that are no event.
    pub malformed: BTreeSet<String>,
    /// Messages whose process died while it had them.
    pub killed: BTreeSet<String>,
    pub deaths: usize,
    pub timeouts: usize,
    /// How often each outcome or error code was logged.
    pub counts: BTreeMap<String, usize>,
}

impl Diary {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// A line of the function's log.
    pub fn line(&self, line: &str) {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            // Killed in the middle of it.
            return;
        };
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let mut entries = self.entries();
        match line["message"].as_str() {
            Some("change") => {
                let (outcome, code) = (text("outcome"), text("code"));
                let label = if code.is_empty() {
                    outcome.clone()
                } else {
                    format!("{outcome} {code}")
                };
                *entries.counts.entry(label).or_default() += 1;
                if outcome == "refused" || line["level"] == "ERROR" {
                    entries.hopeless.insert(text("eventId"));
                }
                let outcomes = entries
                    .outcomes
                    .entry((text("eventId"), text("target")))
                    .or_default();
                outcomes.push((outcome, code));
            }
            Some("event") => {
                let dispositions = entries.dispositions.entry(text("eventId")).or_default();
                dispositions.push(text("disposition"));
            }
            Some("malformed") => {
                entries.malformed.insert(text("item"));
            }
            _ => {}
        }
    }

    pub fn killed(&self, message: &str) {
        self.entries().killed.insert(message.to_owned());
    }

    /// The invocation as a whole ended with an error; an SQS batch never should.
    pub fn failed(&self, message: &str) {
        *self
            .entries()
            .counts
            .entry("function error".to_owned())
            .or_default() += 1;
        self.killed(message);
    }

    pub fn died(&self) {
        self.entries().deaths += 1;
    }

    pub fn timed_out(&self) {
        self.entries().timeouts += 1;
    }

    pub fn read(&self) -> Entries {
        self.entries().clone()
    }
}
