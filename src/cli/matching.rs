//! `usher match`.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use usher::pattern::Pattern;
use usher::rules::{ERROR_CODE, is_failed_call};

use super::{Exit, events};

#[derive(Args)]
pub struct Match {
    /// The event pattern: a file, `-`, or JSON.
    #[arg(long, value_name = "PATTERN")]
    pattern: String,
    /// The event: a file, `-`, or JSON.
    #[arg(long, value_name = "EVENT")]
    event: String,
    /// Say which fields failed, what was expected and what the event has.
    #[arg(long)]
    explain: bool,
}

impl Match {
    pub fn run(&self, json: bool) -> anyhow::Result<Exit> {
        if self.pattern == "-" && self.event == "-" {
            bail!("only one of --pattern and --event can be standard input");
        }
        let pattern = value(&self.pattern).context("the pattern cannot be read")?;
        let event = value(&self.event).context("the event cannot be read")?;
        if !event.is_object() {
            bail!("the event is no JSON object");
        }
        let pattern = match Pattern::parse(&pattern) {
            Ok(pattern) => pattern,
            Err(problems) => {
                let reasons: Vec<String> = problems.iter().map(ToString::to_string).collect();
                if json {
                    super::print(&json!({"problems": reasons}))?;
                }
                for reason in &reasons {
                    anstream::eprintln!("error: the pattern is not valid: {reason}");
                }
                return Ok(Exit::Failed);
            }
        };
        if pattern.matches(&event)
            && is_failed_call(&event)
            && !pattern.matches_naming(ERROR_CODE, &event)
        {
            anstream::eprintln!(
                "note: a rule with this pattern would pass the event over: it tells of a call that failed, and the pattern \
                 does not name {ERROR_CODE}"
            );
        }
        if !self.explain {
            super::print(&json!({"Result": pattern.matches(&event)}))?;
            return Ok(Exit::Done);
        }
        let explanation = pattern.explain(&event);
        if json {
            super::print(&json!({"Result": explanation.matches, "Explanation": explanation}))?;
        } else {
            super::print(&json!({"Result": explanation.matches}))?;
            anstream::println!("{explanation}");
        }
        Ok(Exit::Done)
    }
}

/// JSON given as it is, or the file that holds it.
fn value(given: &str) -> anyhow::Result<Value> {
    let inline = given.trim_start().starts_with(['{', '[', '"']);
    let text = match inline {
        true => given.as_bytes().to_vec(),
        false => events::bytes(Path::new(given)).with_context(|| format!("cannot read {given}"))?,
    };
    serde_json::from_slice(&text).with_context(|| match inline {
        true => "it is not JSON".to_owned(),
        false => format!("{given} is not JSON"),
    })
}
