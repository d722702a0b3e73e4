//! The checks that [`super::bounds`] puts around operands, as functions that the engine calls.

use jsonata_core::value::JValue;

use super::evaluate::{Failure, Limits};
use super::functions::Trace;
use super::value::{Unfit, weigh};

// Names that no expression can spell: they hold a space.
pub(super) const WEIGHED: &str = "usher weighed";
pub(super) const FACTOR: &str = "usher factor";
pub(super) const WIDTH: &str = "usher width";
pub(super) const FIGURE: &str = "usher figure";
pub(super) const PICTURE: &str = "usher picture";

/// The longest text that a function takes whose result can be a product of its arguments, and the longest that `$pad` gives.
const FACTOR_MAX: usize = 4 * 1024;
/// The greatest number that `$formatInteger` takes: in roman numerals it is a million letters.
const FIGURE_MAX: usize = 1_000_000_000;
/// The longest run of digits in a picture for dates: one more would be a width of 10 000 characters or above.
const PICTURE_DIGITS: usize = 4;

pub(super) fn too_big(limits: &Limits) -> Failure {
    limit(format!("a value grows beyond {} bytes", limits.memory))
}

fn limit(message: String) -> Failure {
    Failure::new("expression-limit", message)
}

/// Passes its argument through unless it is heavier than a value may be, or all of them together than they may be,
/// or no finite number.
pub(super) fn weighed(args: &[JValue], limits: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    let value = args.first().cloned().unwrap_or(JValue::Undefined);
    let weight = match weigh(&value, limits.memory) {
        Ok(weight) => weight,
        Err(Unfit::TooBig) => return Err(too_big(limits)),
        Err(Unfit::NotFinite) => {
            return Err(Failure::new("expression-type", "a number is out of range"));
        }
    };
    trace.work.set(trace.work.get().saturating_add(weight));
    if trace.work.get() > limits.work {
        return Err(limit(format!(
            "the values it works with grow beyond {} bytes",
            limits.work
        )));
    }
    Ok(value)
}

/// Passes through what may safely be multiplied: short texts, lists of few items.
pub(super) fn factor(args: &[JValue], limits: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    let (what, most, unit) = match args.first() {
        Some(JValue::String(text)) if text.len() > FACTOR_MAX => ("text", FACTOR_MAX, "bytes"),
        Some(JValue::Array(items)) if items.len() > limits.sequence => {
            ("list", limits.sequence, "items")
        }
        _ => return weighed(args, limits, trace),
    };
    Err(limit(format!(
        "a {what} of more than {most} {unit} is given to a function that multiplies it"
    )))
}

/// As [`factor`], for the arguments of `$pad`, one of which is the length of its result.
pub(super) fn width(args: &[JValue], limits: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    match args.first() {
        Some(JValue::Number(number)) if number.abs() > FACTOR_MAX as f64 => Err(limit(format!(
            "`$pad` gives at most {FACTOR_MAX} characters"
        ))),
        _ => factor(args, limits, trace),
    }
}

/// As [`factor`], for the arguments of `$formatInteger`.
pub(super) fn figure(args: &[JValue], limits: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    match args.first() {
        Some(JValue::Number(number)) if number.abs() > FIGURE_MAX as f64 => Err(limit(format!(
            "`$formatInteger` takes numbers up to {FIGURE_MAX}"
        ))
        .help("`$formatNumber` takes any")),
        _ => factor(args, limits, trace),
    }
}

/// As [`factor`], for the arguments of `$fromMillis`, one of which can be a picture with widths.
pub(super) fn picture(args: &[JValue], limits: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    let longest = |text: &str| {
        text.split(|c: char| !c.is_numeric())
            .map(|run| run.chars().count())
            .max()
    };
    match args.first() {
        Some(JValue::String(text)) if longest(text).is_some_and(|run| run > PICTURE_DIGITS) => Err(
            limit("a picture has a width of more than 9999 characters".to_owned()),
        ),
        _ => factor(args, limits, trace),
    }
}
