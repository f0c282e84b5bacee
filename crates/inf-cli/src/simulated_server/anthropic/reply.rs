//! From an answer to a message.

use inf_engine::clients::FinishReason;
use inf_engine::conversation::ToolCall;
use serde_json::{Value, json};

use super::signature::sign;
use crate::simulated_server::wire_format::Reply;

/// The whole answer.
pub(super) fn whole(reply: &Reply<'_>) -> Value {
    let response = reply.response;
    let mut content = Vec::new();
    if let Some(thoughts) = reply.thoughts() {
        let signature = sign(thoughts);
        content.push(json!({"type": "thinking", "thinking": thoughts, "signature": signature}));
    }
    if !response.text.is_empty() {
        content.push(json!({"type": "text", "text": response.text}));
    }
    content.extend(response.tool_calls.iter().map(|call| {
        let mut block = tool_use(call);
        block["input"] = input(call);
        block
    }));
    let mut message = around(reply);
    message["content"] = content.into();
    message["usage"] = usage_json(reply);
    for (key, value) in ending(reply) {
        message[key] = value;
    }
    message
}

/// A message without its content, its end and its tokens.
pub(super) fn around(reply: &Reply<'_>) -> Value {
    json!({
        "id": format!("msg_{}", reply.id()), "type": "message", "role": "assistant",
        "model": reply.model, "content": [], "stop_reason": null, "stop_sequence": null,
    })
}

/// A call of a tool, without its input.
pub(super) fn tool_use(call: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
}

/// The input of a tool. This format has no room for broken JSON: it becomes a
/// text.
fn input(call: &ToolCall) -> Value {
    let input = serde_json::from_str(&call.arguments);
    input.unwrap_or_else(|_| call.arguments.as_str().into())
}

/// Why the model stopped.
pub(super) fn ending(reply: &Reply<'_>) -> [(&'static str, Value); 2] {
    let reason = match (&reply.response.finish_reason, reply.stopped_by) {
        (FinishReason::Length, _) => "max_tokens",
        (FinishReason::ToolCalls, _) => "tool_use",
        (FinishReason::Refusal | FinishReason::ContentFilter, _) => "refusal",
        (_, Some(_)) => "stop_sequence",
        (_, None) => "end_turn",
    };
    let sequence = reply.stopped_by.filter(|_| reason == "stop_sequence");
    [
        ("stop_reason", reason.into()),
        ("stop_sequence", sequence.into()),
    ]
}

/// Unlike elsewhere, cached tokens are not among those of the input.
pub(super) fn usage_json(reply: &Reply<'_>) -> Value {
    let usage = reply.response.usage;
    json!({
        "input_tokens": usage.input_tokens.saturating_sub(usage.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    })
}
