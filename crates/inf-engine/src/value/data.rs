//! [`Data`]: Rust types that travel through a graph.

use std::any::Any;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value_serializer::ValueSerializer;
use super::{Schema, Value};

/// A type that can be an input, an output or a value between nodes.
///
/// It is implemented for every type with serde's `Serialize` and
/// `Deserialize` and schemars' `JsonSchema`:
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::value::Data;
///
/// #[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
/// struct Point { x: i32, y: i32 }
///
/// let value = Point { x: 1, y: 2 }.to_value()?;
/// assert_eq!(Point::from_value(&value)?, Point { x: 1, y: 2 });
/// # Ok::<(), inf_engine::value::DataError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't travel through a graph",
    note = "write `#[derive(Serialize, Deserialize, JsonSchema)]` on it",
    note = "for a function that returns a `Result` use `try_then` in place of `then`",
    note = "for an `async` one use `then_async` or `try_then_async`"
)]
pub trait Data: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// This data as a [`Value`]; an error if it has no JSON form (a map whose
    /// keys are not text, a failing `Serialize`).
    fn to_value(&self) -> Result<Value, DataError> {
        // Texts and values are most of what travels; they need no detour
        // through serde.
        let this: &dyn Any = self;
        if let Some(value) = this.downcast_ref::<Value>() {
            return Ok(value.clone());
        }
        if let Some(text) = this.downcast_ref::<String>() {
            return Ok(Value::from(text.as_str()));
        }
        self.serialize(ValueSerializer)
    }

    /// The data that `value` stands for; an error says where it differs.
    fn from_value(value: &Value) -> Result<Self, DataError> {
        if let Some(this) = same_type(value.clone()) {
            return Ok(this);
        }
        if let Value::String(text) = value
            && let Some(this) = same_type(text.to_string())
        {
            return Ok(this);
        }
        let json = serde_json::Value::from(value);
        serde_json::from_value(json).map_err(|error| DataError(error.to_string()))
    }

    /// The schema of this type.
    fn schema() -> Schema {
        Schema::of::<Self>()
    }
}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> Data for T {}

/// `value`, if its type is `T`.
fn same_type<V: 'static, T: 'static>(value: V) -> Option<T> {
    let mut slot = Some(value);
    let slot: &mut dyn Any = &mut slot;
    slot.downcast_mut::<Option<T>>()?.take()
}

/// Why data and [`Value`] could not be turned into each other.
///
/// ```
/// use inf_engine::Value;
/// use inf_engine::value::Data;
///
/// let error = u8::from_value(&Value::from(300)).unwrap_err();
/// assert!(error.to_string().contains("300"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DataError(pub(crate) String);

crate::document::debug_as_display!(DataError);
