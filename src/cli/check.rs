//! `usher check`.

use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use usher::event::Event;
use usher::problem::{Problem, codes, explain, render};
use usher::rules::Rules;
use usher::select::select;

use super::summary::{counted, passed_over};
use super::{Exit, events};

#[derive(Args)]
pub struct Check {
    /// The rules file, YAML or JSON.
    #[arg(value_name = "RULES", default_value = "usher.yaml")]
    path: PathBuf,
    /// Also evaluate every rule against the events in these files, and tell which rules matched none of them.
    #[arg(long = "event", value_name = "FILE", num_args = 1..)]
    events: Vec<PathBuf>,
    /// Say what a problem's code means, and stop.
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
}

impl Check {
    pub fn run(&self, json: bool) -> anyhow::Result<Exit> {
        if let Some(code) = &self.explain {
            return explained(code, json);
        }
        let (rules, warnings) = match load(&self.path, json, true)? {
            Ok(loaded) => loaded,
            Err(exit) => return Ok(exit),
        };
        let against = match self.events.is_empty() {
            true => None,
            false => Some(evaluate(&rules, &self.events)?),
        };
        if json {
            let mut answer = json!({"problems": warnings});
            if let Some(against) = &against {
                answer["unmatchedRules"] = json!(against.unmatched);
                answer["failures"] = json!(against.failures);
            }
            super::print(&answer)?;
        } else {
            let rules = counted(rules.rules.len(), "rule");
            anstream::println!("{} can be used: {rules}", self.path.display());
        }
        let Some(against) = against else {
            return Ok(Exit::Done);
        };
        if !json {
            for rule in &against.unmatched {
                anstream::println!(
                    "rule `{rule}` matched none of {}",
                    counted(against.events, "event")
                );
            }
            for failure in &against.failures {
                anstream::println!("error: {failure}");
            }
        }
        Ok(if against.failures.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

fn explained(code: &str, json: bool) -> anyhow::Result<Exit> {
    let Some(text) = explain(code) else {
        let known: Vec<&str> = codes().collect();
        let near = usher::api::nearest(code, known.iter().copied());
        let near = near
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        bail!("there is no problem with the code `{code}`{near}");
    };
    if json {
        super::print(&json!({"code": code, "explanation": text}))?;
    } else {
        anstream::println!("{text}");
    }
    Ok(Exit::Done)
}

/// What the rules make of some events.
struct Against {
    events: usize,
    unmatched: Vec<String>,
    failures: Vec<String>,
}

fn evaluate(rules: &Rules, paths: &[PathBuf]) -> anyhow::Result<Against> {
    let mut against = Against {
        events: 0,
        unmatched: rules.rules.iter().map(|rule| rule.name.clone()).collect(),
        failures: Vec::new(),
    };
    let mut events = Vec::new();
    for event in events::read_all(paths)? {
        match event.event {
            Ok(event) => {
                evaluate_one(rules, &event, &mut against);
                events.push(event);
            }
            Err(problem) => against.failures.push(format!("{}: {problem}", event.place)),
        }
    }
    passed_over(rules, &events);
    Ok(against)
}

fn evaluate_one(rules: &Rules, event: &Event, against: &mut Against) {
    against.events += 1;
    let selection = select(rules, event);
    for rule in &selection.rules {
        against.unmatched.retain(|name| *name != rule.name);
    }
    for call in selection.calls {
        let failure = match call {
            // What the target is like is not known here; what depends on it is the plan's to check.
            Ok(selected) if selected.uses_current() => continue,
            Ok(selected) => selected.arguments(rules, event, &json!({})).err(),
            Err(unnamed) => Some(unnamed.failure.alone()),
        };
        let sentence = failure.map(|failure| format!("event {}: {}", event.id(), failure.message));
        against.failures.extend(sentence);
    }
}

/// Reads and checks a rules file. Its problems are printed here: the errors always, the warnings if they are asked for.
pub fn load(
    path: &Path,
    json: bool,
    warnings: bool,
) -> anyhow::Result<Result<(Rules, Vec<Problem>), Exit>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    match Rules::load(&name, &text) {
        Ok((rules, found)) => {
            if warnings && !json && !found.is_empty() {
                anstream::eprint!("{}", render(&found, &name, &text, colour()));
            }
            Ok(Ok((rules, found)))
        }
        Err(problems) => {
            if json {
                super::print(&json!({"problems": problems.problems}))?;
            } else {
                anstream::eprint!("{}", render(&problems.problems, &name, &text, colour()));
                if !warnings {
                    anstream::eprintln!("nothing was done");
                }
            }
            Ok(Err(Exit::Failed))
        }
    }
}

/// As for everything else that is printed: on a terminal only, and `NO_COLOR` is honoured.
pub(super) fn colour() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}
