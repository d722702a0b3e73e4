//! What the fuzz targets share. `tools/fuzz.py` builds and runs them.

use std::panic;
use std::path::Path;

use time::OffsetDateTime;
use usher::event::Defaults;

/// Ends the process at a panic of this repository's own code, also of what the JSONata engine calls, so that libFuzzer keeps the input. A
/// panic of the engine's own Usher catches: it is an error of that one expression. What nobody catches ends the process anyway.
pub fn arm() {
    let first = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let ours = info
            .location()
            .is_some_and(|place| Path::new(place.file()).is_relative());
        if ours {
            first(info);
            std::process::abort();
        }
    }));
}

/// 2026-03-02T07:00:00Z, for events without a time.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_772_434_800).expect("a year of four digits")
}

/// For events without id and time.
pub fn defaults() -> Defaults<'static> {
    Defaults {
        id: "0f6c3a52-7d1e-4b8a-9c05-d2e8f1b7a640",
        time: now(),
    }
}
