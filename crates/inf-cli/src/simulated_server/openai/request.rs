//! From the body of a chat completion to an [`LlmRequest`].

use std::sync::Arc;

use inf_engine::clients::{LlmRequest, OutputSchema};
use inf_engine::conversation::{
    Part, Reasoning, ReasoningEffort, Role, ToolCall, ToolChoice, ToolSpec,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shape;
use crate::simulated_server::conversation::Conversation;
use crate::simulated_server::refusal::{Read, Refusal};
use crate::simulated_server::wire_format::{Asked, read_body, read_model};
use crate::simulated_server::{picture, tools};

/// The body. What changes no simulated answer (`user`, `logprobs`, …) is let
/// pass.
#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<BodyMessage>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<u64>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    stop: Option<Stop>,
    n: Option<u32>,
    response_format: Option<ResponseFormat>,
    reasoning_effort: Option<String>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Choice>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
struct BodyMessage {
    role: String,
    content: Option<Content>,
    reasoning_content: Option<String>,
    tool_calls: Option<Vec<Call>>,
    tool_call_id: Option<String>,
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
    image_url: Option<ImageUrl>,
}

#[derive(Debug, Deserialize)]
struct ImageUrl {
    url: String,
}

#[derive(Debug, Deserialize)]
struct Call {
    id: String,
    function: CalledFunction,
}

#[derive(Debug, Deserialize)]
struct CalledFunction {
    name: String,
    arguments: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
struct JsonSchema {
    name: Option<String>,
    schema: Option<Value>,
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

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Choice {
    Mode(String),
    Tool { function: ChosenFunction },
}

#[derive(Debug, Deserialize)]
struct ChosenFunction {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// Reads a body.
pub(super) fn read(body: Value) -> Read<Asked<Shape>> {
    let body: Body = read_body(body, "chat completion")?;
    let model = read_model(body.model)?;
    let mut conversation = Conversation::default();
    for (index, message) in body.messages.into_iter().flatten().enumerate() {
        message.read(&format!("messages[{index}]"), &mut conversation)?;
    }
    let messages = conversation.finish("messages")?;
    if body.n.is_some_and(|n| n != 1) {
        let message = "`n` must be 1: this server gives one choice";
        return Err(Refusal::bad_param("n", message));
    }
    let offered = body.tools.into_iter().flatten().enumerate();
    let offered: Read<Vec<_>> = offered.map(|(index, tool)| tool.read(index)).collect();
    let offered = offered?;
    let tool_choice = match body.tool_choice {
        Some(choice) => choice.read()?,
        None => ToolChoice::Auto,
    };
    tools::check(&offered, &tool_choice)?;
    let mut request = LlmRequest::from_messages(messages);
    request.temperature = body.temperature;
    request.top_p = body.top_p;
    request.seed = body.seed;
    request.max_tokens = body.max_completion_tokens.or(body.max_tokens);
    request.stop = match body.stop {
        None => Vec::new(),
        Some(Stop::One(text)) => vec![text],
        Some(Stop::Several(texts)) => texts,
    };
    request.output_schema = match body.response_format {
        Some(format) => format.read()?.map(Arc::new),
        None => None,
    };
    request.reasoning_effort = match body.reasoning_effort {
        Some(effort) => Some(self::effort("reasoning_effort", &effort)?),
        None => None,
    };
    request.tools = offered;
    request.tool_choice = tool_choice;
    Ok(Asked {
        model,
        request,
        stream: body.stream.unwrap_or(false),
        shape: Shape {
            include_usage: body.stream_options.unwrap_or_default().include_usage,
        },
    })
}

/// The effort that the value of `key` asks for.
pub(in crate::simulated_server) fn effort(key: &str, text: &str) -> Read<ReasoningEffort> {
    Ok(match text {
        "none" => ReasoningEffort::None,
        "minimal" => ReasoningEffort::Minimal,
        "low" => ReasoningEffort::Low,
        "medium" => ReasoningEffort::Medium,
        "high" | "xhigh" => ReasoningEffort::High,
        other => {
            let known = "`none`, `minimal`, `low`, `medium`, `high` or `xhigh`";
            let message = format!("`{key}` is `{other}`; it must be {known}");
            return Err(Refusal::bad_param(key, message));
        }
    })
}

impl BodyMessage {
    fn read(self, place: &str, conversation: &mut Conversation) -> Read<()> {
        let wrong = |what: &str| Refusal::bad_param("messages", format!("`{place}` {what}"));
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                let known = "`system`, `developer`, `user`, `assistant` or `tool`";
                return Err(wrong(&format!(
                    "has the role `{other}`; it must be {known}"
                )));
            }
        };
        let calls = self.tool_calls.unwrap_or_default();
        if role != Role::Assistant && !calls.is_empty() {
            return Err(wrong("has `tool_calls`, which only an assistant makes"));
        }
        let mut parts = match self.content {
            Some(Content::Text(text)) => vec![Part::Text(text.into())],
            Some(Content::Parts(parts)) => {
                let parts = parts.into_iter().map(|part| part.read(role));
                let parts: Result<_, String> = parts.collect();
                parts.map_err(|what| wrong(&what))?
            }
            // An assistant that only called tools said nothing.
            None if role == Role::Assistant && calls.is_empty() => vec![Part::Text("".into())],
            None if role == Role::Assistant => Vec::new(),
            None => return Err(wrong("has no `content`")),
        };
        if role == Role::Tool {
            let call_id = self.tool_call_id;
            let call_id = call_id.ok_or_else(|| wrong("has no `tool_call_id`"))?;
            let texts = inf_engine::conversation::Message::from_parts(role, parts);
            return conversation.result(place, &call_id, texts.text().into_owned(), false);
        }
        if let Some(text) = self.reasoning_content {
            let thoughts = Reasoning { text, block: None };
            parts.insert(0, Part::Reasoning(thoughts));
        }
        parts.extend(calls.into_iter().map(|call| {
            Part::ToolCall(ToolCall {
                id: call.id,
                name: call.function.name,
                arguments: call.function.arguments,
            })
        }));
        conversation.say(place, role, parts)
    }
}

impl ContentPart {
    fn read(self, role: Role) -> Result<Part, String> {
        match (self.kind.as_str(), self.text, self.image_url) {
            ("text", Some(text), _) => Ok(Part::Text(text.into())),
            ("text", None, _) => Err("has a part without `text`".into()),
            ("image_url", _, Some(image)) if role == Role::User => {
                let image = picture::at_url(&image.url);
                let image = image.map_err(|what| format!("has an `image_url` that {what}"))?;
                Ok(Part::Image(image))
            }
            ("image_url", _, None) => Err("has an `image_url` part without its `url`".into()),
            ("image_url", ..) => Err("has a picture, which only a user shows".into()),
            (kind, ..) => Err(format!(
                "has a part of type `{kind}`; this server reads `text` and `image_url`"
            )),
        }
    }
}

impl ResponseFormat {
    fn read(self) -> Read<Option<OutputSchema>> {
        let wrong = |message: &str| Refusal::bad_param("response_format", message);
        let nameless = "answer".to_owned();
        match (self.kind.as_str(), self.json_schema) {
            ("text", _) => Ok(None),
            ("json_object", _) => Ok(Some(OutputSchema {
                name: nameless,
                schema: json!({"type": "object"}),
            })),
            (
                "json_schema",
                Some(JsonSchema {
                    name,
                    schema: Some(schema),
                }),
            ) => {
                let name = name.unwrap_or(nameless);
                Ok(Some(OutputSchema { name, schema }))
            }
            ("json_schema", _) => Err(wrong(
                "`response_format.json_schema.schema` is missing; give a JSON schema",
            )),
            (kind, _) => Err(wrong(&format!(
                "`response_format.type` is `{kind}`; it must be `text`, `json_object` or `json_schema`"
            ))),
        }
    }
}

impl Tool {
    fn read(self, index: usize) -> Read<Arc<ToolSpec>> {
        let place = format!("tools[{index}].function");
        let function = self.function.ok_or_else(|| {
            let message = format!("`{place}` is missing; this server knows functions as tools");
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

impl Choice {
    fn read(self) -> Read<ToolChoice> {
        match self {
            Self::Tool { function } => Ok(ToolChoice::Tool(function.name)),
            Self::Mode(mode) => tools::choice(&mode),
        }
    }
}

#[cfg(test)]
mod tests {
    use inf_engine::conversation::{Image, Message, ToolResult};

    use super::*;

    fn read(body: &Value) -> Result<Asked<Shape>, String> {
        super::read(body.clone()).map_err(|error| error.message)
    }

    #[test]
    fn everything_that_changes_an_answer_is_read() {
        let chat = read(&json!({
            "model": "m", "temperature": 0.5, "max_tokens": 9, "stop": "END", "top_p": 1,
            "stream": true, "stream_options": {"include_usage": true},
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": null, "tool_calls": []},
            ],
            "response_format": {"type": "json_schema", "json_schema": {
                "name": "Thing", "strict": true, "schema": {"type": "object"}}},
        }))
        .expect("readable");
        let schema = OutputSchema {
            name: "Thing".into(),
            schema: json!({"type": "object"}),
        };
        let messages = [
            (Role::System, "Be brief."),
            (Role::User, "a\nb"),
            (Role::Assistant, ""),
        ];
        let messages = messages.map(|(role, text)| Message::new(role, text));
        let mut request = LlmRequest::from_messages(messages);
        request.temperature = Some(0.5);
        request.top_p = Some(1.0);
        request.max_tokens = Some(9);
        request.stop = vec!["END".into()];
        request.output_schema = Some(Arc::new(schema));
        assert_eq!(chat.request, request);
        assert!(chat.stream && chat.shape.include_usage);
    }

    #[test]
    fn the_newer_name_of_the_bound_goes_first_and_stops_may_be_several() {
        let chat = read(&json!({
            "model": "m", "max_tokens": 9, "max_completion_tokens": 5, "stop": ["a", "b"],
            "messages": [{"role": "user", "content": "Hi"}], "response_format": {"type": "text"},
        }))
        .expect("readable");
        assert_eq!(chat.request.max_tokens, Some(5));
        assert_eq!(chat.request.stop, ["a", "b"]);
        assert_eq!(chat.request.output_schema, None);
        assert!(!chat.stream);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let hi = || json!([{"role": "user", "content": "Hi"}]);
        let check = |body: Value, expected: &str| {
            let error = read(&body).expect_err("an error");
            assert!(error.contains(expected), "{error}");
        };
        check(json!([]), "no chat completion");
        check(json!({"messages": hi()}), "`model` is missing");
        check(json!({"model": "m"}), "`messages` is missing");
        check(
            json!({"model": "m", "messages": []}),
            "`messages` is missing",
        );
        check(
            json!({"model": "m", "messages": hi(), "n": 2}),
            "`n` must be 1",
        );
        check(
            json!({"model": "m", "messages": [{"role": "robot", "content": ""}]}),
            "`messages[0]` has the role `robot`",
        );
        check(
            json!({"model": "m", "messages": [{"role": "user"}]}),
            "`messages[0]` has no `content`",
        );
        check(
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "an `image_url` part without its `url`",
        );
        check(
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
            "a part of type `input_audio`",
        );
        check(
            json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "1", "content": "4"}]}),
            "`messages[0]` is the result of `1`, which no tool call right before it has",
        );
        let calls =
            json!([{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        check(
            json!({"model": "m", "messages": [
                {"role": "assistant", "content": null, "tool_calls": calls},
                {"role": "user", "content": "Hi"},
            ]}),
            "`messages[1]` must be the result of the tool call `1` (`f`)",
        );
        check(
            json!({"model": "m", "messages": hi(), "tool_choice": "required"}),
            "`tool_choice` requires a tool, and there are no `tools`",
        );
        check(
            json!({"model": "m", "messages": hi(), "tools": [{"function": {"name": "a b"}}]}),
            "`tools[0].function` has a name that is not",
        );
        check(
            json!({"model": "m", "messages": hi(), "reasoning_effort": "much"}),
            "`reasoning_effort` is `much`",
        );
        check(
            json!({"model": "m", "messages": hi(), "response_format": {"type": "json_schema"}}),
            "`response_format.json_schema.schema` is missing",
        );
        check(
            json!({"model": "m", "messages": hi(), "response_format": {"type": "xml"}}),
            "`response_format.type` is `xml`",
        );
    }

    #[test]
    fn pictures_tools_and_their_results_are_read() {
        let chat = read(&json!({
            "model": "m", "seed": 7, "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {
                "name": "look", "description": "Looks.", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
                ]},
                {"role": "assistant", "content": null, "reasoning_content": "Hm.", "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                    {"id": "2", "type": "function", "function": {"name": "see", "arguments": ""}},
                ]},
                {"role": "tool", "tool_call_id": "2", "content": "b"},
                {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "a"}]},
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
        let thoughts = Reasoning {
            text: "Hm.".into(),
            block: None,
        };
        let image = Part::Image(Image::url("https://h/a.png"));
        let messages = [
            Message::from_parts(Role::User, [Part::Text("What is it?".into()), image]),
            Message::from_parts(
                Role::Assistant,
                [
                    Part::Reasoning(thoughts),
                    call("1", "look", "{}"),
                    call("2", "see", ""),
                ],
            ),
            Message::from_parts(
                Role::Tool,
                [result("2", "see", "b"), result("1", "look", "a")],
            ),
        ];
        assert_eq!(chat.request.messages, messages);
        assert_eq!(chat.request.seed, Some(7));
        assert_eq!(chat.request.reasoning_effort, Some(ReasoningEffort::Low));
        assert_eq!(chat.request.tool_choice, ToolChoice::Tool("look".into()));
        assert_eq!(chat.request.tools[0].description, "Looks.");
    }
}
