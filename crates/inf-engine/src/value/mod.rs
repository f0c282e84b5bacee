//! Data that flows through a graph.
//!
//! Programs use types of their own: whatever serde reads and writes and schemars
//! describes is [`Data`], and travels. Beneath the typed surface everything is a
//! [`Value`], JSON-model data that is cheap to clone, so that a graph can be saved,
//! hashed and run from any language. A [`Schema`] says which values are instances
//! of a type.
//!
//! ```
//! use inf_engine::prelude::*;
//! use inf_engine::value::Data;
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Pair { a: String, b: u32 }
//!
//! let value = Pair { a: "one".to_owned(), b: 1 }.to_value()?;
//! assert_eq!(value.get("b"), Some(&Value::from(1)));
//! assert_eq!(Pair::from_value(&value)?.a, "one");
//! # Ok::<(), inf_engine::value::DataError>(())
//! ```

mod data;
mod schema;
mod value_serializer;
mod value_type;

pub use data::{Data, DataError};
pub use schema::{Schema, SchemaError};
pub use value_type::Value;
