//! Chat completions: `OpenAI`'s wire format and everyone who speaks it.
//!
//! [`OpenAiClient`] is the [`LlmClient`](super::LlmClient) of a server and
//! model that [`HttpSettings`](super::HttpSettings) name, and shows how it is
//! made. In the source, `request` writes the JSON, `response` reads it back,
//! `stream` puts it together from pieces, and `error` says what codes of errors
//! mean.
//!
//! Thoughts of an earlier turn go back only if they came in this format, with an
//! answer that called tools: servers that want them at all want them then.
//!
//! Format: <https://platform.openai.com/docs/api-reference/chat>.

mod client;
mod dialect;
mod error;
mod request;
mod response;
mod response_format;
mod stream;

pub use client::OpenAiClient;
pub(crate) use client::provider;
pub use dialect::Dialect;
pub(crate) use error::status_of;

use super::http::{Framing, KeyHeader, WireFormat};
use reqwest::header::HeaderName;

/// Chat completions over HTTP.
pub(crate) static FORMAT: WireFormat = WireFormat {
    version: "",
    path: "/chat/completions",
    example: "https://api.openai.com/v1",
    key: KeyHeader::Bearer,
    headers: &[],
    request_id: HeaderName::from_static("x-request-id"),
    speaker: "an OpenAI-compatible server",
    answer: "a chat completion",
    own_fields: &["model", "messages", "stream"],
    framing: Framing::Events,
    status_of,
};
