//! The JSON of a response as an [`LlmResponse`].

use serde::Deserialize;
use serde_json::Value;

use crate::clients::http::{ErrorContext, HttpReply};
use crate::clients::token_count::token_count;
use crate::clients::{ClientError, FinishReason, LlmResponse, Reasoning, ToolCall, Usage};

#[derive(Debug, Deserialize)]
pub(super) struct WireResponse {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    pub(super) output: Option<Vec<Value>>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "token_count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "token_count")]
    output_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputTokensDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputTokensDetails>,
}

#[derive(Debug, Deserialize)]
struct InputTokensDetails {
    #[serde(default, deserialize_with = "token_count")]
    cached_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct OutputTokensDetails {
    #[serde(default, deserialize_with = "token_count")]
    reasoning_tokens: Option<u64>,
}

/// Reads a reply of status 200.
pub(super) fn read_reply(
    reply: &HttpReply,
    context: &ErrorContext,
) -> Result<LlmResponse, ClientError> {
    let mut response: WireResponse =
        serde_json::from_slice(&reply.body).map_err(|error| context.unreadable(reply, &error))?;
    if let Some(error) = response.failure() {
        return Err(context.reported(reply, &error));
    }
    if response.output.is_none() {
        return Err(context.malformed(reply, "has no `output`"));
    }
    Ok(response.into_response())
}

impl WireResponse {
    /// What the server says of its failure, if it failed.
    pub(super) fn failure(&mut self) -> Option<Value> {
        let error = self.error.take().filter(|error| !error.is_null());
        match self.status.as_deref() {
            Some(status @ ("failed" | "cancelled")) if error.is_none() => {
                Some(format!("the response has the status `{status}`").into())
            }
            _ => error,
        }
    }

    pub(super) fn into_response(self) -> LlmResponse {
        let mut response = LlmResponse::from_text("");
        let mut refusal = String::new();
        for item in self.output.unwrap_or_default() {
            add_item(item, &mut response, &mut refusal);
        }
        let reason = self.incomplete_details.and_then(|details| details.reason);
        response.finish_reason = match (self.status.as_deref(), reason.as_deref()) {
            (Some("incomplete"), Some("max_output_tokens")) => FinishReason::Length,
            (Some("incomplete"), Some("content_filter")) => FinishReason::ContentFilter,
            (Some("incomplete"), _) => {
                FinishReason::Other(reason.unwrap_or_else(|| "incomplete".to_owned()))
            }
            _ if !response.tool_calls.is_empty() => FinishReason::ToolCalls,
            (Some("completed") | None, _) => FinishReason::Stop,
            (Some(other), _) => FinishReason::Other(other.to_owned()),
        };
        if response.text.is_empty() && !refusal.is_empty() {
            response.text = refusal;
            response.finish_reason = FinishReason::Refusal;
        }
        response.usage = self.usage.map(usage).unwrap_or_default();
        response.model = self.model.unwrap_or_default();
        response.id = self.id;
        response
    }
}

/// Items of tools that run at the provider, for those who asked for them, are
/// none of the answer.
fn add_item(mut item: Value, response: &mut LlmResponse, refusal: &mut String) {
    match item.get("type").and_then(Value::as_str) {
        Some("message") => {
            for part in list(&item, "content") {
                response.text.push_str(text(part, "text"));
                refusal.push_str(text(part, "refusal"));
            }
        }
        Some("function_call") => {
            let mut take = |name| match item.get_mut(name).map(Value::take) {
                Some(Value::String(text)) => text,
                _ => String::new(),
            };
            response.tool_calls.push(ToolCall {
                id: take("call_id"),
                name: take("name"),
                arguments: take("arguments"),
            });
        }
        Some("reasoning") => {
            // The summary, or the thoughts themselves where a server shows them.
            let of = |name| {
                let texts: Vec<_> = list(&item, name).map(|part| text(part, "text")).collect();
                texts.join("\n")
            };
            let summary = of("summary");
            let thoughts = if summary.is_empty() {
                of("content")
            } else {
                summary
            };
            // Nothing is stored, so that an item without its content is of no
            // use to the next turn, which would be refused.
            let is_whole = !text(&item, "encrypted_content").is_empty();
            response.reasoning.push(Reasoning {
                text: thoughts,
                block: is_whole.then_some(item),
            });
        }
        _ => {}
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    let list = value.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn usage(usage: WireUsage) -> Usage {
    let cached = usage
        .input_tokens_details
        .and_then(|details| details.cached_tokens);
    let reasoning = usage
        .output_tokens_details
        .and_then(|details| details.reasoning_tokens);
    Usage {
        input_tokens: usage.input_tokens.unwrap_or_default(),
        output_tokens: usage.output_tokens.unwrap_or_default(),
        cached_tokens: cached.unwrap_or_default(),
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

    #[test]
    fn a_whole_answer() {
        let reasoning = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "x",
            "summary": [{"type": "summary_text", "text": "Hm."}]});
        let response = read(&json!({
            "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5",
            "error": null, "incomplete_details": null,
            "output": [
                reasoning,
                {"type": "message", "role": "assistant", "content": [
                    {"type": "output_text", "text": "Hel", "annotations": []},
                    {"type": "output_text", "text": "lo"}]},
                {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look",
                    "arguments": "{\"at\":1}"}
            ],
            "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 6, "output_tokens_details": {"reasoning_tokens": 3}}
        }))
        .expect("readable");
        assert_eq!((&*response.text, &*response.model), ("Hello", "gpt-5"));
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        let call = &response.tool_calls[0];
        assert_eq!((&*call.id, &*call.arguments), ("c1", r#"{"at":1}"#));
        assert_eq!(response.reasoning[0].text, "Hm.");
        assert_eq!(response.reasoning[0].block, Some(reasoning));
        let usage = Usage {
            input_tokens: 9,
            output_tokens: 6,
            cached_tokens: 4,
            reasoning_tokens: 3,
        };
        assert_eq!(response.usage, usage);
        assert_eq!(response.id.as_deref(), Some("resp_1"));
    }

    #[test]
    fn every_way_to_end() {
        let check = |body: Value, expected| {
            assert_eq!(read(&body).expect("readable").finish_reason, expected);
        };
        check(
            json!({"status": "completed", "output": []}),
            FinishReason::Stop,
        );
        let incomplete = |reason: &str| json!({"status": "incomplete", "incomplete_details": {"reason": reason}, "output": []});
        check(incomplete("max_output_tokens"), FinishReason::Length);
        check(incomplete("content_filter"), FinishReason::ContentFilter);
        let refusal = json!([{"type": "message", "content": [
            {"type": "refusal", "refusal": "I can't."}]}]);
        check(
            json!({"status": "completed", "output": refusal}),
            FinishReason::Refusal,
        );
    }

    #[test]
    fn thoughts_that_can_not_be_given_back_are_only_text() {
        let item = json!({"type": "reasoning", "id": "rs_1", "summary": [],
            "content": [{"type": "reasoning_text", "text": "Hm."}]});
        let response = read(&json!({"output": [item]})).expect("readable");
        let expected = Reasoning {
            text: "Hm.".to_owned(),
            block: None,
        };
        assert_eq!(response.reasoning, [expected]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |body: Value, kind, expected: &str| {
            let error = read(&body).expect_err("an error");
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.message.contains(expected), "{error}");
        };
        let malformed = ClientErrorKind::MalformedReply;
        check(json!({"choices": []}), malformed, "has no `output`");
        check(
            json!({"status": "failed"}),
            malformed,
            "the status `failed`",
        );
        let failed =
            |code: &str| json!({"status": "failed", "error": {"code": code, "message": "no"}});
        check(failed("server_error"), ClientErrorKind::Server, "no");
        check(
            failed("rate_limit_exceeded"),
            ClientErrorKind::RateLimited,
            "no",
        );
        check(failed("invalid_prompt"), ClientErrorKind::Refused, "no");
    }
}
