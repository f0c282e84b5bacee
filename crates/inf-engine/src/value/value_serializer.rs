//! [`ValueSerializer`]: Rust data as a [`Value`], without a detour through text
//! or through the values of `serde_json`.
//!
//! What comes out is what `serde_json::to_value` gives, which a test compares.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::ser::{self, Serialize, Serializer};
use serde_json::Number;

use super::{DataError, Value};

type Entries = IndexMap<Arc<str>, Value>;

/// Turns what is serialized into a [`Value`].
pub(super) struct ValueSerializer;

impl ser::Error for DataError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = DataError;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    fn serialize_bool(self, value: bool) -> Result<Value, DataError> {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Value, DataError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Value, DataError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Value, DataError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Value, DataError> {
        Ok(Value::Number(value.into()))
    }

    fn serialize_i128(self, value: i128) -> Result<Value, DataError> {
        match Number::from_i128(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(DataError("number out of range".to_owned())),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<Value, DataError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Value, DataError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Value, DataError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Value, DataError> {
        Ok(Value::Number(value.into()))
    }

    fn serialize_u128(self, value: u128) -> Result<Value, DataError> {
        match Number::from_u128(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(DataError("number out of range".to_owned())),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<Value, DataError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Value, DataError> {
        // JSON has no infinity.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn serialize_char(self, value: char) -> Result<Value, DataError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Value, DataError> {
        Ok(Value::from(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, DataError> {
        let numbers = value.iter().map(|&byte| Value::Number(byte.into()));
        Ok(numbers.collect())
    }

    fn serialize_none(self) -> Result<Value, DataError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, DataError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, DataError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, DataError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, DataError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, DataError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, DataError> {
        Ok(of_variant(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements, DataError> {
        Ok(Elements::new(None, length.unwrap_or(0)))
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements, DataError> {
        Ok(Elements::new(None, length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Elements, DataError> {
        Ok(Elements::new(None, length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements, DataError> {
        Ok(Elements::new(Some(variant), length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Fields, DataError> {
        Ok(Fields::new(None, length.unwrap_or(0)))
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Fields, DataError> {
        let is_json_text = name.starts_with(JSON_TEXT);
        Ok(Fields {
            is_json_text,
            ..Fields::new(None, length)
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Fields, DataError> {
        Ok(Fields::new(Some(variant), length))
    }
}

/// `value`, or `{variant: value}`.
fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::from_iter([(variant, value)]),
        None => value,
    }
}

/// The longest announcement that is believed: some are wrong.
const MOST_ANNOUNCED: usize = 4096;

/// How the names of structs begin by which `serde_json` hands itself a JSON text:
/// of a `RawValue`, and of any number if a program builds it with arbitrary
/// precision.
const JSON_TEXT: &str = "$serde_json::private::";

/// A list that grows.
pub(super) struct Elements {
    variant: Option<&'static str>,
    elements: Vec<Value>,
}

impl Elements {
    fn new(variant: Option<&'static str>, length: usize) -> Self {
        Self {
            variant,
            elements: Vec::with_capacity(length.min(MOST_ANNOUNCED)),
        }
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), DataError> {
        self.elements.push(value.serialize(ValueSerializer)?);
        Ok(())
    }

    fn finish(self) -> Value {
        of_variant(self.variant, Value::from_iter(self.elements))
    }
}

/// A map that grows.
pub(super) struct Fields {
    variant: Option<&'static str>,
    /// Whether its one field is JSON that stands for it.
    is_json_text: bool,
    entries: Entries,
    /// The key whose value comes next.
    key: Option<Arc<str>>,
}

impl Fields {
    fn new(variant: Option<&'static str>, length: usize) -> Self {
        Self {
            variant,
            is_json_text: false,
            entries: Entries::with_capacity(length.min(MOST_ANNOUNCED)),
            key: None,
        }
    }

    fn add<T: Serialize + ?Sized>(&mut self, key: Arc<str>, value: &T) -> Result<(), DataError> {
        self.entries.insert(key, value.serialize(ValueSerializer)?);
        Ok(())
    }

    fn finish(self) -> Result<Value, DataError> {
        if self.is_json_text
            && let Some(Value::String(text)) = self.entries.values().next()
        {
            let json: serde_json::Value =
                serde_json::from_str(text).map_err(|error| DataError(error.to_string()))?;
            return Ok(json.into());
        }
        let map = Value::Map(Arc::new(self.entries));
        Ok(of_variant(self.variant, map))
    }
}

macro_rules! elements {
    ($trait:ident, $method:ident) => {
        impl ser::$trait for Elements {
            type Ok = Value;
            type Error = DataError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), DataError> {
                self.add(value)
            }

            fn end(self) -> Result<Value, DataError> {
                Ok(self.finish())
            }
        }
    };
}

elements!(SerializeSeq, serialize_element);
elements!(SerializeTuple, serialize_element);
elements!(SerializeTupleStruct, serialize_field);
elements!(SerializeTupleVariant, serialize_field);

macro_rules! fields {
    ($trait:ident) => {
        impl ser::$trait for Fields {
            type Ok = Value;
            type Error = DataError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), DataError> {
                self.add(key.into(), value)
            }

            fn end(self) -> Result<Value, DataError> {
                self.finish()
            }
        }
    };
}

fields!(SerializeStruct);
fields!(SerializeStructVariant);

impl ser::SerializeMap for Fields {
    type Ok = Value;
    type Error = DataError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), DataError> {
        self.key = Some(match key.serialize(ValueSerializer)? {
            Value::String(key) => key,
            Value::Number(number) => number.to_string().into(),
            Value::Bool(value) => value.to_string().into(),
            _ => return Err(DataError("key must be a string".to_owned())),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), DataError> {
        let key = self.key.take();
        self.add(key.expect("a key comes before its value"), value)
    }

    fn end(self) -> Result<Value, DataError> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(i16, Option<&'static str>),
        Struct { a: f32, b: Vec<bool> },
    }

    #[derive(Serialize)]
    struct Everything {
        numbers: (i8, i64, u64, u128, f64, f32),
        text: String,
        character: char,
        none: Option<u8>,
        some: Option<u8>,
        unit: (),
        shapes: Vec<Shape>,
        by_number: BTreeMap<i32, &'static str>,
        by_bool: BTreeMap<bool, u8>,
        infinite: f64,
        #[serde(flatten)]
        more: BTreeMap<String, Value>,
    }

    fn check<T: Serialize>(data: &T) {
        let value = data.serialize(ValueSerializer);
        match serde_json::to_value(data) {
            Ok(json) => assert_eq!(value, Ok(Value::from(json))),
            Err(error) => assert_eq!(value, Err(DataError(error.to_string()))),
        }
    }

    #[test]
    fn it_is_what_serde_json_makes_of_it() {
        check(&Everything {
            numbers: (-1, i64::MIN, u64::MAX, 7, 0.1, 0.1),
            text: "a \"b\"".to_owned(),
            character: 'ä',
            none: None,
            some: Some(1),
            unit: (),
            shapes: vec![
                Shape::Unit,
                Shape::Newtype(1),
                Shape::Tuple(2, Some("x")),
                Shape::Struct {
                    a: 1.5,
                    b: vec![true],
                },
            ],
            by_number: BTreeMap::from([(-3, "c"), (4, "d")]),
            by_bool: BTreeMap::from([(true, 1)]),
            infinite: f64::INFINITY,
            more: BTreeMap::from([("z".to_owned(), Value::from(1))]),
        });
        check(&u128::MAX);
        check(&i128::MIN);
        check(&HashMap::from([(vec![1], 1)]));
        check(&HashMap::from([((), 1)]));
        check(&Value::from_iter([("k", Value::Null)]));
    }

    #[test]
    fn json_that_is_a_text_already_is_read() {
        #[derive(Serialize)]
        #[serde(rename = "$serde_json::private::RawValue")]
        struct Raw {
            #[serde(rename = "$serde_json::private::RawValue")]
            text: &'static str,
        }
        let raw = |text| Raw { text }.serialize(ValueSerializer);
        let expected = serde_json::json!({"a": [1, null]});
        assert_eq!(raw(r#"{"a": [1, null]}"#), Ok(Value::from(expected)));
        raw("{").expect_err("no JSON");
    }
}
