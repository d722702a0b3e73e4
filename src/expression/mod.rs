//! JSONata in `{% … %}`: compiled when the rules file is loaded, evaluated for each event.
//!
//! A string of the rules file that begins with `{%` and ends with `%}` is one expression. Compiling it finds, without an event,
//! what does not parse, which names mean nothing, which calls have the wrong number of arguments, and what it can
//! depend on ([`Uses`]). [`Evaluation`] makes one event ready for any number of expressions.
//!
//! Numbers are JSONata's, doubles. A whole number beyond ±2^53 in the data is seen as the string of its digits, and
//! one beyond it in the source or in the result is refused: nothing is rounded unseen.

mod analysis;
mod bounds;
mod calls;
mod catalog;
mod checks;
mod codes;
mod engine;
mod evaluate;
mod failure;
mod functions;
mod names;
mod references;
mod refusals;
mod scope;
mod syntax;
mod tokens;
mod value;

use std::fmt;
use std::ops::Range;

use jsonata_core::ast::AstNode;

pub use analysis::Uses;
pub use catalog::constant_name_problem;
pub use codes::CODES;
pub use engine::warm_up;
pub use evaluate::{Evaluated, Evaluation, EvaluationError, Inputs, Limits};
pub use names::{NameError, NameMade, kx_user_name, profile_name};

const OPEN: &str = "{%";
const CLOSE: &str = "%}";

/// Whether a string of the rules file is an expression: it begins with `{%` and ends with `%}`.
pub fn is_expression(text: &str) -> bool {
    inner(text).is_some()
}

fn inner(text: &str) -> Option<&str> {
    text.strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

/// What is wrong with a string that is not an expression but looks as if it was meant to be one: a delimiter
/// without the other, blanks around them, or an expression in the middle of a text.
pub fn misplaced_delimiters(text: &str) -> Option<ExpressionProblem> {
    if is_expression(text) {
        return None;
    }
    let (open, close) = (text.find(OPEN), text.rfind(CLOSE));
    let place = open.or(close)?;
    let range = place..place + OPEN.len();
    let pair = open
        .zip(close)
        .is_some_and(|(open, close)| open + OPEN.len() <= close);
    let (message, help) = match (inner(text.trim()), open) {
        (Some(_), _) => (
            "there are blanks around the expression",
            "begin with `{%` and end with `%}`",
        ),
        (None, _) if pair => (
            "an expression cannot stand in the middle of a text",
            "make all of it one expression: `{% 'text' & $x %}`",
        ),
        (None, Some(_)) => ("this `{%` has no `%}` after it", "end the string with `%}`"),
        (None, None) => (
            "this `%}` has no `{%` before it",
            "begin the string with `{%`",
        ),
    };
    Some(ExpressionProblem::new("expression-delimiters", range, message).help(help))
}

/// What an expression may refer to besides the event.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The names of the constants.
    pub constants: &'a [&'a str],
    /// Whether `$current` may be used: not in members that name the target, nor in `at`.
    pub current_allowed: bool,
}

/// Something wrong in an expression, found without an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionProblem {
    /// One of [`CODES`].
    pub code: &'static str,
    /// The bytes to blame in the string that was compiled, delimiters included.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, if there is something to say.
    pub help: Option<String>,
}

impl ExpressionProblem {
    fn new(code: &'static str, range: Range<usize>, message: impl Into<String>) -> Self {
        ExpressionProblem {
            code,
            range,
            message: message.into(),
            help: None,
        }
    }

    fn help(self, help: impl Into<String>) -> Self {
        self.or_help(Some(help.into()))
    }

    fn or_help(self, help: Option<String>) -> Self {
        ExpressionProblem { help, ..self }
    }

    fn shifted(mut self, by: usize) -> Self {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}

impl fmt::Display for ExpressionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// One compiled expression. It can be shared between threads.
pub struct Expression {
    source: String,
    /// The engine's tree, with checks on what it builds.
    ast: AstNode,
    uses: Uses,
    /// Those of our own functions that it may call, as bits.
    functions: u32,
}

impl Expression {
    /// Compiles a string for which [`is_expression`] holds.
    ///
    /// # Errors
    /// Every problem that can be found without an event, in the order of the source.
    pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Expression, Vec<ExpressionProblem>> {
        let shifted = |problems: Vec<ExpressionProblem>| -> Vec<ExpressionProblem> {
            problems
                .into_iter()
                .map(|problem| problem.shifted(OPEN.len()))
                .collect()
        };
        let Some(source) = inner(text) else {
            let message = "an expression begins with `{%` and ends with `%}`";
            return Err(vec![ExpressionProblem::new(
                "expression-delimiters",
                0..text.len(),
                message,
            )]);
        };
        let parsed = syntax::parse(source).map_err(shifted)?;
        let (uses, problems) = analysis::analyse(&parsed, scope);
        if !problems.is_empty() {
            return Err(shifted(problems));
        }
        let mut ast = parsed.ast;
        bounds::bound(&mut ast, false);
        Ok(Expression {
            source: text.to_owned(),
            functions: bounds::functions_in(&ast),
            ast,
            uses,
        })
    }

    /// The string of the rules file, delimiters included.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the expression can depend on.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Whether it calls functions of JSONata's own, which [`warm_up`] makes ready.
    pub fn calls_jsonata(&self) -> bool {
        let functions = &self.uses.functions;
        !functions.iter().all(|name| functions::is_added(name))
    }

    /// Evaluates the expression against one event.
    ///
    /// # Errors
    /// When it fails, exceeds a limit, or yields what is not JSON. The error holds no data of the event.
    pub fn evaluate(&self, evaluation: &Evaluation) -> Result<Evaluated, EvaluationError> {
        evaluation.evaluate(self)
    }

    /// The source between the delimiters.
    fn inner(&self) -> &str {
        inner(&self.source).unwrap_or_default()
    }

    fn bounded(&self) -> &AstNode {
        &self.ast
    }

    /// The part of the string that a failure is about, or all of it.
    fn narrow(&self, failure: &evaluate::Failure) -> Range<usize> {
        match failure::narrow(failure, self.inner()) {
            Some(range) => range.start + OPEN.len()..range.end + OPEN.len(),
            None => 0..self.source.len(),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}
