//! [`Message`]: one turn of a conversation, in no provider's format.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ToolCall;

/// Who said a [`Message`].
///
/// [`Message`] shows a message of a user, and [`ToolCall`](super::ToolCall) a turn with a tool. As JSON it is
/// its name in small letters.
///
/// ```
/// use inf_engine::conversation::Role;
///
/// assert_eq!(Role::Assistant.as_str(), "assistant");
/// assert_eq!(serde_json::from_str::<Role>("\"tool\"")?, Role::Tool);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Instructions that hold for the whole conversation.
    System,
    /// The caller.
    User,
    /// The model, in an earlier turn.
    Assistant,
    /// Tools that the model called in its last turn: every part is a
    /// [`Part::ToolResult`].
    Tool,
}

impl Role {
    /// The role's name, as most wire formats and the conventions for telemetry
    /// write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
///
/// ```
/// use inf_engine::conversation::{Image, Message, Part, Role};
///
/// let question = Message::from_parts(
///     Role::User,
///     [
///         Part::Text("What is on this picture?".into()),
///         Part::Image(Image::url("https://example.org/cat.png")),
///     ],
/// );
/// assert_eq!(question.text(), "What is on this picture?");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said, in its order.
    pub parts: Vec<Part>,
}

/// A part of a [`Message`].
///
/// ```
/// use inf_engine::conversation::{Conversation, Part};
///
/// let said = Conversation::new().system("Be brief.").user("Hello!");
/// for message in &said.messages {
///     for part in &message.parts {
///         match part {
///             Part::Text(text) => println!("{}: {text}", message.role.as_str()),
///             Part::Image(_) => println!("{}: (a picture)", message.role.as_str()),
///             _ => {}
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(Arc<str>),
    /// A picture.
    Image(Image),
    /// What the model thought in an earlier turn; only of an assistant.
    Reasoning(Reasoning),
    /// A tool that the model wanted to be called; only of an assistant.
    ToolCall(ToolCall),
    /// What a tool gave; only of [`Role::Tool`].
    ToolResult(ToolResult),
}

/// A picture that a model is shown.
///
/// ```
/// use inf_engine::conversation::{Conversation, Image};
///
/// let remote = Image::url("https://example.org/cat.png");
/// let local = Image::bytes("image/png", b"\x89PNG...".as_slice());
/// let question = Conversation::new()
///     .user("Are these the same animal?")
///     .image(remote)
///     .image(local);
/// assert_eq!(question.messages[0].parts.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Image {
    /// Where it is; the provider fetches it. Not every server does.
    Url(Arc<str>),
    /// The picture itself.
    Bytes {
        /// What it is: `image/png`, `image/jpeg`, ….
        media_type: Arc<str>,
        /// The file's content.
        data: Bytes,
    },
}

impl Image {
    /// The picture at `url`, or in it if it is a `data:` URL.
    pub fn url(url: impl Into<Arc<str>>) -> Self {
        Self::Url(url.into())
    }

    /// A picture of the type `media_type`, such as `image/png`.
    pub fn bytes(media_type: impl Into<Arc<str>>, data: impl Into<Bytes>) -> Self {
        Self::Bytes {
            media_type: media_type.into(),
            data: data.into(),
        }
    }
}

/// What a model thought before it answered.
///
/// ```
/// use inf_engine::clients::LlmResponse;
/// use inf_engine::conversation::{Message, Part, Reasoning, Role};
///
/// // What a client of your own read: the thoughts go back with the answer in the next turn.
/// let mut response = LlmResponse::from_text("Because of the air.");
/// response.reasoning = vec![Reasoning { text: "Light scatters.".to_owned(), block: None }];
/// let thoughts = response.reasoning.iter().cloned().map(Part::Reasoning);
/// let answer = [Part::Text(response.text.as_str().into())];
/// let turn = Message::from_parts(Role::Assistant, thoughts.chain(answer));
/// assert_eq!(turn.text(), "Because of the air."); // thoughts are no part of what was said
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoning {
    /// The thoughts, as far as the provider shows them.
    #[serde(default)]
    pub text: String,
    /// The provider's own block (signatures, encrypted thoughts, identifiers),
    /// to be given back to it unchanged in the next turn; nothing if it needs
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<serde_json::Value>,
}

/// What a tool gave, for the model.
///
/// [`ToolCall`](super::ToolCall) shows one with the call that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolResult {
    /// The [`ToolCall::id`] that it answers.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// What it gave, or why it failed.
    pub content: Arc<str>,
    /// Whether it failed.
    #[serde(default)]
    pub is_error: bool,
}

impl Message {
    /// A message of `role` that says `text`.
    pub fn new(role: Role, text: impl Into<Arc<str>>) -> Self {
        Self::from_parts(role, [Part::Text(text.into())])
    }

    /// A message of `role` made of `parts`.
    pub fn from_parts(role: Role, parts: impl IntoIterator<Item = Part>) -> Self {
        Self {
            role,
            parts: parts.into_iter().collect(),
        }
    }

    /// The texts in it, a line break between two of them.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            _ => None,
        });
        let first = texts.next().unwrap_or_default();
        let mut all = Cow::Borrowed(first);
        for text in texts {
            let all = all.to_mut();
            all.push('\n');
            all.push_str(text);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_lines_and_one_is_not_copied() {
        let message = Message::new(Role::User, "a");
        assert!(matches!(message.text(), Cow::Borrowed("a")));
        let parts = ["a", "b"].map(|text| Part::Text(text.into()));
        assert_eq!(Message::from_parts(Role::User, parts).text(), "a\nb");
        assert_eq!(Message::from_parts(Role::Tool, []).text(), "");
    }
}
