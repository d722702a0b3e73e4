//! `usher`, the command line: the same rules, on a desk.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    usher::telemetry::hush_panics(|place| eprintln!("usher: a bug at {place}; please report it"));
    cli::main()
}
