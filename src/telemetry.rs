//! What is told about the work: log lines, one JSON object each as Lambda's log filter wants them, or one line of text;
//! [`metrics`]; and [`traces`].
//!
//! The filter reads top-level `timestamp` (RFC 3339) and `level`; without them a line counts as INFO (Lambda developer
//! guide, advanced logging controls). Lines hold nothing of an event's body and nothing of a person but the target's own
//! identifier: AWS's messages can repeat values, so of an error only its code is logged.
//!
//! | message | level | one for each |
//! | --- | --- | --- |
//! | `change` | INFO; WARN refused, or to be tried again; ERROR failed for good | change of an event |
//! | `event` | INFO | event |
//! | `plan` | INFO | event of a dry run |
//! | `refused` | WARN | event whose source may not come over HTTP |
//! | `malformed` | WARN | item, payload or request that is no event |
//! | `rules` | WARN | warning about the rules file, at the start |
//! | `connection` | DEBUG | service that could not be connected to ahead of the first event |
//! | `panic` | ERROR | bug |

mod lines;
pub mod metrics;
pub mod traces;

use tracing::{debug, error, info, warn};

use crate::event::{Event, Malformed};
use crate::plan::Plan;
use crate::report::{ChangeReport, Disposition, Outcome, Report};
use crate::rules::Rule;

pub use lines::{Lines, filter};

/// The code of a change that the ledger gave no answer for.
const LEDGER: &str = "Usher.Ledger";

/// One line for each change and one for the event. `passed_over` are the rules that would have been for the event if it
/// did not tell of a call that failed ([`Rules::passed_over`](crate::rules::Rules::passed_over)).
pub fn report(report: &Report, passed_over: &[&Rule], request_id: &str, caller: Option<&str>) {
    for change in &report.changes {
        log_change(report, change, request_id);
    }
    let names: Vec<&str> = passed_over.iter().map(|rule| rule.name.as_str()).collect();
    let passed_over = (!names.is_empty()).then(|| names.join(","));
    info!(
        requestId = request_id,
        eventId = report.event.id,
        source = report.event.source,
        detailType = report.event.detail_type,
        rules = report.rules.join(","),
        passedOver = passed_over.as_deref(),
        changes = report.changes.len() as u64,
        attempts = report
            .changes
            .iter()
            .map(|change| u64::from(change.attempts))
            .sum::<u64>(),
        // They run at the same time: the last one to end ends the event.
        millis = report
            .changes
            .iter()
            .map(|change| change.millis)
            .max()
            .unwrap_or_default(),
        disposition = match report.disposition {
            Disposition::Done => "done",
            Disposition::Retry => "retry",
            Disposition::Reject => "reject",
        },
        caller,
        "event"
    );
}

fn log_change(report: &Report, change: &ChangeReport, request_id: &str) {
    let rules = change.rules.join(",");
    let target = change.target.as_deref();
    let code = change.error.as_ref().map(|error| error.code.as_str());
    let retryable = change.error.as_ref().is_some_and(|error| error.retryable);
    // The ledger's messages name the table and nobody, and a wrong table is the operator's to put right.
    let ledger = change.error.as_ref().filter(|error| error.code == LEDGER);
    let reason = ledger.map(|error| error.message.as_str());
    macro_rules! line {
        ($level:ident) => {
            $level!(
                requestId = request_id,
                eventId = report.event.id,
                call = change.call,
                target,
                rules,
                outcome = change.outcome.name(),
                attempts = change.attempts,
                millis = change.millis,
                code,
                reason,
                "change"
            )
        };
    }
    match change.outcome {
        Outcome::Updated | Outcome::Created | Outcome::Unchanged | Outcome::Stale => line!(info),
        Outcome::Refused => line!(warn),
        Outcome::Failed if retryable => line!(warn),
        Outcome::Failed => line!(error),
    }
}

/// A line for a plan that nobody applies.
pub fn plan(plan: &Plan, request_id: &str, caller: Option<&str>) {
    for event in &plan.events {
        info!(
            requestId = request_id,
            eventId = event.id,
            source = event.source,
            detailType = event.detail_type,
            changes = plan.changes.len() as u64,
            caller,
            "plan"
        );
    }
}

/// A line for an event whose source may not come over HTTP.
pub fn refused(event: &Event, guard: &str, request_id: &str, caller: Option<&str>) {
    warn!(
        requestId = request_id,
        eventId = event.id(),
        source = event.source(),
        detailType = event.detail_type(),
        code = guard,
        caller,
        "refused"
    );
}

/// A line for something that is no event: an item by its id, a whole payload, or an HTTP request.
pub fn malformed(problem: &Malformed, item: &str, request_id: &str, caller: Option<&str>) {
    warn!(
        requestId = request_id,
        item,
        code = problem.code,
        reason = problem.message,
        caller,
        "malformed"
    );
}

/// A line for a connection that was not opened before the first event.
pub fn unconnected(service: &str, reason: &str) {
    debug!(service, reason, "connection");
}

/// Makes a panic say where it was and nothing else: its text could repeat a value of an event.
pub fn hush_panics(say: impl Fn(&str) + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        say(place.as_deref().unwrap_or("an unknown place"));
    }));
}

/// A line for a bug. Where nothing takes lines yet it goes to standard error.
pub fn panicked(place: &str) {
    if tracing::dispatcher::has_been_set() {
        error!(place, "panic");
    } else {
        eprintln!("panic at {place}");
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    use super::hush_panics;

    const CHILD: &str = "USHER_TEST_PANICS";

    /// Runs itself in a process of its own: there is one hook for all of a process's threads.
    #[test]
    fn a_panic_tells_its_place_and_not_its_text() {
        if env::var_os(CHILD).is_some() {
            hush_panics(|place| eprintln!("at {place}"));
            panic!("jane.doe@example.com");
        }
        let child = Command::new(env::current_exe().expect("this test"))
            .args([
                "--exact",
                "telemetry::tests::a_panic_tells_its_place_and_not_its_text",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .output()
            .expect("it runs");
        assert!(!child.status.success());
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(said.contains("at src/telemetry.rs:"), "{said}");
        assert!(!said.contains("jane"), "{said}");
    }
}
