//! What became of the events, in a few lines and one exit code.

use std::collections::BTreeMap;

use usher::event::Event;
use usher::plan::Ended;
use usher::report::{ChangeReport, Disposition, Outcome, Report};
use usher::rules::{ERROR_CODE, Rules};

use super::Exit;

/// Each change, of a few events.
pub fn ended(reports: &[Report]) {
    if reports.is_empty() {
        return;
    }
    let without_members = |change: &ChangeReport| {
        let mut change = change.clone();
        // The plan has shown them.
        change.members.clear();
        change
    };
    let changes: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.changes)
        .map(without_members)
        .collect();
    anstream::print!("{}", Ended(&changes));
}

/// Counts, of many events.
pub fn summary(reports: &[Report], malformed: usize) {
    let with = |disposition| {
        reports
            .iter()
            .filter(|report| report.disposition == disposition)
            .count()
    };
    let changes = || reports.iter().flat_map(|report| &report.changes);
    let ended = |outcome| changes().filter(|change| change.outcome == outcome).count();
    let dispositions = [
        (with(Disposition::Done), "done"),
        (with(Disposition::Retry), "to try again"),
        (with(Disposition::Reject), "rejected"),
    ];
    let outcomes = [
        (ended(Outcome::Updated), "updated"),
        (ended(Outcome::Created), "created"),
        (ended(Outcome::Unchanged), "unchanged"),
        (ended(Outcome::Stale), "stale"),
        (ended(Outcome::Refused), "refused"),
        (ended(Outcome::Failed), "failed"),
    ];
    anstream::println!(
        "{}: {}.",
        counted(reports.len(), "event"),
        listed(&dispositions)
    );
    anstream::println!(
        "{}: {}.",
        counted(changes().count(), "change"),
        listed(&outcomes)
    );
    if malformed > 0 {
        anstream::println!("{} could not be read.", counted(malformed, "more event"));
    }
}

fn listed(counts: &[(usize, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    match some.is_empty() {
        true => "nothing to do".to_owned(),
        false => some.join(", "),
    }
}

/// Why rules whose pattern matches do nothing: the events tell of calls that failed.
pub fn passed_over(rules: &Rules, events: &[Event]) {
    let mut counts: BTreeMap<usize, (&str, usize)> = BTreeMap::new();
    for event in events {
        for rule in rules.passed_over(&event.document()) {
            counts.entry(rule.line).or_insert((&rule.name, 0)).1 += 1;
        }
    }
    for (rule, count) in counts.into_values() {
        let tell = if count == 1 { "tells" } else { "tell" };
        anstream::eprintln!(
            "note: rule `{rule}` passes over {} that {tell} of a call that failed: its pattern does not name {ERROR_CODE}",
            counted(count, "event")
        );
    }
}

/// "1 event", "2 events"
pub fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

/// How the command ends.
pub fn exit(reports: &[Report], malformed: usize) -> Exit {
    let outcomes = || {
        reports
            .iter()
            .flat_map(|report| &report.changes)
            .map(|change| change.outcome)
    };
    let undone = reports
        .iter()
        .any(|report| report.disposition == Disposition::Retry);
    if malformed > 0 || undone || outcomes().any(|outcome| outcome == Outcome::Failed) {
        Exit::Failed
    } else if outcomes().any(|outcome| outcome == Outcome::Refused) {
        Exit::Refused
    } else {
        Exit::Done
    }
}
