//! The requests of the checks.

use std::sync::Arc;

use inf_engine::clients::{LlmRequest, LlmResponse, OutputSchema};
use inf_engine::conversation::{Message, Part, ReasoningEffort, Role, ToolResult, ToolSpec};
use serde_json::json;

use super::provider::Provider;

/// What the checks ask. Servers with scripted answers repeat it.
pub(super) const PROMPT: &str = "one two three four";

pub(super) fn plain() -> LlmRequest {
    let mut request = LlmRequest::from_prompt(PROMPT);
    request.max_tokens = Some(100);
    request
}

/// What the checks ask a server that breaks off in the middle of its answer.
pub(super) const BROKEN_OFF: &str = "five six seven eight";

/// What the checks ask a model that thinks first.
pub(super) const THOUGHTFUL: &str = "which of them is even";

pub(super) fn thoughtful(provider: Provider) -> LlmRequest {
    // Responses tell thoughts only on request.
    let summary = json!({"reasoning": {"summary": "auto"}});
    let summary = summary.as_object().cloned().map(Arc::new);
    let mut request = LlmRequest::from_prompt(THOUGHTFUL);
    request.reasoning_effort = Some(ReasoningEffort::Low);
    request.extra = summary.filter(|_| provider == Provider::OpenAiResponses);
    request
}

/// A question that wants tools.
pub(super) fn weather() -> LlmRequest {
    let mut request = LlmRequest::from_prompt("How is the weather in Paris and in Rome?");
    request.tools = vec![Arc::new(ToolSpec {
        name: "get_weather".to_owned(),
        description: "The weather of a city.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["city"],
        }),
    })];
    request
}

/// A question whose answer has to be a number and a name.
pub(super) fn typed() -> LlmRequest {
    let schema = json!({
        "type": "object",
        "properties": {"count": {"type": "integer"}, "name": {"type": "string"}},
        "required": ["count", "name"],
        "additionalProperties": false,
    });
    let mut request =
        LlmRequest::from_prompt("Count the fruit: three apples. Answer with count and name.");
    request.output_schema = Some(Arc::new(OutputSchema {
        name: "Fruit".to_owned(),
        schema,
    }));
    request.max_tokens = Some(200);
    request
}

/// `request`, to which `response` called tools, and what they gave: `results`.
pub(super) fn with_results(
    mut request: LlmRequest,
    response: &LlmResponse,
    results: &[(&str, bool)],
) -> LlmRequest {
    let thoughts = response.reasoning.iter().cloned().map(Part::Reasoning);
    let text = Some(&response.text).filter(|text| !text.is_empty());
    let text = text.map(|text| Part::Text(text.as_str().into()));
    let calls = response.tool_calls.iter().cloned().map(Part::ToolCall);
    let said = thoughts.chain(text).chain(calls);
    request
        .messages
        .push(Message::from_parts(Role::Assistant, said));
    assert_eq!(response.tool_calls.len(), results.len(), "{response:?}");
    let results = response.tool_calls.iter().zip(results);
    let results = results.map(|(call, (content, is_error))| {
        Part::ToolResult(ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: (*content).into(),
            is_error: *is_error,
        })
    });
    request
        .messages
        .push(Message::from_parts(Role::Tool, results));
    request
}
