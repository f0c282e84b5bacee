//! Chat completions: `OpenAI`'s wire format and everyone who speaks it.
//!
//! [`OpenAiSettings`] say which server, model and key; [`OpenAiClient`] is the
//! [`LlmClient`](super::LlmClient) made of them. Reading on: `request` writes
//! the JSON, `response` reads it back, `error` turns every refusal into a
//! sentence, and `strict_schema` says when an output schema can be enforced.

mod client;
mod error;
mod request;
mod response;
mod response_format;
mod settings;
mod strict_schema;

pub use client::OpenAiClient;
pub use settings::{Dialect, OpenAiSettings};
