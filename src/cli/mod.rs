//! The command line: what can be asked, and with which exit code it ends.

mod apply;
mod check;
mod emulate;
mod events;
mod files;
mod journal;
mod matching;
mod place;
mod resume;
mod run;
mod summary;
mod test;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use usher::rules::Rules;

/// Exit codes, as the README lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// `plan`: there are changes.
    Changes = 2,
    /// A guard refused something.
    Refused = 3,
    /// The command line makes no sense.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Turns events about people into changes of their AWS user profiles.
///
/// A rules file says which events concern which profiles of SageMaker, DataZone and FinSpace, and how these should look.
/// The same rules run as a Lambda function (`usher-lambda`); here you check, plan and apply them on your desk. Nothing reaches AWS unless you say
/// `--aws`: everything else works on a stand-in for the services that this program brings along.
#[derive(Parser)]
#[command(
    name = "usher",
    version,
    max_term_width = 120,
    after_help = "\
Exit codes: 0 done or nothing to do · 1 failed · 2 plan: there are changes · 3 refused by a guard · 64 bad usage"
)]
struct Usage {
    #[command(subcommand)]
    command: Command,
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Find every mistake in a rules file, without an event and without AWS.
    #[command(after_help = "\
Examples:
  usher check                            the rules in ./usher.yaml
  usher check team.yaml --json           problems as JSON, for a pull request's annotations
  usher check --event events/*.json      also evaluate the rules against events
  usher check --explain unknown-member   what a problem's code means")]
    Check(check::Check),
    /// Show what events would change. Reads, and writes nothing.
    #[command(after_help = "\
Each line with a mark is one target: ~ differs, = is as it should be, ! is refused or cannot be planned. Below it stand the members that differ, old → new. Exits 2 if there are changes.

Examples:
  usher plan events/person-onboarded.json          against the stand-in's sample world
  usher plan event.json --world world.json         against a world of your own
  usher plan event.json --aws                      against AWS, with your profile and region
  cat event.json | usher plan -                    from standard input")]
    Plan(run::Run),
    /// Make the changes that events call for.
    #[command(after_help = "\
Shows the plan first, if the events are few; on a terminal, many show their progress. Ctrl-C finishes what has begun and says how to go on; a second one stops at once.

Examples:
  usher apply events/person-onboarded.json         on the stand-in, from its sample world
  usher apply event.json --aws                     on AWS, with your profile and region
  usher apply everyone.ndjson --aws --rate 5 --resume done.ndjson --report reports.ndjson
                                                   many events; goes on after a stop
  usher apply 'people/*.json' --emulator http://127.0.0.1:4599 --resume rehearsed.ndjson
                                                   on `usher emulate`, with a journal of its own")]
    Apply(apply::Apply),
    /// Run the stand-in for the AWS services as a server on this machine.
    #[command(after_help = "\
Point any AWS SDK or command line at it, or `cargo lambda watch`:
  usher emulate --port 4599 &
  AWS_ENDPOINT_URL=http://127.0.0.1:4599 cargo lambda watch

Look inside, script faults, start over:
  curl http://127.0.0.1:4599/_usher/world
  curl http://127.0.0.1:4599/_usher/requests
  curl -d '{\"operation\": \"sagemaker:*\", \"times\": 2, \"effect\": {\"reset\": {}}}' \\
    http://127.0.0.1:4599/_usher/faults
  curl -X POST http://127.0.0.1:4599/_usher/reset")]
    Emulate(emulate::Emulate),
    /// Test an event pattern against an event, as `aws events test-event-pattern` does.
    #[command(after_help = "\
Patterns and events are files, - for standard input, or JSON. Exits 0 whether it matches or not, and 1 if the pattern is not valid, with the reason.

Examples:
  usher match --pattern '{\"source\": [\"acme.hr\"]}' --event events/person-onboarded.json
  usher match --pattern pattern.json --event event.json --explain")]
    Match(matching::Match),
    /// Run the tests of a rules file: events, and what should come of them. Without AWS.
    #[command(after_help = "\
Examples:
  usher test                         every *.test.yaml beside ./usher.yaml
  usher test team.test.yaml          one file
  usher test --update                rewrite what the tests expect; then look at the difference
  usher test --junit results.xml     also for the CI system")]
    Test(test::Test),
    /// Print the JSON Schema of rules files, for editors.
    #[command(after_help = "\
Example:
  usher schema > usher.schema.json
and as the first line of the rules file:
  # yaml-language-server: $schema=./usher.schema.json")]
    Schema,
}

/// Which rules file.
#[derive(Args)]
pub struct RulesFile {
    /// The rules file, YAML or JSON.
    #[arg(long = "rules", value_name = "FILE", default_value = "usher.yaml")]
    path: PathBuf,
}

impl RulesFile {
    /// Loads the rules; prints what is wrong with them. Warnings are `check`'s to print.
    fn load(&self, json: bool) -> anyhow::Result<Result<Rules, Exit>> {
        check::load(&self.path, json, false).map(|loaded| loaded.map(|(rules, _)| rules))
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let usage = match Usage::try_parse() {
        Ok(usage) => usage,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            // Where usage cannot be printed, the exit code still tells.
            let _ = error.print();
            return exit.into();
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let done = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(usage)));
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            Exit::Failed.into()
        }
    }
}

async fn run(usage: Usage) -> anyhow::Result<Exit> {
    let json = usage.json;
    match usage.command {
        Command::Check(check) => check.run(json),
        Command::Plan(run) => run.plan(json).await,
        Command::Apply(apply) => apply.run(json).await,
        Command::Emulate(emulate) => emulate.run(json).await,
        Command::Match(matching) => matching.run(json),
        Command::Test(test) => test.run(json),
        Command::Schema => {
            print(&usher::api::json_schema())?;
            Ok(Exit::Done)
        }
    }
}

/// Prints a value as JSON.
fn print(value: &impl serde::Serialize) -> anyhow::Result<()> {
    anstream::println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
