//! [`EndpointMaker`]: from an endpoint as it is written to a live client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::endpoint::Limits;
use super::environment::{self, Lookup, interpolate, not_set};
use super::limiter::Declared;
use super::limiter_registry::Identity;
use super::{EndpointConfig, Price, Provider, Strategy, key_file, list_prices};
use crate::clients::anthropic::AnthropicClient;
use crate::clients::ollama::OllamaClient;
use crate::clients::openai::{Dialect, OpenAiClient};
use crate::clients::openai_responses::ResponsesClient;
use crate::clients::simulated::SimulatedClient;
use crate::clients::{ClientError, ClientErrorKind, HttpSettings, HttpStack, LlmClient};
use crate::document::Problem;

const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
const OPENAI_KEY: &str = "OPENAI_API_KEY";
const ANTHROPIC_KEY: &str = "ANTHROPIC_API_KEY";

pub(super) const AT_LEAST_ONE: &str = "0 calls at once is none: write 1 or more";

/// Makes one endpoint and notes what is wrong with it.
pub(super) struct EndpointMaker<'m> {
    pub(super) place: String,
    pub(super) lookup: Lookup<'m>,
    /// A stack for each time that opening a connection may take, made when the
    /// first endpoint needs it: the time belongs to the pool.
    pub(super) http: &'m mut BTreeMap<Duration, HttpStack>,
    pub(super) problems: &'m mut Vec<Problem>,
}

/// The times of an endpoint, checked.
struct Timeouts {
    total: Duration,
    connect: Duration,
    first_byte: Option<Duration>,
    idle: Option<Duration>,
}

/// Something is wrong, and it was noted.
pub(super) struct Noted;

impl EndpointMaker<'_> {
    /// The client that `config` asks for, and whom it asks; nobody is asked by the
    /// simulated provider, of which each endpoint is its own.
    pub(super) fn client(
        &mut self,
        config: &EndpointConfig,
    ) -> Result<(Arc<dyn LlmClient>, Option<Identity>), Noted> {
        self.refuse_unused_keys(config);
        let model = self.text("model", &config.model)?;
        if config.provider == Provider::Simulated {
            let settings = config.simulated.clone().unwrap_or_default();
            return match SimulatedClient::new(model, settings) {
                Ok(client) => Ok((Arc::new(client), None)),
                Err(error) => Err(self.problem("simulated", error.to_string())),
            };
        }
        let base_url = match &config.base_url {
            Some(base_url) => self.text("base_url", base_url),
            None => self.default_base_url(config.provider),
        };
        let key = self.key(config);
        let headers = self.headers(config);
        let timeouts = self.timeouts(config);
        let (base_url, key, headers, timeouts) = (base_url?, key?, headers?, timeouts?);
        let mut settings = HttpSettings::new(base_url, model)
            .with_timeout(timeouts.total)
            .with_extra_body(config.extra_body.clone())
            .with_structured_output(config.structured_output.unwrap_or_default());
        settings.first_byte_timeout = timeouts.first_byte;
        settings.idle_timeout = timeouts.idle;
        settings.extra_headers = headers;
        if let Some((name, key)) = key {
            settings = settings.with_api_key(name, key);
        }
        let http = self.http(timeouts.connect)?;
        let identity = Identity::of(&settings);
        http_client(config.provider, http, settings)
            .map(|client| (client, Some(identity)))
            .map_err(|error| self.problem(setting(&error), error.to_string()))
    }

    fn default_base_url(&mut self, provider: Provider) -> Result<String, Noted> {
        match provider {
            Provider::OpenAi | Provider::OpenAiResponses => Ok(OPENAI_BASE_URL.to_owned()),
            Provider::Anthropic => Ok(AnthropicClient::BASE_URL.to_owned()),
            Provider::Ollama => Ok(OllamaClient::BASE_URL.to_owned()),
            Provider::OpenAiCompatible | Provider::Simulated => Err(self.problem(
                "base_url",
                "`openai-compatible` needs the address of the server, as in \
                 `base_url: http://localhost:8000/v1`",
            )),
        }
    }

    /// The headers that the user adds; everything that is wrong with them is
    /// noted.
    fn headers(&mut self, config: &EndpointConfig) -> Result<Vec<(String, SecretString)>, Noted> {
        let headers: Vec<_> = config
            .headers
            .iter()
            .map(|(name, value)| {
                let value = self.text(&format!("headers.{name}"), value)?;
                Ok((name.clone(), SecretString::from(value)))
            })
            .collect();
        headers.into_iter().collect()
    }

    fn http(&mut self, connect_timeout: Duration) -> Result<HttpStack, Noted> {
        if let Some(http) = self.http.get(&connect_timeout) {
            return Ok(http.clone());
        }
        match HttpStack::with_connect_timeout(connect_timeout) {
            Ok(http) => {
                self.http.insert(connect_timeout, http.clone());
                Ok(http)
            }
            Err(error) => Err(self.problem("provider", error.to_string())),
        }
    }

    /// A key that means nothing for the provider is a mistake.
    fn refuse_unused_keys(&mut self, config: &EndpointConfig) {
        let keys: &[(&str, bool)] = if config.provider == Provider::Simulated {
            &[
                ("base_url", config.base_url.is_some()),
                ("api_key_env", config.api_key_env.is_some()),
                ("api_key", config.api_key.is_some()),
                ("headers", !config.headers.is_empty()),
                ("extra_body", !config.extra_body.is_empty()),
                ("structured_output", config.structured_output.is_some()),
                ("api_key_file", config.api_key_file.is_some()),
                ("connect_timeout", config.connect_timeout.is_some()),
                ("first_byte_timeout", config.first_byte_timeout.is_some()),
                ("idle_timeout", config.idle_timeout.is_some()),
            ]
        } else {
            &[("simulated", config.simulated.is_some())]
        };
        for (key, is_set) in keys {
            if *is_set {
                let message =
                    "the provider has no use for this key: remove it, or set another `provider`";
                self.problem(key, message);
            }
        }
    }

    /// The key and the name of its variable or file; `None` if none is sent.
    fn key(&mut self, config: &EndpointConfig) -> Result<Option<(String, SecretString)>, Noted> {
        if let Some(path) = &config.api_key_file {
            if config.api_key.is_some() || config.api_key_env.is_some() {
                let message = "the key is said to be elsewhere, too: keep one of `api_key_file`, \
                               `api_key_env` and `api_key`";
                return Err(self.problem("api_key_file", message));
            }
            let path = self.text("api_key_file", path)?;
            return match key_file::read(&path) {
                Ok(key) => Ok(Some((path, key))),
                Err(message) => Err(self.problem("api_key_file", message)),
            };
        }
        if let Some(text) = &config.api_key {
            let name = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = name.filter(|_| config.api_key_env.is_none()) else {
                return Err(self.problem(
                    "api_key",
                    "keys do not belong into files: write `api_key_env: NAME` with the name of an \
                     environment variable, or `api_key: ${NAME}`, and not both",
                ));
            };
            return self.key_from("api_key", name);
        }
        if let Some(name) = &config.api_key_env {
            return self.key_from("api_key_env", name);
        }
        let name = match config.provider {
            Provider::OpenAi | Provider::OpenAiResponses => OPENAI_KEY,
            Provider::Anthropic => ANTHROPIC_KEY,
            Provider::OpenAiCompatible | Provider::Ollama | Provider::Simulated => return Ok(None),
        };
        // Another server than the provider's own may want none.
        if config.base_url.is_some() && (self.lookup)(name).is_none() {
            return Ok(None);
        }
        self.key_from("api_key_env", name)
    }

    fn key_from(
        &mut self,
        place: &str,
        name: &str,
    ) -> Result<Option<(String, SecretString)>, Noted> {
        if !environment::is_name(name) {
            // It may be a key: it is not repeated.
            return Err(self.problem(
                place,
                "this is not the name of an environment variable; if it is a key, take it out of \
                 the file, `export OPENAI_API_KEY=…` and write `api_key_env: OPENAI_API_KEY`",
            ));
        }
        match (self.lookup)(name) {
            Some(key) => Ok(Some((name.to_owned(), SecretString::from(key)))),
            None => Err(self.problem(place, not_set(name))),
        }
    }

    /// What the model of `client` charges, if that is known. Another server, a
    /// gateway or a stand-in, may serve a model of any name at any price, so that
    /// a provider's list counts only where the provider itself is asked.
    pub(super) fn price(config: &EndpointConfig, client: &dyn LlmClient) -> Option<Price> {
        let listed = || {
            let own = match config.provider {
                Provider::OpenAi | Provider::OpenAiResponses => OPENAI_BASE_URL,
                Provider::Anthropic => AnthropicClient::BASE_URL,
                Provider::OpenAiCompatible | Provider::Ollama | Provider::Simulated => return None,
            };
            let own = Url::parse(own).ok()?;
            let asked = client.description();
            let is_own = asked.server.as_deref() == own.host_str();
            list_prices::of(asked.model.as_deref()?).filter(|_| is_own)
        };
        config.price.or_else(listed)
    }

    /// What `config` says that the endpoint can take.
    pub(super) fn limits(&mut self, config: &EndpointConfig) -> Limits {
        let max_concurrent = config
            .max_concurrent
            .unwrap_or(EndpointConfig::DEFAULT_MAX_CONCURRENT);
        if max_concurrent == 0 {
            self.problem("max_concurrent", AT_LEAST_ONE);
        }
        let declared = [
            ("requests_per_minute", config.requests_per_minute),
            ("tokens_per_minute", config.tokens_per_minute),
            ("burst", config.burst),
        ];
        for (key, _) in declared.into_iter().filter(|(_, most)| *most == Some(0)) {
            self.problem(key, "with 0 no call could ever be made: write 1 or more");
        }
        if config.burst.is_some() && config.requests_per_minute.is_none() {
            let message =
                "this is a part of `requests_per_minute`: write that, too, or remove this";
            self.problem("burst", message);
        }
        // HTTP clients keep the time themselves and say what they waited for.
        let timeout = match config.provider {
            Provider::Simulated => self.timeout(config).ok(),
            _ => None,
        };
        Limits {
            max_concurrent,
            timeout,
            max_retries: config
                .max_retries
                .unwrap_or(EndpointConfig::DEFAULT_MAX_RETRIES),
            declared: Declared {
                requests_per_minute: config.requests_per_minute,
                tokens_per_minute: config.tokens_per_minute,
                burst: config.burst,
            },
        }
    }

    /// Its share among several endpoints.
    pub(super) fn weight(&mut self, config: &EndpointConfig, strategy: Strategy) -> f64 {
        if config.weight.is_some() && strategy != Strategy::Weighted {
            let message = "it counts where the strategy is `weighted`: write that, or remove this";
            self.problem("weight", message);
        }
        let weight = config.weight.unwrap_or(1.0);
        if !(weight > 0.0 && weight.is_finite()) {
            let message = format!("{weight} is no share: write a number above 0");
            self.problem("weight", message);
        }
        weight
    }

    /// The times of an HTTP endpoint; everything that is wrong with them is
    /// noted.
    fn timeouts(&mut self, config: &EndpointConfig) -> Result<Timeouts, Noted> {
        let connect = config
            .connect_timeout
            .unwrap_or(EndpointConfig::DEFAULT_CONNECT_TIMEOUT);
        let total = self.timeout(config);
        let connect = self.time(
            "connect_timeout",
            connect,
            "the seconds that opening a connection may take",
        );
        let first_byte = config.first_byte_timeout.map(|seconds| {
            let meaning = "the seconds that the head of a reply may take";
            self.time("first_byte_timeout", seconds, meaning)
        });
        let idle = config.idle_timeout.map(|seconds| {
            let meaning = "the seconds that a server may be silent in the middle of a reply";
            self.time("idle_timeout", seconds, meaning)
        });
        Ok(Timeouts {
            total: total?,
            connect: connect?,
            first_byte: first_byte.transpose()?,
            idle: idle.transpose()?,
        })
    }

    fn timeout(&mut self, config: &EndpointConfig) -> Result<Duration, Noted> {
        let seconds = config.timeout.unwrap_or(EndpointConfig::DEFAULT_TIMEOUT);
        self.time("timeout", seconds, "the seconds that a call may take")
    }

    /// `seconds` under `key`, if they are a time that can pass.
    fn time(&mut self, key: &str, seconds: f64, meaning: &str) -> Result<Duration, Noted> {
        match Duration::try_from_secs_f64(seconds) {
            Ok(time) if !time.is_zero() => Ok(time),
            _ => Err(self.problem(key, format!("{seconds} is no time: write {meaning}"))),
        }
    }

    fn text(&mut self, key: &str, text: &str) -> Result<String, Noted> {
        match interpolate(text, self.lookup) {
            Ok(text) => Ok(text),
            Err(message) => Err(self.problem(key, message)),
        }
    }

    fn problem(&mut self, key: &str, message: impl Into<String>) -> Noted {
        let place = format!("{}.{key}", self.place);
        self.problems.push(Problem::new(place, message));
        Noted
    }
}

/// The key of the setting that a client can't use.
fn setting(error: &ClientError) -> &'static str {
    if error.kind == ClientErrorKind::Authentication {
        return "api_key_env";
    }
    let of_it = |key: &&&str| {
        let begins_with = error.message.strip_prefix('`');
        begins_with.is_some_and(|rest| rest.starts_with(**key))
    };
    let keys = ["model", "headers", "extra_body"];
    keys.iter().find(of_it).copied().unwrap_or("base_url")
}

/// The client that speaks the format of `provider`.
fn http_client(
    provider: Provider,
    http: HttpStack,
    settings: HttpSettings,
) -> Result<Arc<dyn LlmClient>, ClientError> {
    Ok(match provider {
        Provider::OpenAi => {
            Arc::new(OpenAiClient::new(http, settings)?.with_dialect(Dialect::OpenAi))
        }
        Provider::OpenAiResponses => Arc::new(ResponsesClient::new(http, settings)?),
        Provider::Anthropic => Arc::new(AnthropicClient::new(http, settings)?),
        Provider::Ollama => Arc::new(OllamaClient::new(http, settings)?),
        Provider::OpenAiCompatible | Provider::Simulated => {
            Arc::new(OpenAiClient::new(http, settings)?.with_dialect(Dialect::Compatible))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::simulated::SimulatedSettings;

    #[test]
    fn endpoints_with_the_same_connect_timeout_share_a_stack() {
        let mut http = BTreeMap::new();
        let mut problems = Vec::new();
        let endpoint = EndpointConfig::openai_compatible("http://h/v1", "m");
        for endpoint in [
            endpoint.clone(),
            endpoint.clone().with_connect_timeout(10.0),
            endpoint.clone().with_connect_timeout(2.5),
            endpoint.clone().with_connect_timeout(2.5),
            EndpointConfig::simulated(SimulatedSettings::default()),
        ] {
            let mut maker = EndpointMaker {
                place: String::new(),
                lookup: &|_| None,
                http: &mut http,
                problems: &mut problems,
            };
            assert!(maker.client(&endpoint).is_ok());
        }
        let times = [Duration::from_millis(2500), Duration::from_secs(10)];
        assert!(http.keys().eq(&times), "{http:?}");
    }
}
