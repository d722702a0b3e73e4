//! The SDK's own types → JSON with the API's member names: how an observed target is read.
//!
//! It goes through the SDK's schemas, which see the public fields. Getters would show `[]` both for a list that is
//! absent and for one that is empty.

use aws_smithy_schema::Schema;
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeSerializer};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document, Number};
use serde_json::{Map, Value};

/// The shape as JSON; members that are absent stay absent.
///
/// # Errors
/// When the shape holds what JSON cannot: a number that is none, or a time out of range.
pub fn encode(shape: &dyn SerializableStruct) -> Result<Value, SerdeError> {
    structure(shape, MEMBERS)
}

/// How many members of a large structure are mostly there.
const MEMBERS: usize = 7;

fn structure(shape: &dyn SerializableStruct, members: usize) -> Result<Value, SerdeError> {
    let mut writer = Writer::Object(Map::with_capacity(members));
    shape.serialize_members(&mut writer)?;
    Ok(writer.into_value())
}

/// Collects what is written: members by name, items in order, or one value.
enum Writer {
    Object(Map<String, Value>),
    List(Vec<Value>),
    /// The keys and values of a map, in turn.
    Entries(Map<String, Value>, Option<String>),
}

impl Writer {
    fn into_value(self) -> Value {
        match self {
            Writer::Object(members) | Writer::Entries(members, _) => Value::Object(members),
            Writer::List(items) => Value::Array(items),
        }
    }

    fn put(&mut self, schema: &Schema<'_>, value: Value) -> Result<(), SerdeError> {
        match self {
            Writer::Object(members) => {
                let name = schema
                    .member_name()
                    .ok_or_else(|| SerdeError::custom("a member without a name"))?;
                members.insert(name.to_owned(), value);
            }
            Writer::List(items) => items.push(value),
            Writer::Entries(members, key) => match key.take() {
                Some(key) => {
                    members.insert(key, value);
                }
                None => {
                    let text = value.as_str().map(str::to_owned);
                    *key = Some(text.ok_or_else(|| SerdeError::custom("a key that is no string"))?);
                }
            },
        }
        Ok(())
    }
}

type Write<'a> = &'a dyn Fn(&mut dyn ShapeSerializer) -> Result<(), SerdeError>;

impl ShapeSerializer for Writer {
    fn write_struct(
        &mut self,
        schema: &Schema<'_>,
        value: &dyn SerializableStruct,
    ) -> Result<(), SerdeError> {
        let value = structure(value, schema.members().len().min(MEMBERS))?;
        self.put(schema, value)
    }

    fn write_list(&mut self, schema: &Schema<'_>, write: Write<'_>) -> Result<(), SerdeError> {
        let mut items = Writer::List(Vec::new());
        write(&mut items)?;
        self.put(schema, items.into_value())
    }

    fn write_map(&mut self, schema: &Schema<'_>, write: Write<'_>) -> Result<(), SerdeError> {
        let mut entries = Writer::Entries(Map::new(), None);
        write(&mut entries)?;
        self.put(schema, entries.into_value())
    }

    fn write_boolean(&mut self, schema: &Schema<'_>, value: bool) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_byte(&mut self, schema: &Schema<'_>, value: i8) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_short(&mut self, schema: &Schema<'_>, value: i16) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_integer(&mut self, schema: &Schema<'_>, value: i32) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_long(&mut self, schema: &Schema<'_>, value: i64) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_float(&mut self, schema: &Schema<'_>, value: f32) -> Result<(), SerdeError> {
        self.write_double(schema, value.into())
    }

    fn write_double(&mut self, schema: &Schema<'_>, value: f64) -> Result<(), SerdeError> {
        let number = serde_json::Number::from_f64(value)
            .ok_or_else(|| SerdeError::custom("not a number"))?;
        self.put(schema, Value::Number(number))
    }

    fn write_big_integer(
        &mut self,
        schema: &Schema<'_>,
        value: &BigInteger,
    ) -> Result<(), SerdeError> {
        self.put(schema, value.as_ref().into())
    }

    fn write_big_decimal(
        &mut self,
        schema: &Schema<'_>,
        value: &BigDecimal,
    ) -> Result<(), SerdeError> {
        self.put(schema, value.as_ref().into())
    }

    fn write_string(&mut self, schema: &Schema<'_>, value: &str) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_blob(&mut self, schema: &Schema<'_>, value: Blob) -> Result<(), SerdeError> {
        self.put(schema, aws_smithy_types::base64::encode(value).into())
    }

    /// Seconds since 1970, as the JSON protocols write them.
    fn write_timestamp(&mut self, schema: &Schema<'_>, value: &DateTime) -> Result<(), SerdeError> {
        self.write_double(schema, value.as_secs_f64())
    }

    fn write_document(&mut self, schema: &Schema<'_>, value: &Document) -> Result<(), SerdeError> {
        self.put(schema, free_form(value))
    }

    fn write_null(&mut self, schema: &Schema<'_>) -> Result<(), SerdeError> {
        self.put(schema, Value::Null)
    }
}

fn free_form(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(flag) => (*flag).into(),
        Document::Number(Number::PosInt(number)) => (*number).into(),
        Document::Number(Number::NegInt(number)) => (*number).into(),
        Document::Number(Number::Float(number)) => (*number).into(),
        Document::String(text) => text.as_str().into(),
        Document::Array(items) => items.iter().map(free_form).collect(),
        Document::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), free_form(value)))
            .collect(),
    }
}
