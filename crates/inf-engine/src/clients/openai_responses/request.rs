//! An [`LlmRequest`] as the JSON of the Responses API.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clients::image_source::ImageSource;
use crate::clients::structured::{Subset, strict_schema};
use crate::clients::{
    ClientError, ClientErrorKind, LlmRequest, Message, OutputSchema, Part, ReasoningEffort, Role,
    ToolChoice, ToolSpec,
};

/// The body of a response, borrowed from the request.
#[derive(Debug, Serialize)]
pub(super) struct ResponseBody<'a> {
    model: &'a str,
    #[serde(serialize_with = "write_input")]
    input: &'a [Message],
    store: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<WireReasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(
        skip_serializing_if = "<[Arc<ToolSpec>]>::is_empty",
        serialize_with = "write_tools"
    )]
    tools: &'a [Arc<ToolSpec>],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Debug, Serialize)]
struct WireReasoning {
    effort: ReasoningEffort,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    format: &'a TextFormat,
}

/// The shape that the answer has to have.
#[derive(Debug, Serialize)]
pub(super) struct TextFormat {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    strict: bool,
    schema: Value,
}

impl TextFormat {
    pub(super) fn new(output: &OutputSchema) -> Self {
        let strict = strict_schema(&output.schema, Subset::OpenAi);
        Self {
            kind: "json_schema",
            name: output.name.clone(),
            strict: strict.is_some(),
            schema: strict.unwrap_or_else(|| output.schema.clone()),
        }
    }
}

/// Whether `model` thinks: only such models give encrypted thoughts, and others
/// refuse to be asked for them. A request for an effort says so of any model.
fn thinks(model: &str, request: &LlmRequest) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_known = ["o1", "o3", "o4", "gpt-5"]
        .iter()
        .any(|family| name.starts_with(family));
    (is_known && !name.starts_with("gpt-5-chat"))
        || !matches!(request.reasoning_effort, None | Some(ReasoningEffort::None))
}

impl<'a> ResponseBody<'a> {
    pub(super) fn new(
        model: &'a str,
        request: &'a LlmRequest,
        format: Option<&'a TextFormat>,
        is_streamed: bool,
    ) -> Result<Self, ClientError> {
        let missing = [
            ("stop", !request.stop.is_empty()),
            ("seed", request.seed.is_some()),
        ];
        if let Some((field, _)) = missing.iter().find(|(_, is_asked)| *is_asked) {
            let message = format!(
                "OpenAI's Responses API has no `{field}`; take it out of the request, or use the \
                 provider `openai`"
            );
            return Err(ClientError::new(ClientErrorKind::Refused, message));
        }
        Ok(Self {
            model,
            input: &request.messages,
            store: false,
            include: if thinks(model, request) {
                &["reasoning.encrypted_content"]
            } else {
                &[]
            },
            temperature: request.temperature,
            top_p: request.top_p,
            max_output_tokens: request.max_tokens,
            reasoning: request
                .reasoning_effort
                .map(|effort| WireReasoning { effort }),
            text: format.map(|format| Text { format }),
            tools: &request.tools,
            tool_choice: WireToolChoice::of(&request.tool_choice),
            stream: is_streamed,
        })
    }
}

/// What the model is told is a list of items, into which messages fall apart:
/// thoughts, calls and what they gave are items of their own.
fn write_input<S: Serializer>(messages: &[Message], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for message in messages {
        let mut content = Vec::new();
        for part in &message.parts {
            let item = match (part, message.role) {
                (Part::Text(text), Role::Assistant) => {
                    content.push(WireContent::OutputText { text });
                    continue;
                }
                (Part::Text(text), Role::User | Role::System) => {
                    content.push(WireContent::InputText { text });
                    continue;
                }
                (Part::Image(image), Role::User) => {
                    content.push(WireContent::InputImage {
                        image_url: ImageSource::url(image),
                    });
                    continue;
                }
                (Part::Reasoning(reasoning), Role::Assistant) => {
                    let own = reasoning.block.as_ref();
                    match own.filter(|block| is_own(block)) {
                        Some(block) => Item::Reasoning(block),
                        None => continue,
                    }
                }
                (Part::ToolCall(call), Role::Assistant) => Item::Own(OwnItem::FunctionCall {
                    call_id: &call.id,
                    name: &call.name,
                    arguments: &call.arguments,
                }),
                (Part::ToolResult(result), Role::Tool) => Item::Own(OwnItem::FunctionCallOutput {
                    call_id: &result.call_id,
                    output: &result.content,
                }),
                (_, role) => {
                    return Err(S::Error::custom(format!(
                        "a message of the {} can't hold this kind of part",
                        role.as_str()
                    )));
                }
            };
            write_message(&mut list, message.role, &mut content)?;
            list.serialize_element(&item)?;
        }
        write_message(&mut list, message.role, &mut content)?;
    }
    list.end()
}

fn write_message<L: SerializeSeq>(
    list: &mut L,
    role: Role,
    content: &mut Vec<WireContent<'_>>,
) -> Result<(), L::Error> {
    if content.is_empty() {
        return Ok(());
    }
    list.serialize_element(&WireMessage {
        kind: (role == Role::Assistant).then_some("message"),
        role: role.as_str(),
        content: std::mem::take(content),
    })
}

/// Whether thoughts are of this provider.
fn is_own(block: &Value) -> bool {
    block.get("type").is_some_and(|kind| kind == "reasoning")
}

#[derive(Serialize)]
struct WireMessage<'a> {
    /// Optional by the document, but llama.cpp knows what a model said by it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    role: &'static str,
    content: Vec<WireContent<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireContent<'a> {
    InputText { text: &'a str },
    OutputText { text: &'a str },
    InputImage { image_url: Cow<'a, str> },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Reasoning(&'a Value),
    Own(OwnItem<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum OwnItem<'a> {
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    /// That the call failed is said in the output: the format has no place for
    /// it.
    FunctionCallOutput { call_id: &'a str, output: &'a str },
}

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    parameters: &'a Value,
    /// The format's own default would refuse many schemas.
    strict: bool,
}

fn write_tools<S: Serializer>(tools: &[Arc<ToolSpec>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tools.iter().map(|tool| WireTool {
        kind: "function",
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
        strict: false,
    }))
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum WireToolChoice<'a> {
    Mode(&'static str),
    Tool {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
}

impl<'a> WireToolChoice<'a> {
    fn of(choice: &'a ToolChoice) -> Option<Self> {
        match choice {
            ToolChoice::Auto => None,
            ToolChoice::Never => Some(Self::Mode("none")),
            ToolChoice::Required => Some(Self::Mode("required")),
            ToolChoice::Tool(name) => Some(Self::Tool {
                kind: "function",
                name,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::samples::{look, look_call, look_result};
    use crate::clients::{Image, Reasoning};

    fn write(model: &str, request: &LlmRequest) -> Result<Value, String> {
        let format = request.output_schema.as_deref().map(TextFormat::new);
        let body = ResponseBody::new(model, request, format.as_ref(), false);
        let body = body.map_err(|error| error.message)?;
        serde_json::to_value(body).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_sent_for_what_is_not_asked() {
        let expected = json!({
            "model": "gpt-4.1", "store": false,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
        });
        let request = LlmRequest::from_prompt("Hi");
        assert_eq!(write("gpt-4.1", &request), Ok(expected));
        let include = |model| write(model, &request).expect("a body")["include"].clone();
        assert_eq!(
            include("gpt-5-mini"),
            json!(["reasoning.encrypted_content"])
        );
        assert_eq!(include("gpt-5-chat-latest"), Value::Null);
    }

    #[test]
    fn everything_is_sent_that_is_asked() {
        let request = LlmRequest {
            temperature: Some(0.0),
            max_tokens: Some(5),
            output_schema: Some(Arc::new(OutputSchema {
                name: "Pair".to_owned(),
                schema: json!({"type": "object", "properties": {}}),
            })),
            top_p: Some(0.5),
            reasoning_effort: Some(ReasoningEffort::Low),
            tools: vec![look()],
            tool_choice: ToolChoice::Tool("look".to_owned()),
            ..LlmRequest::from_prompt("Hi")
        };
        let expected = json!({
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
            "store": false,
            "include": ["reasoning.encrypted_content"],
            "temperature": 0.0,
            "top_p": 0.5,
            "max_output_tokens": 5,
            "reasoning": {"effort": "low"},
            "text": {"format": {"type": "json_schema", "name": "Pair", "strict": true, "schema":
                {"type": "object", "properties": {}, "required": [],
                 "additionalProperties": false}}},
            "tools": [{"type": "function", "name": "look", "description": "Looks.",
                "parameters": {"type": "object"}, "strict": false}],
            "tool_choice": {"type": "function", "name": "look"}
        });
        assert_eq!(write("m", &request), Ok(expected));
    }

    #[test]
    fn a_conversation_falls_apart_into_items() {
        let own = json!({"type": "reasoning", "id": "rs_1", "summary": [],
            "encrypted_content": "x"});
        let thoughts = |block| {
            Part::Reasoning(Reasoning {
                text: String::new(),
                block: Some(block),
            })
        };
        let request = LlmRequest {
            messages: vec![
                Message::new(Role::System, "Be brief."),
                Message::from_parts(
                    Role::User,
                    [
                        Part::Text("What?".into()),
                        Part::Image(Image::bytes("image/png", b"abc".as_slice())),
                    ],
                ),
                Message::from_parts(
                    Role::Assistant,
                    [
                        thoughts(own.clone()),
                        thoughts(json!({"type": "thinking", "signature": "x"})),
                        Part::Text("Let me look.".into()),
                        look_call(),
                    ],
                ),
                Message::from_parts(Role::Tool, [look_result("a cat", false)]),
            ],
            ..LlmRequest::default()
        };
        let expected = json!([
            {"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
            {"role": "user", "content": [
                {"type": "input_text", "text": "What?"},
                {"type": "input_image", "image_url": "data:image/png;base64,YWJj"}
            ]},
            own,
            {"type": "message", "role": "assistant",
             "content": [{"type": "output_text", "text": "Let me look."}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"at\":1}"},
            {"type": "function_call_output", "call_id": "c1", "output": "a cat"}
        ]);
        assert_eq!(write("m", &request).expect("a body")["input"], expected);
    }

    #[test]
    fn what_can_not_be_sent_is_said() {
        let request = LlmRequest {
            stop: vec!["\n".to_owned()],
            ..LlmRequest::from_prompt("Hi")
        };
        let error = write("m", &request).expect_err("an error");
        assert!(error.contains("has no `stop`"), "{error}");
        let picture = Part::Image(Image::url("https://h/a.png"));
        let request = LlmRequest {
            messages: vec![Message::from_parts(Role::Assistant, [picture])],
            ..LlmRequest::default()
        };
        let error = write("m", &request).expect_err("an error");
        assert!(
            error.contains("a message of the assistant can't"),
            "{error}"
        );
    }
}
