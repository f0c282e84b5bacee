//! From the body of a chat completion to an [`LlmRequest`].

use std::sync::Arc;

use inf_engine::clients::{LlmRequest, Message, OutputSchema, Role};
use serde::Deserialize;
use serde_json::{Value, json};

use super::openai_error::OpenAiError;

/// What is asked of the server.
#[derive(Debug, PartialEq)]
pub(super) struct ChatRequest {
    pub(super) model: String,
    pub(super) request: LlmRequest,
    /// Whether the answer is wanted in pieces.
    pub(super) stream: bool,
    /// Whether a stream ends with the tokens that were used.
    pub(super) include_usage: bool,
}

/// The body. What changes no simulated answer (`top_p`, `user`, …) is let pass.
#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<BodyMessage>>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    stop: Option<Stop>,
    n: Option<u32>,
    response_format: Option<ResponseFormat>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
struct BodyMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
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

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl ChatRequest {
    pub(super) fn read(body: &[u8]) -> Result<Self, OpenAiError> {
        let json: Value = serde_json::from_slice(body)
            .map_err(|error| OpenAiError::bad_request(format!("the body is not JSON: {error}")))?;
        let body = Body::deserialize(json).map_err(|error| {
            OpenAiError::bad_request(format!("the body is no chat completion: {error}"))
        })?;
        let model = body.model.filter(|model| !model.is_empty());
        let model = model
            .ok_or_else(|| OpenAiError::bad_param("model", "`model` is missing; name any model"))?;
        let messages = body.messages.unwrap_or_default();
        if messages.is_empty() {
            let message = "`messages` is missing or empty; send at least one message";
            return Err(OpenAiError::bad_param("messages", message));
        }
        if body.n.is_some_and(|n| n != 1) {
            let message = "`n` must be 1: this server gives one choice";
            return Err(OpenAiError::bad_param("n", message));
        }
        let messages = messages.into_iter().enumerate();
        let messages: Result<_, _> = messages
            .map(|(index, message)| message.read(index))
            .collect();
        Ok(Self {
            model,
            request: LlmRequest {
                messages: messages?,
                temperature: body.temperature,
                max_tokens: body.max_completion_tokens.or(body.max_tokens),
                stop: match body.stop {
                    None => Vec::new(),
                    Some(Stop::One(text)) => vec![text],
                    Some(Stop::Several(texts)) => texts,
                },
                output_schema: match body.response_format {
                    Some(format) => format.read()?.map(Arc::new),
                    None => None,
                },
                ..LlmRequest::default()
            },
            stream: body.stream.unwrap_or(false),
            include_usage: body.stream_options.unwrap_or_default().include_usage,
        })
    }
}

impl BodyMessage {
    fn read(self, index: usize) -> Result<Message, OpenAiError> {
        let wrong = |what: String| {
            OpenAiError::bad_param("messages", format!("`messages[{index}]` {what}"))
        };
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            // A tool's result is something that the model is told.
            "user" | "tool" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                let known = "`system`, `developer`, `user`, `assistant` or `tool`";
                return Err(wrong(format!("has the role `{other}`; it must be {known}")));
            }
        };
        let content = match self.content {
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                let mut texts = Vec::new();
                for part in parts {
                    match (part.kind.as_str(), part.text) {
                        ("text", Some(text)) => texts.push(text),
                        ("text", None) => return Err(wrong("has a part without `text`".into())),
                        (kind, _) => {
                            let only = "this server reads only `text`";
                            return Err(wrong(format!("has a part of type `{kind}`; {only}")));
                        }
                    }
                }
                texts.join("\n")
            }
            // An assistant that only called tools said nothing.
            None if role == Role::Assistant => String::new(),
            None => return Err(wrong("has no `content`".into())),
        };
        Ok(Message::new(role, content))
    }
}

impl ResponseFormat {
    fn read(self) -> Result<Option<OutputSchema>, OpenAiError> {
        let wrong = |message: &str| OpenAiError::bad_param("response_format", message);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<ChatRequest, String> {
        let read = ChatRequest::read(body.to_string().as_bytes());
        read.map_err(|error| format!("{error:?}"))
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
        let request = LlmRequest {
            messages: messages.map(|(role, text)| Message::new(role, text)).into(),
            temperature: Some(0.5),
            max_tokens: Some(9),
            stop: vec!["END".into()],
            output_schema: Some(Arc::new(schema)),
            ..LlmRequest::default()
        };
        assert_eq!(chat.request, request);
        assert!(chat.stream && chat.include_usage);
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
            "a part of type `image_url`",
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
}
