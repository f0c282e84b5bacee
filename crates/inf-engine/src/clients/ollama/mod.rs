//! Ollama's own wire format, for models on one's own machine.
//!
//! [`OllamaClient`] is the [`LlmClient`](super::LlmClient) of a model that
//! [`HttpSettings`](super::HttpSettings) name, and shows how it is made. In the
//! source, `request` writes the JSON, `response` reads it back, `stream` puts
//! it together from pieces, and `error` says what a server that fails in the
//! middle means.
//!
//! * Pictures have to be bytes: the server fetches none.
//! * It can't be told to call a tool. A tool choice other than "as it sees fit"
//!   and "none" is refused.
//! * A reasoning effort turns thinking on; only `gpt-oss` knows how much.
//! * How many tokens a model sees is the server's to know; it cuts what is longer
//!   without a word. `extra_body: {options: {num_ctx: 8192}}` sets it.
//!
//! Format: <https://github.com/ollama/ollama/blob/main/docs/api.md>.

mod client;
mod error;
mod request;
mod response;
mod stream;

pub use client::OllamaClient;
use error::status_of;
use reqwest::header::HeaderName;

use super::http::{Framing, KeyHeader, WireFormat};

/// `/api/chat` over HTTP.
pub(crate) static FORMAT: WireFormat = WireFormat {
    version: "/api",
    path: "/chat",
    example: "http://localhost:11434",
    key: KeyHeader::Bearer,
    headers: &[],
    request_id: HeaderName::from_static("x-request-id"),
    speaker: "a server of Ollama",
    answer: "an answer of Ollama's",
    own_fields: &["model", "messages", "stream"],
    framing: Framing::Lines,
    status_of,
};
