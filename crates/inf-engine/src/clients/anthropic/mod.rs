//! Messages: Anthropic's wire format, for Claude.
//!
//! [`AnthropicClient`] is the [`LlmClient`](super::LlmClient) of a model that
//! [`HttpSettings`](super::HttpSettings) name, and shows how it is made. In the
//! source, `request` writes the JSON, `response` reads it back, `stream` puts
//! it together from pieces, `error` says what types of errors mean, and `model`
//! what older ones can't do.
//!
//! * The format has to have a bound on the answer: 8,192 tokens unless the
//!   request or the endpoint's `extra_body` says otherwise
//!   ([`AnthropicClient::DEFAULT_MAX_TOKENS`]).
//! * A reasoning effort turns thinking on: adaptively, or with a budget of tokens
//!   for models before Claude 4.6, which know nothing else. The tokens of a
//!   budget come on top of the answer's, and where there is no bound on the
//!   answer, as many are added to it for thoughts of either kind.
//! * Answers fit their schema natively (`output_config.format`). Where a schema
//!   is more than can be enforced, and for models before Claude 4.5, it becomes a
//!   tool.
//! * It has no seed, and system messages only at the beginning.
//! * Thoughts of an earlier turn go back as they came, those of other providers
//!   do not: they are signed.
//!
//! Format: <https://platform.claude.com/docs/en/api/messages>.

mod client;
mod error;
mod model;
mod request;
mod response;
mod stream;

pub use client::AnthropicClient;
use error::status_of;
use reqwest::header::HeaderName;

use super::http::{Framing, KeyHeader, WireFormat};

/// Messages over HTTP.
pub(crate) static FORMAT: WireFormat = WireFormat {
    version: "/v1",
    path: "/messages",
    example: "https://api.anthropic.com/v1",
    key: KeyHeader::Named("x-api-key"),
    headers: &[("anthropic-version", "2023-06-01")],
    request_id: HeaderName::from_static("request-id"),
    speaker: "a server of Anthropic's messages",
    answer: "a message of Anthropic's",
    own_fields: &["model", "messages", "stream"],
    framing: Framing::Events,
    status_of,
};
