//! Ollama's chat (<https://github.com/ollama/ollama/blob/main/docs/api.md>).

mod error;
mod reply;
mod request;

use std::time::Duration;

use axum::http::HeaderMap;
use inf_engine::clients::RateLimits;
use serde_json::Value;

use super::calendar::UnixTime;
use super::limit_headers;
use super::pieces::Pieces;
use super::refusal::{Read, Refusal};
use super::wire_format::{Asked, Reply, WireFormat};

/// The format.
pub(super) struct OllamaChat;

impl WireFormat for OllamaChat {
    type Shape = ();
    const STREAM: &'static str = "application/x-ndjson";
    const REQUEST_ID: Option<&'static str> = None;

    fn read(_: &HeaderMap, body: Value) -> Read<Asked<()>> {
        request::read(body)
    }

    fn whole(reply: &Reply<'_>, (): &()) -> Value {
        reply::whole(reply)
    }

    fn pieces(reply: &Reply<'_>, (): &()) -> Pieces {
        reply::pieces(reply)
    }

    fn error(refusal: &Refusal) -> Value {
        error::body(refusal)
    }

    fn retry_headers(wait: Duration, headers: &mut HeaderMap) {
        limit_headers::retry_after(wait, headers);
    }

    /// Ollama says nothing of its limits.
    fn limit_headers(_: &RateLimits, _: UnixTime, _: &mut HeaderMap) {}
}
