//! From the body of a message to an [`LlmRequest`].

use std::sync::Arc;

use axum::http::HeaderMap;
use inf_engine::clients::{LlmRequest, OutputSchema};
use inf_engine::conversation::{
    Image, Message, Part, Reasoning, ReasoningEffort, Role, ToolCall, ToolChoice, ToolSpec,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::signature::sign;
use crate::simulated_server::conversation::Conversation;
use crate::simulated_server::refusal::{Read, Refusal};
use crate::simulated_server::wire_format::{Asked, read_body, read_model};
use crate::simulated_server::{picture, tools};

/// The body. What changes no simulated answer (`metadata`, `top_k`, …) is let
/// pass.
#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    max_tokens: Option<u32>,
    system: Option<Content>,
    messages: Option<Vec<BodyMessage>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    stop_sequences: Option<Vec<String>>,
    thinking: Option<Thinking>,
    output_config: Option<OutputConfig>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Choice>,
    stream: Option<bool>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct BodyMessage {
    role: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    Image {
        source: Source,
    },
    Thinking {
        thinking: String,
        signature: String,
    },
    RedactedThinking {},
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
    ToolResult {
        tool_use_id: String,
        content: Option<Content>,
        #[serde(default)]
        is_error: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source {
    Base64 { media_type: String, data: String },
    Url { url: String },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Thinking {
    Enabled { budget_tokens: u32 },
    Adaptive {},
    Disabled {},
}

#[derive(Debug, Deserialize)]
struct OutputConfig {
    effort: Option<String>,
    format: Option<Format>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    JsonSchema { schema: Value },
}

#[derive(Debug, Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    description: Option<String>,
    input_schema: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Choice {
    Auto {},
    Any {},
    None {},
    Tool { name: String },
}

/// What other formats have and this one does not, and what to write instead.
const UNKNOWN: [(&str, &str); 8] = [
    ("max_completion_tokens", "write `max_tokens`"),
    ("stop", "write `stop_sequences`"),
    ("response_format", "write `output_config.format`"),
    ("reasoning_effort", "write `output_config.effort`"),
    ("seed", "messages know no seed"),
    ("n", "messages are one"),
    ("frequency_penalty", "messages know no penalties"),
    ("presence_penalty", "messages know no penalties"),
];

/// Reads a body.
pub(super) fn read(headers: &HeaderMap, body: Value) -> Read<Asked<()>> {
    if !headers.contains_key("anthropic-version") {
        let message = "the header `anthropic-version` is missing; send `2023-06-01`";
        return Err(Refusal::bad(message));
    }
    let body: Body = read_body(body, "request for a message")?;
    let unknown = UNKNOWN
        .iter()
        .find(|(key, _)| body.others.contains_key(*key));
    if let Some((key, instead)) = unknown {
        let message = format!("`{key}` is no parameter of messages: {instead}");
        return Err(Refusal::bad_param(*key, message));
    }
    let model = read_model(body.model)?;
    let Some(max_tokens) = body.max_tokens else {
        let message = "`max_tokens` is missing; say how long the answer may be";
        return Err(Refusal::bad_param("max_tokens", message));
    };
    if let Some(temperature) = body.temperature
        && !(0.0..=1.0).contains(&temperature)
    {
        let message = format!("`temperature` is {temperature}; it must be between 0 and 1");
        return Err(Refusal::bad_param("temperature", message));
    }
    let mut conversation = Conversation::default();
    if let Some(system) = body.system {
        system.say("system", Role::System, &mut conversation)?;
    }
    if body.messages.as_ref().is_none_or(Vec::is_empty) {
        let message = "`messages` is missing or empty; send at least one message";
        return Err(Refusal::bad_param("messages", message));
    }
    for (index, message) in body.messages.into_iter().flatten().enumerate() {
        let place = format!("messages[{index}]");
        let role = match message.role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                let message = format!(
                    "`{place}` has the role `{other}`; it must be `user` or `assistant`, and \
                     instructions go to `system`"
                );
                return Err(Refusal::bad_param("messages", message));
            }
        };
        message.content.say(&place, role, &mut conversation)?;
    }
    let offered = body.tools.into_iter().flatten().enumerate();
    let offered: Read<Vec<_>> = offered.map(|(index, tool)| tool.read(index)).collect();
    let offered = offered?;
    let tool_choice = match body.tool_choice {
        Some(Choice::Auto {}) | None => ToolChoice::Auto,
        Some(Choice::Any {}) => ToolChoice::Required,
        Some(Choice::None {}) => ToolChoice::Never,
        Some(Choice::Tool { name }) => ToolChoice::Tool(name),
    };
    tools::check(&offered, &tool_choice)?;
    let (effort, format) = match body.output_config {
        Some(config) => (config.effort, config.format),
        None => (None, None),
    };
    let insists = matches!(tool_choice, ToolChoice::Required | ToolChoice::Tool(_));
    let mut request = LlmRequest::from_messages(conversation.finish("messages")?);
    request.temperature = body.temperature;
    request.top_p = body.top_p;
    request.max_tokens = Some(max_tokens);
    request.stop = body.stop_sequences.unwrap_or_default();
    request.output_schema = format.map(|Format::JsonSchema { schema }| {
        let name = "answer".to_owned();
        Arc::new(OutputSchema { name, schema })
    });
    request.reasoning_effort = reasoning(
        body.thinking.as_ref(),
        effort.as_deref(),
        max_tokens,
        insists,
    )?;
    request.tools = offered;
    request.tool_choice = tool_choice;
    Ok(Asked {
        model,
        request,
        stream: body.stream.unwrap_or(false),
        shape: (),
    })
}

/// How much is thought: nothing unless thinking is switched on.
fn reasoning(
    thinking: Option<&Thinking>,
    effort: Option<&str>,
    max_tokens: u32,
    insists_on_tool: bool,
) -> Read<Option<ReasoningEffort>> {
    let effort = match effort {
        None => None,
        Some("low") => Some(ReasoningEffort::Low),
        Some("medium") => Some(ReasoningEffort::Medium),
        Some("high" | "xhigh" | "max") => Some(ReasoningEffort::High),
        Some(other) => {
            let known = "`low`, `medium`, `high`, `xhigh` or `max`";
            let message = format!("`output_config.effort` is `{other}`; it must be {known}");
            return Err(Refusal::bad_param("output_config", message));
        }
    };
    let wrong = |message: String| Err(Refusal::bad_param("thinking", message));
    let thinks = match thinking {
        None | Some(Thinking::Disabled {}) => return Ok(None),
        Some(Thinking::Adaptive {}) => ReasoningEffort::High,
        Some(&Thinking::Enabled { budget_tokens }) => {
            if budget_tokens < 1024 {
                return wrong(format!(
                    "`thinking.budget_tokens` is {budget_tokens}; it must be at least 1024"
                ));
            }
            if budget_tokens >= max_tokens {
                return wrong(format!(
                    "`max_tokens` ({max_tokens}) must be more than `thinking.budget_tokens` \
                     ({budget_tokens})"
                ));
            }
            match budget_tokens {
                ..4096 => ReasoningEffort::Low,
                4096..16_384 => ReasoningEffort::Medium,
                _ => ReasoningEffort::High,
            }
        }
    };
    if insists_on_tool {
        return wrong("a model that thinks can't be made to call a tool".to_owned());
    }
    Ok(Some(effort.unwrap_or(thinks)))
}

impl Content {
    fn blocks(self) -> Vec<Block> {
        match self {
            Self::Text(text) => vec![Block::Text { text }],
            Self::Blocks(blocks) => blocks,
        }
    }

    /// Says what there is; results of tools, which users bring, come before
    /// what they say.
    fn say(self, place: &str, role: Role, conversation: &mut Conversation) -> Read<()> {
        let wrong = |what: &str| Refusal::bad_param("messages", format!("`{place}` {what}"));
        let mut parts = Vec::new();
        let mut has_results = false;
        for block in self.blocks() {
            let only = |wanted, what: &str| {
                if role == wanted {
                    Ok(())
                } else {
                    Err(wrong(&format!("has {what}")))
                }
            };
            parts.push(match block {
                Block::Text { text } => Part::Text(text.into()),
                Block::Image { source } => {
                    only(Role::User, "a picture, which only a user shows")?;
                    let image = source.read();
                    let image = image.map_err(|what| wrong(&format!("has a picture that {what}")));
                    Part::Image(image?)
                }
                Block::Thinking {
                    thinking,
                    signature,
                } => {
                    only(Role::Assistant, "thoughts, which only an assistant has")?;
                    if signature != sign(&thinking) {
                        return Err(wrong(
                            "has a `thinking` block with an invalid `signature`: thoughts must \
                             come back as they were given",
                        ));
                    }
                    Part::Reasoning(Reasoning {
                        text: thinking,
                        block: None,
                    })
                }
                Block::RedactedThinking {} => Part::Reasoning(Reasoning::default()),
                Block::ToolUse { id, name, input } => {
                    only(Role::Assistant, "a `tool_use`, which only an assistant has")?;
                    if !input.is_object() {
                        return Err(wrong("has a `tool_use` whose `input` is no object"));
                    }
                    Part::ToolCall(ToolCall {
                        id,
                        name,
                        arguments: input.to_string(),
                    })
                }
                Block::ToolResult {
                    tool_use_id,
                    content,
                    is_error,
                } => {
                    only(Role::User, "a `tool_result`, which only a user brings")?;
                    if !parts.is_empty() {
                        return Err(wrong("has a `tool_result` after something else"));
                    }
                    let text = content.map_or_else(|| Ok(String::new()), Content::text);
                    let text = text.map_err(|what| wrong(&what))?;
                    conversation.result(place, &tool_use_id, text, is_error)?;
                    has_results = true;
                    continue;
                }
            });
        }
        if parts.is_empty() {
            return if has_results {
                Ok(())
            } else {
                Err(wrong("is empty"))
            };
        }
        conversation.say(place, role, parts)
    }

    fn text(self) -> Result<String, String> {
        let texts = self.blocks().into_iter().map(|block| match block {
            Block::Text { text } => Ok(Part::Text(text.into())),
            _ => Err("has a `tool_result` with more than text, which this server does not read"),
        });
        let texts: Result<Vec<_>, _> = texts.collect();
        let message = Message::from_parts(Role::Tool, texts?);
        Ok(message.text().into_owned())
    }
}

impl Source {
    fn read(self) -> Result<Image, String> {
        const KNOWN: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
        match self {
            Self::Base64 { media_type, data } if KNOWN.contains(&&*media_type) => {
                picture::in_base64(&media_type, &data)
            }
            Self::Base64 { media_type, .. } => Err(format!(
                "is of the type `{media_type}`; it must be JPEG, PNG, GIF or WebP"
            )),
            Self::Url { url } if url.starts_with("https://") || url.starts_with("http://") => {
                picture::at_url(&url)
            }
            Self::Url { .. } => Err("has a `url` that starts with no `https://`".to_owned()),
        }
    }
}

impl Tool {
    fn read(self, index: usize) -> Read<Arc<ToolSpec>> {
        let place = format!("tools[{index}]");
        if let Some(kind) = self.kind.filter(|kind| kind != "custom") {
            let message =
                format!("`{place}` is of the type `{kind}`; this server knows only tools of yours");
            return Err(Refusal::bad_param("tools", message));
        }
        if self.input_schema.is_none() {
            let message = format!("`{place}` has no `input_schema`");
            return Err(Refusal::bad_param("tools", message));
        }
        tools::tool(&place, self.name, self.description, self.input_schema)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use inf_engine::conversation::ToolResult;
    use serde_json::json;

    use super::*;

    fn versioned() -> HeaderMap {
        let version = HeaderValue::from_static("2023-06-01");
        HeaderMap::from_iter([("anthropic-version".parse().expect("a name"), version)])
    }

    #[test]
    fn blocks_become_parts_and_results_a_turn_of_their_own() {
        let asked = super::read(
            &versioned(),
            json!({
                "model": "m", "max_tokens": 5000, "system": [{"type": "text", "text": "Be brief."}],
                "stop_sequences": ["END"], "stream": true,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
                "tools": [{"name": "add", "input_schema": {"type": "object"}}],
                "messages": [
                    {"role": "user", "content": [
                        {"type": "text", "text": "Add."},
                        {"type": "image", "source": {
                            "type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                    ]},
                    {"role": "assistant", "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": sign("Hm.")},
                        {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}},
                    ]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "1", "is_error": true, "content": "no"},
                        {"type": "text", "text": "Go on."},
                    ]},
                ],
            }),
        )
        .expect("readable");
        let thoughts = Reasoning {
            text: "Hm.".into(),
            block: None,
        };
        let call = ToolCall {
            id: "1".into(),
            name: "add".into(),
            arguments: r#"{"a":1}"#.into(),
        };
        let result = ToolResult {
            call_id: "1".into(),
            name: "add".into(),
            content: "no".into(),
            is_error: true,
        };
        let image = Part::Image(Image::bytes("image/png", &b"\x89PNG"[..]));
        let messages = [
            Message::new(Role::System, "Be brief."),
            Message::from_parts(Role::User, [Part::Text("Add.".into()), image]),
            Message::from_parts(
                Role::Assistant,
                [Part::Reasoning(thoughts), Part::ToolCall(call)],
            ),
            Message::from_parts(Role::Tool, [Part::ToolResult(result)]),
            Message::new(Role::User, "Go on."),
        ];
        assert_eq!(asked.request.messages, messages);
        assert_eq!(asked.request.stop, ["END"]);
        assert_eq!(asked.request.reasoning_effort, Some(ReasoningEffort::Low));
        assert!(asked.request.output_schema.is_some() && asked.stream);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |key: &str, value: Value, expected: &str| {
            let hi = json!([{"role": "user", "content": "Hi"}]);
            let mut body = json!({"model": "m", "max_tokens": 2000, "messages": hi});
            body[key] = value;
            let error = super::read(&versioned(), body).expect_err("an error");
            assert!(error.message.contains(expected), "{}", error.message);
        };
        check("max_tokens", Value::Null, "`max_tokens` is missing");
        check("messages", json!([]), "`messages` is missing");
        check("temperature", json!(1.5), "between 0 and 1");
        check("stop", json!("a"), "write `stop_sequences`");
        check(
            "messages",
            json!([{"role": "system", "content": "Hi"}]),
            "instructions go to `system`",
        );
        check(
            "messages",
            json!([{"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm!", "signature": sign("Hm.")}]}]),
            "invalid `signature`",
        );
        check(
            "messages",
            json!([{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "a"}]}]),
            "which no tool call right before it has",
        );
        check(
            "messages",
            json!([{"role": "user", "content": []}]),
            "is empty",
        );
        check(
            "thinking",
            json!({"type": "enabled", "budget_tokens": 2000}),
            "`max_tokens` (2000) must be more than",
        );
        check(
            "output_config",
            json!({"effort": "huge"}),
            "`output_config.effort` is `huge`",
        );
        check("tools", json!([{"name": "a"}]), "no `input_schema`");
        check(
            "tool_choice",
            json!({"type": "any"}),
            "there are no `tools`",
        );
        let unversioned = super::read(&HeaderMap::new(), json!({}));
        let message = unversioned.expect_err("an error").message;
        assert!(
            message.contains("`anthropic-version` is missing"),
            "{message}"
        );
    }
}
