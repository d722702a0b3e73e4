//! The engine's evaluator, made for what is evaluated.

use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;

use super::Expression;
use super::evaluate::Limits;
use super::functions::{self, Trace};

/// The evaluator, once there is something to evaluate.
#[derive(Default)]
pub(super) struct Engine {
    evaluator: Option<Evaluator>,
    /// Those of our own functions that it knows, as bits.
    functions: u32,
}

/// What every expression finds under a name.
pub(super) struct Bindings {
    pub event: JValue,
    pub current: Option<JValue>,
    pub constants: Rc<[(String, JValue)]>,
}

impl Engine {
    /// The evaluator with everything that the expression may name.
    pub fn ready(
        &mut self,
        expression: &Expression,
        bindings: &Bindings,
        limits: &Rc<Limits>,
        trace: &Rc<Trace>,
    ) -> &mut Evaluator {
        let evaluator = self
            .evaluator
            .get_or_insert_with(|| evaluator(bindings.context(), limits));
        let more = expression.functions & !self.functions;
        if more != 0 {
            functions::register(evaluator, more, limits, trace);
            self.functions |= more;
        }
        evaluator
    }
}

impl Bindings {
    fn context(&self) -> Context {
        let mut context = Context::new();
        for (name, value) in self.constants.iter() {
            context.bind(name.clone(), value.clone());
        }
        let states = [("input".to_owned(), self.event.clone())];
        let states = JValue::object(states.into_iter().collect());
        context.bind("event".to_owned(), self.event.clone());
        context.bind("states".to_owned(), states);
        if let Some(current) = &self.current {
            context.bind("current".to_owned(), current.clone());
        }
        context
    }
}

fn evaluator(context: Context, limits: &Limits) -> Evaluator {
    let options = EvaluatorOptions {
        timeout_ms: Some(u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX)),
        cancel: None,
        max_stack_depth: Some(limits.depth),
        max_sequence_length: Some(limits.sequence),
    };
    Evaluator::with_options(context, options)
}

/// Pays once, at start, for what the engine otherwise builds at the first call of a function: the regular expressions
/// of all its signatures, about a millisecond of processor time, which is fourteen on a 128 MB function.
pub fn warm_up() {
    let mut evaluator = evaluator(Context::new(), &Limits::default());
    if let Ok(ast) = jsonata_core::parser::parse("$lowercase($trim('A'))") {
        // Only what it leaves behind in the engine is of interest.
        let _ = evaluator.evaluate(&ast, &JValue::Null);
    }
}
