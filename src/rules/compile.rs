//! Expressions of the file: each text is compiled once, and evaluated once if it reads nothing of the event.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Computed;
use super::loading::Loading;
use crate::document::{Member, Node, Step};
use crate::expression::{Evaluation, Expression, ExpressionProblem, Inputs, Limits, Scope};
use crate::hash::Table;
use crate::problem::{Lines, Problem};

/// Compiles expressions and remembers them by their text.
pub(super) struct Compiler<'a> {
    names: Vec<&'a str>,
    pub constants: Map<String, Json>,
    pub lines: Lines<'a>,
    compiled: Table<(&'a str, bool), Compiled>,
    /// Without an event; nothing when the constants cannot be given to expressions.
    evaluation: Option<Evaluation>,
    /// The constants that some expression uses, or may use because it does not compile.
    used: Vec<bool>,
}

/// An expression, and what is known about its value.
#[derive(Clone)]
pub(super) struct Compiled {
    pub expression: Arc<Expression>,
    pub known: Known,
}

/// What an expression yields, as far as that is known without an event.
#[derive(Clone)]
pub(super) enum Known {
    /// It depends on the event, or on the target.
    Later,
    /// `null`: the member is always absent.
    Absent,
    /// Always this.
    Value(Json),
    /// It always fails; that has been reported.
    Failure(&'static str, Range<usize>, String, Option<String>),
}

impl<'a> Compiler<'a> {
    /// `member` is where the constants stand.
    pub fn new(
        loading: &mut Loading<'a>,
        constants: Map<String, Json>,
        member: Option<&'a Member<'a>>,
    ) -> Self {
        let members = member.and_then(|member| member.value.members());
        let names: Vec<&str> = members
            .unwrap_or_default()
            .iter()
            .map(|member| &*member.key)
            .collect();
        let evaluation = Evaluation::new(
            &Inputs {
                event: &Json::Null,
                current: None,
                constants: &constants,
            },
            &Limits::default(),
        );
        if let (Err(error), Some(member)) = (&evaluation, member) {
            let problem =
                Problem::error(error.code, member.key_span.clone(), error.message.clone())
                    .maybe_help(error.help.clone());
            loading.report_below(&[Step::Key("constants")], problem);
        }
        Self {
            used: vec![false; names.len()],
            names,
            constants,
            lines: Lines::new(loading.source),
            compiled: Table::default(),
            evaluation: evaluation.ok(),
        }
    }

    /// Compiles the expression that a text is. Problems are reported at their place in the text.
    pub fn compile(
        &mut self,
        loading: &mut Loading<'a>,
        node: &'a Node<'a>,
        text: &'a str,
        current_allowed: bool,
    ) -> Option<(Computed, Known)> {
        if let Some(compiled) = self.compiled.get(&(text, current_allowed)) {
            let compiled = compiled.clone();
            return self.placed(loading, node, compiled);
        }
        let scope = Scope {
            constants: &self.names,
            current_allowed,
        };
        match Expression::compile(text, &scope) {
            Ok(expression) => {
                self.uses(&expression);
                let known = self.known(&expression);
                let compiled = Compiled {
                    expression: Arc::new(expression),
                    known,
                };
                self.compiled
                    .insert((text, current_allowed), compiled.clone());
                self.placed(loading, node, compiled)
            }
            Err(problems) => {
                self.may_use(text);
                for problem in problems {
                    let ExpressionProblem {
                        code,
                        range,
                        message,
                        help,
                    } = problem;
                    loading.report(placed(loading.source, node, code, &range, message, help));
                }
                None
            }
        }
    }

    fn placed(
        &self,
        loading: &mut Loading<'a>,
        node: &Node<'_>,
        compiled: Compiled,
    ) -> Option<(Computed, Known)> {
        let Compiled { expression, known } = compiled;
        if let Known::Failure(code, range, message, help) = known {
            loading.report(placed(loading.source, node, code, &range, message, help));
            return None;
        }
        let (line, column) = self.lines.place(node.span.start);
        let computed = Computed {
            expression,
            line,
            column,
        };
        Some((computed, known))
    }

    fn uses(&mut self, expression: &Expression) {
        let uses = &expression.uses().constants;
        for (name, used) in self.names.iter().zip(&mut self.used) {
            *used |= uses.contains(*name);
        }
    }

    /// A text that does not compile uses every constant that it mentions.
    pub fn may_use(&mut self, text: &str) {
        for (name, used) in self.names.iter().zip(&mut self.used) {
            *used |= text.contains(&format!("${name}"));
        }
    }

    /// The constants that no expression uses.
    pub fn unused(&self) -> impl Iterator<Item = &'a str> {
        self.names
            .iter()
            .zip(&self.used)
            .filter(|(_, used)| !**used)
            .map(|(name, _)| *name)
    }

    fn known(&self, expression: &Expression) -> Known {
        let uses = expression.uses();
        if !uses.event.is_nothing() || uses.current {
            return Known::Later;
        }
        let Some(evaluation) = &self.evaluation else {
            return Known::Later;
        };
        match expression.evaluate(evaluation) {
            // Names must be compared with those that other expressions make, which happens with the event.
            Ok(evaluated) if !evaluated.names.is_empty() => Known::Later,
            Ok(evaluated) => match evaluated.value {
                Some(Json::Null) => Known::Absent,
                Some(value) => Known::Value(value),
                None => Known::Failure(
                    "expression-nothing",
                    0..expression.source().len(),
                    "this expression yields nothing".to_owned(),
                    Some("to leave the member alone, yield `null`".to_owned()),
                ),
            },
            Err(error) => Known::Failure(error.code, error.range, error.message, error.help),
        }
    }
}

/// A problem at a part of an expression's text; at all of it when the part cannot be found in the file.
pub(super) fn placed(
    source: &str,
    node: &Node<'_>,
    code: &'static str,
    range: &Range<usize>,
    message: String,
    help: Option<String>,
) -> Problem {
    let (span, label) = match node.part(range, source) {
        Some(span) => (span, "here".to_owned()),
        None => (
            node.span.clone(),
            format!("character {} of this text", range.start + 1),
        ),
    };
    Problem::error(code, span, message)
        .label(label)
        .maybe_help(help)
}
