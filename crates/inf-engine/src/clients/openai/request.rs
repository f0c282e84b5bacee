//! An [`LlmRequest`] as the JSON of a chat completion.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Dialect;
use super::response_format::ResponseFormat;
use crate::clients::function_tools::write_function_tools;
use crate::clients::image_source::ImageSource;
use crate::clients::{
    LlmRequest, Message, Part, ReasoningEffort, Role, ToolCall, ToolChoice, ToolSpec,
};

/// The body of a chat completion, borrowed from the request.
#[derive(Debug, Serialize)]
pub(super) struct ChatBody<'a> {
    model: &'a str,
    #[serde(serialize_with = "write_messages")]
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a ResponseFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<ReasoningEffort>,
    #[serde(
        skip_serializing_if = "<[Arc<ToolSpec>]>::is_empty",
        serialize_with = "write_function_tools"
    )]
    tools: &'a [Arc<ToolSpec>],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> ChatBody<'a> {
    pub(super) fn new(
        model: &'a str,
        dialect: Dialect,
        request: &'a LlmRequest,
        response_format: Option<&'a ResponseFormat>,
    ) -> Self {
        let (max_completion_tokens, max_tokens) = match dialect {
            Dialect::OpenAi => (request.max_tokens, None),
            Dialect::Compatible => (None, request.max_tokens),
        };
        Self {
            model,
            messages: &request.messages,
            temperature: request.temperature,
            max_completion_tokens,
            max_tokens,
            stop: &request.stop,
            response_format,
            top_p: request.top_p,
            seed: request.seed,
            reasoning_effort: request.reasoning_effort,
            tools: &request.tools,
            tool_choice: WireToolChoice::of(&request.tool_choice),
            stream: None,
            stream_options: None,
        }
    }

    /// Asks for the answer in pieces, and for the tokens at their end.
    pub(super) fn stream(&mut self) {
        self.stream = Some(true);
        self.stream_options = Some(StreamOptions {
            include_usage: true,
        });
    }
}

/// Writes them as they go, without a list of their own.
fn write_messages<S: Serializer>(messages: &[Message], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for message in messages {
        match (message.role, &*message.parts) {
            (Role::Tool, results) => {
                for result in results {
                    list.serialize_element(&tool_message(result)?)?;
                }
            }
            (Role::Assistant, parts) if !is_text(parts) => {
                list.serialize_element(&AssistantMessage::of::<S::Error>(message)?)?;
            }
            (role, parts) if is_text(parts) => list.serialize_element(&ChatMessage {
                role: role.as_str(),
                content: message.text(),
            })?,
            (role, parts) => list.serialize_element(&PartsMessage {
                role: role.as_str(),
                content: Parts(parts),
            })?,
        }
    }
    list.end()
}

fn is_text(parts: &[Part]) -> bool {
    parts.iter().all(|part| matches!(part, Part::Text(_)))
}

#[derive(Debug, Serialize)]
struct ChatMessage<'a> {
    role: &'static str,
    content: Cow<'a, str>,
}

#[derive(Serialize)]
struct PartsMessage<'a> {
    role: &'static str,
    content: Parts<'a>,
}

/// Texts and pictures, one by one.
struct Parts<'a>(&'a [Part]);

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Cow<'a, str>,
}

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for part in self.0 {
            list.serialize_element(&match part {
                Part::Text(text) => WirePart::Text { text },
                Part::Image(image) => WirePart::ImageUrl {
                    image_url: ImageUrl {
                        url: ImageSource::url(image),
                    },
                },
                Part::Reasoning(_) | Part::ToolCall(_) => {
                    return Err(S::Error::custom(
                        "only a message of the assistant can hold thoughts or a tool call",
                    ));
                }
                Part::ToolResult(_) => {
                    return Err(S::Error::custom(
                        "only a message of a tool can hold what a tool gave",
                    ));
                }
            })?;
        }
        list.end()
    }
}

/// What the model said in an earlier turn, if it was not only text.
#[derive(Default, Serialize)]
struct AssistantMessage<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<&'a Value>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> AssistantMessage<'a> {
    fn of<E: serde::ser::Error>(message: &'a Message) -> Result<Self, E> {
        let mut wire = Self {
            role: "assistant",
            ..Self::default()
        };
        for part in &message.parts {
            match part {
                Part::Text(_) => wire.content = Some(message.text()),
                Part::ToolCall(call) => wire.tool_calls.push(WireCall::of(call)),
                Part::Reasoning(reasoning) => {
                    let field = |name: &str| reasoning.block.as_ref()?.get(name);
                    wire.reasoning_content = field("reasoning_content");
                    wire.reasoning = field("reasoning");
                    wire.reasoning_details = field("reasoning_details");
                }
                Part::Image(_) => {
                    return Err(E::custom("a message of the assistant can't hold a picture"));
                }
                Part::ToolResult(_) => {
                    return Err(E::custom(
                        "only a message of a tool can hold what a tool gave",
                    ));
                }
            }
        }
        Ok(wire)
    }
}

impl<'a> WireCall<'a> {
    fn of(call: &'a ToolCall) -> Self {
        Self {
            id: &call.id,
            kind: "function",
            function: WireFunction {
                name: &call.name,
                arguments: &call.arguments,
            },
        }
    }
}

#[derive(Serialize)]
struct ToolMessage<'a> {
    role: &'static str,
    tool_call_id: &'a str,
    content: &'a str,
}

fn tool_message<E: serde::ser::Error>(part: &Part) -> Result<ToolMessage<'_>, E> {
    match part {
        // That it failed is said in the content: the format has no place for it.
        Part::ToolResult(result) => Ok(ToolMessage {
            role: "tool",
            tool_call_id: &result.call_id,
            content: &result.content,
        }),
        _ => Err(E::custom(
            "a message of a tool can hold nothing but what tools gave",
        )),
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum WireToolChoice<'a> {
    Mode(&'static str),
    Tool {
        #[serde(rename = "type")]
        kind: &'static str,
        function: ToolName<'a>,
    },
}

#[derive(Debug, Serialize)]
struct ToolName<'a> {
    name: &'a str,
}

impl<'a> WireToolChoice<'a> {
    fn of(choice: &'a ToolChoice) -> Option<Self> {
        match choice {
            ToolChoice::Auto => None,
            ToolChoice::Never => Some(Self::Mode("none")),
            ToolChoice::Required => Some(Self::Mode("required")),
            ToolChoice::Tool(name) => Some(Self::Tool {
                kind: "function",
                function: ToolName { name },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::clients::samples::{look, look_call, look_result};
    use crate::clients::{Image, OutputSchema, Reasoning};

    fn check(dialect: Dialect, request: &LlmRequest, expected: &Value) {
        let format = request.output_schema.as_deref().map(ResponseFormat::new);
        let body = ChatBody::new("m", dialect, request, format.as_ref());
        assert_eq!(serde_json::to_value(body).expect("JSON"), *expected);
    }

    #[test]
    fn nothing_is_sent_for_what_is_not_asked() {
        let expected = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        check(Dialect::OpenAi, &LlmRequest::from_prompt("Hi"), &expected);
    }

    #[test]
    fn everything_is_sent_that_is_asked() {
        let request = LlmRequest {
            messages: vec![
                Message::new(Role::System, "Be brief."),
                Message::new(Role::User, "Hi"),
                Message::new(Role::Assistant, "Hello"),
            ],
            temperature: Some(0.0),
            max_tokens: Some(5),
            stop: vec!["\n".to_owned()],
            output_schema: Some(Arc::new(OutputSchema {
                name: "Pair".to_owned(),
                schema: json!({"type": "object", "properties": {"a": true}}),
            })),
            top_p: Some(0.5),
            seed: Some(7),
            reasoning_effort: Some(ReasoningEffort::Low),
            tools: vec![look()],
            tool_choice: ToolChoice::Tool("look".to_owned()),
            ..LlmRequest::default()
        };
        let mut expected = json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"}
            ],
            "temperature": 0.0,
            "max_tokens": 5,
            "stop": ["\n"],
            "response_format": {"type": "json_schema", "json_schema": {
                "name": "Pair",
                "strict": false,
                "schema": {"type": "object", "properties": {"a": true}}
            }},
            "top_p": 0.5,
            "seed": 7,
            "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {
                "name": "look", "description": "Looks.", "parameters": {"type": "object"}
            }}],
            "tool_choice": {"type": "function", "function": {"name": "look"}}
        });
        check(Dialect::Compatible, &request, &expected);

        let object = expected.as_object_mut().expect("an object");
        let bound = object.remove("max_tokens").expect("a bound");
        object.insert("max_completion_tokens".to_owned(), bound);
        check(Dialect::OpenAi, &request, &expected);
    }

    fn messages(messages: Vec<Message>) -> Result<Value, String> {
        let request = LlmRequest {
            messages,
            ..LlmRequest::default()
        };
        let body = ChatBody::new("m", Dialect::OpenAi, &request, None);
        let body = serde_json::to_value(body).map_err(|error| error.to_string())?;
        Ok(body["messages"].clone())
    }

    #[test]
    fn a_conversation_with_pictures_and_tools() {
        let thoughts = Reasoning {
            text: "Look.".to_owned(),
            block: Some(json!({"reasoning_content": "Look."})),
        };
        let foreign = Reasoning {
            text: "Hm.".to_owned(),
            block: Some(json!({"type": "thinking", "signature": "x"})),
        };
        let written = messages(vec![
            Message::from_parts(
                Role::User,
                [
                    Part::Text("What?".into()),
                    Part::Image(Image::url("https://h/a.png")),
                    Part::Image(Image::bytes("image/png", b"abc".as_slice())),
                ],
            ),
            Message::from_parts(Role::Assistant, [Part::Reasoning(thoughts), look_call()]),
            Message::from_parts(Role::Tool, [look_result("a cat", false)]),
            Message::from_parts(
                Role::Assistant,
                [Part::Reasoning(foreign), Part::Text("A cat.".into())],
            ),
        ]);
        let expected = json!([
            {"role": "user", "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj"}}
            ]},
            {"role": "assistant", "content": null, "reasoning_content": "Look.", "tool_calls": [
                {"id": "c1", "type": "function",
                 "function": {"name": "look", "arguments": "{\"at\":1}"}}
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            {"role": "assistant", "content": "A cat."}
        ]);
        assert_eq!(written, Ok(expected));
    }

    #[test]
    fn what_a_message_can_not_hold_is_said() {
        let picture = || Part::Image(Image::url("https://h/a.png"));
        let thoughts = || Part::Reasoning(Reasoning::default());
        let check = |role, part, expected: &str| {
            let error = messages(vec![Message::from_parts(role, [part])]).expect_err("an error");
            assert!(error.contains(expected), "{error}");
        };
        check(Role::Assistant, picture(), "can't hold a picture");
        check(Role::Tool, picture(), "nothing but what tools gave");
        check(Role::User, thoughts(), "only a message of the assistant");
    }
}
