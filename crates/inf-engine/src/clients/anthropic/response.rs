//! The JSON of a message as an [`LlmResponse`].

use serde::Deserialize;
use serde_json::Value;

use crate::clients::http::{ErrorContext, HttpReply};
use crate::clients::token_count::token_count;
use crate::clients::{ClientError, FinishReason, LlmResponse, Reasoning, ToolCall, Usage};

#[derive(Debug, Deserialize)]
struct WireMessage {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    content: Option<Vec<Value>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<WireUsage>,
    /// Gateways report a failure with status 200.
    #[serde(default)]
    error: Option<Value>,
}

/// In a stream, the end repeats some of what the beginning said.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "token_count")]
    pub(super) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "token_count")]
    pub(super) output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "token_count")]
    pub(super) cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "token_count")]
    pub(super) cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    pub(super) output_tokens_details: Option<OutputTokensDetails>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct OutputTokensDetails {
    #[serde(default, deserialize_with = "token_count")]
    thinking_tokens: Option<u64>,
}

/// A message, however it came.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) id: Option<String>,
    pub(super) model: String,
    pub(super) blocks: Vec<Block>,
    pub(super) stop_reason: Option<String>,
    pub(super) usage: WireUsage,
}

/// A part of a message.
#[derive(Debug)]
pub(super) enum Block {
    Text(String),
    Reasoning(Reasoning),
    ToolCall(ToolCall),
    /// What the provider did by itself, for those who asked for it.
    Other,
}

/// Reads a reply of status 200.
pub(super) fn read_reply(
    reply: &HttpReply,
    context: &ErrorContext,
) -> Result<LlmResponse, ClientError> {
    let message: WireMessage =
        serde_json::from_slice(&reply.body).map_err(|error| context.unreadable(reply, &error))?;
    if let Some(error) = message.error.filter(|error| !error.is_null()) {
        return Err(context.reported(reply, &error));
    }
    let Some(content) = message.content else {
        return Err(context.malformed(reply, "has no `content`"));
    };
    let answer = Answer {
        id: message.id,
        model: message.model.unwrap_or_default(),
        blocks: content.into_iter().map(Block::of).collect(),
        stop_reason: message.stop_reason,
        usage: message.usage.unwrap_or_default(),
    };
    Ok(answer.into_response())
}

impl Block {
    pub(super) fn of(mut block: Value) -> Self {
        let mut text = |name: &str| match block.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        match &*text("type") {
            "text" => Self::Text(text("text")),
            "tool_use" => Self::ToolCall(ToolCall {
                id: text("id"),
                name: text("name"),
                arguments: match block.get("input") {
                    Some(Value::Object(input)) if input.is_empty() => String::new(),
                    None | Some(Value::Null) => String::new(),
                    Some(input) => input.to_string(),
                },
            }),
            kind @ ("thinking" | "redacted_thinking") => {
                let thought = match block.get(kind) {
                    Some(Value::String(text)) => text.clone(),
                    _ => String::new(),
                };
                if let Some(taken) = block.get_mut("type") {
                    *taken = kind.into();
                }
                Self::Reasoning(Reasoning {
                    text: thought,
                    block: Some(block),
                })
            }
            _ => Self::Other,
        }
    }
}

impl Answer {
    pub(super) fn into_response(self) -> LlmResponse {
        let mut response = LlmResponse::from_text("");
        for block in self.blocks {
            match block {
                Block::Text(text) if response.text.is_empty() => response.text = text,
                Block::Text(text) => response.text.push_str(&text),
                Block::Reasoning(reasoning) => response.reasoning.push(reasoning),
                Block::ToolCall(mut call) => {
                    if call.arguments.is_empty() {
                        call.arguments.push_str("{}");
                    }
                    response.tool_calls.push(call);
                }
                Block::Other => {}
            }
        }
        response.finish_reason = match self.stop_reason.as_deref() {
            Some("end_turn" | "stop_sequence") => FinishReason::Stop,
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("tool_use") => FinishReason::ToolCalls,
            Some("refusal") => FinishReason::Refusal,
            Some(other) => FinishReason::Other(other.to_owned()),
            None => FinishReason::Other("unspecified".to_owned()),
        };
        response.usage = self.usage.into_usage();
        response.model = self.model;
        response.id = self.id;
        response
    }
}

impl WireUsage {
    /// Tokens read from a cache and written to one are counted apart there; they
    /// are tokens of the request all the same.
    fn into_usage(self) -> Usage {
        let cached = self.cache_read_input_tokens.unwrap_or_default();
        let written = self.cache_creation_input_tokens.unwrap_or_default();
        let details = self.output_tokens_details;
        Usage {
            input_tokens: self
                .input_tokens
                .unwrap_or_default()
                .saturating_add(cached)
                .saturating_add(written),
            output_tokens: self.output_tokens.unwrap_or_default(),
            cached_tokens: cached,
            reasoning_tokens: details
                .and_then(|details| details.thinking_tokens)
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::FORMAT;
    use super::*;
    use crate::clients::ClientErrorKind;

    fn read(body: &Value) -> Result<LlmResponse, ClientError> {
        let reply = HttpReply::for_tests(200, body.to_string());
        read_reply(&reply, &ErrorContext::for_tests(&FORMAT))
    }

    #[test]
    fn a_whole_answer() {
        let thinking = json!({"type": "thinking", "thinking": "Hm.", "signature": "abc"});
        let response = read(&json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [
                thinking,
                {"type": "redacted_thinking", "data": "xyz"},
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                {"type": "tool_use", "id": "c2", "name": "wait", "input": {}}
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 3,
                "cache_creation_input_tokens": 2, "output_tokens": 9,
                "output_tokens_details": {"thinking_tokens": 4}}
        }))
        .expect("readable");
        assert_eq!(response.text, "Let me look.");
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        let calls: Vec<_> = response
            .tool_calls
            .iter()
            .map(|call| &*call.arguments)
            .collect();
        assert_eq!(calls, [r#"{"at":1}"#, "{}"]);
        assert_eq!(response.reasoning[0].text, "Hm.");
        assert_eq!(response.reasoning[0].block, Some(thinking));
        let redacted = json!({"type": "redacted_thinking", "data": "xyz"});
        assert_eq!(response.reasoning[1].block, Some(redacted));
        let usage = Usage {
            input_tokens: 10,
            output_tokens: 9,
            cached_tokens: 3,
            reasoning_tokens: 4,
        };
        assert_eq!(response.usage, usage);
    }

    #[test]
    fn every_reason_to_stop() {
        let check = |reason: &str, expected| {
            let body = json!({"content": [], "stop_reason": reason});
            assert_eq!(read(&body).expect("readable").finish_reason, expected);
        };
        check("end_turn", FinishReason::Stop);
        check("stop_sequence", FinishReason::Stop);
        check("max_tokens", FinishReason::Length);
        check("refusal", FinishReason::Refusal);
        check("pause_turn", FinishReason::Other("pause_turn".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |body: Value, kind, expected: &str| {
            let error = read(&body).expect_err("an error");
            assert_eq!(error.kind, kind);
            assert!(error.message.contains(expected), "{error}");
        };
        let malformed = ClientErrorKind::MalformedReply;
        check(json!({"choices": []}), malformed, "has no `content`");
        check(json!([]), malformed, "a server of Anthropic's messages");
        check(
            json!({"content": "Hi"}),
            malformed,
            "is not a message of Anthropic's",
        );
        let overloaded = json!({"type": "overloaded_error", "message": "Overloaded"});
        check(
            json!({"error": overloaded}),
            ClientErrorKind::Server,
            "Overloaded",
        );
    }
}
