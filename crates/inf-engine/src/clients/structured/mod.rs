//! Answers in the shape of a schema, whatever the provider can do.
//!
//! [`StructuredOutput`] names the ways. The native one is written by each
//! provider, with [`strict_schema()`] where only a part of JSON schema can be
//! enforced; the others change the request before it is written and the answer
//! after it was read, and are the same for all ([`Substitute`]).

mod mode;
mod per_schema;
mod strict_schema;
mod substitute;

pub use mode::StructuredOutput;
pub(crate) use per_schema::PerSchema;
pub(crate) use strict_schema::{Subset, strict_schema};
pub(crate) use substitute::{AnswerForm, Substitutes};
