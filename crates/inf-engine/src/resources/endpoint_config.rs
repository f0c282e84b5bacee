//! [`EndpointConfig`]: what an alias stands for.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Price;
use crate::clients::simulated::SimulatedSettings;
use crate::clients::{ExtraFields, StructuredOutput};

/// Who answers.
///
/// ```
/// use inf_engine::resources::{EndpointConfig, Provider};
///
/// let endpoint = EndpointConfig::anthropic("claude-sonnet-4-5");
/// assert_eq!(endpoint.provider, Provider::Anthropic);
/// // As files name it.
/// assert_eq!(serde_json::to_value(Provider::OpenAiCompatible).unwrap(), "openai-compatible");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI's own service, by its chat completions.
    #[serde(rename = "openai")]
    OpenAi,
    /// OpenAI's own service, by its Responses API.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// A server that speaks OpenAI's chat completions: vLLM, TGI, llama.cpp,
    /// LiteLLM, ….
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
    /// Anthropic's service, by its messages.
    #[serde(rename = "anthropic")]
    Anthropic,
    /// An Ollama server, by its own format.
    #[serde(rename = "ollama")]
    Ollama,
    /// Nobody: answers are made up in this process, deterministically.
    #[serde(rename = "simulated")]
    Simulated,
}

/// What an alias stands for: a provider, a model and what it can take.
///
/// In `base_url`, `model`, `api_key`, `api_key_file` and `headers`, `${NAME}` and
/// `${NAME:-default}` are
/// environment variables; `$$` is a `$`.
///
/// ```
/// use inf_engine::resources::EndpointConfig;
///
/// let local = EndpointConfig::openai_compatible("http://localhost:8000/v1", "qwen3-8b")
///     .with_max_concurrent(32)
///     .with_timeout(300.0)
///     .with_connect_timeout(2.0)
///     .with_idle_timeout(30.0);
/// # let _ = local;
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Who answers.
    pub provider: Provider,
    /// The model to ask for.
    pub model: String,
    /// Where the server is, with its version: `http://localhost:8000/v1`. The
    /// provider's own address by default, `http://localhost:11434` for `ollama`;
    /// `openai-compatible` needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the key; by default
    /// `OPENAI_API_KEY` for `openai` and `openai-responses` and
    /// `ANTHROPIC_API_KEY` for `anthropic`, which have to be set unless
    /// `base_url` is, otherwise no key is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The key, from the environment: `${NAME}`. A key itself is refused: it
    /// does not belong into a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// More headers for every call, such as `anthropic-beta`. Their values are
    /// never shown: they may be keys, which belong into the environment
    /// (`${NAME}`). Not for `simulated`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// More fields for the body of every call, in the provider's own words; they
    /// go before what the engine would send, and `null` takes a field out. Not
    /// for `simulated`.
    #[serde(default, skip_serializing_if = "ExtraFields::is_empty")]
    pub extra_body: ExtraFields,
    /// How an answer is made to fit its type: `native` (the default), `tool` or
    /// `prompt`. Not for `simulated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<StructuredOutput>,
    /// The file that holds the key and nothing else, instead of `api_key_env`;
    /// white space around the key is left out. A relative path begins where the
    /// program was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<String>,
    /// What the model charges; by default what OpenAI or Anthropic list for it, if
    /// they themselves are asked and the model is known. Calls of a model without
    /// a price have an unknown cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// The most calls at once; 64 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<usize>,
    /// How long one call may take, in seconds; 120 by default. The three other
    /// times are parts of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// How long opening a connection (resolving the host's name, TCP and TLS)
    /// may take, in seconds; 10 by default. Endpoints with the same time share
    /// connections. Not for `simulated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<f64>,
    /// How long it may take from sending a request, connecting included, to the
    /// head of its reply, in seconds; by default only `timeout` bounds it. An
    /// answer that is not streamed sends its first byte when
    /// the whole of it is written: leave time for that. Not for `simulated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_timeout: Option<f64>,
    /// How long a server may be silent between two pieces of a reply, the first
    /// of which is its head, in seconds; by default only `timeout` bounds it.
    /// Not for `simulated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<f64>,
    /// How often a call that failed for a passing reason is tried again; 3 by
    /// default. Waiting for a limit spends none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// The most requests in any minute; by default as many as the provider is
    /// found to bear. All endpoints of the process that have the same address,
    /// key and model share it, and of several numbers the lowest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// The most tokens in any minute, those of requests and of answers together;
    /// by default as many as the provider is found to bear. Shared as
    /// `requests_per_minute` is. They are estimated before a call and corrected
    /// by what it was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// How many requests may be sent at once after a pause; by default as many as
    /// `requests_per_minute` allows in a second, and half a minute's at most. What
    /// is more is spread evenly. As large a part of a minute's tokens may be used
    /// at once. It needs `requests_per_minute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// The share of the calls of an alias with several endpoints, where the
    /// strategy is `weighted`; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// How the `simulated` provider behaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<SimulatedSettings>,
}

impl EndpointConfig {
    /// The most calls at once unless `max_concurrent` says otherwise.
    pub const DEFAULT_MAX_CONCURRENT: usize = 64;
    /// The seconds that a call may take unless `timeout` says otherwise.
    pub const DEFAULT_TIMEOUT: f64 = 120.0;
    /// The seconds that opening a connection may take unless `connect_timeout`
    /// says otherwise.
    pub const DEFAULT_CONNECT_TIMEOUT: f64 = 10.0;
    /// The retries unless `max_retries` says otherwise.
    pub const DEFAULT_MAX_RETRIES: u32 = 3;

    /// A model of OpenAI, with the key in `OPENAI_API_KEY`.
    pub fn openai(model: impl Into<String>) -> Self {
        Self::new(Provider::OpenAi, model)
    }

    /// A model on a server that speaks OpenAI's chat completions, without a
    /// key.
    pub fn openai_compatible(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: Some(base_url.into()),
            ..Self::new(Provider::OpenAiCompatible, model)
        }
    }

    /// A model of OpenAI behind its Responses API, with the key in
    /// `OPENAI_API_KEY`.
    pub fn openai_responses(model: impl Into<String>) -> Self {
        Self::new(Provider::OpenAiResponses, model)
    }

    /// A model of Anthropic, with the key in `ANTHROPIC_API_KEY`.
    pub fn anthropic(model: impl Into<String>) -> Self {
        Self::new(Provider::Anthropic, model)
    }

    /// A model of the Ollama server on this machine, without a key.
    pub fn ollama(model: impl Into<String>) -> Self {
        Self::new(Provider::Ollama, model)
    }

    /// A made-up model.
    pub fn simulated(settings: SimulatedSettings) -> Self {
        Self {
            simulated: Some(settings),
            ..Self::new(Provider::Simulated, "simulated")
        }
    }

    fn new(provider: Provider, model: impl Into<String>) -> Self {
        Self {
            provider,
            model: model.into(),
            base_url: None,
            api_key_env: None,
            api_key: None,
            headers: IndexMap::new(),
            extra_body: ExtraFields::new(),
            structured_output: None,
            api_key_file: None,
            price: None,
            max_concurrent: None,
            timeout: None,
            connect_timeout: None,
            first_byte_timeout: None,
            idle_timeout: None,
            max_retries: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            burst: None,
            weight: None,
            simulated: None,
        }
    }

    /// Sets where the server is.
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets the environment variable that holds the key.
    #[must_use]
    pub fn with_api_key_env(mut self, name: impl Into<String>) -> Self {
        self.api_key_env = Some(name.into());
        self
    }

    /// Sets the file that holds the key.
    #[must_use]
    pub fn with_api_key_file(mut self, path: impl Into<String>) -> Self {
        self.api_key_file = Some(path.into());
        self
    }

    /// Sets what the model charges.
    #[must_use]
    pub fn with_price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// Sends one more header with every call.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sends one more field in the body of every call.
    #[must_use]
    pub fn with_extra_field(
        mut self,
        name: impl Into<String>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.extra_body.insert(name.into(), value.into());
        self
    }

    /// Says how an answer is made to fit its type.
    #[must_use]
    pub fn with_structured_output(mut self, structured_output: StructuredOutput) -> Self {
        self.structured_output = Some(structured_output);
        self
    }

    /// Sets the most calls at once.
    #[must_use]
    pub fn with_max_concurrent(mut self, max_concurrent: usize) -> Self {
        self.max_concurrent = Some(max_concurrent);
        self
    }

    /// Sets how long one call may take, in seconds.
    #[must_use]
    pub fn with_timeout(mut self, seconds: f64) -> Self {
        self.timeout = Some(seconds);
        self
    }

    /// Sets how long opening a connection may take, in seconds.
    #[must_use]
    pub fn with_connect_timeout(mut self, seconds: f64) -> Self {
        self.connect_timeout = Some(seconds);
        self
    }

    /// Sets how long the head of a reply may take, in seconds.
    #[must_use]
    pub fn with_first_byte_timeout(mut self, seconds: f64) -> Self {
        self.first_byte_timeout = Some(seconds);
        self
    }

    /// Sets how long a server may be silent in the middle of a reply, in
    /// seconds.
    #[must_use]
    pub fn with_idle_timeout(mut self, seconds: f64) -> Self {
        self.idle_timeout = Some(seconds);
        self
    }

    /// Sets how often a call that failed for a passing reason is tried again.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// Sets the most requests in any minute.
    #[must_use]
    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Sets the most tokens in any minute.
    #[must_use]
    pub fn with_tokens_per_minute(mut self, tokens: u32) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// Sets how many requests may be sent at once after a pause.
    #[must_use]
    pub fn with_burst(mut self, requests: u32) -> Self {
        self.burst = Some(requests);
        self
    }

    /// Sets its share among several endpoints.
    #[must_use]
    pub fn with_weight(mut self, weight: f64) -> Self {
        self.weight = Some(weight);
        self
    }
}

impl fmt::Debug for EndpointConfig {
    /// Without `api_key` and `api_key_file`, and without the values of `headers` and
    /// `extra_body`: somebody may have put a key there.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EndpointConfig")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("base_url", &self.base_url)
            .field("api_key_env", &self.api_key_env)
            .field("headers", &self.headers.keys())
            .field("extra_body", &self.extra_body.keys())
            .field("structured_output", &self.structured_output)
            .field("price", &self.price)
            .field("max_concurrent", &self.max_concurrent)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("first_byte_timeout", &self.first_byte_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_retries", &self.max_retries)
            .field("requests_per_minute", &self.requests_per_minute)
            .field("tokens_per_minute", &self.tokens_per_minute)
            .field("burst", &self.burst)
            .field("weight", &self.weight)
            .field("simulated", &self.simulated)
            .finish_non_exhaustive()
    }
}
