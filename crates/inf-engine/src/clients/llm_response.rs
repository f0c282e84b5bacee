//! What a model answered, in no provider's format.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{RateLimits, Reasoning, ToolCall};

/// Tokens that a call was charged for.
///
/// ```
/// use inf_engine::clients::Usage;
///
/// let mut all = Usage::new(1_200, 80);
/// let mut more = Usage::new(900, 120);
/// more.cached_tokens = 800;
/// all += more;
/// assert_eq!((all.input_tokens, all.output_tokens, all.cached_tokens), (2_100, 200, 800));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Those of `input_tokens` that the provider had cached.
    pub cached_tokens: u64,
    /// Those of `output_tokens` that the model only thought.
    #[serde(default)]
    pub reasoning_tokens: u64,
}

impl Usage {
    /// So many tokens of the request and of the answer, none of them cached or
    /// only thought.
    pub fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            output_tokens,
            ..Self::default()
        }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        // Servers may say anything.
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
    }
}

/// Why a model stopped.
///
/// ```
/// use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
/// use inf_engine::clients::{FinishReason, LlmClient, LlmRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = SimulatedClient::new("tiny", SimulatedSettings::default())?;
/// let mut request = LlmRequest::from_prompt("Why is the sky blue?");
/// request.max_tokens = Some(2);
/// let response = client.send(&request).await?;
/// assert_eq!(response.finish_reason, FinishReason::Length); // it is cut off
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// It was done, or met a stop text.
    Stop,
    /// It reached the most tokens that it may write: the answer is cut off.
    Length,
    /// It wants tools to be called.
    ToolCalls,
    /// The provider withheld the answer.
    ContentFilter,
    /// The model would not answer; the text says why, if it gave a reason.
    Refusal,
    /// Whatever else the provider said.
    Other(String),
}

/// How long a call took.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::clients::simulated::{Latency, SimulatedClient, SimulatedSettings};
/// use inf_engine::clients::{LlmClient, LlmRequest};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let latency = Latency { median_ms: 250.0, ..Latency::default() };
/// let settings = SimulatedSettings::default().with_latency(latency);
/// let client = SimulatedClient::new("tiny", settings)?;
/// let response = client.send(&LlmRequest::from_prompt("Hello.")).await?;
/// assert_eq!(response.timings.total, Duration::from_millis(250));
/// assert_eq!(response.timings.first_token, None); // it came in one piece
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// From sending the request to the first byte of the answer's head.
    pub first_byte: Duration,
    /// From sending the request to the first piece of text or reasoning, if the
    /// answer came in pieces.
    pub first_token: Option<Duration>,
    /// From sending the request to the last byte of the answer.
    pub total: Duration,
}

/// The answer to an [`LlmRequest`](super::LlmRequest).
///
/// ```
/// use inf_engine::clients::{FinishReason, LlmResponse, Usage};
///
/// // What a client of your own returns, of a body that it has read.
/// let mut response = LlmResponse::from_text("Because of the air.");
/// response.usage = Usage::new(12, 5);
/// response.model = "acme-large-2026-01".to_owned();
/// response.id = Some("answer-17".to_owned());
/// assert_eq!(response.finish_reason, FinishReason::Stop);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LlmResponse {
    /// The text of the answer; empty if the model only called tools.
    pub text: String,
    /// Tools that the model wants to be called.
    pub tool_calls: Vec<ToolCall>,
    /// What the model thought, if the provider says.
    pub reasoning: Vec<Reasoning>,
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// Tokens charged; zeros if the provider did not say.
    pub usage: Usage,
    /// The model that answered, by the provider's own account.
    pub model: String,
    /// How long the call took.
    pub timings: Timings,
    /// The provider's identifier of the answer.
    pub id: Option<String>,
    /// The provider's identifier of the request, for asking its support.
    pub request_id: Option<String>,
    /// What the provider says about its limits.
    pub rate_limits: Option<Box<RateLimits>>,
}

impl LlmResponse {
    /// An answer that says `text`, with everything else at its default.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tool_calls: Vec::new(),
            reasoning: Vec::new(),
            finish_reason: FinishReason::Stop,
            usage: Usage::default(),
            model: String::new(),
            timings: Timings::default(),
            id: None,
            request_id: None,
            rate_limits: None,
        }
    }
}
