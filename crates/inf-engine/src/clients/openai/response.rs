//! The JSON of a chat completion as an [`LlmResponse`].

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::clients::http::{ErrorContext, HttpReply};
use crate::clients::token_count::token_count;
use crate::clients::{ClientError, FinishReason, LlmResponse, Reasoning, ToolCall, Usage};

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
    /// Field by field: flattening would copy every answer.
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    reasoning_details: Option<Vec<Value>>,
}

/// What a model thought. `OpenAI` shows none; others named the field.
#[derive(Debug, Default)]
pub(super) struct WireThoughts {
    /// `DeepSeek`'s name, which vLLM, `SGLang` and llama.cpp took over.
    pub(super) reasoning_content: Option<String>,
    /// The name of `OpenRouter`, Groq and newer versions of vLLM.
    pub(super) reasoning: Option<String>,
    /// Blocks that `OpenRouter` wants back as they are.
    pub(super) reasoning_details: Option<Vec<Value>>,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
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
pub(super) struct ContentPart {
    /// Missing in parts that are no text.
    #[serde(default)]
    text: Option<String>,
    /// What a model of Mistral thought, in parts of its own.
    #[serde(default)]
    thinking: Option<Vec<ContentPart>>,
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
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "token_count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "token_count")]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptTokensDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionTokensDetails>,
    /// `DeepSeek`'s name for those that were cached.
    #[serde(default, deserialize_with = "token_count")]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct PromptTokensDetails {
    #[serde(default, deserialize_with = "token_count")]
    cached_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct CompletionTokensDetails {
    #[serde(default, deserialize_with = "token_count")]
    reasoning_tokens: Option<u64>,
}

/// An answer, however it came.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) refusal: String,
    pub(super) thoughts: Thoughts,
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) finish_reason: Option<String>,
    pub(super) usage: Option<WireUsage>,
    pub(super) model: String,
    pub(super) id: Option<Value>,
}

/// What the model thought, under the name that its server has for it.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    field: Option<&'static str>,
    text: String,
    details: Vec<Value>,
}

impl Thoughts {
    /// Adds what came and gives what is new of its text.
    pub(super) fn add(&mut self, wire: WireThoughts) -> String {
        let (field, text) = match (wire.reasoning_content, wire.reasoning) {
            (Some(text), _) if !text.is_empty() => ("reasoning_content", text),
            (_, Some(text)) if !text.is_empty() => ("reasoning", text),
            _ => ("", String::new()),
        };
        if !field.is_empty() {
            self.field = Some(field);
            self.text.push_str(&text);
        }
        self.details
            .extend(wire.reasoning_details.unwrap_or_default());
        text
    }

    fn add_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// As parts of an answer. They have to be given back only with tool calls,
    /// and then under the name that they came with.
    fn into_reasoning(self, has_tool_calls: bool) -> Vec<Reasoning> {
        if self.text.is_empty() && self.details.is_empty() {
            return Vec::new();
        }
        let mut block = Map::new();
        if !self.details.is_empty() {
            block.insert("reasoning_details".to_owned(), self.details.into());
        } else if let Some(field) = self.field.filter(|_| has_tool_calls) {
            block.insert(field.to_owned(), self.text.clone().into());
        }
        vec![Reasoning {
            text: self.text,
            block: (!block.is_empty()).then_some(Value::Object(block)),
        }]
    }
}

impl Answer {
    /// Adds content and gives what is new of the text and of the thoughts.
    pub(super) fn add_content(&mut self, content: Content) -> (String, String) {
        let (text, thoughts) = content.into_texts();
        self.text.push_str(&text);
        self.thoughts.add_text(&thoughts);
        (text, thoughts)
    }

    /// A model that refuses to answer gives its refusal as the text, with
    /// [`FinishReason::Refusal`].
    pub(super) fn into_response(self) -> LlmResponse {
        let has_tool_calls = !self.tool_calls.is_empty();
        let mut text = self.text;
        let mut finish_reason = finish_reason(self.finish_reason, has_tool_calls);
        if !self.refusal.is_empty() && text.is_empty() {
            text = self.refusal;
            finish_reason = FinishReason::Refusal;
        }
        LlmResponse {
            text,
            tool_calls: self.tool_calls,
            reasoning: self.thoughts.into_reasoning(has_tool_calls),
            finish_reason,
            usage: self.usage.map(usage).unwrap_or_default(),
            model: self.model,
            id: self.id.and_then(text_of),
            ..LlmResponse::from_text("")
        }
    }
}

/// Reads a reply of status 200.
pub(super) fn read_reply(
    reply: &HttpReply,
    context: &ErrorContext,
) -> Result<LlmResponse, ClientError> {
    let completion: Completion =
        serde_json::from_slice(&reply.body).map_err(|error| context.unreadable(reply, &error))?;
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
    let mut answer = Answer {
        refusal: message.refusal.unwrap_or_default(),
        tool_calls: message
            .tool_calls
            .unwrap_or_default()
            .into_iter()
            .map(tool_call)
            .collect(),
        finish_reason: choice.finish_reason,
        usage: completion.usage,
        model: completion.model.unwrap_or_default(),
        id: completion.id,
        ..Answer::default()
    };
    answer.thoughts.add(WireThoughts {
        reasoning_content: message.reasoning_content,
        reasoning: message.reasoning,
        reasoning_details: message.reasoning_details,
    });
    match message.content {
        // The usual answer is not copied.
        Some(Content::Text(text)) => answer.text = text,
        Some(content) => {
            answer.add_content(content);
        }
        None => {}
    }
    Ok(answer.into_response())
}

/// An identifier, if it is a text.
fn text_of(id: Value) -> Option<String> {
    match id {
        Value::String(id) => Some(id),
        _ => None,
    }
}

impl Content {
    /// What is said and what is thought.
    fn into_texts(self) -> (String, String) {
        let parts = match self {
            Self::Text(text) => return (text, String::new()),
            Self::Parts(parts) => parts,
        };
        let mut said = String::new();
        let mut thought = String::new();
        for part in parts {
            said.push_str(&part.text.unwrap_or_default());
            for part in part.thinking.unwrap_or_default() {
                thought.push_str(&part.text.unwrap_or_default());
            }
        }
        (said, thought)
    }
}

fn tool_call(call: WireToolCall) -> ToolCall {
    ToolCall {
        id: call.id.unwrap_or_default(),
        name: call.function.name,
        arguments: arguments(call.function.arguments),
    }
}

/// Arguments as text, however they came.
pub(super) fn arguments(arguments: Value) -> String {
    match arguments {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
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
    let cached = usage
        .prompt_tokens_details
        .and_then(|details| details.cached_tokens);
    let reasoning = usage
        .completion_tokens_details
        .and_then(|details| details.reasoning_tokens);
    Usage {
        input_tokens: usage.prompt_tokens.unwrap_or_default(),
        output_tokens: usage.completion_tokens.unwrap_or_default(),
        cached_tokens: cached.or(usage.prompt_cache_hit_tokens).unwrap_or_default(),
        reasoning_tokens: reasoning.unwrap_or_default(),
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
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 1}}
        }))
        .expect("a readable answer");
        assert_eq!(response.text, "Hello");
        assert_eq!(response.finish_reason, FinishReason::Length);
        assert_eq!(response.model, "m-2026");
        assert_eq!(response.id.as_deref(), Some("chatcmpl-1"));
        let usage = response.usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), (9, 2));
        assert_eq!((usage.cached_tokens, usage.reasoning_tokens), (4, 1));
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

    #[test]
    fn thoughts_under_every_name() {
        let thoughts = |message: Value| {
            let response = answer(&json!({"message": message, "finish_reason": "stop"}));
            let reasoning = response.reasoning.into_iter().next().expect("thoughts");
            (reasoning.text, reasoning.block)
        };
        for name in ["reasoning_content", "reasoning"] {
            let (text, block) = thoughts(json!({"content": "a", name: "Hm."}));
            assert_eq!((&*text, block), ("Hm.", None));
            let calls = json!([{"id": "1", "function": {"name": "f", "arguments": "{}"}}]);
            let (_, block) = thoughts(json!({name: "Hm.", "tool_calls": calls}));
            assert_eq!(block, Some(json!({name: "Hm."})));
        }
        let details = json!([{"type": "reasoning.encrypted", "data": "x"}]);
        let (text, block) =
            thoughts(json!({"content": "a", "reasoning": "Hm.", "reasoning_details": details}));
        assert_eq!(
            (&*text, block),
            ("Hm.", Some(json!({"reasoning_details": details})))
        );
        let parts = json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
            {"type": "text", "text": "a"}
        ]);
        assert_eq!(thoughts(json!({"content": parts})).0, "Hm.");
    }
}
