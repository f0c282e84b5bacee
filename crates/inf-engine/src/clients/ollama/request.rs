//! An [`LlmRequest`] as the JSON of Ollama's `/api/chat`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clients::call_arguments::CallArguments;
use crate::clients::function_tools::write_function_tools;
use crate::clients::image_source::ImageSource;
use crate::clients::{
    ClientError, ClientErrorKind, LlmRequest, Message, Part, ReasoningEffort, Role, ToolChoice,
    ToolSpec,
};

/// The body of a chat, borrowed from the request.
#[derive(Debug, Serialize)]
pub(super) struct ChatBody<'a> {
    model: &'a str,
    #[serde(serialize_with = "write_messages")]
    messages: &'a [Message],
    /// The server streams unless it is told not to.
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a Value>,
    #[serde(skip_serializing_if = "Options::is_empty")]
    options: Options<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<Think>,
    #[serde(
        skip_serializing_if = "<[Arc<ToolSpec>]>::is_empty",
        serialize_with = "write_function_tools"
    )]
    tools: &'a [Arc<ToolSpec>],
}

#[derive(Debug, PartialEq, Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl Options<'_> {
    fn is_empty(&self) -> bool {
        let none = Options {
            temperature: None,
            top_p: None,
            num_predict: None,
            stop: &[],
            seed: None,
        };
        *self == none
    }
}

/// Whether a model thinks, or how much.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Think {
    Whether(bool),
    HowMuch(&'static str),
}

impl Think {
    /// Servers refuse to be told how much by other models than `gpt-oss`, which
    /// in turn does not know whether.
    fn of(model: &str, effort: ReasoningEffort) -> Self {
        match effort {
            ReasoningEffort::None => Self::Whether(false),
            _ if !model.contains("gpt-oss") => Self::Whether(true),
            ReasoningEffort::Minimal => Self::HowMuch("low"),
            effort => Self::HowMuch(effort.as_str()),
        }
    }
}

impl<'a> ChatBody<'a> {
    pub(super) fn new(
        model: &'a str,
        request: &'a LlmRequest,
        is_streamed: bool,
    ) -> Result<Self, ClientError> {
        let tools: &[_] = match request.tool_choice {
            ToolChoice::Auto => &request.tools,
            // Without any it can't call one.
            ToolChoice::Never => &[],
            ToolChoice::Required | ToolChoice::Tool(_) => {
                return Err(ClientError::new(
                    ClientErrorKind::Refused,
                    "Ollama can't be told to call a tool; leave the tool choice out, and ask for \
                     the call in the prompt",
                ));
            }
        };
        let schema = request.output_schema.as_ref();
        Ok(Self {
            model,
            messages: &request.messages,
            stream: is_streamed,
            format: schema.map(|output| &output.schema),
            options: Options {
                temperature: request.temperature,
                top_p: request.top_p,
                num_predict: request.max_tokens,
                stop: &request.stop,
                seed: request.seed,
            },
            think: request
                .reasoning_effort
                .map(|effort| Think::of(model, effort)),
            tools,
        })
    }
}

#[derive(Default, Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: CallArguments<'a>,
}

fn write_messages<S: Serializer>(messages: &[Message], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for message in messages {
        if message.role == Role::Tool {
            for part in &message.parts {
                list.serialize_element(&tool_message(part)?)?;
            }
        } else {
            list.serialize_element(&wire_message(message)?)?;
        }
    }
    list.end()
}

fn wire_message<E: serde::ser::Error>(message: &Message) -> Result<WireMessage<'_>, E> {
    let mut wire = WireMessage {
        role: message.role.as_str(),
        content: message.text(),
        ..WireMessage::default()
    };
    for part in &message.parts {
        match (part, message.role) {
            (Part::Text(_), _) => {}
            (Part::Image(image), Role::User) => match ImageSource::of(image) {
                ImageSource::Base64 { data, .. } => wire.images.push(data),
                ImageSource::Url(_) => {
                    return Err(E::custom(
                        "Ollama fetches no pictures; give the bytes of a picture and not its URL",
                    ));
                }
            },
            (Part::Reasoning(reasoning), Role::Assistant) => {
                let block = reasoning.block.as_ref();
                wire.thinking = block.and_then(|block| block.get("thinking")?.as_str());
                // Those of another provider, which signs them.
                if block.is_some_and(|block| block.get("type").is_some()) {
                    wire.thinking = None;
                }
            }
            (Part::ToolCall(call), Role::Assistant) => wire.tool_calls.push(WireCall {
                id: &call.id,
                function: WireFunction {
                    name: &call.name,
                    arguments: CallArguments(&call.arguments),
                },
            }),
            (_, role) => {
                return Err(E::custom(format!(
                    "a message of the {} can't hold this kind of part",
                    role.as_str()
                )));
            }
        }
    }
    Ok(wire)
}

fn tool_message<E: serde::ser::Error>(part: &Part) -> Result<WireMessage<'_>, E> {
    match part {
        Part::ToolResult(result) => Ok(WireMessage {
            role: "tool",
            content: Cow::Borrowed(&result.content),
            tool_name: Some(&result.name),
            tool_call_id: Some(&result.call_id),
            ..WireMessage::default()
        }),
        _ => Err(E::custom(
            "a message of a tool can hold nothing but what tools gave",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::samples::{look, look_call, look_result};
    use crate::clients::{Image, OutputSchema, Reasoning};

    fn write(request: &LlmRequest) -> Result<Value, String> {
        let body = ChatBody::new("m", request, false).map_err(|error| error.message)?;
        serde_json::to_value(body).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_sent_for_what_is_not_asked() {
        let expected = json!({
            "model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": false
        });
        assert_eq!(write(&LlmRequest::from_prompt("Hi")), Ok(expected));
    }

    #[test]
    fn everything_is_sent_that_is_asked() {
        let request = LlmRequest {
            temperature: Some(0.0),
            max_tokens: Some(5),
            stop: vec!["\n".to_owned()],
            output_schema: Some(Arc::new(OutputSchema {
                name: "Pair".to_owned(),
                schema: json!({"type": "object"}),
            })),
            top_p: Some(0.5),
            seed: Some(7),
            reasoning_effort: Some(ReasoningEffort::Low),
            tools: vec![look()],
            ..LlmRequest::from_prompt("Hi")
        };
        let expected = json!({
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": false,
            "format": {"type": "object"},
            "options": {
                "temperature": 0.0, "top_p": 0.5, "num_predict": 5, "stop": ["\n"], "seed": 7
            },
            "think": true,
            "tools": [{"type": "function", "function": {
                "name": "look", "description": "Looks.", "parameters": {"type": "object"}
            }}]
        });
        assert_eq!(write(&request), Ok(expected));
    }

    #[test]
    fn only_gpt_oss_is_told_how_much_to_think() {
        let check = |model, effort, expected: Value| {
            let think = serde_json::to_value(Think::of(model, effort)).expect("JSON");
            assert_eq!(think, expected);
        };
        check("gpt-oss:20b", ReasoningEffort::Minimal, json!("low"));
        check("gpt-oss:20b", ReasoningEffort::High, json!("high"));
        check("qwen3:8b", ReasoningEffort::High, json!(true));
        check("qwen3:8b", ReasoningEffort::None, json!(false));
    }

    fn messages(messages: Vec<Message>) -> Result<Value, String> {
        let request = LlmRequest {
            messages,
            ..LlmRequest::default()
        };
        Ok(write(&request)?["messages"].clone())
    }

    #[test]
    fn a_conversation_with_pictures_and_tools() {
        let thoughts = Reasoning {
            text: "Hm.".to_owned(),
            block: Some(json!({"thinking": "Hm."})),
        };
        let written = messages(vec![
            Message::from_parts(
                Role::User,
                [
                    Part::Text("What?".into()),
                    Part::Image(Image::bytes("image/png", b"abc".as_slice())),
                    Part::Image(Image::url("data:image/png;base64,YWJj")),
                ],
            ),
            Message::from_parts(Role::Assistant, [Part::Reasoning(thoughts), look_call()]),
            Message::from_parts(Role::Tool, [look_result("a cat", false)]),
        ]);
        let expected = json!([
            {"role": "user", "content": "What?", "images": ["YWJj", "YWJj"]},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [
                {"id": "c1", "function": {"name": "look", "arguments": {"at": 1}}}
            ]},
            {"role": "tool", "content": "a cat", "tool_name": "look", "tool_call_id": "c1"}
        ]);
        assert_eq!(written, Ok(expected));
    }

    #[test]
    fn what_can_not_be_sent_is_said() {
        let picture = Part::Image(Image::url("https://h/a.png"));
        let error = messages(vec![Message::from_parts(Role::User, [picture])]);
        let error = error.expect_err("an error");
        assert!(error.contains("give the bytes of a picture"), "{error}");
        let request = LlmRequest {
            tool_choice: ToolChoice::Required,
            ..LlmRequest::from_prompt("Hi")
        };
        let error = write(&request).expect_err("an error");
        assert!(error.contains("can't be told to call a tool"), "{error}");
    }
}
