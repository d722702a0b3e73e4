//! The functions that Usher adds to JSONata, as values in and out.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use sha2::Digest;

use super::catalog::FORBIDDEN;
use super::checks::{self, too_big};
use super::evaluate::{Failure, Limits};
use super::names::{self, NameError, NameMade};
use super::value::{INTEGERS_END, to_engine};

/// The most characters `$hash` takes and items `$range` gives: Step Functions' limits (developer guide,
/// `States.Hash` and `States.ArrayRange`, whose place these functions take).
const HASH_INPUT_MAX: usize = 10_000;
const RANGE_MAX: f64 = 1_000.0;

/// What the functions leave behind while an expression runs.
#[derive(Default)]
pub(super) struct Trace {
    pub names: RefCell<Vec<NameMade>>,
    pub failure: RefCell<Option<Failure>>,
    /// What the values weigh together that have been checked so far.
    pub work: Cell<usize>,
}

impl Trace {
    /// Forgets the expression before.
    pub fn clear(&self) {
        self.names.borrow_mut().clear();
        self.failure.borrow_mut().take();
        self.work.set(0);
    }

    /// The engine's errors are texts; ours stay what they are, beside it.
    fn refuse(&self, failure: Failure) -> EvaluatorError {
        let text = failure.message.clone();
        self.failure.borrow_mut().get_or_insert(failure);
        EvaluatorError::EvaluationError(text)
    }
}

type Body = fn(&[JValue], &Limits, &Trace) -> Result<JValue, Failure>;

const ADDED: &[(&str, Body)] = &[
    ("hash", hash),
    ("parse", parse),
    ("partition", partition),
    ("range", range),
    ("profileName", profile_name),
    ("kxUserName", kx_user_name),
    (checks::WEIGHED, checks::weighed),
    (checks::FACTOR, checks::factor),
    (checks::WIDTH, checks::width),
    (checks::FIGURE, checks::figure),
    (checks::PICTURE, checks::picture),
];

/// Whether a function is Usher's own.
pub(super) fn is_added(name: &str) -> bool {
    ADDED.iter().any(|(added, _)| *added == name)
}

/// The one of these functions that has this name, as a bit; no bit for any other.
pub(super) fn bit(name: &str) -> u32 {
    let added = ADDED.iter().map(|(name, _)| *name);
    let mut names = added.chain(FORBIDDEN.iter().copied()).zip(0..);
    let found = names.find(|(known, _)| *known == name);
    found.map_or(0, |(_, place)| 1 << place)
}

/// Adds functions to an evaluator, and takes away those that would make a plan differ from time to time. `wanted` are the
/// [bits](bit) of those that the evaluator can be asked for: each costs as much as a small expression.
///
/// The analysis has refused the forbidden ones already; this holds if it should ever miss one.
pub(super) fn register(
    evaluator: &mut Evaluator,
    wanted: u32,
    limits: &Rc<Limits>,
    trace: &Rc<Trace>,
) {
    let wanted = |name: &str| wanted & bit(name) != 0;
    for &(name, body) in ADDED.iter().filter(|(name, _)| wanted(name)) {
        let (limits, trace) = (Rc::clone(limits), Rc::clone(trace));
        let function = move |args: &[JValue]| {
            body(args, &limits, &trace).map_err(|failure| trace.refuse(failure))
        };
        // Only a built-in of the compiled path can be refused here, and none of ours is one.
        let _ = evaluator.register_fn_override(name, function);
    }
    for &name in FORBIDDEN.iter().filter(|name| wanted(name)) {
        let trace = Rc::clone(trace);
        let function = move |_: &[JValue]| -> Result<JValue, EvaluatorError> {
            let message = format!("`${name}` is not allowed: a plan must be the same each time");
            Err(trace.refuse(Failure::new("forbidden-function", message)))
        };
        let _ = evaluator.register_fn_override(name, function);
    }
}

fn wrong_type(message: String) -> Failure {
    Failure::new("expression-type", message)
}

/// "a string", for messages that must not show the value itself.
pub(super) fn kind(value: &JValue) -> &'static str {
    match value {
        JValue::Null => "null",
        JValue::Bool(_) => "a boolean",
        JValue::Number(_) => "a number",
        JValue::String(_) => "a string",
        JValue::Array(_) => "an array",
        JValue::Object(_) => "an object",
        JValue::Undefined => "nothing",
        JValue::Lambda(_) | JValue::Builtin { .. } => "a function",
        JValue::Regex { .. } => "a regular expression",
    }
}

/// The argument at `index`, or `None` if it is missing or yields nothing.
fn argument(args: &[JValue], index: usize) -> Option<&JValue> {
    args.get(index)
        .filter(|value| !matches!(value, JValue::Undefined))
}

fn text<'a>(function: &str, which: &str, value: &'a JValue) -> Result<&'a str, Failure> {
    value.as_str().ok_or_else(|| {
        wrong_type(format!(
            "`${function}` needs a string {which}, found {}",
            kind(value)
        ))
    })
}

fn whole(function: &str, which: &str, value: Option<&JValue>) -> Result<f64, Failure> {
    match value {
        Some(JValue::Number(number)) if number.fract() == 0.0 && number.abs() < INTEGERS_END => {
            Ok(*number)
        }
        other => {
            let found = match other {
                Some(JValue::Number(_)) => "another number",
                other => kind(other.unwrap_or(&JValue::Undefined)),
            };
            Err(wrong_type(format!(
                "`${function}` needs a whole number as its {which}, found {found}"
            )))
        }
    }
}

/// `$hash(data, algorithm)`, as in Step Functions: both arguments are strings, the result is lower-case hexadecimal.
fn hash(args: &[JValue], _: &Limits, _: &Trace) -> Result<JValue, Failure> {
    let Some(data) = argument(args, 0) else {
        return Ok(JValue::Undefined);
    };
    let data = text("hash", "to hash", data)?;
    if data.chars().nth(HASH_INPUT_MAX).is_some() {
        let message = format!("`$hash` takes at most {HASH_INPUT_MAX} characters");
        return Err(Failure::new("expression-limit", message));
    }
    let algorithm = text(
        "hash",
        "as its algorithm",
        argument(args, 1).unwrap_or(&JValue::Undefined),
    )?;
    let digest = match algorithm {
        "MD5" => hex(&md5::Md5::digest(data)),
        "SHA-1" => hex(&sha1::Sha1::digest(data)),
        "SHA-256" => hex(&sha2::Sha256::digest(data)),
        "SHA-384" => hex(&sha2::Sha384::digest(data)),
        "SHA-512" => hex(&sha2::Sha512::digest(data)),
        _ => {
            return Err(
                wrong_type("`$hash` does not know this algorithm".to_owned())
                    .help("it knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512"),
            );
        }
    };
    Ok(JValue::from(digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing into a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// `$parse(text)`: the value that a JSON text describes.
fn parse(args: &[JValue], limits: &Limits, _: &Trace) -> Result<JValue, Failure> {
    let Some(json) = argument(args, 0) else {
        return Ok(JValue::Undefined);
    };
    let json = text("parse", "of JSON", json)?;
    if json.len() > limits.memory {
        return Err(too_big(limits));
    }
    let value: serde_json::Value = serde_json::from_str(json).map_err(|_| {
        Failure::new(
            "expression-type",
            "`$parse` was given text that is not JSON",
        )
    })?;
    to_engine(&value)
}

/// `$partition(array, size)`: an array of arrays of `size` items, the last of which may be shorter.
fn partition(args: &[JValue], _: &Limits, _: &Trace) -> Result<JValue, Failure> {
    let Some(value) = argument(args, 0) else {
        return Ok(JValue::Undefined);
    };
    let size = whole("partition", "size", argument(args, 1))?;
    if size < 1.0 {
        return Err(wrong_type(
            "`$partition` needs a size of at least 1".to_owned(),
        ));
    }
    // JSONata makes no difference between one value and an array of it.
    let one = [value.clone()];
    let items = value.as_array().map_or(one.as_slice(), Vec::as_slice);
    let chunks = items
        .chunks(size as usize)
        .map(|chunk| JValue::array(chunk.to_vec()));
    Ok(JValue::array(chunks.collect()))
}

/// `$range(first, last, step)`: the whole numbers from `first` to `last`, both included if the step meets them.
fn range(args: &[JValue], _: &Limits, _: &Trace) -> Result<JValue, Failure> {
    let first = whole("range", "first argument", argument(args, 0))?;
    let last = whole("range", "second argument", argument(args, 1))?;
    let step = whole("range", "third argument", argument(args, 2))?;
    if step == 0.0 {
        return Err(wrong_type("`$range` needs a step other than 0".to_owned()));
    }
    let count = ((last - first) / step).floor() + 1.0;
    if count > RANGE_MAX {
        let message = format!("`$range` gives at most {RANGE_MAX} items");
        return Err(Failure::new("expression-limit", message));
    }
    let items =
        (0..count.max(0.0) as usize).map(|index| JValue::from_f64(first + step * index as f64));
    Ok(JValue::array(items.collect()))
}

fn profile_name(args: &[JValue], _: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    name("profileName", args, trace, names::profile_name)
}

fn kx_user_name(args: &[JValue], _: &Limits, trace: &Trace) -> Result<JValue, Failure> {
    name("kxUserName", args, trace, names::kx_user_name)
}

fn name(
    function: &'static str,
    args: &[JValue],
    trace: &Trace,
    make: fn(&str, bool) -> Result<String, NameError>,
) -> Result<JValue, Failure> {
    let Some(input) = argument(args, 0) else {
        return Ok(JValue::Undefined);
    };
    let input = text(function, "to make a name of", input)?;
    let always_hash = match (args.len(), argument(args, 1)) {
        // `$map` and its kind pass the item, its index and the array.
        (3.., _) | (_, None) => false,
        (_, Some(JValue::Bool(always))) => *always,
        (_, Some(other)) => {
            let message = format!(
                "`${function}` needs true or false as its second argument, found {}",
                kind(other)
            );
            return Err(wrong_type(message));
        }
    };
    let name = make(input, always_hash).map_err(|error| {
        Failure::new(
            "expression-name",
            format!("`${function}` cannot make a name: {error}"),
        )
    })?;
    trace.names.borrow_mut().push(NameMade {
        function,
        input: input.to_owned(),
        name: name.clone(),
    });
    Ok(JValue::from(name))
}
