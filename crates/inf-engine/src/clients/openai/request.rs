//! An [`LlmRequest`] as the JSON of a chat completion.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::Dialect;
use super::response_format::ResponseFormat;
use crate::clients::{LlmRequest, Message};

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
}

#[derive(Debug, Serialize)]
struct ChatMessage<'a> {
    role: &'static str,
    content: Cow<'a, str>,
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
        }
    }
}

/// Writes them as they go, without a list of their own.
fn write_messages<S: Serializer>(messages: &[Message], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(messages.iter().map(|message| ChatMessage {
        role: message.role.as_str(),
        content: message.text(),
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::clients::{OutputSchema, Role};

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
            }}
        });
        check(Dialect::Compatible, &request, &expected);

        let object = expected.as_object_mut().expect("an object");
        let bound = object.remove("max_tokens").expect("a bound");
        object.insert("max_completion_tokens".to_owned(), bound);
        check(Dialect::OpenAi, &request, &expected);
    }
}
