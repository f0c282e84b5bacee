//! An [`LlmRequest`] as the JSON of Anthropic's messages.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::AnthropicClient;
use super::model::thinks_within_budget;
use crate::clients::call_arguments::CallArguments;
use crate::clients::image_source::ImageSource;
use crate::clients::{
    ClientError, ClientErrorKind, LlmRequest, Message, Part, ReasoningEffort, Role, ToolChoice,
    ToolSpec,
};

/// The body of a message, borrowed from the request.
#[derive(Debug, Serialize)]
pub(super) struct MessagesBody<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Cow<'a, str>>,
    #[serde(serialize_with = "write_messages")]
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'a>,
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
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<JsonFormat<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a Value,
}

impl OutputConfig<'_> {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

/// How a model thinks before it answers
/// ([adaptive](https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking),
/// [budget](https://platform.claude.com/docs/en/build-with-claude/extended-thinking)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Thinking {
    /// As much as the model finds right, guided by an effort.
    Adaptive {
        /// Without it, newer models hide what they think.
        display: &'static str,
    },
    /// No more than so many tokens.
    Enabled {
        budget_tokens: u32,
    },
    Disabled,
}

impl Thinking {
    /// Whether `request` turns it on.
    pub(super) fn is_on(request: &LlmRequest) -> bool {
        !matches!(request.reasoning_effort, None | Some(ReasoningEffort::None))
    }

    fn of(model: &str, effort: Option<ReasoningEffort>) -> Option<Self> {
        Some(match effort? {
            ReasoningEffort::None => Self::Disabled,
            effort if thinks_within_budget(model) => Self::Enabled {
                budget_tokens: room_for_thoughts(effort),
            },
            _ => Self::Adaptive {
                display: "summarized",
            },
        })
    }
}

/// The tokens that a model thinks with at most, or about so many where it finds
/// out itself.
fn room_for_thoughts(effort: ReasoningEffort) -> u32 {
    match effort {
        ReasoningEffort::None => 0,
        // The least budget that there is.
        ReasoningEffort::Minimal => 1_024,
        ReasoningEffort::Low => 2_048,
        ReasoningEffort::Medium => 8_192,
        ReasoningEffort::High => 16_384,
    }
}

/// The bound on an answer, which counts thoughts too. A budget has to fit into
/// it; where there is none, a bound that was asked for is left alone: it may be
/// the most that the model can do.
fn max_tokens(request: &LlmRequest, thinking: Option<Thinking>) -> u32 {
    match (request.max_tokens, thinking) {
        (Some(answer), Some(Thinking::Enabled { budget_tokens })) => {
            answer.saturating_add(budget_tokens)
        }
        (Some(bound), _) => bound,
        (None, _) => {
            let thoughts = request.reasoning_effort.map_or(0, room_for_thoughts);
            AnthropicClient::DEFAULT_MAX_TOKENS + thoughts
        }
    }
}

impl<'a> MessagesBody<'a> {
    pub(super) fn new(
        model: &'a str,
        request: &'a LlmRequest,
        schema: Option<&'a Value>,
        is_streamed: bool,
    ) -> Result<Self, ClientError> {
        if request.seed.is_some() {
            return Err(ClientError::new(
                ClientErrorKind::Refused,
                "Anthropic's messages have no `seed`; take it out of the request",
            ));
        }
        let (system, messages) = split_system(&request.messages);
        let thinking = Thinking::of(model, request.reasoning_effort);
        let is_adaptive = matches!(thinking, Some(Thinking::Adaptive { .. }));
        let effort = request.reasoning_effort.filter(|_| is_adaptive);
        Ok(Self {
            model,
            max_tokens: max_tokens(request, thinking),
            system,
            messages,
            temperature: request.temperature,
            top_p: request.top_p,
            stop_sequences: &request.stop,
            thinking,
            output_config: OutputConfig {
                effort: effort.map(|effort| match effort {
                    // The least that it has a word for.
                    ReasoningEffort::Minimal => "low",
                    effort => effort.as_str(),
                }),
                format: schema.map(|schema| JsonFormat {
                    kind: "json_schema",
                    schema,
                }),
            },
            tools: &request.tools,
            tool_choice: WireToolChoice::of(&request.tool_choice, request.tools.is_empty()),
            stream: is_streamed,
        })
    }
}

/// The system messages at the beginning, and all others.
fn split_system(messages: &[Message]) -> (Option<Cow<'_, str>>, &[Message]) {
    let first = messages
        .iter()
        .position(|message| message.role != Role::System)
        .unwrap_or(messages.len());
    let (system, rest) = messages.split_at(first);
    let text = match system {
        [] => None,
        [one] => Some(one.text()),
        many => {
            let texts: Vec<_> = many.iter().map(Message::text).collect();
            Some(Cow::Owned(texts.join("\n\n")))
        }
    };
    (text.filter(|text| !text.is_empty()), rest)
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: WireContent<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireContent<'a> {
    Text(&'a str),
    Blocks(Blocks<'a>),
}

struct Blocks<'a>(&'a Message);

fn write_messages<S: Serializer>(messages: &[Message], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(messages.len()))?;
    for message in messages {
        let role = match message.role {
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
            Role::System => {
                return Err(S::Error::custom(
                    "Anthropic's messages take system messages at the beginning only; move it there",
                ));
            }
        };
        let content = match &*message.parts {
            [Part::Text(text)] if message.role != Role::Tool => WireContent::Text(text),
            _ => WireContent::Blocks(Blocks(message)),
        };
        list.serialize_element(&WireMessage { role, content })?;
    }
    list.end()
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: CallArguments<'a>,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Source<'a> {
    Base64 {
        media_type: &'a str,
        data: Cow<'a, str>,
    },
    Url {
        url: &'a str,
    },
}

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for part in &self.0.parts {
            let block = match (part, self.0.role) {
                // Refused, and left over where a model only called tools.
                (Part::Text(text), _) if text.is_empty() => continue,
                (Part::Text(text), Role::User | Role::Assistant) => Block::Text { text },
                (Part::Image(image), Role::User) => Block::Image {
                    source: match ImageSource::of(image) {
                        ImageSource::Url(url) => Source::Url { url },
                        ImageSource::Base64 { media_type, data } => {
                            Source::Base64 { media_type, data }
                        }
                    },
                },
                (Part::ToolCall(call), Role::Assistant) => Block::ToolUse {
                    id: &call.id,
                    name: &call.name,
                    input: CallArguments(&call.arguments),
                },
                (Part::ToolResult(result), Role::Tool) => Block::ToolResult {
                    tool_use_id: &result.call_id,
                    content: &result.content,
                    is_error: result.is_error,
                },
                (Part::Reasoning(reasoning), Role::Assistant) => {
                    if let Some(block) = reasoning.block.as_ref().filter(|block| is_own(block)) {
                        list.serialize_element(block)?;
                    }
                    continue;
                }
                (_, role) => {
                    return Err(S::Error::custom(format!(
                        "a message of the {} can't hold this kind of part",
                        role.as_str()
                    )));
                }
            };
            list.serialize_element(&block)?;
        }
        list.end()
    }
}

/// Whether thoughts are of this provider: they are signed, and it refuses those
/// of others.
fn is_own(block: &Value) -> bool {
    let kind = block.get("type").and_then(Value::as_str);
    matches!(kind, Some("redacted_thinking"))
        || (kind == Some("thinking") && block.get("signature").is_some())
}

#[derive(Serialize)]
struct WireTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    input_schema: &'a Value,
}

fn write_tools<S: Serializer>(tools: &[Arc<ToolSpec>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tools.iter().map(|tool| WireTool {
        name: &tool.name,
        description: &tool.description,
        input_schema: &tool.parameters,
    }))
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum WireToolChoice<'a> {
    None,
    Any,
    Tool { name: &'a str },
}

impl<'a> WireToolChoice<'a> {
    /// Without tools, the choice of none is refused, and needless.
    fn of(choice: &'a ToolChoice, is_without_tools: bool) -> Option<Self> {
        match choice {
            ToolChoice::Auto => None,
            ToolChoice::Never if is_without_tools => None,
            ToolChoice::Never => Some(Self::None),
            ToolChoice::Required => Some(Self::Any),
            ToolChoice::Tool(name) => Some(Self::Tool { name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::samples::{look, look_call, look_result};
    use crate::clients::{Image, Reasoning};

    fn write(model: &str, request: &LlmRequest, schema: Option<&Value>) -> Result<Value, String> {
        let body = MessagesBody::new(model, request, schema, false);
        let body = body.map_err(|error| error.message)?;
        serde_json::to_value(body).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_sent_for_what_is_not_asked_but_a_bound() {
        let expected = json!({
            "model": "m", "max_tokens": 8192, "messages": [{"role": "user", "content": "Hi"}]
        });
        let request = LlmRequest::from_prompt("Hi");
        assert_eq!(write("m", &request, None), Ok(expected));
    }

    #[test]
    fn everything_is_sent_that_is_asked() {
        let request = LlmRequest {
            messages: vec![
                Message::new(Role::System, "Be brief."),
                Message::new(Role::User, "Hi"),
            ],
            temperature: Some(0.0),
            max_tokens: Some(5),
            stop: vec!["END".to_owned()],
            top_p: Some(0.5),
            reasoning_effort: Some(ReasoningEffort::Minimal),
            tools: vec![look()],
            tool_choice: ToolChoice::Tool("look".to_owned()),
            ..LlmRequest::default()
        };
        let schema = json!({"type": "object"});
        let expected = json!({
            "model": "claude-opus-4-7",
            "max_tokens": 5,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.0,
            "top_p": 0.5,
            "stop_sequences": ["END"],
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {
                "effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}
            },
            "tools": [{
                "name": "look", "description": "Looks.", "input_schema": {"type": "object"}
            }],
            "tool_choice": {"type": "tool", "name": "look"}
        });
        assert_eq!(
            write("claude-opus-4-7", &request, Some(&schema)),
            Ok(expected)
        );
    }

    #[test]
    fn older_models_think_within_a_budget_beside_the_answer() {
        let check = |model, effort, thinking: Value, max_tokens| {
            let request = LlmRequest {
                max_tokens: Some(100),
                reasoning_effort: Some(effort),
                ..LlmRequest::from_prompt("Hi")
            };
            let body = write(model, &request, None).expect("a body");
            assert_eq!(body["thinking"], thinking, "{model}");
            assert_eq!(body["max_tokens"], max_tokens, "{model}");
        };
        let budget = |tokens| json!({"type": "enabled", "budget_tokens": tokens});
        let adaptive = json!({"type": "adaptive", "display": "summarized"});
        let none = json!({"type": "disabled"});
        check("claude-haiku-4-5", ReasoningEffort::Low, budget(2048), 2148);
        check(
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            ReasoningEffort::High,
            budget(16_384),
            16_484,
        );
        check(
            "claude-sonnet-4-6",
            ReasoningEffort::High,
            adaptive.clone(),
            100,
        );
        check("claude-something-5", ReasoningEffort::Low, adaptive, 100);
        check("claude-haiku-4-5", ReasoningEffort::None, none, 100);

        let mut request = LlmRequest::from_prompt("Hi");
        request.reasoning_effort = Some(ReasoningEffort::High);
        for model in ["claude-haiku-4-5", "claude-sonnet-4-6"] {
            let body = write(model, &request, None).expect("a body");
            assert_eq!(body["max_tokens"], 8_192 + 16_384, "{model}");
        }
    }

    fn messages(messages: Vec<Message>) -> Result<Value, String> {
        let request = LlmRequest {
            messages,
            ..LlmRequest::default()
        };
        Ok(write("m", &request, None)?["messages"].clone())
    }

    #[test]
    fn a_conversation_with_pictures_tools_and_thoughts() {
        let thoughts = |block| {
            Part::Reasoning(Reasoning {
                text: "Hm.".to_owned(),
                block: Some(block),
            })
        };
        let own = json!({"type": "thinking", "thinking": "Hm.", "signature": "abc"});
        let written = messages(vec![
            Message::from_parts(
                Role::User,
                [
                    Part::Image(Image::url("https://h/a.png")),
                    Part::Image(Image::bytes("image/png", b"abc".as_slice())),
                    Part::Text("What?".into()),
                ],
            ),
            Message::from_parts(
                Role::Assistant,
                [
                    thoughts(own.clone()),
                    Part::Text("".into()),
                    thoughts(json!({"reasoning_content": "Hm."})),
                    look_call(),
                ],
            ),
            Message::from_parts(Role::Tool, [look_result("no light", true)]),
        ]);
        let expected = json!([
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
                {"type": "image", "source":
                    {"type": "base64", "media_type": "image/png", "data": "YWJj"}},
                {"type": "text", "text": "What?"}
            ]},
            {"role": "assistant", "content": [
                own, {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "no light",
                 "is_error": true}
            ]}
        ]);
        assert_eq!(written, Ok(expected));
    }

    #[test]
    fn what_can_not_be_sent_is_said() {
        let picture = Part::Image(Image::url("https://h/a.png"));
        let error = messages(vec![Message::from_parts(Role::Assistant, [picture])]);
        let error = error.expect_err("an error");
        assert_eq!(
            error,
            "a message of the assistant can't hold this kind of part"
        );
        let late = vec![
            Message::new(Role::User, "Hi"),
            Message::new(Role::System, "Be brief."),
        ];
        let error = messages(late).expect_err("an error");
        assert!(error.contains("at the beginning only"), "{error}");
        let request = LlmRequest {
            seed: Some(1),
            ..LlmRequest::from_prompt("Hi")
        };
        let error = write("m", &request, None).expect_err("an error");
        assert!(error.contains("no `seed`"), "{error}");
    }
}
