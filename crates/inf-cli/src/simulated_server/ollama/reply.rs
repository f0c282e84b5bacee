//! From an answer to a chat, whole or in pieces: lines of JSON.

use axum::body::Bytes;
use inf_engine::clients::FinishReason;
use inf_engine::conversation::ToolCall;
use serde_json::{Value, json};

use crate::simulated_server::pieces::Pieces;
use crate::simulated_server::wire_format::{Reply, words};

/// The whole answer.
pub(super) fn whole(reply: &Reply<'_>) -> Value {
    let response = reply.response;
    let mut message = json!({"role": "assistant", "content": response.text});
    if let Some(thoughts) = reply.thoughts() {
        message["thinking"] = thoughts.into();
    }
    if !response.tool_calls.is_empty() {
        message["tool_calls"] = tool_calls(&response.tool_calls);
    }
    let mut whole = around(reply, &message);
    end(reply, &mut whole);
    whole
}

/// The answer in pieces, a word each. Tools are called in one of them.
pub(super) fn pieces(reply: &Reply<'_>) -> Pieces {
    let response = reply.response;
    let line = |body: &Value| Bytes::from(format!("{body}\n"));
    let saying = |key: &str, text: &str| {
        let mut message = json!({"role": "assistant", "content": ""});
        message[key] = text.into();
        line(&around(reply, &message))
    };
    let mut pieces = Pieces::default();
    pieces.add(saying("content", ""));
    for word in words(reply.thoughts().unwrap_or_default()) {
        pieces.add_word(saying("thinking", word));
    }
    for word in words(&response.text) {
        pieces.add_word(saying("content", word));
    }
    if !response.tool_calls.is_empty() {
        let mut message = json!({"role": "assistant", "content": ""});
        message["tool_calls"] = tool_calls(&response.tool_calls);
        pieces.add_word(line(&around(reply, &message)));
    }
    let mut last = around(reply, &json!({"role": "assistant", "content": ""}));
    end(reply, &mut last);
    pieces.add(line(&last));
    pieces
}

fn around(reply: &Reply<'_>, message: &Value) -> Value {
    json!({
        "model": reply.model, "created_at": reply.now.rfc3339(), "message": message, "done": false,
    })
}

/// What the last piece says; durations are in nanoseconds.
fn end(reply: &Reply<'_>, last: &mut Value) {
    let response = reply.response;
    let nanoseconds =
        |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (first, total) = (response.timings.first_byte, response.timings.total);
    last["done"] = true.into();
    last["done_reason"] = match response.finish_reason {
        FinishReason::Length => "length",
        _ => "stop",
    }
    .into();
    last["total_duration"] = nanoseconds(total).into();
    last["load_duration"] = 0.into();
    last["prompt_eval_count"] = response.usage.input_tokens.into();
    last["prompt_eval_duration"] = nanoseconds(first).into();
    last["eval_count"] = response.usage.output_tokens.into();
    last["eval_duration"] = nanoseconds(total.saturating_sub(first)).into();
}

/// The calls; their arguments are JSON and no text, so that broken JSON becomes
/// a text here.
fn tool_calls(calls: &[ToolCall]) -> Value {
    let calls = calls.iter().enumerate().map(|(index, call)| {
        let arguments = serde_json::from_str(&call.arguments);
        let arguments: Value = arguments.unwrap_or_else(|_| call.arguments.as_str().into());
        json!({
            "id": call.id,
            "function": {"index": index, "name": call.name, "arguments": arguments},
        })
    });
    calls.collect()
}
