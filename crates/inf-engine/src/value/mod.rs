//! Data that flows through a graph.
//!
//! A [`Value`] is JSON-model data that is cheap to clone; everything beneath
//! the typed surface works on it, so a graph can be saved, hashed and run from
//! any language. [`Data`] is what a Rust type needs to travel as one, and a
//! [`Schema`] says which values are instances of a type.

mod data;
mod schema;
mod value_serializer;
mod value_type;

pub use data::{Data, DataError};
pub use schema::{Schema, SchemaError};
pub use value_type::Value;
