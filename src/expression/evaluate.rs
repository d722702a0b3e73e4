//! Evaluating compiled expressions against one event.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use super::Expression;
use super::engine::{Bindings, Engine};
use super::failure::explain;
use super::functions::Trace;
use super::names::NameMade;
use super::value::{Unfit, from_engine, into_engine, to_engine, weigh};
use crate::event::{Reads, part};

/// What an evaluation may take before it is refused.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall-clock time of one expression. An ordinary one takes a few microseconds.
    pub time: Duration,
    /// Levels of evaluation; a call of a function that is not a tail call takes about three.
    pub depth: usize,
    /// Items in a sequence that the expression makes.
    pub sequence: usize,
    /// Bytes that one value may take beyond what the part of the event that is read, target and constants take themselves.
    pub memory: usize,
    /// Bytes that all the values which an expression works with may take together, each counted as often as it is
    /// used: it bounds both memory and work, and does so the same way on every machine.
    pub work: usize,
}

impl Default for Limits {
    /// One second, because a 128 MB function has a fourteenth of a processor; 500 levels; 10 000 items; 1 MiB; 32 MiB.
    fn default() -> Self {
        Limits {
            time: Duration::from_secs(1),
            depth: 500,
            sequence: 10_000,
            memory: 1024 * 1024,
            work: 32 * 1024 * 1024,
        }
    }
}

/// What expressions can read.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The root, `$event` and `$states.input`.
    pub event: &'a Value,
    /// `$current`: the target as observed. `None` leaves it unbound, which is JSONata's "nothing".
    pub current: Option<&'a Value>,
    /// Each is bound under its own name.
    pub constants: &'a Map<String, Value>,
}

/// What one expression yielded. There is no `Debug`: it is made of the event.
#[derive(Clone)]
pub struct Evaluated {
    /// `None` when the expression yields nothing, which is not the same as `null`.
    pub value: Option<Value>,
    /// The names that `$profileName` and `$kxUserName` made, in order.
    pub names: Vec<NameMade>,
}

/// Why an expression could not be evaluated. It names types and limits, never values: those are people's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError {
    /// One of [`super::CODES`].
    pub code: &'static str,
    /// The bytes of the rules file's string that are to blame: often all of it, because the engine keeps no
    /// positions; empty when the data is to blame and not an expression.
    pub range: Range<usize>,
    /// What happened.
    pub message: String,
    /// What to do, if there is something to say.
    pub help: Option<String>,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvaluationError {}

/// An [`EvaluationError`] that does not know its place yet.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub code: &'static str,
    pub message: String,
    pub help: Option<&'static str>,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            help: None,
        }
    }

    pub fn help(self, help: &'static str) -> Self {
        Failure {
            help: Some(help),
            ..self
        }
    }

    pub fn at(self, range: Range<usize>) -> EvaluationError {
        EvaluationError {
            code: self.code,
            range,
            message: self.message,
            help: self.help.map(str::to_owned),
        }
    }
}

/// How often an expression may use all of its inputs before that counts as work.
const INPUT_USES: usize = 8;

/// One event, and perhaps its target, made ready for any number of expressions: the conversion into the engine's
/// values happens once, here.
///
/// It is neither `Send` nor `Sync` (the engine shares values by `Rc`): make one, evaluate, and drop it before an
/// `.await`.
pub struct Evaluation {
    bindings: Bindings,
    limits: Rc<Limits>,
    /// The limits as the caller gave them, from which those for another target are made.
    asked: Limits,
    trace: Rc<Trace>,
    engine: RefCell<Engine>,
    /// What expressions yielded that stand in several places.
    known: RefCell<Vec<(Arc<Expression>, Evaluated)>>,
}

impl Evaluation {
    /// Makes `inputs` ready.
    ///
    /// # Errors
    /// When the data nests more than 128 deep or has a member named `__tuple__`, which the engine keeps for itself.
    pub fn new(inputs: &Inputs<'_>, limits: &Limits) -> Result<Evaluation, EvaluationError> {
        let event = to_engine(inputs.event).map_err(|failure| failure.at(0..0))?;
        Self::with_event(event, inputs.current, inputs.constants, limits)
    }

    /// Makes of an event only what these expressions read ready; to any other it would look as if it had no more. One that is
    /// nobody else's goes as the engine's form of it comes.
    ///
    /// # Errors
    /// As [`Evaluation::new`].
    pub fn partial(
        event: Cow<'_, Value>,
        reads: &[&Reads],
        current: Option<&Value>,
        constants: &Map<String, Value>,
        limits: &Limits,
    ) -> Result<Evaluation, EvaluationError> {
        let event = into_engine(part(event, reads)).map_err(|failure| failure.at(0..0))?;
        Self::with_event(event, current, constants, limits)
    }

    fn with_event(
        event: JValue,
        current: Option<&Value>,
        constants: &Map<String, Value>,
        limits: &Limits,
    ) -> Result<Evaluation, EvaluationError> {
        let convert = |value| to_engine(value).map_err(|failure| failure.at(0..0));
        let constants: Result<Vec<_>, _> = constants
            .iter()
            .map(|(name, value)| Ok((name.clone(), convert(value)?)))
            .collect();
        let current = current.map(convert).transpose()?;
        Ok(Self::assemble(
            event,
            current,
            constants?.into(),
            limits.clone(),
        ))
    }

    /// The same event and constants with another target. The event is shared, not converted again.
    ///
    /// # Errors
    /// As [`Evaluation::new`].
    pub fn with_current(&self, current: Option<&Value>) -> Result<Evaluation, EvaluationError> {
        let current = current
            .map(to_engine)
            .transpose()
            .map_err(|failure| failure.at(0..0))?;
        Ok(Self::assemble(
            self.bindings.event.clone(),
            current,
            Rc::clone(&self.bindings.constants),
            self.asked.clone(),
        ))
    }

    fn assemble(
        event: JValue,
        current: Option<JValue>,
        constants: Rc<[(String, JValue)]>,
        asked: Limits,
    ) -> Evaluation {
        // `{"a": $event, "b": $states}` is as good an expression for a big event as for a small one.
        let weight = |value| weigh(value, usize::MAX).unwrap_or_default();
        let constant = constants.iter().map(|(_, value)| weight(value));
        let inputs = weight(&event).saturating_mul(2)
            + constant.sum::<usize>()
            + current.as_ref().map_or(0, weight);
        let limits = Rc::new(Limits {
            memory: asked.memory.saturating_add(inputs),
            work: asked.work.saturating_add(inputs.saturating_mul(INPUT_USES)),
            ..asked.clone()
        });
        Evaluation {
            bindings: Bindings {
                event,
                current,
                constants,
            },
            limits,
            asked,
            trace: Rc::default(),
            engine: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// Evaluates an expression, once if it stands in several places: calls on one target all name it, mostly in the same words.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub(crate) fn once(&self, expression: &Arc<Expression>) -> Result<Evaluated, EvaluationError> {
        if Arc::strong_count(expression) == 1 {
            return self.evaluate(expression);
        }
        let mut known = self.known.borrow_mut();
        let same = |(known, _): &&(Arc<Expression>, _)| Arc::ptr_eq(known, expression);
        if let Some((_, evaluated)) = known.iter().find(same) {
            return Ok(evaluated.clone());
        }
        let evaluated = self.evaluate(expression)?;
        known.push((Arc::clone(expression), evaluated.clone()));
        Ok(evaluated)
    }

    /// Evaluates one expression.
    ///
    /// # Errors
    /// When the expression fails, exceeds a limit, or yields what is not JSON.
    pub(super) fn evaluate(&self, expression: &Expression) -> Result<Evaluated, EvaluationError> {
        self.trace.clear();
        let value =
            self.run(expression)
                .and_then(|value| match weigh(&value, self.limits.memory) {
                    // What is not finite has its own words there.
                    Ok(_) | Err(Unfit::NotFinite) => from_engine(&value),
                    Err(Unfit::TooBig) => Err(Failure::new(
                        "expression-limit",
                        "the result is too big or nests too deep",
                    )),
                });
        let names = self.trace.names.take();
        match value {
            Ok(value) => Ok(Evaluated { value, names }),
            Err(failure) => {
                let range = expression.narrow(&failure);
                Err(failure.at(range))
            }
        }
    }

    fn run(&self, expression: &Expression) -> Result<JValue, Failure> {
        let Ok(mut engine) = self.engine.try_borrow_mut() else {
            return Err(Failure::new(
                "expression-failed",
                "an expression cannot be evaluated inside another",
            ));
        };
        let evaluator = engine.ready(expression, &self.bindings, &self.limits, &self.trace);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            evaluator.evaluate(expression.bounded(), &self.bindings.event)
        }));
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let ours = self.trace.failure.borrow_mut().take();
                Err(ours
                    .unwrap_or_else(|| explain(error.message(), expression.inner(), &self.limits)))
            }
            Err(_) => {
                // What the engine left half done must not reach the next expression.
                *engine = Engine::default();
                Err(Failure::new(
                    "expression-failed",
                    "the JSONata engine failed on this expression",
                ))
            }
        }
    }
}
