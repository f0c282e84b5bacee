//! Anthropic's messages (<https://docs.claude.com/en/api/messages>).

mod error;
mod reply;
mod request;
mod signature;
mod stream;

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
pub(super) struct Messages;

impl WireFormat for Messages {
    type Shape = ();
    const STREAM: &'static str = "text/event-stream";
    const REQUEST_ID: Option<&'static str> = Some("request-id");

    fn read(headers: &HeaderMap, body: Value) -> Read<Asked<()>> {
        request::read(headers, body)
    }

    fn whole(reply: &Reply<'_>, (): &()) -> Value {
        reply::whole(reply)
    }

    fn pieces(reply: &Reply<'_>, (): &()) -> Pieces {
        stream::pieces(reply)
    }

    fn error(refusal: &Refusal) -> Value {
        error::body(refusal)
    }

    fn retry_headers(wait: Duration, headers: &mut HeaderMap) {
        limit_headers::retry_after(wait, headers);
    }

    fn limit_headers(limits: &RateLimits, now: UnixTime, headers: &mut HeaderMap) {
        limit_headers::anthropic(limits, now, headers);
    }
}
