//! Between `serde_json` and the engine's values, and how big a value is.

use jsonata_core::value::{JArray, JValue};
use serde_json::{Map, Number, Value};

use super::evaluate::Failure;

/// Below this, every whole number is one double and no other: JSONata's numbers are doubles.
pub(super) const INTEGERS_END: f64 = 9_007_199_254_740_992.0;
/// As deep as `serde_json` reads.
pub(super) const MAX_DEPTH: usize = 128;
/// Marks the engine's own carriers of `%`, `@` and `#` bindings. Data that has it would be taken for one of them.
const CARRIER: &str = "__tuple__";
/// What a value weighs beside its text: about what the engine takes for one.
const NODE: usize = 32;
/// What an object weighs beside its members, and a member beside its name and value.
const OBJECT: usize = 96;
const MEMBER: usize = 64;

/// Converts data for the engine.
///
/// A whole number beyond ±2^53 becomes the string of its digits: as a double it would silently be another number,
/// as a string it can be joined, compared and passed on, and arithmetic with it fails.
pub(super) fn to_engine(value: &Value) -> Result<JValue, Failure> {
    to_engine_at(value, 0)
}

fn to_engine_at(value: &Value, depth: usize) -> Result<JValue, Failure> {
    shallow_enough(depth)?;
    Ok(match value {
        Value::Null => JValue::Null,
        Value::Bool(truth) => JValue::Bool(*truth),
        Value::Number(number) => number_to_engine(number),
        Value::String(text) => JValue::from(text.as_str()),
        Value::Array(items) => {
            let flat = !items.iter().any(Value::is_array);
            let mut below = Below::new(depth);
            let items = items
                .iter()
                .map(|item| below.convert(item, to_engine_at))
                .collect();
            JValue::Array(JArray::new_flat(below.instead_of(items)?, flat))
        }
        Value::Object(members) => {
            readable(members)?;
            let mut below = Below::new(depth);
            let members = members.iter();
            let members =
                members.map(|(name, member)| (name.clone(), below.convert(member, to_engine_at)));
            let members = members.collect();
            JValue::object(below.instead_of(members)?)
        }
    })
}

/// The same for data that nobody else needs: it goes as the engine's comes, so that there are never two of a large event.
pub(super) fn into_engine(value: Value) -> Result<JValue, Failure> {
    into_engine_at(value, 0)
}

fn into_engine_at(value: Value, depth: usize) -> Result<JValue, Failure> {
    shallow_enough(depth)?;
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            to_engine_at(&value, depth)?
        }
        Value::Array(items) => {
            let flat = !items.iter().any(Value::is_array);
            let mut below = Below::new(depth);
            // In a loop: what is collected could take over the list's memory, which is too much for the engine's smaller values.
            let mut converted = Vec::with_capacity(items.len());
            for item in items {
                converted.push(below.convert(item, into_engine_at));
            }
            JValue::Array(JArray::new_flat(below.instead_of(converted)?, flat))
        }
        Value::Object(members) => {
            readable(&members)?;
            let mut below = Below::new(depth);
            let members = members.into_iter();
            let members =
                members.map(|(name, member)| (name, below.convert(member, into_engine_at)));
            let members = members.collect();
            JValue::object(below.instead_of(members)?)
        }
    })
}

fn shallow_enough(depth: usize) -> Result<(), Failure> {
    match depth > MAX_DEPTH {
        true => Err(Failure::new(
            "expression-limit",
            format!("data nests more than {MAX_DEPTH} deep"),
        )),
        false => Ok(()),
    }
}

fn readable(members: &Map<String, Value>) -> Result<(), Failure> {
    match members.contains_key(CARRIER) {
        true => Err(Failure::new(
            "expression-data",
            format!("data has a member `{CARRIER}`, which expressions cannot read"),
        )),
        false => Ok(()),
    }
}

/// Converts the parts of a value. The first failure waits until the value is made: so it is made in one go, as large as it will be.
struct Below {
    depth: usize,
    failure: Option<Failure>,
}

impl Below {
    fn new(depth: usize) -> Self {
        Self {
            depth: depth + 1,
            failure: None,
        }
    }

    fn convert<V>(
        &mut self,
        value: V,
        how: impl Fn(V, usize) -> Result<JValue, Failure>,
    ) -> JValue {
        if self.failure.is_some() {
            return JValue::Null;
        }
        how(value, self.depth).unwrap_or_else(|failure| {
            self.failure = Some(failure);
            JValue::Null
        })
    }

    fn instead_of<T>(self, value: T) -> Result<T, Failure> {
        self.failure.map_or(Ok(value), Err)
    }
}

fn number_to_engine(number: &Number) -> JValue {
    let whole = number.is_i64() || number.is_u64();
    match number.as_f64() {
        Some(double) if !whole || double.abs() < INTEGERS_END => JValue::from_f64(double),
        _ => JValue::from(number.to_string()),
    }
}

/// Converts what an expression yields. `None` is JSONata's "nothing".
pub(super) fn from_engine(value: &JValue) -> Result<Option<Value>, Failure> {
    if matches!(value, JValue::Undefined) {
        return Ok(None);
    }
    from_engine_at(value, 0).map(Some)
}

fn from_engine_at(value: &JValue, depth: usize) -> Result<Value, Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::new(
            "expression-limit",
            format!("the result nests more than {MAX_DEPTH} deep"),
        ));
    }
    Ok(match value {
        JValue::Null | JValue::Undefined => Value::Null,
        JValue::Bool(truth) => Value::Bool(*truth),
        JValue::Number(number) => Value::Number(number_from_engine(*number)?),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => {
            let defined = items
                .iter()
                .filter(|item| !matches!(item, JValue::Undefined));
            let items: Result<_, _> = defined
                .map(|item| from_engine_at(item, depth + 1))
                .collect();
            Value::Array(items?)
        }
        JValue::Object(members) => {
            let mut out = Map::with_capacity(members.len());
            for (name, member) in members.iter() {
                if !matches!(member, JValue::Undefined) {
                    out.insert(name.clone(), from_engine_at(member, depth + 1)?);
                }
            }
            Value::Object(out)
        }
        JValue::Lambda(_) | JValue::Builtin { .. } => {
            let failure = Failure::new("expression-result", "the expression yields a function");
            return Err(
                failure.help("call it: a function is followed by its arguments in parentheses")
            );
        }
        JValue::Regex { .. } => {
            return Err(Failure::new(
                "expression-result",
                "the expression yields a regular expression",
            ));
        }
    })
}

fn number_from_engine(number: f64) -> Result<Number, Failure> {
    if number.fract() == 0.0 && number.abs() < INTEGERS_END {
        return Ok(Number::from(number as i64));
    }
    let exact = number.abs() < INTEGERS_END;
    match Number::from_f64(number).filter(|_| exact) {
        Some(number) => Ok(number),
        None if number.is_finite() => {
            let message = "the expression yields a number beyond ±2^53, where JSONata's numbers are no longer exact";
            Err(Failure::new("expression-result", message).help("yield it as a string"))
        }
        None => Err(Failure::new(
            "expression-result",
            "the expression yields a number that is not finite",
        )),
    }
}

/// Why a value must not be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Heavier than the limit, or nested too deep to be data.
    TooBig,
    /// It holds an infinite number, or one that is none. JSONata refuses them where they arise; the engine does not
    /// always, and recurses without end when it is to write infinity in words.
    NotFinite,
}

/// What a value would take if every part of it were a copy, in bytes or a little more; stops counting at `limit`.
///
/// The engine shares parts, so a small value can describe an enormous text.
pub(super) fn weigh(value: &JValue, limit: usize) -> Result<usize, Unfit> {
    let mut total = 0_usize;
    let mut rest = vec![(value, 0_usize)];
    while let Some((value, depth)) = rest.pop() {
        let own = match value {
            JValue::String(text) => text.len(),
            JValue::Array(items) => items.len().saturating_mul(NODE),
            JValue::Object(members) => {
                OBJECT
                    + members
                        .keys()
                        .map(|name| MEMBER + NODE + name.len())
                        .sum::<usize>()
            }
            JValue::Number(number) if !number.is_finite() => return Err(Unfit::NotFinite),
            _ => 0,
        };
        // Containers count for their parts before these are walked, so that a long list is refused at once.
        total = total.saturating_add(own);
        if total > limit || depth > MAX_DEPTH + 2 {
            return Err(Unfit::TooBig);
        }
        match value {
            JValue::Array(items) => rest.extend(items.iter().map(|item| (item, depth + 1))),
            JValue::Object(members) => {
                rest.extend(members.values().map(|member| (member, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(total.saturating_add(NODE))
}
