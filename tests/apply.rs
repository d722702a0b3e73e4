//! The main job: events in, the right calls out, through the real SDK, against the emulator.

#[path = "support/apply.rs"]
mod support;

#[path = "apply/changes.rs"]
mod changes;
#[path = "apply/coalescing.rs"]
mod coalescing;
#[path = "apply/faults.rs"]
mod faults;
#[path = "apply/in_turn.rs"]
mod in_turn;
#[path = "apply/properties.rs"]
mod properties;
#[path = "support/apply_values.rs"]
mod values;
#[path = "apply/whole_api.rs"]
mod whole_api;
