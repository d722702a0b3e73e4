//! Event patterns: verdicts, refusals, a second matcher, sets, explanations.

#[path = "pattern/explanations.rs"]
mod explanations;
#[path = "pattern/generated.rs"]
mod generated;
#[path = "pattern/naive.rs"]
mod naive;
#[path = "pattern/refusals.rs"]
mod refusals;
#[path = "pattern/sets.rs"]
mod sets;
#[path = "pattern/verdicts.rs"]
mod verdicts;

use serde_json::Value;

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The lines under a heading of a table of cases.
fn section<'t>(table: &'t str, heading: &str) -> impl Iterator<Item = &'t str> {
    let section = table
        .split("\n## ")
        .find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n'));
    section
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| !line.is_empty())
}
