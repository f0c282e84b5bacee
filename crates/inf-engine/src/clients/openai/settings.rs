//! Which server, which model, which key.

use std::time::Duration;

use secrecy::SecretString;

/// Where servers of the format differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `OpenAI` itself: the answer's bound is `max_completion_tokens`, and its
    /// reasoning models refuse the older name.
    OpenAi,
    /// Everyone else (vLLM, TGI, llama.cpp, `LiteLLM`, …): the bound is
    /// `max_tokens`, which all of them know.
    Compatible,
}

impl Dialect {
    /// `OpenAi` if the address is one of its own, else `Compatible`.
    pub fn of_base_url(base_url: &str) -> Self {
        let host = url::Url::parse(base_url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        let is_own = host == "openai.com"
            || host.ends_with(".openai.com")
            || host.ends_with(".openai.azure.com");
        if is_own {
            Self::OpenAi
        } else {
            Self::Compatible
        }
    }
}

/// What an [`OpenAiClient`](super::OpenAiClient) is made of.
///
/// ```
/// use std::time::Duration;
/// use inf_engine::clients::openai::{Dialect, OpenAiSettings};
///
/// let settings = OpenAiSettings::new("http://localhost:8000/v1", "qwen3-8b")
///     .with_api_key("VLLM_API_KEY", "sk-local".into())
///     .with_timeout(Duration::from_secs(30));
/// assert_eq!(settings.dialect, Dialect::Compatible);
/// assert!(!format!("{settings:?}").contains("sk-local"));
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// The address before `/chat/completions`, for example
    /// `https://api.openai.com/v1`. A query (`?api-version=…`) is kept.
    pub base_url: String,
    /// The model, by the server's name for it.
    pub model: String,
    /// Sent as `Authorization: Bearer …`; local servers often want none.
    pub api_key: Option<SecretString>,
    /// The environment variable that the key comes from, for messages only.
    pub api_key_name: Option<String>,
    /// How the server differs from others.
    pub dialect: Dialect,
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
}

impl OpenAiSettings {
    /// How long a call may take unless something else is set.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);

    /// Settings without a key, in the dialect that the address suggests.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        let base_url = base_url.into();
        Self {
            dialect: Dialect::of_base_url(&base_url),
            base_url,
            model: model.into(),
            api_key: None,
            api_key_name: None,
            timeout: Self::DEFAULT_TIMEOUT,
            first_byte_timeout: None,
            idle_timeout: None,
            extra_headers: Vec::new(),
        }
    }

    /// Sends `key`, which came from the environment variable `name`.
    #[must_use]
    pub fn with_api_key(mut self, name: impl Into<String>, key: SecretString) -> Self {
        self.api_key_name = Some(name.into());
        self.api_key = Some(key);
        self
    }

    /// Speaks `dialect`, whatever the address suggests.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_suggests_the_dialect() {
        let check = |base_url, expected| assert_eq!(Dialect::of_base_url(base_url), expected);
        check("https://api.openai.com/v1", Dialect::OpenAi);
        check("https://eu.api.openai.com/v1", Dialect::OpenAi);
        check("https://mine.openai.azure.com/openai/v1", Dialect::OpenAi);
        check("https://api.openai.com.example/v1", Dialect::Compatible);
        check("https://notopenai.com/v1", Dialect::Compatible);
        check("http://localhost:8000/v1", Dialect::Compatible);
        check("not a url", Dialect::Compatible);
    }
}
