//! `OpenAI`'s chat completions, with what other servers of this format add:
//! `reasoning_content`, as vLLM and `DeepSeek` call it
//! (<https://platform.openai.com/docs/api-reference/chat>).

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

pub(super) use error::body as error_body;
pub(super) use request::effort;

/// The format.
pub(super) struct ChatCompletions;

/// What shapes the reply and not the answer.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    /// Whether a stream ends with the tokens that were used.
    include_usage: bool,
}

impl WireFormat for ChatCompletions {
    type Shape = Shape;
    const STREAM: &'static str = "text/event-stream";
    const REQUEST_ID: Option<&'static str> = Some("x-request-id");

    fn read(_: &HeaderMap, body: Value) -> Read<Asked<Shape>> {
        request::read(body)
    }

    fn whole(reply: &Reply<'_>, _: &Shape) -> Value {
        reply::whole(reply)
    }

    fn pieces(reply: &Reply<'_>, shape: &Shape) -> Pieces {
        reply::pieces(reply, shape.include_usage)
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
