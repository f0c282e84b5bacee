//! From an [`LlmResponse`] to the body of a chat completion, whole or in pieces.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use inf_engine::clients::{FinishReason, LlmResponse, Usage};
use serde_json::{Value, json};
use tokio::time::Instant;

/// What every answer, and every piece of one, begins with.
struct Envelope {
    id: String,
    created: u64,
    model: String,
}

impl Envelope {
    fn of(response: &LlmResponse, model: &str) -> Self {
        let id = response.request_id.as_deref().unwrap_or("simulated");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            id: format!("chatcmpl-{id}"),
            created: now.unwrap_or_default().as_secs(),
            model: model.to_owned(),
        }
    }

    fn around(&self, object: &str, choices: &Value, usage: Option<Usage>) -> Value {
        let mut body = json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            body["usage"] = usage_json(usage);
        }
        body
    }
}

/// The whole answer.
pub(super) fn whole(response: &LlmResponse, model: &str) -> Response {
    let choices = json!([{
        "index": 0,
        "message": {"role": "assistant", "content": response.text, "refusal": null},
        "logprobs": null,
        "finish_reason": finish_reason(&response.finish_reason),
    }]);
    let envelope = Envelope::of(response, model);
    axum::Json(envelope.around("chat.completion", &choices, Some(response.usage))).into_response()
}

/// The answer in pieces, as server-sent events: a word each, spread evenly from
/// the first to the last moment of the call.
pub(super) fn in_pieces(
    response: &LlmResponse,
    model: &str,
    include_usage: bool,
    writing: Duration,
) -> Response {
    let start = Instant::now();
    let envelope = Envelope::of(response, model);
    let chunk = |delta: Value, finish_reason: Option<&str>| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]);
        event(&envelope.around("chat.completion.chunk", &choices, None))
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
    let words = response.text.split_inclusive(char::is_whitespace);
    events.extend(words.map(|word| chunk(json!({"content": word}), None)));
    let last_word = events.len() - 1;
    events.push(chunk(
        json!({}),
        Some(finish_reason(&response.finish_reason)),
    ));
    if include_usage {
        let usage = envelope.around("chat.completion.chunk", &json!([]), Some(response.usage));
        events.push(event(&usage));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));

    let steps = u32::try_from(last_word).unwrap_or(u32::MAX).max(1);
    let pieces =
        stream::iter(events.into_iter().enumerate()).then(move |(index, event)| async move {
            let step = u32::try_from(index.min(last_word)).unwrap_or(u32::MAX);
            if !writing.is_zero() {
                tokio::time::sleep_until(
                    start + writing.mul_f64(f64::from(step) / f64::from(steps)),
                )
                .await;
            }
            Ok::<_, std::convert::Infallible>(event)
        });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

fn event(chunk: &Value) -> Bytes {
    Bytes::from(format!("data: {chunk}\n\n"))
}

fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter | FinishReason::Refusal => "content_filter",
        FinishReason::Other(other) => other,
        _ => "stop",
    }
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    })
}
