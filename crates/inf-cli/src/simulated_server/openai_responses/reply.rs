//! From an answer to a response.

use inf_engine::clients::{FinishReason, Usage};
use inf_engine::conversation::ToolCall;
use serde_json::{Value, json};

use super::Shape;
use crate::simulated_server::wire_format::Reply;

/// The whole answer.
pub(super) fn whole(reply: &Reply<'_>, shape: &Shape) -> Value {
    let is_cut = reply.response.finish_reason == FinishReason::Length;
    let status = if is_cut { "incomplete" } else { "completed" };
    let mut whole = around(reply, status, &items(reply, shape, status));
    if is_cut {
        whole["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    whole["usage"] = usage_json(reply.response.usage);
    whole
}

/// A response with `output`.
pub(super) fn around(reply: &Reply<'_>, status: &str, output: &[Value]) -> Value {
    json!({
        "id": format!("resp_{}", reply.id()), "object": "response",
        "created_at": reply.now.seconds(), "status": status, "error": null,
        "incomplete_details": null, "model": reply.model, "output": output,
        "parallel_tool_calls": true, "previous_response_id": null, "store": false,
        "usage": null, "metadata": {},
    })
}

/// What was thought, said and called, in this order.
fn items(reply: &Reply<'_>, shape: &Shape, status: &str) -> Vec<Value> {
    let response = reply.response;
    let mut items = Vec::new();
    if let Some(thoughts) = reply.thoughts() {
        items.push(reasoning(reply, shape, thoughts));
    }
    if says_something(reply) {
        items.push(message(reply, status, &[content(reply, &response.text)]));
    }
    let calls = response.tool_calls.iter().enumerate();
    items.extend(calls.map(|(index, call)| function_call(reply, index, call, status)));
    items
}

/// Whether there is a message: an empty answer is one, if nothing else is there.
pub(super) fn says_something(reply: &Reply<'_>) -> bool {
    !reply.response.text.is_empty() || reply.response.tool_calls.is_empty()
}

pub(super) fn reasoning(reply: &Reply<'_>, shape: &Shape, thoughts: &str) -> Value {
    let summary = if shape.reasoning_summary {
        json!([{"type": "summary_text", "text": thoughts}])
    } else {
        json!([])
    };
    let mut item = json!({
        "id": format!("rs_{}", reply.id()), "type": "reasoning", "summary": summary,
    });
    if shape.encrypted_reasoning {
        item["encrypted_content"] = format!("simulated {}", reply.id()).into();
    }
    item
}

pub(super) fn message(reply: &Reply<'_>, status: &str, content: &[Value]) -> Value {
    json!({
        "id": format!("msg_{}", reply.id()), "type": "message", "role": "assistant",
        "status": status, "content": content,
    })
}

/// A part of a message that says `text`.
pub(super) fn content(reply: &Reply<'_>, text: &str) -> Value {
    match reply.response.finish_reason {
        FinishReason::Refusal => json!({"type": "refusal", "refusal": text}),
        _ => json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []}),
    }
}

pub(super) fn function_call(
    reply: &Reply<'_>,
    index: usize,
    call: &ToolCall,
    status: &str,
) -> Value {
    json!({
        "id": format!("fc_{}_{index}", reply.id()), "type": "function_call", "status": status,
        "call_id": call.id, "name": call.name, "arguments": call.arguments,
    })
}

pub(super) fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    })
}
