//! [`Conversation`]: messages, as data that travels through a graph.

use std::sync::Arc;

use super::{Image, Message, Part, Role};

/// A conversation, oldest message first: an input, an output or a value between
/// nodes. A module that goes on with one is
/// [`LlmInference::chat`](crate::module::LlmInference::chat); inside `forward` a
/// [`Chat`](crate::trace::Chat) makes one of proxies.
///
/// As JSON it is a list of messages, each with its `role` (`system`, `user`,
/// `assistant` or `tool`) and its `content`: a text, or a list of parts. A part
/// is a text, or `{"image": …}` with a URL (`https://…`, `data:…`) or with
/// `{"media_type": "image/png", "data": "<base64>"}`; what else a conversation
/// with tools has is `{"reasoning": …}`, `{"tool_call": …}` and
/// `{"tool_result": …}`, with the fields of the types of these names. A list in
/// place of a message is an earlier conversation, and stands for its messages.
///
/// ```
/// use inf_engine::conversation::{Conversation, Image};
///
/// let asked = Conversation::new()
///     .system("Answer briefly.")
///     .user("What is on this picture?")
///     .image(Image::url("https://example.org/cat.png"))
///     .assistant("A cat.")
///     .user("What colour is it?");
/// assert_eq!(
///     serde_json::to_value(&asked)?,
///     serde_json::json!([
///         {"role": "system", "content": "Answer briefly."},
///         {"role": "user", "content": [
///             "What is on this picture?",
///             {"image": "https://example.org/cat.png"},
///         ]},
///         {"role": "assistant", "content": "A cat."},
///         {"role": "user", "content": "What colour is it?"},
///     ])
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Conversation {
    /// What was said, oldest first.
    pub messages: Vec<Message>,
}

impl Conversation {
    /// A conversation in which nothing was said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds instructions.
    #[must_use]
    pub fn system(self, text: impl Into<Arc<str>>) -> Self {
        self.message(Message::new(Role::System, text))
    }

    /// Adds what the caller said.
    #[must_use]
    pub fn user(self, text: impl Into<Arc<str>>) -> Self {
        self.message(Message::new(Role::User, text))
    }

    /// Adds what the model said.
    #[must_use]
    pub fn assistant(self, text: impl Into<Arc<str>>) -> Self {
        self.message(Message::new(Role::Assistant, text))
    }

    /// Adds a picture to what the caller said last, or as a message of its own
    /// if the caller was not the last to speak.
    #[must_use]
    pub fn image(mut self, image: Image) -> Self {
        let image = Part::Image(image);
        match self.messages.last_mut() {
            Some(last) if last.role == Role::User => last.parts.push(image),
            _ => self.messages.push(Message::from_parts(Role::User, [image])),
        }
        self
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }
}

impl FromIterator<Message> for Conversation {
    fn from_iter<I: IntoIterator<Item = Message>>(messages: I) -> Self {
        Self {
            messages: messages.into_iter().collect(),
        }
    }
}
