//! [`Provider`]: a client, and what its format can carry.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::anthropic::AnthropicClient;
use inf_engine::clients::ollama::OllamaClient;
use inf_engine::clients::openai::OpenAiClient;
use inf_engine::clients::openai_responses::ResponsesClient;
use inf_engine::clients::{HttpSettings, HttpStack, LlmClient};

/// A client to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    OpenAi,
    OpenAiResponses,
    Anthropic,
    Ollama,
    /// In process, without HTTP.
    Simulated,
}

/// What not every format can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// Texts at which the model stops.
    StopTexts,
    /// What random draws begin with.
    Seed,
    /// Pictures by their address.
    PictureAddresses,
    /// Whether tools are called, and which.
    ToolChoice,
    /// Whether a tool failed.
    FailedResults,
    /// Refusals that are marked as such.
    Refusals,
    /// Identifiers of requests and answers.
    Identifiers,
    /// How many tokens were cached, or thought.
    TokenDetails,
    /// What is left of the provider's limits.
    Allowances,
    /// A connection that can break in the middle.
    Connection,
    /// Answers that are known in advance.
    Script,
    /// How many tokens were used.
    Usage,
    /// The most tokens that an answer has.
    Bounds,
    /// What the model thought.
    Thoughts,
    /// Answers that fit a schema.
    Schemas,
}

impl Provider {
    pub(super) const OVER_HTTP: [Self; 4] = [
        Self::OpenAi,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::Ollama,
    ];

    /// Whether the format has `feature`.
    pub(super) fn has(self, feature: Feature) -> bool {
        use Feature as F;
        let lacks: &[Feature] = match self {
            Self::OpenAi => &[F::FailedResults],
            Self::OpenAiResponses => &[F::StopTexts, F::Seed, F::FailedResults],
            Self::Anthropic => &[F::Seed],
            Self::Ollama => &[
                F::PictureAddresses,
                F::ToolChoice,
                F::FailedResults,
                F::Refusals,
                F::Identifiers,
                F::TokenDetails,
                F::Allowances,
            ],
            Self::Simulated => &[F::Connection],
        };
        !lacks.contains(&feature)
    }

    /// A client of `model` at the server `root`, such as `http://127.0.0.1:80`.
    pub(super) fn client(self, root: &str, model: &str) -> Arc<dyn LlmClient> {
        self.client_with(HttpSettings::new(root, model))
    }

    pub(super) fn client_with(self, mut settings: HttpSettings) -> Arc<dyn LlmClient> {
        // These are served at many paths, so that nobody adds one.
        if matches!(self, Self::OpenAi | Self::OpenAiResponses) {
            settings.base_url.push_str("/v1");
        }
        let settings = settings.with_timeout(Duration::from_mins(1));
        let http = HttpStack::new().expect("a stack");
        match self {
            Self::OpenAi => Arc::new(OpenAiClient::new(http, settings).expect("usable")),
            Self::OpenAiResponses => {
                Arc::new(ResponsesClient::new(http, settings).expect("usable"))
            }
            Self::Anthropic => Arc::new(AnthropicClient::new(http, settings).expect("usable")),
            Self::Ollama => Arc::new(OllamaClient::new(http, settings).expect("usable")),
            Self::Simulated => unreachable!("it has no address"),
        }
    }
}
