//! A plan as people and programs read it.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::Value;

use crate::report::{ChangeReport, EventRef, Failure, MemberChange, Outcome};

/// What would be done, or what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The target differs and would be changed.
    Change,
    /// It is as it should be.
    Unchanged,
    /// A guard forbids it.
    Refused,
    /// It cannot be planned.
    Failed,
}

/// One target's part of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    pub call: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub rules: Vec<String>,
    pub action: Action,
    pub members: Vec<MemberChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// The changes that would make observed as desired. Empty is a normal answer.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub events: Vec<EventRef>,
    pub changes: Vec<Planned>,
}

impl Plan {
    /// How many of its changes have this action.
    pub fn count(&self, action: Action) -> usize {
        let same = |planned: &&Planned| planned.action == action;
        self.changes.iter().filter(same).count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for planned in &self.changes {
            let mark = match planned.action {
                Action::Change => Mark::Differs,
                Action::Unchanged => Mark::Same,
                Action::Refused | Action::Failed => Mark::Not,
            };
            let line = Line {
                mark,
                call: planned.call,
                target: planned.target.as_deref(),
                rules: &planned.rules,
                ended: None,
                members: &planned.members,
                error: planned.error.as_ref(),
            };
            write!(out, "{line}")?;
        }
        let counts = [
            (Action::Change, "to change"),
            (Action::Unchanged, "unchanged"),
            (Action::Refused, "refused"),
            (Action::Failed, "failed"),
        ];
        closing(
            out,
            "Plan",
            counts.map(|(action, name)| (self.count(action), name)),
        )
    }
}

/// What became of several events, printed in the manner of a plan.
pub struct Ended<'a>(pub &'a [ChangeReport]);

impl fmt::Display for Ended<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in self.0 {
            write!(out, "{}", EndedOne(change))?;
        }
        let count = |outcome| self.0.iter().filter(|c| c.outcome == outcome).count();
        let counts = [
            (Outcome::Updated, "updated"),
            (Outcome::Created, "created"),
            (Outcome::Unchanged, "unchanged"),
            (Outcome::Stale, "stale"),
            (Outcome::Refused, "refused"),
            (Outcome::Failed, "failed"),
        ];
        closing(
            out,
            "Done",
            counts.map(|(outcome, name)| (count(outcome), name)),
        )
    }
}

/// What became of one change.
pub struct EndedOne<'a>(pub &'a ChangeReport);

impl fmt::Display for EndedOne<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(change) = self;
        let (mark, ended) = match change.outcome {
            Outcome::Updated => (Mark::Differs, "updated"),
            Outcome::Created => (Mark::New, "created"),
            Outcome::Unchanged => (Mark::Same, "unchanged"),
            Outcome::Stale => (Mark::Same, "stale"),
            Outcome::Refused => (Mark::Not, "refused"),
            Outcome::Failed => (Mark::Not, "failed"),
        };
        let line = Line {
            mark,
            call: change.call,
            target: change.target.as_deref(),
            rules: &change.rules,
            ended: Some(ended),
            members: &change.members,
            error: change.error.as_ref(),
        };
        write!(out, "{line}")
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Differs,
    New,
    Same,
    Not,
}

impl Mark {
    fn sign(self) -> (char, Style) {
        let colour = |colour: AnsiColor| colour.on_default();
        match self {
            Mark::Differs => ('~', colour(AnsiColor::Yellow)),
            Mark::New => ('+', colour(AnsiColor::Green)),
            Mark::Same => ('=', Style::new().dimmed()),
            Mark::Not => ('!', colour(AnsiColor::Red)),
        }
    }
}

/// One change: its mark and target, then a line for each member that differs, then why not. The colours are always
/// written; whoever prints to something that is no terminal strips them.
struct Line<'a> {
    mark: Mark,
    call: &'a str,
    target: Option<&'a str>,
    rules: &'a [String],
    ended: Option<&'a str>,
    members: &'a [MemberChange],
    error: Option<&'a Failure>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, style) = self.mark.sign();
        let dim = Style::new().dimmed();
        let name = self.target.unwrap_or(self.call);
        let rules = self.rules.join(", ");
        let ended = self
            .ended
            .map(|ended| format!("  {ended}"))
            .unwrap_or_default();
        writeln!(
            out,
            "{style}{sign} {name}{ended}{style:#}  {dim}({rules}){dim:#}"
        )?;
        let width = self.members.iter().map(|m| m.path.chars().count()).max();
        for member in self.members {
            let (from, to) = (shown(member.from.as_ref()), shown(member.to.as_ref()));
            let width = width.unwrap_or_default();
            writeln!(out, "    {:width$}  {from} {dim}→{dim:#} {to}", member.path)?;
        }
        if let Some(error) = self.error {
            writeln!(out, "    {}: {}", error.code, error.message)?;
        }
        Ok(())
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".to_owned(), Value::to_string)
}

fn closing<const N: usize>(
    out: &mut fmt::Formatter<'_>,
    word: &str,
    counts: [(usize, &str); N],
) -> fmt::Result {
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let counts = match counts.is_empty() {
        true => "nothing to do".to_owned(),
        false => counts.join(", "),
    };
    let bold = Style::new().bold();
    writeln!(out, "{bold}{word}:{bold:#} {counts}.")
}
