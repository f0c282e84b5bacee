//! The JSON form of conversations, written and read.
//!
//! It is read by hand: an error names the place and says what may stand there,
//! and the engine shows it with the input that has it.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use super::{Conversation, Image, Message, Part, Role};
use crate::document::shorten;

/// What an image may be, for messages.
const IMAGE_FORMS: &str = "a URL (`https://…` or `data:…`) or \
                           `{\"media_type\": \"image/png\", \"data\": \"<base64>\"}`";

// Writing.

impl Serialize for Conversation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut messages = serializer.serialize_seq(Some(self.messages.len()))?;
        for message in &self.messages {
            messages.serialize_element(message)?;
        }
        messages.end()
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(2))?;
        fields.serialize_entry("role", &self.role)?;
        match &self.parts[..] {
            [Part::Text(text)] => fields.serialize_entry("content", text)?,
            parts => fields.serialize_entry("content", parts)?,
        }
        fields.end()
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = |serializer: S| -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(1))?;
            match self {
                Self::Text(_) => {}
                Self::Image(image) => map.serialize_entry("image", image)?,
                Self::Reasoning(reasoning) => map.serialize_entry("reasoning", reasoning)?,
                Self::ToolCall(call) => map.serialize_entry("tool_call", call)?,
                Self::ToolResult(result) => map.serialize_entry("tool_result", result)?,
            }
            map.end()
        };
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            _ => one(serializer),
        }
    }
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => serializer.serialize_str(url),
            Self::Bytes { media_type, data } => {
                let mut fields = serializer.serialize_map(Some(2))?;
                fields.serialize_entry("media_type", media_type)?;
                fields.serialize_entry("data", &BASE64.encode(data))?;
                fields.end()
            }
        }
    }
}

// Reading.

impl<'de> Deserialize<'de> for Conversation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        conversation(json).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        message(json).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        part(json).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        image(json).map_err(D::Error::custom)
    }
}

fn conversation(json: Json) -> Result<Conversation, String> {
    let Json::Array(messages) = json else {
        return Err(format!(
            "a conversation is a list of messages, and this is {}",
            shown(&json)
        ));
    };
    let mut read = Conversation::default();
    for (place, json) in messages.into_iter().enumerate() {
        let at = |why| format!("message {place}: {why}");
        match json {
            // What was said before, as it is put together in a pipeline.
            Json::Array(earlier) => {
                let earlier = conversation(Json::Array(earlier)).map_err(at)?;
                read.messages.extend(earlier.messages);
            }
            json => read.messages.push(message(json).map_err(at)?),
        }
    }
    Ok(read)
}

fn message(json: Json) -> Result<Message, String> {
    const FORM: &str = "a message is `{\"role\": …, \"content\": …}`";
    let Json::Object(mut fields) = json else {
        return Err(format!("{FORM}, and this is {}", shown(&json)));
    };
    let role = fields.shift_remove("role");
    let role = role.ok_or_else(|| format!("{FORM}, and this one has no `role`"))?;
    let role = Role::deserialize(&role).map_err(|_| {
        let shown = shown(&role);
        format!("a role is `system`, `user`, `assistant` or `tool`, and this is {shown}")
    })?;
    let content = fields.shift_remove("content");
    let content = content.ok_or_else(|| format!("{FORM}, and this one has no `content`"))?;
    if let Some(other) = fields.keys().next() {
        return Err(format!("{FORM}, and there is no `{other}` in it"));
    }
    let parts = match content {
        Json::String(text) => return Ok(Message::new(role, text)),
        Json::Array(parts) => parts.into_iter().enumerate(),
        other => {
            return Err(format!(
                "a message's `content` is a text or a list of parts, and this is {}",
                shown(&other)
            ));
        }
    };
    let read = |(place, json)| {
        let part = part(json).map_err(|why| format!("part {place}: {why}"))?;
        let speaker = match &part {
            Part::Text(_) | Part::Image(_) => role,
            Part::Reasoning(_) | Part::ToolCall(_) => Role::Assistant,
            Part::ToolResult(_) => Role::Tool,
        };
        let is_tool = matches!(part, Part::ToolResult(_));
        if speaker != role || (role == Role::Tool && !is_tool) {
            let (is, may) = (role.as_str(), speaker.as_str());
            return Err(if role == Role::Tool {
                format!("part {place}: a message of `tool` has results of tools alone")
            } else {
                format!("part {place}: it is said by `{may}`, and the message is of `{is}`")
            });
        }
        Ok(part)
    };
    Ok(Message {
        role,
        parts: parts.map(read).collect::<Result<_, String>>()?,
    })
}

fn part(json: Json) -> Result<Part, String> {
    const FORM: &str = "a part is a text, or an object with one of `image`, `reasoning`, \
                        `tool_call` and `tool_result`";
    let fields = match json {
        Json::String(text) => return Ok(Part::Text(text.into())),
        Json::Object(fields) if fields.len() == 1 => fields,
        other => return Err(format!("{FORM}, and this is {}", shown(&other))),
    };
    let (key, value) = fields.into_iter().next().unwrap_or_default();
    match &*key {
        "image" => image(value).map(Part::Image),
        "reasoning" => inner(&key, value).map(Part::Reasoning),
        "tool_call" => inner(&key, value).map(Part::ToolCall),
        "tool_result" => inner(&key, value).map(Part::ToolResult),
        _ => Err(format!("{FORM}, and this is `{key}`")),
    }
}

fn inner<T: DeserializeOwned>(key: &str, json: Json) -> Result<T, String> {
    serde_json::from_value(json).map_err(|error| format!("`{key}`: {error}"))
}

fn image(json: Json) -> Result<Image, String> {
    let mut fields = match json {
        Json::String(url) => {
            // Nothing else is an address that a provider can fetch; a path is a
            // file of the machine that it was written on.
            let schemes = ["https://", "http://", "data:"];
            if schemes.iter().any(|scheme| url.starts_with(scheme)) {
                return Ok(Image::url(url));
            }
            return Err(format!(
                "an image is {IMAGE_FORMS}, and this is the text `{}`",
                shorten(&url, 60)
            ));
        }
        Json::Object(fields) => fields,
        other => {
            return Err(format!(
                "an image is {IMAGE_FORMS}, and this is {}",
                shown(&other)
            ));
        }
    };
    let mut text = |key: &str| match fields.shift_remove(key) {
        Some(Json::String(text)) => Ok(text),
        Some(other) => Err(format!(
            "an image's `{key}` is a text, and this is {}",
            shown(&other)
        )),
        None => Err(format!(
            "an image is {IMAGE_FORMS}, and this one has no `{key}`"
        )),
    };
    let (media_type, data) = (text("media_type")?, text("data")?);
    if !media_type.starts_with("image/") {
        let shown = shorten(&media_type, 60);
        return Err(format!(
            "an image's `media_type` is `image/png`, `image/jpeg`, …, and this is `{shown}`"
        ));
    }
    if let Some(other) = fields.keys().next() {
        return Err(format!(
            "an image is {IMAGE_FORMS}, and there is no `{other}` in it"
        ));
    }
    let bytes = BASE64
        .decode(data)
        .map_err(|error| format!("an image's `data` is not base64: {error}"))?;
    Ok(Image::bytes(Arc::<str>::from(media_type), bytes))
}

/// A value in a message, shortened.
fn shown(json: &Json) -> String {
    format!("`{}`", shorten(&json.to_string(), 60))
}

// Schemas.

impl JsonSchema for Conversation {
    fn schema_name() -> Cow<'static, str> {
        "Conversation".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut message = Message::json_schema(generator);
        // A conversation in place of a message stands for its messages.
        message.insert("type".to_owned(), serde_json::json!(["object", "array"]));
        json_schema!({"type": "array", "items": message})
    }
}

impl JsonSchema for Message {
    fn schema_name() -> Cow<'static, str> {
        "Message".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // What is inside of a content is told better by the reader.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "role": {"type": "string", "enum": ["system", "user", "assistant", "tool"]},
                "content": {"type": ["string", "array"], "items": {"type": ["string", "object"]}},
            },
            "required": ["role", "content"],
        })
    }
}

impl JsonSchema for Image {
    fn schema_name() -> Cow<'static, str> {
        "Image".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "properties": {
                "media_type": {"type": "string"},
                "data": {"type": "string"},
            },
            "required": ["media_type", "data"],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conversation::{Reasoning, ToolCall, ToolResult};
    use crate::value::Schema;

    fn check(json: &Json, expected: &str) {
        let read: Result<Conversation, _> = serde_json::from_value(json.clone());
        assert_eq!(read.expect_err("no conversation").to_string(), expected);
    }

    #[test]
    fn what_is_written_is_read_again_and_fits_its_schema() {
        let call = ToolCall {
            id: "1".to_owned(),
            name: "add".to_owned(),
            arguments: "{}".to_owned(),
        };
        let result = ToolResult {
            call_id: "1".to_owned(),
            name: "add".to_owned(),
            content: "3".into(),
            is_error: false,
        };
        let thought = Reasoning {
            text: "Hm.".to_owned(),
            block: Some(json!({"signature": "abc"})),
        };
        let said = Conversation::new()
            .system("Be brief.")
            .user("What is it?")
            .image(Image::bytes("image/png", vec![0, 255, 7]))
            .message(Message::from_parts(
                Role::Assistant,
                [Part::Reasoning(thought), Part::ToolCall(call)],
            ))
            .message(Message::from_parts(Role::Tool, [Part::ToolResult(result)]));
        let json = serde_json::to_value(&said).expect("it has a JSON form");
        assert_eq!(
            json[1]["content"][1]["image"],
            json!({"media_type": "image/png", "data": "AP8H"})
        );
        let schema = Schema::of::<Conversation>();
        assert_eq!(schema.check(&json), Ok(()));
        let read: Conversation = serde_json::from_value(json).expect("it was written");
        assert_eq!(read, said);
    }

    #[test]
    fn an_error_says_where_and_what_may_stand_there() {
        let user = |content: Json| json!([{"role": "user", "content": content}]);
        check(
            &json!("Hi"),
            "a conversation is a list of messages, and this is `\"Hi\"`",
        );
        check(
            &json!([{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}]),
            "message 1: a role is `system`, `user`, `assistant` or `tool`, and this is `\"bot\"`",
        );
        check(
            &json!([{"content": "a"}]),
            "message 0: a message is `{\"role\": …, \"content\": …}`, and this one has no `role`",
        );
        check(
            &user(json!(["Look:", {"image": "cat.png"}])),
            "message 0: part 1: an image is a URL (`https://…` or `data:…`) or \
             `{\"media_type\": \"image/png\", \"data\": \"<base64>\"}`, and this is the text `cat.png`",
        );
        check(
            &user(json!([{"image": {"media_type": "image/png", "data": "?"}}])),
            "message 0: part 0: an image's `data` is not base64: Invalid symbol 63, offset 0.",
        );
        check(
            &user(json!([{"tool_call": {"id": "1", "name": "a", "arguments": "{}"}}])),
            "message 0: part 0: it is said by `assistant`, and the message is of `user`",
        );
        check(
            &json!([{"role": "tool", "content": ["done"]}]),
            "message 0: part 0: a message of `tool` has results of tools alone",
        );
        check(
            &user(json!([{"video": "x"}])),
            "message 0: part 0: a part is a text, or an object with one of `image`, `reasoning`, \
             `tool_call` and `tool_result`, and this is `video`",
        );
    }
}
