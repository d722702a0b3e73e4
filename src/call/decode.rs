//! JSON → the SDK's own types, strictly.
//!
//! The SDK's stock JSON reader drops members that it does not know; this one refuses them, with the member's path and
//! the nearest right name. Nothing else of a shape is written down here: the schemas come from the SDK.

use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_schema::{Schema, ShapeType};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document, Number};
use serde_json::Value;

use crate::api::{Segment, Step, display_path, nearest, path};

/// Arguments that do not fit the SDK's type: where, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", self.place())]
pub struct DecodeError {
    pub path: Vec<Segment>,
    pub message: String,
}

impl DecodeError {
    fn place(&self) -> String {
        match self.path.is_empty() {
            true => String::new(),
            false => format!("{}: ", display_path(&self.path)),
        }
    }
}

/// Reads one shape out of a JSON value.
///
/// # Errors
/// At the first member that is unknown or of another type than the schema's.
pub fn decode<T>(
    value: &Value,
    read: impl FnOnce(&mut dyn ShapeDeserializer) -> Result<T, SerdeError>,
) -> Result<T, DecodeError> {
    read_with(value, Unknown::Refused, read)
}

/// Reads one shape out of a service's answer: members that the SDK does not know yet are left out.
///
/// # Errors
/// At the first member that is of another type than the schema's.
pub fn received<T>(
    value: &Value,
    read: impl FnOnce(&mut dyn ShapeDeserializer) -> Result<T, SerdeError>,
) -> Result<T, DecodeError> {
    read_with(value, Unknown::LeftOut, read)
}

/// What becomes of members that the schema does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refused,
    LeftOut,
}

fn read_with<T>(
    value: &Value,
    unknown: Unknown,
    read: impl FnOnce(&mut dyn ShapeDeserializer) -> Result<T, SerdeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader {
        value,
        path: Vec::new(),
        fault: None,
        unknown,
    };
    read(&mut reader).map_err(|error| {
        reader.fault.take().unwrap_or_else(|| DecodeError {
            path: Vec::new(),
            message: error.to_string(),
        })
    })
}

/// A reader over one value and all below it. The first fault is kept with its path, because the SDK's error has no
/// place for one.
struct Reader<'a> {
    value: &'a Value,
    path: Vec<Step<'a>>,
    fault: Option<DecodeError>,
    unknown: Unknown,
}

impl<'a> Reader<'a> {
    fn refuse(&mut self, message: String) -> SerdeError {
        let error = SerdeError::custom(message.clone());
        self.fault.get_or_insert_with(|| DecodeError {
            path: path(&self.path),
            message,
        });
        error
    }

    fn mismatch(&mut self, expected: &str) -> SerdeError {
        let message = format!("found {}, expected {expected}", kind(self.value));
        self.refuse(message)
    }

    /// Reads a value below this one.
    fn below<T>(
        &mut self,
        step: Step<'a>,
        value: &'a Value,
        read: impl FnOnce(&mut dyn ShapeDeserializer) -> Result<T, SerdeError>,
    ) -> Result<T, SerdeError> {
        let outer = std::mem::replace(&mut self.value, value);
        self.path.push(step);
        let result = read(self);
        self.path.pop();
        self.value = outer;
        result
    }

    /// A whole number; `3.0` is one, because expressions compute with doubles.
    fn integer(&mut self) -> Result<i64, SerdeError> {
        let whole = |number: f64| {
            (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0)
                .then_some(number as i64)
        };
        let number = self
            .value
            .as_i64()
            .or_else(|| self.value.as_f64().and_then(whole));
        number.ok_or_else(|| self.mismatch("a whole number"))
    }

    fn narrow<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T, SerdeError> {
        let number = self.integer()?;
        T::try_from(number).map_err(|_| self.refuse(format!("{number} does not fit {what}")))
    }

    fn float(&mut self) -> Result<f64, SerdeError> {
        self.value.as_f64().ok_or_else(|| self.mismatch("a number"))
    }

    fn text(&mut self) -> Result<&'a str, SerdeError> {
        let value = self.value;
        value.as_str().ok_or_else(|| self.mismatch("a string"))
    }
}

impl ShapeDeserializer for Reader<'_> {
    fn read_struct(
        &mut self,
        schema: &Schema<'_>,
        state: &mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let value = self.value;
        let Value::Object(object) = value else {
            return Err(self.mismatch("an object"));
        };
        for (name, value) in object {
            let Some(member) = schema.member_schema(name) else {
                if self.unknown == Unknown::LeftOut {
                    continue;
                }
                let known = schema.members().iter().filter_map(|m| m.member_name());
                let help = nearest(name, known)
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                self.path.push(Step::Key(name));
                return Err(self.refuse(format!("unknown member{help}")));
            };
            // As the SDK: a member that is null is not there. The shapes of unions do not expect one.
            if self.unknown == Unknown::LeftOut
                && value.is_null()
                && member.shape_type() != ShapeType::Document
            {
                continue;
            }
            self.below(Step::Key(name), value, |reader| state(member, reader))?;
        }
        Ok(())
    }

    fn read_list(
        &mut self,
        _schema: &Schema<'_>,
        state: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let value = self.value;
        let Value::Array(items) = value else {
            return Err(self.mismatch("a list"));
        };
        for (index, item) in items.iter().enumerate() {
            self.below(Step::Index(index), item, &mut *state)?;
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        _schema: &Schema<'_>,
        state: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let value = self.value;
        let Value::Object(object) = value else {
            return Err(self.mismatch("an object"));
        };
        for (name, value) in object {
            self.below(Step::Key(name), value, |reader| state(name.clone(), reader))?;
        }
        Ok(())
    }

    fn read_boolean(&mut self, _: &Schema<'_>) -> Result<bool, SerdeError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.mismatch("true or false"))
    }

    fn read_byte(&mut self, _: &Schema<'_>) -> Result<i8, SerdeError> {
        self.narrow("a byte")
    }

    fn read_short(&mut self, _: &Schema<'_>) -> Result<i16, SerdeError> {
        self.narrow("a 16-bit number")
    }

    fn read_integer(&mut self, _: &Schema<'_>) -> Result<i32, SerdeError> {
        self.narrow("a 32-bit number")
    }

    fn read_long(&mut self, _: &Schema<'_>) -> Result<i64, SerdeError> {
        self.integer()
    }

    fn read_float(&mut self, _: &Schema<'_>) -> Result<f32, SerdeError> {
        Ok(self.float()? as f32)
    }

    fn read_double(&mut self, _: &Schema<'_>) -> Result<f64, SerdeError> {
        self.float()
    }

    fn read_big_integer(&mut self, _: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        let number = self.integer()?.to_string();
        number.parse().map_err(|_| self.mismatch("a whole number"))
    }

    fn read_big_decimal(&mut self, _: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        let number = self.float()?.to_string();
        number.parse().map_err(|_| self.mismatch("a number"))
    }

    fn read_string(&mut self, _: &Schema<'_>) -> Result<String, SerdeError> {
        self.text().map(str::to_owned)
    }

    fn read_blob(&mut self, _: &Schema<'_>) -> Result<Blob, SerdeError> {
        let text = self.text()?;
        aws_smithy_types::base64::decode(text)
            .map(Blob::new)
            .map_err(|_| self.mismatch("base64"))
    }

    /// Seconds since 1970, as the JSON protocols write them.
    fn read_timestamp(&mut self, _: &Schema<'_>) -> Result<DateTime, SerdeError> {
        self.float().map(DateTime::from_secs_f64)
    }

    fn read_document(&mut self, _: &Schema<'_>) -> Result<Document, SerdeError> {
        Ok(document(self.value))
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn container_size(&self) -> Option<usize> {
        match self.value {
            Value::Array(items) => Some(items.len()),
            Value::Object(members) => Some(members.len()),
            _ => None,
        }
    }

    fn skip_value(&mut self) -> Result<(), SerdeError> {
        Ok(())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A free-form value; its depth is bounded by the reader of the JSON that it came from.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(flag) => Document::Bool(*flag),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::PosInt(number),
            (None, Some(number)) => Number::NegInt(number),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(members) => Document::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), document(value)))
                .collect(),
        ),
    }
}
