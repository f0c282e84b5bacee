//! [`Data`]: Rust types that travel through a graph.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        match serde_json::to_value(self) {
            Ok(json) => Ok(Value::from(json)),
            Err(error) => Err(DataError(error.to_string())),
        }
    }

    /// The data that `value` stands for; an error says where it differs.
    fn from_value(value: &Value) -> Result<Self, DataError> {
        let json = serde_json::Value::from(value);
        serde_json::from_value(json).map_err(|error| DataError(error.to_string()))
    }

    /// The schema of this type.
    fn schema() -> Schema {
        Schema::of::<Self>()
    }
}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> Data for T {}

/// Why data and [`Value`] could not be turned into each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DataError(pub(crate) String);
