//! [`ResourceManager`]: a configuration made live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::endpoint::{Endpoint, Limits};
use super::endpoint_maker::{AT_LEAST_ONE, EndpointMaker};
use super::environment::{self, Lookup};
use super::traffic::{Traffic, Waiter};
use super::{EndpointConfig, ResourceConfig, ResourceError, ResourceMetrics};
use crate::clients::LlmClient;
use crate::document::{Problem, did_you_mean};

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
    fn every_provider_has_its_defaults() {
        let config = ResourceConfig::from_text(
            "
endpoints:
  a: { provider: openai-responses, model: gpt-5, api_key_env: SET }
  b: { provider: anthropic, model: claude-sonnet-4-6, api_key: '${SET}' }
  c: { provider: ollama, model: 'qwen3:8b', structured_output: prompt }
  d:
    provider: openai-compatible
    base_url: https://generativelanguage.googleapis.com/v1beta/openai
    model: m
    headers: { x-team: blue, x-key: '${SET}' }
    extra_body: { top_k: 40, guided: { whitespace: ' ' } }
",
        )
        .unwrap();
        let lookup = |name: &str| (name == "SET").then(|| "sk-123456".to_owned());
        let manager = ResourceManager::with_environment(&config, &lookup).unwrap();
        let check = |alias: &str, provider: &str, server: &str, port: u16| {
            let asked = manager.endpoint(alias).unwrap().description();
            assert_eq!(asked.provider.as_deref(), Some(provider), "{alias}");
            assert_eq!(asked.server.as_deref(), Some(server), "{alias}");
            assert_eq!(asked.port, Some(port), "{alias}");
        };
        check("a", "openai", "api.openai.com", 443);
        check("b", "anthropic", "api.anthropic.com", 443);
        check("c", "ollama", "localhost", 11434);
        let gemini = "generativelanguage.googleapis.com";
        check("d", "gcp.gemini", gemini, 443);
        assert!(!format!("{config:?}").contains("blue"));
        let written = config.to_text(crate::document::DocumentFormat::Yaml);
        assert_eq!(ResourceConfig::from_text(&written).unwrap(), config);
    }

    #[test]
    fn another_server_may_want_no_key() {
        let with = |provider: &str, more: &str| {
            problems(&format!(
                "endpoints: {{ a: {{ provider: {provider}, model: m{more} }} }}"
            ))
        };
        for provider in ["openai", "openai-responses", "anthropic"] {
            assert!(with(provider, "").contains("_API_KEY` is not set"));
            assert_eq!(with(provider, ", base_url: 'http://localhost:1/v1'"), "");
        }
    }

    #[test]
    fn each_wrong_setting_is_told_under_its_key() {
        let check = |provider: &str, more: &str, expected: &str| {
            let told = problems(&format!(
                "endpoints: {{ a: {{ provider: {provider}, model: m, {more} }} }}"
            ));
            let expected = format!("endpoints.a.{expected}");
            assert!(told.contains(&expected), "{expected}\n{told}");
        };
        let unset = "api_key_env: the environment variable `ANTHROPIC_API_KEY` is not set";
        check("anthropic", "timeout: 9", unset);
        check(
            "ollama",
            "headers: { te: x }",
            "headers: `headers` may not set `te`",
        );
        check(
            "ollama",
            "headers: { x-key: '${NO}' }",
            "headers.x-key: the environment variable `NO` is not set",
        );
        check(
            "openai-responses",
            "api_key_env: SET, extra_body: { input: x }",
            "extra_body: `extra_body` may not set `input`",
        );
        check("ollama", "base_url: x", "base_url: `base_url` is no URL");
        for more in [
            "headers: { x-a: b }",
            "extra_body: { a: b }",
            "structured_output: tool",
        ] {
            let key = more.split(':').next().unwrap();
            let expected = format!("{key}: the provider has no use for this key");
            check("simulated", more, &expected);
        }
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
