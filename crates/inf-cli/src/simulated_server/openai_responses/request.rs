//! From the body of a response to an [`LlmRequest`].

use std::sync::Arc;

use inf_engine::clients::{LlmRequest, OutputSchema};
use inf_engine::conversation::{Message, Part, Reasoning, Role, ToolCall, ToolChoice};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shape;
use crate::simulated_server::conversation::Conversation;
use crate::simulated_server::openai::effort;
use crate::simulated_server::refusal::{Read, Refusal};
use crate::simulated_server::wire_format::{Asked, read_body, read_model};
use crate::simulated_server::{picture, tools};

/// The body. What changes no simulated answer (`user`, `store`, …) is let pass.
#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    instructions: Option<String>,
    input: Option<Input>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_output_tokens: Option<u32>,
    text: Option<TextSettings>,
    reasoning: Option<ReasoningSettings>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Choice>,
    include: Option<Vec<String>>,
    stream: Option<bool>,
    previous_response_id: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Item>),
}

/// Of any type: which fields it must have depends on it.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Content>,
    summary: Option<Vec<ContentPart>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Debug, Deserialize)]
struct ContentPart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct TextSettings {
    format: Option<Format>,
}

#[derive(Debug, Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    schema: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ReasoningSettings {
    effort: Option<String>,
    summary: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Choice {
    Mode(String),
    Tool { name: String },
}

/// What chat completions have and responses do not, and what to write instead.
const UNKNOWN: [(&str, &str); 8] = [
    ("messages", "write them as `input`"),
    ("max_tokens", "write `max_output_tokens`"),
    ("max_completion_tokens", "write `max_output_tokens`"),
    ("response_format", "write `text.format`"),
    ("reasoning_effort", "write `reasoning.effort`"),
    ("stop", "responses know no stop texts"),
    ("seed", "responses know no seed"),
    ("n", "responses are one"),
];

/// Reads a body.
pub(super) fn read(body: Value) -> Read<Asked<Shape>> {
    let body: Body = read_body(body, "request for a response")?;
    let unknown = UNKNOWN
        .iter()
        .find(|(key, _)| body.others.contains_key(*key));
    if let Some((key, instead)) = unknown {
        let message = format!("`{key}` is no parameter of responses: {instead}");
        return Err(Refusal::bad_param(*key, message));
    }
    if body.previous_response_id.is_some() {
        let message = "this server keeps no responses: send the whole conversation as `input`";
        return Err(Refusal::bad_param("previous_response_id", message));
    }
    let model = read_model(body.model)?;
    let mut conversation = Conversation::default();
    if let Some(instructions) = body.instructions {
        let parts = vec![Part::Text(instructions.into())];
        conversation.say("instructions", Role::System, parts)?;
    }
    match body.input {
        Some(Input::Text(text)) => {
            conversation.say("input", Role::User, vec![Part::Text(text.into())])?;
        }
        Some(Input::Items(items)) if !items.is_empty() => {
            for (index, item) in items.into_iter().enumerate() {
                item.read(&format!("input[{index}]"), &mut conversation)?;
            }
        }
        _ => {
            let message = "`input` is missing or empty; send a text or at least one item";
            return Err(Refusal::bad_param("input", message));
        }
    }
    let offered = body.tools.into_iter().flatten().enumerate();
    let offered: Read<Vec<_>> = offered.map(|(index, tool)| tool.read(index)).collect();
    let offered = offered?;
    let tool_choice = match body.tool_choice {
        Some(choice) => choice.read()?,
        None => ToolChoice::Auto,
    };
    tools::check(&offered, &tool_choice)?;
    let (effort_text, summary) = match body.reasoning {
        Some(reasoning) => (reasoning.effort, reasoning.summary),
        None => (None, None),
    };
    let include = body.include.unwrap_or_default();
    let mut request = LlmRequest::from_messages(conversation.finish("input")?);
    request.temperature = body.temperature;
    request.top_p = body.top_p;
    request.max_tokens = body.max_output_tokens;
    request.output_schema = match body.text.and_then(|text| text.format) {
        Some(format) => format.read()?.map(Arc::new),
        None => None,
    };
    request.reasoning_effort = match effort_text {
        Some(text) => Some(effort("reasoning.effort", &text)?),
        None => None,
    };
    request.tools = offered;
    request.tool_choice = tool_choice;
    Ok(Asked {
        model,
        request,
        stream: body.stream.unwrap_or(false),
        shape: Shape {
            encrypted_reasoning: include
                .iter()
                .any(|key| key == "reasoning.encrypted_content"),
            reasoning_summary: summary.is_some(),
        },
    })
}

impl Item {
    fn read(self, place: &str, conversation: &mut Conversation) -> Read<()> {
        let wrong = |what: &str| Refusal::bad_param("input", format!("`{place}` {what}"));
        match self.kind.as_deref().unwrap_or("message") {
            "message" => {
                let role = match self.role.as_deref() {
                    Some("system" | "developer") => Role::System,
                    Some("user") => Role::User,
                    Some("assistant") => Role::Assistant,
                    Some(other) => {
                        let known = "`system`, `developer`, `user` or `assistant`";
                        let what = format!("has the role `{other}`; it must be {known}");
                        return Err(wrong(&what));
                    }
                    None => return Err(wrong("has no `role`")),
                };
                let content = self.content.ok_or_else(|| wrong("has no `content`"))?;
                let parts = content.read(role).map_err(|what| wrong(&what))?;
                match role {
                    Role::Assistant => conversation.go_on(place, parts),
                    _ => conversation.say(place, role, parts),
                }
            }
            "function_call" => {
                let (Some(id), Some(name), Some(arguments)) =
                    (self.call_id, self.name, self.arguments)
                else {
                    return Err(wrong("must have `call_id`, `name` and `arguments`"));
                };
                let call = ToolCall {
                    id,
                    name,
                    arguments,
                };
                conversation.go_on(place, vec![Part::ToolCall(call)])
            }
            "function_call_output" => {
                let (Some(call_id), Some(output)) = (self.call_id, self.output) else {
                    return Err(wrong("must have `call_id` and `output`"));
                };
                let parts = output.read(Role::Tool).map_err(|what| wrong(&what))?;
                let text = Message::from_parts(Role::Tool, parts).text().into_owned();
                conversation.result(place, &call_id, text, false)
            }
            "reasoning" => {
                let parts = self.summary.unwrap_or_default().into_iter();
                let texts: Vec<_> = parts.filter_map(|part| part.text).collect();
                let thoughts = Reasoning {
                    text: texts.join("\n"),
                    block: None,
                };
                conversation.go_on(place, vec![Part::Reasoning(thoughts)])
            }
            other => Err(wrong(&format!(
                "is of the type `{other}`; this server reads `message`, `reasoning`, \
                 `function_call` and `function_call_output`"
            ))),
        }
    }
}

impl Content {
    fn read(self, role: Role) -> Result<Vec<Part>, String> {
        match self {
            Self::Text(text) => Ok(vec![Part::Text(text.into())]),
            Self::Parts(parts) => parts.into_iter().map(|part| part.read(role)).collect(),
        }
    }
}

impl ContentPart {
    fn read(self, role: Role) -> Result<Part, String> {
        let kind = self.kind.as_str();
        let its_own = if role == Role::Assistant {
            "output_text"
        } else {
            "input_text"
        };
        match (kind, self.text, self.refusal, self.image_url) {
            (kind, Some(text), _, _) if kind == its_own => Ok(Part::Text(text.into())),
            ("refusal", _, Some(text), _) if role == Role::Assistant => Ok(Part::Text(text.into())),
            ("input_image", _, _, Some(url)) if role == Role::User => {
                let image = picture::at_url(&url);
                let image = image.map_err(|what| format!("has an `image_url` that {what}"))?;
                Ok(Part::Image(image))
            }
            ("input_image", ..) => Err("has a picture that a user does not show by its \
                                        `image_url`"
                .into()),
            _ => Err(format!(
                "has a part of type `{kind}`; here it must be `{its_own}` with a `text`"
            )),
        }
    }
}

impl Format {
    fn read(self) -> Read<Option<OutputSchema>> {
        let wrong = |message: String| Refusal::bad_param("text.format", message);
        match (self.kind.as_str(), self.name, self.schema) {
            ("text", ..) => Ok(None),
            ("json_object", ..) => Ok(Some(OutputSchema {
                name: "answer".to_owned(),
                schema: json!({"type": "object"}),
            })),
            ("json_schema", Some(name), Some(schema)) => Ok(Some(OutputSchema { name, schema })),
            ("json_schema", ..) => Err(wrong(
                "`text.format` must have a `name` and a `schema`".to_owned(),
            )),
            (kind, ..) => Err(wrong(format!(
                "`text.format.type` is `{kind}`; it must be `text`, `json_object` or `json_schema`"
            ))),
        }
    }
}

impl Tool {
    fn read(self, index: usize) -> Read<Arc<inf_engine::conversation::ToolSpec>> {
        let place = format!("tools[{index}]");
        if self.kind != "function" {
            let message = format!(
                "`{place}` is of the type `{}`; this server knows functions as tools",
                self.kind
            );
            return Err(Refusal::bad_param("tools", message));
        }
        tools::tool(&place, self.name, self.description, self.parameters)
    }
}

impl Choice {
    fn read(self) -> Read<ToolChoice> {
        match self {
            Self::Tool { name } => Ok(ToolChoice::Tool(name)),
            Self::Mode(mode) => tools::choice(&mode),
        }
    }
}

#[cfg(test)]
mod tests {
    use inf_engine::conversation::ToolResult;

    use super::*;

    #[test]
    fn items_become_turns() {
        let asked = read(json!({
            "model": "m", "instructions": "Be brief.", "max_output_tokens": 9, "stream": true,
            "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"},
            "text": {"format": {"type": "json_schema", "name": "N", "schema": {"type": "object"}}},
            "tools": [{"type": "function", "name": "add", "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": "add"},
            "input": [
                {"role": "user", "content": "Add."},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "message", "role": "assistant", "content": [
                    {"type": "output_text", "text": "I will.", "annotations": []}]},
                {"type": "function_call", "call_id": "1", "name": "add", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "4"},
            ],
        }))
        .expect("readable");
        let call = ToolCall {
            id: "1".into(),
            name: "add".into(),
            arguments: "{}".into(),
        };
        let result = ToolResult {
            call_id: "1".into(),
            name: "add".into(),
            content: "4".into(),
            is_error: false,
        };
        let messages = [
            Message::new(Role::System, "Be brief."),
            Message::new(Role::User, "Add."),
            Message::from_parts(
                Role::Assistant,
                [
                    Part::Reasoning(Reasoning::default()),
                    Part::Text("I will.".into()),
                    Part::ToolCall(call),
                ],
            ),
            Message::from_parts(Role::Tool, [Part::ToolResult(result)]),
        ];
        assert_eq!(asked.request.messages, messages);
        assert_eq!(asked.request.max_tokens, Some(9));
        assert_eq!(asked.request.tool_choice, ToolChoice::Tool("add".into()));
        assert!(asked.stream && asked.shape.encrypted_reasoning);
        assert!(!asked.shape.reasoning_summary);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |key: &str, value: Value, expected: &str| {
            let mut body = json!({"model": "m", "input": "Hi"});
            body[key] = value;
            let error = read(body).expect_err("an error").message;
            assert!(error.contains(expected), "{error}");
        };
        check("input", json!([]), "`input` is missing or empty");
        check("model", Value::Null, "`model` is missing");
        check("max_tokens", json!(5), "write `max_output_tokens`");
        check("stop", json!("a"), "know no stop texts");
        check("previous_response_id", json!("r"), "keeps no responses");
        check("tool_choice", json!("required"), "there are no `tools`");
        check("tools", json!([{"type": "web_search"}]), "`web_search`");
        check(
            "text",
            json!({"format": {"type": "json_schema"}}),
            "a `name`",
        );
        check(
            "input",
            json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]),
            "a part of type `text`; here it must be `input_text`",
        );
        check(
            "input",
            json!([{"type": "function_call_output", "call_id": "1", "output": ""}]),
            "which no tool call right before it has",
        );
        check(
            "input",
            json!([{"type": "item_reference"}]),
            "`item_reference`",
        );
    }
}
