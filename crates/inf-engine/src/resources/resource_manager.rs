//! [`ResourceManager`]: a configuration made live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use secrecy::SecretString;

use super::endpoint::{Endpoint, Limits};
use super::environment::{self, Lookup, interpolate, not_set};
use super::traffic::{Traffic, Waiter};
use super::{EndpointConfig, Provider, ResourceConfig, ResourceError, ResourceMetrics};
use crate::clients::openai::{Dialect, OpenAiClient, OpenAiSettings};
use crate::clients::simulated::SimulatedClient;
use crate::clients::{HttpStack, LlmClient};
use crate::document::{Problem, did_you_mean};

const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
const OPENAI_KEY: &str = "OPENAI_API_KEY";

/// The endpoints behind the aliases, live: clients, limits, metrics.
///
/// Share one manager between pipelines and they share its limits.
///
/// ```
/// use inf_engine::clients::simulated::SimulatedSettings;
/// use inf_engine::resources::{ResourceConfig, ResourceManager};
///
/// let config = ResourceConfig::simulated(["fast"], &SimulatedSettings::default());
/// let resources = ResourceManager::new(&config)?;
/// assert_eq!(resources.metrics()["fast"].requests, 0);
/// # Ok::<(), inf_engine::resources::ResourceError>(())
/// ```
#[derive(Debug)]
pub struct ResourceManager {
    endpoints: IndexMap<String, Arc<Endpoint>>,
    traffic: Arc<Traffic>,
}

impl ResourceManager {
    /// Makes `config` live, with the environment of this process. The error
    /// lists everything that is wrong; nothing is called.
    pub fn new(config: &ResourceConfig) -> Result<Self, ResourceError> {
        Self::with_environment(config, &environment::process)
    }

    fn with_environment(
        config: &ResourceConfig,
        lookup: Lookup<'_>,
    ) -> Result<Self, ResourceError> {
        let mut problems = Vec::new();
        if config.max_total_concurrent == Some(0) {
            problems.push(Problem::new("max_total_concurrent", AT_LEAST_ONE));
        }
        let traffic = Arc::new(Traffic::new(config.max_total_concurrent));
        let mut http = BTreeMap::new();
        let mut endpoints = IndexMap::new();
        for (alias, endpoint) in &config.endpoints {
            let place = format!("endpoints.{alias}");
            let mut maker = EndpointMaker {
                place,
                lookup,
                http: &mut http,
                problems: &mut problems,
            };
            if let Ok(client) = maker.client(endpoint) {
                let limits = maker.limits(endpoint);
                endpoints.insert(
                    alias.clone(),
                    Arc::new(Endpoint::new(alias, client, limits, Arc::clone(&traffic))),
                );
            }
        }
        if problems.is_empty() {
            Ok(Self { endpoints, traffic })
        } else {
            Err(ResourceError { problems })
        }
    }

    /// Puts a client of your own behind `alias`, with at most `max_concurrent`
    /// calls at once and the default timeout and retries.
    #[must_use]
    pub fn with_client(
        mut self,
        alias: impl Into<String>,
        client: Arc<dyn LlmClient>,
        max_concurrent: usize,
    ) -> Self {
        let alias = alias.into();
        let limits = Limits {
            max_concurrent: max_concurrent.max(1),
            timeout: Some(Duration::from_secs_f64(EndpointConfig::DEFAULT_TIMEOUT)),
            max_retries: EndpointConfig::DEFAULT_MAX_RETRIES,
        };
        let endpoint = Endpoint::new(&alias, client, limits, Arc::clone(&self.traffic));
        self.endpoints.insert(alias, Arc::new(endpoint));
        self
    }

    /// What each endpoint did since this manager was made, by alias.
    pub fn metrics(&self) -> IndexMap<String, ResourceMetrics> {
        let endpoints = self.endpoints.iter();
        endpoints
            .map(|(alias, endpoint)| (alias.clone(), endpoint.metrics()))
            .collect()
    }

    /// Registers a scheduler that may have to wait for room.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        self.traffic.register(waiter);
    }

    /// The endpoint behind `alias`, or a hint which one was meant.
    pub(crate) fn endpoint(&self, alias: &str) -> Result<&Arc<Endpoint>, String> {
        self.endpoints
            .get(alias)
            .ok_or_else(|| did_you_mean(alias, self.endpoints.keys().map(String::as_str)))
    }
}

const AT_LEAST_ONE: &str = "0 calls at once is none: write 1 or more";

/// Makes one endpoint and notes what is wrong with it.
struct EndpointMaker<'m> {
    place: String,
    lookup: Lookup<'m>,
    /// A stack for each time that opening a connection may take, made when the
    /// first endpoint needs it: the time belongs to the pool.
    http: &'m mut BTreeMap<Duration, HttpStack>,
    problems: &'m mut Vec<Problem>,
}

/// The times of an endpoint, checked.
struct Timeouts {
    total: Duration,
    connect: Duration,
    first_byte: Option<Duration>,
    idle: Option<Duration>,
}

/// Something is wrong, and it was noted.
struct Noted;

impl EndpointMaker<'_> {
    fn client(&mut self, config: &EndpointConfig) -> Result<Arc<dyn LlmClient>, Noted> {
        self.refuse_unused_keys(config);
        let model = self.text("model", &config.model)?;
        if config.provider == Provider::Simulated {
            let settings = config.simulated.clone().unwrap_or_default();
            return match SimulatedClient::new(model, settings) {
                Ok(client) => Ok(Arc::new(client)),
                Err(error) => Err(self.problem("simulated", error.to_string())),
            };
        }
        let base_url = match (&config.base_url, config.provider) {
            (Some(base_url), _) => self.text("base_url", base_url),
            (None, Provider::OpenAi) => Ok(OPENAI_BASE_URL.to_owned()),
            (None, _) => Err(self.problem(
                "base_url",
                "`openai-compatible` needs the address of the server, as in \
                 `base_url: http://localhost:8000/v1`",
            )),
        };
        let key = self.key(config);
        let timeouts = self.timeouts(config);
        let (base_url, key, timeouts) = (base_url?, key?, timeouts?);
        let dialect = match config.provider {
            Provider::OpenAi => Dialect::OpenAi,
            _ => Dialect::Compatible,
        };
        let mut settings = OpenAiSettings::new(base_url, model)
            .with_dialect(dialect)
            .with_timeout(timeouts.total);
        settings.first_byte_timeout = timeouts.first_byte;
        settings.idle_timeout = timeouts.idle;
        if let Some((name, key)) = key {
            settings = settings.with_api_key(name, key);
        }
        let http = self.http(timeouts.connect)?;
        match OpenAiClient::new(http, settings) {
            Ok(client) => Ok(Arc::new(client)),
            Err(error) => Err(self.problem("base_url", error.to_string())),
        }
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

    /// The key and the name of its variable; `None` if none is sent.
    fn key(&mut self, config: &EndpointConfig) -> Result<Option<(String, SecretString)>, Noted> {
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
        match (&config.api_key_env, config.provider) {
            (Some(name), _) => self.key_from("api_key_env", name),
            (None, Provider::OpenAi) => self.key_from("api_key_env", OPENAI_KEY),
            (None, _) => Ok(None),
        }
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

    fn limits(&mut self, config: &EndpointConfig) -> Limits {
        let max_concurrent = config
            .max_concurrent
            .unwrap_or(EndpointConfig::DEFAULT_MAX_CONCURRENT);
        if max_concurrent == 0 {
            self.problem("max_concurrent", AT_LEAST_ONE);
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
        }
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

/// What a pipeline can be bound to: a configuration, or a live manager that is
/// shared.
pub trait IntoResources {
    /// The live resources.
    fn into_resources(self) -> Result<Arc<ResourceManager>, ResourceError>;
}

impl IntoResources for ResourceConfig {
    fn into_resources(self) -> Result<Arc<ResourceManager>, ResourceError> {
        ResourceManager::new(&self).map(Arc::new)
    }
}

impl IntoResources for &ResourceConfig {
    fn into_resources(self) -> Result<Arc<ResourceManager>, ResourceError> {
        ResourceManager::new(self).map(Arc::new)
    }
}

impl IntoResources for ResourceManager {
    fn into_resources(self) -> Result<Arc<ResourceManager>, ResourceError> {
        Ok(Arc::new(self))
    }
}

impl IntoResources for Arc<ResourceManager> {
    fn into_resources(self) -> Result<Arc<ResourceManager>, ResourceError> {
        Ok(self)
    }
}

impl IntoResources for &Arc<ResourceManager> {
    fn into_resources(self) -> Result<Arc<ResourceManager>, ResourceError> {
        Ok(Arc::clone(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::simulated::SimulatedSettings;

    fn problems(text: &str) -> String {
        let config = ResourceConfig::from_text(text).unwrap();
        let lookup = |name: &str| (name == "SET").then(|| "sk-123456".to_owned());
        match ResourceManager::with_environment(&config, &lookup) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = "
max_total_concurrent: 0
endpoints:
  a: { provider: openai, model: m }
  b: { provider: openai-compatible, model: m, timeout: -1 }
  c: { provider: simulated, model: m, base_url: x, max_concurrent: 0 }
  d: { provider: openai, model: m, api_key: sk-secret }
  e: { provider: openai-compatible, model: '${NO}', base_url: 'http://h/v1' }
  f: { provider: openai-compatible, model: m, base_url: 'ftp://h/v1' }
";
        let told = problems(text);
        assert!(!told.contains("sk-secret"));
        for expected in [
            "max_total_concurrent: 0 calls at once is none",
            "endpoints.a.api_key_env: the environment variable `OPENAI_API_KEY` is not set",
            "endpoints.b.base_url: `openai-compatible` needs the address",
            "endpoints.b.timeout: -1 is no time: write the seconds that a call may take",
            "endpoints.c.base_url: the provider has no use for this key",
            "endpoints.c.max_concurrent: 0 calls",
            "endpoints.d.api_key: keys do not belong into files",
            "endpoints.e.model: the environment variable `NO` is not set",
            "endpoints.f.base_url",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn a_time_is_more_than_nothing_and_ends() {
        let check = |key: &str, seconds: &str, expected: &str| {
            let text = format!(
                "endpoints: {{ a: {{ provider: openai, model: m, api_key_env: SET, {key}: {seconds} }} }}"
            );
            let expected = format!("endpoints.a.{key}: {expected}");
            let told = problems(&text);
            assert!(told.contains(&expected), "{expected}\n{told}");
        };
        check(
            "connect_timeout",
            "0",
            "0 is no time: write the seconds that opening a connection may take",
        );
        check(
            "first_byte_timeout",
            "-1",
            "-1 is no time: write the seconds that the head of a reply may take",
        );
        check(
            "idle_timeout",
            ".inf",
            "inf is no time: write the seconds that a server may be silent in the middle of a reply",
        );
        for key in [
            "timeout",
            "connect_timeout",
            "first_byte_timeout",
            "idle_timeout",
        ] {
            for (seconds, shown) in [
                ("0", "0"),
                ("-0.5", "-0.5"),
                (".inf", "inf"),
                (".nan", "NaN"),
            ] {
                check(
                    key,
                    seconds,
                    &format!("{shown} is no time: write the seconds"),
                );
            }
        }
    }

    #[test]
    fn the_simulated_provider_has_no_use_for_times_of_a_connection() {
        for key in ["connect_timeout", "first_byte_timeout", "idle_timeout"] {
            let told = problems(&format!(
                "endpoints: {{ a: {{ provider: simulated, model: m, timeout: 9, {key}: 1 }} }}"
            ));
            let expected = format!("endpoints.a.{key}: the provider has no use for this key");
            assert!(told.contains(&expected), "{expected}\n{told}");
        }
    }

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

    #[test]
    fn keys_come_from_the_environment() {
        assert_eq!(
            problems("endpoints: { a: { provider: openai, model: m, api_key_env: SET } }"),
            ""
        );
        assert_eq!(
            problems("endpoints: { a: { provider: openai, model: m, api_key: '${SET}' } }"),
            ""
        );
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_repeated() {
        for wrong in [
            "api_key_env: sk-proj-SECRET",
            "api_key: '${NOPE:-sk-proj-SECRET}'",
            "api_key: sk-proj-SECRET",
            "base_url: 'sk-proj-SECRET'",
            "base_url: 'ftp://host/v1?key=SECRET'",
            "base_url: '${sk-proj-SECRET}'",
        ] {
            let text = format!("endpoints: {{ a: {{ provider: openai, model: m, {wrong} }} }}");
            let told = problems(&text);
            assert!(!told.is_empty() && !told.contains("SECRET"), "{told}");
            let config = ResourceConfig::from_text(&text).unwrap();
            if wrong.starts_with("api_key:") {
                assert!(!format!("{config:?}").contains("SECRET"));
            }
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_a_suggestion() {
        let error =
            ResourceConfig::from_text("endpoints:\n  a:\n    provider: simulated\n    modle: m\n");
        let error = error.unwrap_err();
        assert_eq!(error.line, Some(4));
        assert_eq!(error.message, "unknown key `modle`; did you mean `model`?");
    }
}
