//! From an answer to a chat completion, whole or in pieces.

use axum::body::Bytes;
use inf_engine::clients::{FinishReason, Usage};
use inf_engine::conversation::ToolCall;
use serde_json::{Value, json};

use crate::simulated_server::pieces::Pieces;
use crate::simulated_server::wire_format::{Reply, event, words};

/// What every answer, and every piece of one, has around it.
fn around(reply: &Reply<'_>, object: &str, choices: &Value, usage: Option<Usage>) -> Value {
    let mut body = json!({
        "id": format!("chatcmpl-{}", reply.id()), "object": object,
        "created": reply.now.seconds(), "model": reply.model, "choices": choices,
    });
    if let Some(usage) = usage {
        body["usage"] = usage_json(usage);
    }
    body
}

/// The whole answer.
pub(super) fn whole(reply: &Reply<'_>) -> Value {
    let response = reply.response;
    let mut message = json!({"role": "assistant", "content": response.text, "refusal": null});
    if response.finish_reason == FinishReason::Refusal {
        message["content"] = Value::Null;
        message["refusal"] = response.text.as_str().into();
    }
    if let Some(thoughts) = reply.thoughts() {
        message["reasoning_content"] = thoughts.into();
    }
    if !response.tool_calls.is_empty() {
        if response.text.is_empty() {
            message["content"] = Value::Null;
        }
        let calls = response.tool_calls.iter();
        message["tool_calls"] = calls.map(|call| tool_call(call, &call.arguments)).collect();
    }
    let choices = json!([{
        "index": 0,
        "message": message,
        "logprobs": null,
        "finish_reason": finish_reason(&response.finish_reason),
    }]);
    around(reply, "chat.completion", &choices, Some(response.usage))
}

/// The answer in pieces, a word each.
pub(super) fn pieces(reply: &Reply<'_>, include_usage: bool) -> Pieces {
    let chunk = |delta: Value, finish_reason: Option<&str>| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]);
        event(
            None,
            &around(reply, "chat.completion.chunk", &choices, None),
        )
    };
    let response = reply.response;
    let mut pieces = Pieces::default();
    pieces.add(chunk(json!({"role": "assistant", "content": ""}), None));
    for word in words(reply.thoughts().unwrap_or_default()) {
        pieces.add_word(chunk(json!({"reasoning_content": word}), None));
    }
    let key = match response.finish_reason {
        FinishReason::Refusal => "refusal",
        _ => "content",
    };
    for word in words(&response.text) {
        pieces.add_word(chunk(json!({key: word}), None));
    }
    for (index, call) in response.tool_calls.iter().enumerate() {
        let mut begun = tool_call(call, "");
        begun["index"] = index.into();
        pieces.add(chunk(json!({"tool_calls": [begun]}), None));
        for word in words(&call.arguments) {
            let more = json!({"index": index, "function": {"arguments": word}});
            pieces.add_word(chunk(json!({"tool_calls": [more]}), None));
        }
    }
    pieces.add(chunk(
        json!({}),
        Some(finish_reason(&response.finish_reason)),
    ));
    if include_usage {
        let usage = Some(response.usage);
        let usage = around(reply, "chat.completion.chunk", &json!([]), usage);
        pieces.add(event(None, &usage));
    }
    pieces.add(Bytes::from_static(b"data: [DONE]\n\n"));
    pieces
}

fn tool_call(call: &ToolCall, arguments: &str) -> Value {
    json!({
        "id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    })
}

fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
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
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    })
}
