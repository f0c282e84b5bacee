//! The JSON of a chat as an [`LlmResponse`].

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clients::http::{ErrorContext, HttpReply};
use crate::clients::token_count::token_count;
use crate::clients::{ClientError, FinishReason, LlmResponse, Reasoning, ToolCall, Usage};

/// A whole answer, or a piece of one: they look alike.
#[derive(Debug, Deserialize)]
pub(super) struct WireChat {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    message: Option<WireMessage>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    /// Missing if the whole prompt was cached.
    #[serde(default, deserialize_with = "token_count")]
    prompt_eval_count: Option<u64>,
    #[serde(default, deserialize_with = "token_count")]
    eval_count: Option<u64>,
    /// The server failed after it had begun.
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Debug, Deserialize)]
struct WireCall {
    #[serde(default)]
    id: Option<String>,
    function: WireFunction,
}

#[derive(Debug, Deserialize)]
struct WireFunction {
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// An answer, however it came.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    thoughts: String,
    tool_calls: Vec<ToolCall>,
    model: String,
    usage: Usage,
    done_reason: Option<String>,
    pub(super) is_done: bool,
}

impl Answer {
    /// Adds what came and gives what is new of the text and of the thoughts.
    pub(super) fn add(&mut self, chat: WireChat) -> (String, String) {
        if let Some(model) = chat.model {
            self.model = model;
        }
        if chat.done {
            self.is_done = true;
            self.done_reason = chat.done_reason;
            self.usage.input_tokens = chat.prompt_eval_count.unwrap_or_default();
            self.usage.output_tokens = chat.eval_count.unwrap_or_default();
        }
        let Some(message) = chat.message else {
            return Default::default();
        };
        for call in message.tool_calls.unwrap_or_default() {
            // Older servers name no calls, but results have to name theirs.
            let number = self.tool_calls.len();
            let id = call.id.filter(|id| !id.is_empty());
            self.tool_calls.push(ToolCall {
                id: id.unwrap_or_else(|| format!("call_{number}")),
                name: call.function.name,
                arguments: match call.function.arguments {
                    Value::Null => "{}".to_owned(),
                    Value::String(text) => text,
                    arguments => arguments.to_string(),
                },
            });
        }
        let text = message.content.unwrap_or_default();
        let thoughts = message.thinking.unwrap_or_default();
        self.text.push_str(&text);
        self.thoughts.push_str(&thoughts);
        (text, thoughts)
    }

    pub(super) fn into_response(self) -> LlmResponse {
        let has_tool_calls = !self.tool_calls.is_empty();
        let finish_reason = match self.done_reason.as_deref() {
            // It says so with calls, too.
            Some("stop") | None if has_tool_calls => FinishReason::ToolCalls,
            Some("stop") => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some(other) => FinishReason::Other(other.to_owned()),
            None => FinishReason::Other("unspecified".to_owned()),
        };
        let mut reasoning = Vec::new();
        if !self.thoughts.is_empty() {
            // Models that think between calls want to see what they thought.
            let block = has_tool_calls.then(|| json!({ "thinking": self.thoughts }));
            reasoning.push(Reasoning {
                text: self.thoughts,
                block,
            });
        }
        LlmResponse {
            tool_calls: self.tool_calls,
            reasoning,
            finish_reason,
            usage: self.usage,
            model: self.model,
            ..LlmResponse::from_text(self.text)
        }
    }
}

/// Reads a reply of status 200.
pub(super) fn read_reply(
    reply: &HttpReply,
    context: &ErrorContext,
) -> Result<LlmResponse, ClientError> {
    let mut chat: WireChat =
        serde_json::from_slice(&reply.body).map_err(|error| context.unreadable(reply, &error))?;
    if let Some(error) = chat.error.take().filter(|error| !error.is_null()) {
        return Err(context.reported(reply, &error));
    }
    if chat.message.is_none() {
        return Err(context.malformed(reply, "has no `message`"));
    }
    if !chat.done {
        return Err(context.malformed(reply, "is only a part of one"));
    }
    let mut answer = Answer::default();
    answer.add(chat);
    Ok(answer.into_response())
}

#[cfg(test)]
mod tests {
    use super::super::FORMAT;
    use super::*;
    use crate::clients::ClientErrorKind;

    fn read(body: &Value) -> Result<LlmResponse, ClientError> {
        let reply = HttpReply::for_tests(200, body.to_string());
        read_reply(&reply, &ErrorContext::for_tests(&FORMAT))
    }

    #[test]
    fn a_whole_answer() {
        let response = read(&json!({
            "model": "qwen3:8b", "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "Hello", "thinking": "Hm."},
            "done": true, "done_reason": "length", "total_duration": 5,
            "prompt_eval_count": 9, "eval_count": 2
        }))
        .expect("readable");
        assert_eq!((&*response.text, &*response.model), ("Hello", "qwen3:8b"));
        assert_eq!(response.reasoning[0].text, "Hm.");
        assert_eq!(response.reasoning[0].block, None);
        assert_eq!(response.finish_reason, FinishReason::Length);
        assert_eq!(
            (response.usage.input_tokens, response.usage.output_tokens),
            (9, 2)
        );
    }

    #[test]
    fn tool_calls_have_names_of_their_own() {
        let response = read(&json!({
            "message": {"content": "", "thinking": "Hm.", "tool_calls": [
                {"function": {"name": "f", "arguments": {"a": 1}}},
                {"id": "call_x", "function": {"name": "g"}}
            ]},
            "done": true, "done_reason": "stop"
        }))
        .expect("readable");
        let calls: Vec<_> = response
            .tool_calls
            .iter()
            .map(|call| (&*call.id, &*call.arguments))
            .collect();
        assert_eq!(calls, [("call_0", r#"{"a":1}"#), ("call_x", "{}")]);
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        assert_eq!(
            response.reasoning[0].block,
            Some(json!({"thinking": "Hm."}))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |body: Value, expected: &str| {
            let error = read(&body).expect_err("an error");
            assert_eq!(error.kind, ClientErrorKind::MalformedReply);
            assert!(error.message.contains(expected), "{error}");
        };
        check(json!({"choices": []}), "has no `message`");
        check(
            json!({"message": {"content": "a"}}),
            "is only a part of one",
        );
        check(json!({"error": "out of memory"}), "out of memory");
        check(json!([]), "the address of a server of Ollama");
    }
}
