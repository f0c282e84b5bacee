//! What is asked of a model, in no provider's format.

use std::sync::Arc;

/// Who said a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Instructions that hold for the whole conversation.
    System,
    /// The caller.
    User,
    /// The model, in an earlier turn.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: Arc<str>,
}

impl Message {
    /// A message of `role` that says `content`.
    pub fn new(role: Role, content: impl Into<Arc<str>>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}

/// The JSON schema that an answer has to satisfy.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSchema {
    /// A name for the type, `[A-Za-z0-9_-]{1,64}`: some providers want one.
    pub name: String,
    /// The JSON schema (draft 2020-12).
    pub schema: serde_json::Value,
}

/// One call of a model: the messages, how to sample, what shape to answer in.
///
/// `None` and empty mean "whatever the provider does by default"; nothing is
/// sent for them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LlmRequest {
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// Sampling temperature; 0 is the least random.
    pub temperature: Option<f64>,
    /// The most tokens that the answer may have.
    pub max_tokens: Option<u32>,
    /// Texts at which the model stops.
    pub stop: Vec<String>,
    /// The schema of the answer; without one it is plain text.
    pub output_schema: Option<Arc<OutputSchema>>,
}

impl LlmRequest {
    /// A request with one user message.
    pub fn from_prompt(prompt: impl Into<Arc<str>>) -> Self {
        Self {
            messages: vec![Message::new(Role::User, prompt)],
            ..Self::default()
        }
    }

    /// The last user message, or an empty text if there is none.
    pub fn prompt(&self) -> &str {
        self.last_of(Role::User).unwrap_or_default()
    }

    /// The system message, if there is one.
    pub fn system(&self) -> Option<&str> {
        self.last_of(Role::System)
    }

    fn last_of(&self, role: Role) -> Option<&str> {
        let mut from_last = self.messages.iter().rev();
        from_last
            .find(|message| message.role == role)
            .map(|message| &*message.content)
    }
}
