//! The JSON of a chat completion as an [`LlmResponse`].

use std::fmt;

use reqwest::header::HeaderName;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::ErrorContext;
use crate::clients::http::HttpReply;
use crate::clients::{ClientError, FinishReason, LlmResponse, ToolCall, Usage};

/// Parsed once; `get` of a text parses it every time.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[derive(Debug, Deserialize)]
struct Completion {
    /// Not always a text, and no reason to refuse an answer.
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<WireUsage>,
    /// Gateways report a failure with status 200.
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    message: Option<ChoiceMessage>,
    #[serde(default)]
    finish_reason: Option<String>,
    /// Gateways report a model that broke off here.
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ChoiceMessage {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireToolCall>>,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// By hand: `untagged` would copy every answer into a buffer first.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;

        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
                let mut all = Vec::new();
                while let Some(part) = parts.next_element()? {
                    all.push(part);
                }
                Ok(Content::Parts(all))
            }
        }

        deserializer.deserialize_any(ContentVisitor)
    }
}

#[derive(Debug, Deserialize)]
struct Part {
    /// Missing in parts that are no text, such as a model's thinking.
    #[serde(default)]
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireToolCall {
    #[serde(default)]
    id: Option<String>,
    function: WireFunction,
}

#[derive(Debug, Deserialize)]
struct WireFunction {
    name: String,
    /// A text that holds JSON; some servers send the JSON itself.
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptTokensDetails>,
}

#[derive(Debug, Deserialize)]
struct PromptTokensDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

/// Reads a reply of status 200.
///
/// A model that refuses to answer gives its refusal as the text, with
/// [`FinishReason::Refusal`].
pub(super) fn read_reply(
    reply: &HttpReply,
    context: &ErrorContext,
) -> Result<LlmResponse, ClientError> {
    let completion: Completion = serde_json::from_slice(&reply.body)
        .map_err(|error| context.malformed(reply, &not_a_completion(&reply.body, &error)))?;
    if let Some(error) = completion.error.filter(|error| !error.is_null()) {
        return Err(context.reported(reply, &error));
    }
    let Some(choice) = completion
        .choices
        .and_then(|choices| choices.into_iter().next())
    else {
        return Err(context.malformed(reply, "has no `choices`"));
    };
    if let Some(error) = choice.error.filter(|error| !error.is_null()) {
        return Err(context.reported(reply, &error));
    }
    let Some(message) = choice.message else {
        return Err(context.malformed(reply, "has no `message` in its first choice"));
    };

    let tool_calls: Vec<ToolCall> = message
        .tool_calls
        .unwrap_or_default()
        .into_iter()
        .map(tool_call)
        .collect();
    let mut text = message.content.map(Content::into_text).unwrap_or_default();
    let mut finish_reason = finish_reason(choice.finish_reason, !tool_calls.is_empty());
    if let Some(refusal) = message.refusal.filter(|refusal| !refusal.is_empty())
        && text.is_empty()
    {
        text = refusal;
        finish_reason = FinishReason::Refusal;
    }
    Ok(LlmResponse {
        text,
        tool_calls,
        reasoning: Vec::new(),
        finish_reason,
        usage: completion.usage.map(usage).unwrap_or_default(),
        model: completion.model.unwrap_or_default(),
        timings: reply.timings,
        id: completion.id.and_then(text_of),
        request_id: reply.header(&REQUEST_ID).map(str::to_owned),
        rate_limits: None,
    })
}

/// An identifier, if it is a text.
fn text_of(id: Value) -> Option<String> {
    match id {
        Value::String(id) => Some(id),
        _ => None,
    }
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

fn tool_call(call: WireToolCall) -> ToolCall {
    ToolCall {
        id: call.id.unwrap_or_default(),
        name: call.function.name,
        arguments: match call.function.arguments {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        },
    }
}

fn finish_reason(reason: Option<String>, has_tool_calls: bool) -> FinishReason {
    match reason.as_deref() {
        // TGI says `eos_token` and `stop_sequence`.
        Some("stop" | "eos_token" | "stop_sequence") => FinishReason::Stop,
        Some("length") => FinishReason::Length,
        Some("tool_calls" | "function_call") => FinishReason::ToolCalls,
        Some("content_filter") => FinishReason::ContentFilter,
        Some(_) => FinishReason::Other(reason.unwrap_or_default()),
        None if has_tool_calls => FinishReason::ToolCalls,
        None => FinishReason::Other("unspecified".to_owned()),
    }
}

fn usage(usage: WireUsage) -> Usage {
    Usage {
        input_tokens: usage.prompt_tokens.unwrap_or_default(),
        output_tokens: usage.completion_tokens.unwrap_or_default(),
        cached_tokens: usage
            .prompt_tokens_details
            .and_then(|details| details.cached_tokens)
            .unwrap_or_default(),
        reasoning_tokens: 0,
    }
}

/// What is wrong with a body that could not be read, after "the answer".
fn not_a_completion(body: &[u8], error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    if std::str::from_utf8(body).is_err() {
        return "is not valid UTF-8".to_owned();
    }
    match error.classify() {
        Category::Eof if body.trim_ascii().is_empty() => "is empty".to_owned(),
        Category::Eof => format!("is JSON that is cut off ({error})"),
        Category::Data => format!("is not a chat completion ({error})"),
        Category::Syntax | Category::Io => format!("is not JSON ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::clients::{ClientErrorKind, Timings};

    fn read(body: &Value) -> Result<LlmResponse, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static("req_1"));
        let reply = HttpReply {
            status: StatusCode::OK,
            headers,
            body: Bytes::from(body.to_string()),
            timings: Timings::default(),
        };
        read_reply(&reply, &ErrorContext::for_tests())
    }

    fn answer(choice: &Value) -> LlmResponse {
        read(&json!({"choices": [choice]})).expect("a readable answer")
    }

    #[test]
    fn a_whole_answer() {
        let response = read(&json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-2026",
            "choices": [{"index": 0, "finish_reason": "length", "logprobs": null,
                "message": {"role": "assistant", "content": "Hello", "refusal": null}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0}}
        }))
        .expect("a readable answer");
        assert_eq!(response.text, "Hello");
        assert_eq!(response.finish_reason, FinishReason::Length);
        assert_eq!(response.model, "m-2026");
        assert_eq!(response.request_id.as_deref(), Some("req_1"));
        let usage = response.usage;
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.cached_tokens),
            (9, 2, 4)
        );
    }

    #[test]
    fn content_in_every_form() {
        let check = |content: Value, expected: &str| {
            let choice = json!({"message": {"content": content}, "finish_reason": "stop"});
            assert_eq!(answer(&choice).text, expected);
        };
        check(json!("a"), "a");
        check(Value::Null, "");
        check(
            json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
            "ab",
        );
        check(
            json!([{"type": "thinking", "thinking": []}, {"type": "text", "text": "b"}]),
            "b",
        );
    }

    #[test]
    fn a_refusal_is_an_answer_that_was_withheld() {
        let response = answer(&json!({
            "message": {"content": null, "refusal": "I can't."}, "finish_reason": "stop"
        }));
        assert_eq!(response.text, "I can't.");
        assert_eq!(response.finish_reason, FinishReason::Refusal);
    }

    #[test]
    fn tool_calls_with_arguments_as_text_or_json() {
        let response = answer(&json!({"message": {"tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"function": {"name": "g", "arguments": {"a": 1}}}
        ]}}));
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        let arguments: Vec<&str> = response
            .tool_calls
            .iter()
            .map(|call| &*call.arguments)
            .collect();
        assert_eq!(arguments, [r#"{"a":1}"#, r#"{"a":1}"#]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let check = |body: Value, expected: &str| {
            let error = read(&body).expect_err("an error");
            assert_eq!(error.kind, ClientErrorKind::MalformedReply);
            assert!(error.message.contains(expected), "{error}");
        };
        check(json!({}), "has no `choices`");
        check(json!({"choices": []}), "has no `choices`");
        check(json!({"choices": null}), "has no `choices`");
        check(json!({"choices": [{}]}), "has no `message`");
        check(
            json!({"choices": [{"message": "hi"}]}),
            "is not a chat completion (",
        );
        check(json!("hi"), "is not a chat completion (");
        check(json!({"error": "overloaded"}), "overloaded");
        check(
            json!({"choices": [{"error": {"message": "broke off"}}]}),
            "broke off",
        );
    }
}
