//! What is asked of a model, in no provider's format.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Message, ReasoningEffort, Role, ToolChoice, ToolSpec};

/// The JSON schema that an answer has to satisfy.
///
/// ```
/// use std::sync::Arc;
///
/// use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
/// use inf_engine::clients::{LlmClient, LlmRequest, OutputSchema};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut request = LlmRequest::from_prompt("How many legs has a cat?");
/// request.output_schema = Some(Arc::new(OutputSchema {
///     name: "legs".to_owned(),
///     schema: serde_json::json!({
///         "type": "object",
///         "properties": { "legs": { "type": "integer" } },
///         "required": ["legs"],
///     }),
/// }));
/// let client = SimulatedClient::new("m", SimulatedSettings::default())?;
/// let answer: serde_json::Value = serde_json::from_str(&client.send(&request).await?.text)?;
/// assert!(answer["legs"].is_i64());
/// # Ok(())
/// # }
/// ```
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
///
/// ```
/// use inf_engine::clients::LlmRequest;
/// use inf_engine::conversation::{Message, Role};
///
/// let mut request = LlmRequest::from_messages([
///     Message::new(Role::System, "Answer in one sentence."),
///     Message::new(Role::User, "Why is the sky blue?"),
/// ]);
/// request.temperature = Some(0.0);
/// request.max_tokens = Some(100);
/// assert_eq!(request.prompt(), "Why is the sky blue?");
/// assert_eq!(request.system().as_deref(), Some("Answer in one sentence."));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
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
    /// Nucleus sampling: of the most likely tokens, only those that together
    /// have this probability.
    pub top_p: Option<f64>,
    /// What random draws begin with, where a provider can repeat them.
    pub seed: Option<u64>,
    /// How much a reasoning model thinks.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// The tools that the model may call.
    pub tools: Vec<Arc<ToolSpec>>,
    /// Whether it calls them.
    pub tool_choice: ToolChoice,
    /// More fields of the provider's own body, beside those of its endpoint;
    /// they go before what this request says in another way.
    pub extra: Option<Arc<ExtraFields>>,
}

/// Fields of a provider's own body.
///
/// ```
/// use inf_engine::prelude::*;
/// use serde_json::json;
///
/// // What no setting of a call says, and the provider takes all the same.
/// let ask = LlmInference::new("fast").extra("service_tier", "flex").extra("logit_bias", json!({"50256": -100}));
/// # assert_eq!(ask.trace()?.nodes().len(), 2);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub type ExtraFields = serde_json::Map<String, serde_json::Value>;

impl LlmRequest {
    /// A request with one user message.
    pub fn from_prompt(prompt: impl Into<Arc<str>>) -> Self {
        Self::from_messages([Message::new(Role::User, prompt)])
    }

    /// A request with a whole conversation, oldest message first.
    pub fn from_messages(messages: impl IntoIterator<Item = Message>) -> Self {
        Self {
            messages: messages.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The text of the last user message, or an empty one if there is none.
    pub fn prompt(&self) -> Cow<'_, str> {
        self.last_of(Role::User).unwrap_or_default()
    }

    /// The text of the system message, if there is one.
    pub fn system(&self) -> Option<Cow<'_, str>> {
        self.last_of(Role::System)
    }

    fn last_of(&self, role: Role) -> Option<Cow<'_, str>> {
        let mut from_last = self.messages.iter().rev();
        from_last
            .find(|message| message.role == role)
            .map(Message::text)
    }
}
