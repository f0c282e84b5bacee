//! From the body of a chat to an [`LlmRequest`].

use std::sync::Arc;

use inf_engine::clients::{LlmRequest, OutputSchema};
use inf_engine::conversation::{
    Part, Reasoning, ReasoningEffort, Role, ToolCall, ToolChoice, ToolSpec,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::simulated_server::conversation::Conversation;
use crate::simulated_server::refusal::{Read, Refusal};
use crate::simulated_server::wire_format::{Asked, read_body, read_model};
use crate::simulated_server::{picture, tools};

/// The body. What changes no simulated answer (`keep_alive`, …) is let pass.
#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<BodyMessage>>,
    format: Option<Value>,
    options: Option<Options>,
    think: Option<Think>,
    tools: Option<Vec<Tool>>,
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct BodyMessage {
    role: String,
    content: Option<String>,
    thinking: Option<String>,
    images: Option<Vec<String>>,
    tool_calls: Option<Vec<Call>>,
    tool_name: Option<String>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Call {
    id: Option<String>,
    function: CalledFunction,
}

#[derive(Debug, Deserialize)]
struct CalledFunction {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Options {
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<u64>,
    /// Below 0 is without end.
    num_predict: Option<i64>,
    stop: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Think {
    Whether(bool),
    HowMuch(String),
}

#[derive(Debug, Deserialize)]
struct Tool {
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Value>,
}

/// Reads a body.
pub(super) fn read(body: Value) -> Read<Asked<()>> {
    let body: Body = read_body(body, "chat")?;
    let model = read_model(body.model)?;
    let mut conversation = Conversation::default();
    let mut calls = 0;
    for (index, message) in body.messages.into_iter().flatten().enumerate() {
        message.read(&format!("messages[{index}]"), &mut calls, &mut conversation)?;
    }
    let offered = body.tools.into_iter().flatten().enumerate();
    let offered: Read<Vec<_>> = offered.map(|(index, tool)| tool.read(index)).collect();
    let offered = offered?;
    tools::check(&offered, &ToolChoice::Auto)?;
    let options = body.options.unwrap_or_default();
    let mut request = LlmRequest::from_messages(conversation.finish("messages")?);
    request.temperature = options.temperature;
    request.top_p = options.top_p;
    request.seed = options.seed;
    request.max_tokens = options
        .num_predict
        .and_then(|most| u32::try_from(most).ok());
    request.stop = options.stop.unwrap_or_default();
    request.output_schema = schema(body.format)?;
    request.reasoning_effort = effort(body.think)?;
    request.tools = offered;
    Ok(Asked {
        model,
        request,
        // Unlike elsewhere, it streams unless told not to.
        stream: body.stream.unwrap_or(true),
        shape: (),
    })
}

fn schema(format: Option<Value>) -> Read<Option<Arc<OutputSchema>>> {
    let schema = match format {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) if text == "json" => json!({"type": "object"}),
        Some(schema @ Value::Object(_)) => schema,
        Some(other) => {
            let message = format!("`format` is {other}; it must be \"json\" or a JSON schema");
            return Err(Refusal::bad_param("format", message));
        }
    };
    let name = "answer".to_owned();
    Ok(Some(Arc::new(OutputSchema { name, schema })))
}

fn effort(think: Option<Think>) -> Read<Option<ReasoningEffort>> {
    Ok(match think {
        None | Some(Think::Whether(false)) => None,
        Some(Think::Whether(true)) => Some(ReasoningEffort::Medium),
        Some(Think::HowMuch(text)) => Some(match text.as_str() {
            "low" => ReasoningEffort::Low,
            "medium" => ReasoningEffort::Medium,
            "high" | "max" => ReasoningEffort::High,
            other => {
                let message = format!(
                    "`think` is `{other}`; it must be true, false, `low`, `medium` or `high`"
                );
                return Err(Refusal::bad_param("think", message));
            }
        }),
    })
}

impl BodyMessage {
    fn read(self, place: &str, calls: &mut u32, conversation: &mut Conversation) -> Read<()> {
        let wrong = |what: &str| Refusal::bad_param("messages", format!("`{place}` {what}"));
        let role = match self.role.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                let known = "`system`, `user`, `assistant` or `tool`";
                return Err(wrong(&format!(
                    "has the role `{other}`; it must be {known}"
                )));
            }
        };
        let content = self.content.unwrap_or_default();
        if role == Role::Tool {
            return match self.tool_call_id {
                Some(id) => conversation.result(place, &id, content, false),
                None => conversation.result_by_name(place, self.tool_name.as_deref(), content),
            };
        }
        let mut parts = Vec::new();
        if let Some(text) = self.thinking.filter(|text| !text.is_empty()) {
            parts.push(Part::Reasoning(Reasoning { text, block: None }));
        }
        let more = self.images.unwrap_or_default().into_iter();
        let images: Read<Vec<_>> = more
            .map(|data| {
                let image = picture::of_unsaid_type(&data);
                image.map_err(|what| wrong(&format!("has a picture that {what}")))
            })
            .collect();
        let images = images?;
        let called = self.tool_calls.unwrap_or_default();
        if !content.is_empty() || (images.is_empty() && called.is_empty()) {
            parts.push(Part::Text(content.into()));
        }
        parts.extend(images.into_iter().map(Part::Image));
        parts.extend(called.into_iter().map(|call| {
            *calls += 1;
            let arguments = match call.function.arguments {
                Value::Null => "{}".to_owned(),
                arguments => arguments.to_string(),
            };
            Part::ToolCall(ToolCall {
                id: call.id.unwrap_or_else(|| format!("call_{calls}")),
                name: call.function.name,
                arguments,
            })
        }));
        conversation.say(place, role, parts)
    }
}

impl Tool {
    fn read(self, index: usize) -> Read<Arc<ToolSpec>> {
        let place = format!("tools[{index}].function");
        let function = self.function.ok_or_else(|| {
            let message = format!("`{place}` is missing; Ollama knows functions as tools");
            Refusal::bad_param("tools", message)
        })?;
        tools::tool(
            &place,
            function.name,
            function.description,
            function.parameters,
        )
    }
}

#[cfg(test)]
mod tests {
    use inf_engine::conversation::{Image, Message, ToolResult};

    use super::*;

    #[test]
    fn messages_options_and_results_are_read() {
        let asked = read(json!({
            "model": "m", "format": {"type": "object"}, "think": "high", "stream": false,
            "options": {"temperature": 0.5, "seed": 3, "num_predict": 9, "stop": ["END"]},
            "messages": [
                {"role": "user", "content": "Add.", "images": ["iVBORw=="]},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": "add", "arguments": {"a": 1}}},
                    {"function": {"name": "see", "arguments": {}}}]},
                {"role": "tool", "tool_name": "see", "content": "b"},
                {"role": "tool", "content": "a"},
            ],
        }))
        .expect("readable");
        let call = |id: &str, name: &str, arguments: &str| {
            Part::ToolCall(ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: arguments.into(),
            })
        };
        let result = |id: &str, name: &str, content: &str| {
            Part::ToolResult(ToolResult {
                call_id: id.into(),
                name: name.into(),
                content: content.into(),
                is_error: false,
            })
        };
        let image = Part::Image(Image::bytes("image/png", &b"\x89PNG"[..]));
        let messages = [
            Message::from_parts(Role::User, [Part::Text("Add.".into()), image]),
            Message::from_parts(
                Role::Assistant,
                [
                    call("call_1", "add", r#"{"a":1}"#),
                    call("call_2", "see", "{}"),
                ],
            ),
            Message::from_parts(
                Role::Tool,
                [result("call_2", "see", "b"), result("call_1", "add", "a")],
            ),
        ];
        assert_eq!(asked.request.messages, messages);
        assert_eq!(asked.request.max_tokens, Some(9));
        assert_eq!(asked.request.reasoning_effort, Some(ReasoningEffort::High));
        assert!(!asked.stream && asked.request.output_schema.is_some());
        let plain = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        assert!(read(plain).expect("readable").stream);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |key: &str, value: Value, expected: &str| {
            let hi = json!([{"role": "user", "content": "Hi"}]);
            let mut body = json!({"model": "m", "messages": hi});
            body[key] = value;
            let error = read(body).expect_err("an error").message;
            assert!(error.contains(expected), "{error}");
        };
        check("messages", json!([]), "`messages` is missing");
        check("format", json!("yaml"), "`format` is \"yaml\"");
        check("think", json!("much"), "`think` is `much`");
        check("options", json!({"stop": 5}), "no chat");
        check(
            "messages",
            json!([{"role": "user", "images": ["aGVsbG8="]}]),
            "a picture that is no PNG",
        );
        check(
            "messages",
            json!([{"role": "tool", "content": "a"}]),
            "a tool that was not called right before it",
        );
    }
}
