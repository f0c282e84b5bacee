//! [`HttpSettings`]: which server, which model, which key.

use std::time::Duration;

use secrecy::SecretString;

use crate::clients::{ExtraFields, StructuredOutput};

/// What a client of any HTTP provider is made of.
///
/// ```
/// use std::time::Duration;
/// use inf_engine::clients::HttpSettings;
///
/// let settings = HttpSettings::new("http://localhost:8000/v1", "qwen3-8b")
///     .with_api_key("VLLM_API_KEY", "sk-local".into())
///     .with_timeout(Duration::from_secs(30));
/// assert!(!format!("{settings:?}").contains("sk-local"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpSettings {
    /// The address to which the format adds its path, for example
    /// `https://api.openai.com/v1`. A query (`?api-version=…`) is kept.
    pub base_url: String,
    /// The model, by the server's name for it.
    pub model: String,
    /// Sent in the provider's way; local servers often want none.
    pub api_key: Option<SecretString>,
    /// The environment variable that the key comes from, for messages only.
    pub api_key_name: Option<String>,
    /// The longest that one call may take; 120 s unless set.
    pub timeout: Duration,
    /// The longest until the head of a reply is there, connecting included;
    /// only `timeout` bounds it unless set. An answer that is not streamed sends
    /// its first byte when the whole of it is written.
    pub first_byte_timeout: Option<Duration>,
    /// The longest silence between two pieces of a reply; only `timeout` bounds
    /// it unless set.
    pub idle_timeout: Option<Duration>,
    /// More headers, treated as secret: they may well be keys.
    pub extra_headers: Vec<(String, SecretString)>,
    /// More fields for the body of every call. They go before what the engine
    /// would send, and those of a request go before them; objects are merged,
    /// and nothing (`null`) takes a field out. The model, the messages and whether to stream can't be changed.
    pub extra_body: ExtraFields,
    /// How an answer is made to fit its schema; what the format does natively
    /// unless set.
    pub structured_output: StructuredOutput,
}

impl HttpSettings {
    /// How long a call may take unless something else is set.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);

    /// Settings without a key.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            api_key_name: None,
            timeout: Self::DEFAULT_TIMEOUT,
            first_byte_timeout: None,
            idle_timeout: None,
            extra_headers: Vec::new(),
            extra_body: ExtraFields::new(),
            structured_output: StructuredOutput::Native,
        }
    }

    /// Sends `key`, which came from the environment variable `name`.
    #[must_use]
    pub fn with_api_key(mut self, name: impl Into<String>, key: SecretString) -> Self {
        self.api_key_name = Some(name.into());
        self.api_key = Some(key);
        self
    }

    /// Lets a call take as long as `timeout`.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Lets the head of a reply take no longer than `timeout`.
    #[must_use]
    pub fn with_first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.first_byte_timeout = Some(timeout);
        self
    }

    /// Lets a server be silent in the middle of a reply for no longer than
    /// `timeout`.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sends one more header with every call.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.extra_headers.push((name.into(), value));
        self
    }

    /// Sends these fields in the body of every call.
    #[must_use]
    pub fn with_extra_body(mut self, fields: ExtraFields) -> Self {
        self.extra_body = fields;
        self
    }

    /// Says how an answer is made to fit its schema.
    #[must_use]
    pub fn with_structured_output(mut self, structured_output: StructuredOutput) -> Self {
        self.structured_output = structured_output;
        self
    }
}
