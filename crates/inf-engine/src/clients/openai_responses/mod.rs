//! The Responses API: `OpenAI`'s newer wire format, for its reasoning models.
//!
//! [`ResponsesClient`] is the [`LlmClient`](super::LlmClient) of a server and
//! model that [`HttpSettings`](super::HttpSettings) name, and shows how it is
//! made. In the source, `request` writes the JSON, `response` reads it back,
//! `stream` puts it together from pieces, and `error` says what codes of errors
//! mean.
//!
//! * Nothing is stored at the provider (`store: false`): each request holds the
//!   whole conversation. Reasoning models give their thoughts encrypted for that,
//!   and get them back as they came.
//! * What a model thought is summarized only if asked for, which `OpenAI` lets
//!   verified organizations do: `extra_body: {reasoning: {summary: auto}}`.
//! * It has no `stop` and no `seed`: requests with one are refused.
//!
//! Format: <https://platform.openai.com/docs/api-reference/responses>.

mod client;
mod error;
mod request;
mod response;
mod stream;

pub use client::ResponsesClient;
use error::status_of;
use reqwest::header::HeaderName;

use super::http::{Framing, KeyHeader, WireFormat};

/// Responses over HTTP.
pub(crate) static FORMAT: WireFormat = WireFormat {
    version: "",
    path: "/responses",
    example: "https://api.openai.com/v1",
    key: KeyHeader::Bearer,
    headers: &[],
    request_id: HeaderName::from_static("x-request-id"),
    speaker: "a server of OpenAI's Responses API",
    answer: "a response of OpenAI's",
    own_fields: &["model", "input", "stream", "background"],
    framing: Framing::Events,
    status_of,
};
