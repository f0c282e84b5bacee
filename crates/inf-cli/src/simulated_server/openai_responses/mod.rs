//! `OpenAI`'s Responses (<https://platform.openai.com/docs/api-reference/responses>).
//!
//! This server keeps nothing: a conversation is in `input` as a whole.

mod error;
mod reply;
mod request;
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
pub(super) struct Responses;

/// What shapes the reply and not the answer.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    /// Whether thoughts are given in the form that is to be given back.
    encrypted_reasoning: bool,
    /// Whether they are given for people to read.
    reasoning_summary: bool,
}

impl WireFormat for Responses {
    type Shape = Shape;
    const STREAM: &'static str = "text/event-stream";
    const REQUEST_ID: Option<&'static str> = Some("x-request-id");

    fn read(_: &HeaderMap, body: Value) -> Read<Asked<Shape>> {
        request::read(body)
    }

    fn whole(reply: &Reply<'_>, shape: &Shape) -> Value {
        reply::whole(reply, shape)
    }

    fn pieces(reply: &Reply<'_>, shape: &Shape) -> Pieces {
        stream::pieces(reply, shape)
    }

    fn error(refusal: &Refusal) -> Value {
        error::body(refusal)
    }

    fn retry_headers(wait: Duration, headers: &mut HeaderMap) {
        limit_headers::retry_after(wait, headers);
        limit_headers::retry_after_ms(wait, headers);
    }

    fn limit_headers(limits: &RateLimits, _: UnixTime, headers: &mut HeaderMap) {
        limit_headers::openai(limits, headers);
    }
}
