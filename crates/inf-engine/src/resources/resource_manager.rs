//! [`ResourceManager`]: a configuration made live.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::endpoint::Endpoint;
use super::endpoint_group::Member;
use super::endpoint_maker::{AT_LEAST_ONE, EndpointMaker};
use super::environment::{self, Lookup};
use super::limiter::Limiter;
use super::limiter_registry;
use super::traffic::{Traffic, Waiter};
use super::{
    AliasConfig, EndpointGroup, EndpointReport, OwnClient, Price, ResourceConfig, ResourceError,
    ResourceMetrics, Strategy,
};
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
    groups: IndexMap<String, Arc<EndpointGroup>>,
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
        let mut made = Vec::new();
        for (alias, written) in &config.endpoints {
            let place = format!("endpoints.{alias}");
            let endpoints = written.endpoints();
            if endpoints.is_empty() {
                let place = format!("{place}.endpoints");
                problems.push(Problem::new(place, "there is none: write at least one"));
            }
            let strategy = written.strategy();
            let mut members = Vec::with_capacity(endpoints.len());
            for (index, endpoint) in endpoints.iter().enumerate() {
                let place = match written {
                    AliasConfig::One(_) => place.clone(),
                    AliasConfig::Several(_) => format!("{place}.endpoints[{index}]"),
                };
                let mut maker = EndpointMaker {
                    place,
                    lookup,
                    http: &mut http,
                    problems: &mut problems,
                };
                if let Ok((client, identity)) = maker.client(endpoint) {
                    let limits = maker.limits(endpoint);
                    let weight = maker.weight(endpoint, strategy);
                    let price = EndpointMaker::price(endpoint, client.as_ref());
                    let extra = &endpoint.extra_body;
                    members.push((client, identity, limits, (price, extra), weight));
                }
            }
            made.push((alias, strategy, members));
        }
        if !problems.is_empty() {
            return Err(ResourceError { problems });
        }
        // Only now: what is declared holds for everybody who asks the same server.
        let groups = made.into_iter().map(|(alias, strategy, members)| {
            let members = members.into_iter();
            let members = members.map(|(client, identity, limits, (price, extra), weight)| {
                let (most, declared) = (limits.max_concurrent, limits.declared);
                let limiter = match identity {
                    Some(identity) => limiter_registry::shared(identity, most, declared),
                    None => Arc::new(Limiter::new(most, declared, false)),
                };
                let endpoint = Endpoint::new(client, limits, limiter)
                    .with_price(price)
                    .with_extra_body(extra);
                Member { endpoint, weight }
            });
            let members = members.collect();
            let group = EndpointGroup::new(alias, strategy, members, Arc::clone(&traffic));
            (alias.clone(), Arc::new(group))
        });
        let groups = groups.collect();
        Ok(Self { groups, traffic })
    }

    /// Puts a client of your own behind `alias`, with at most `max_concurrent`
    /// calls at once and the default timeout and retries.
    #[must_use]
    pub fn with_client(
        self,
        alias: impl Into<String>,
        client: Arc<dyn LlmClient>,
        max_concurrent: usize,
    ) -> Self {
        self.with_clients(
            alias,
            Strategy::default(),
            [OwnClient::new(client, max_concurrent)],
        )
    }

    /// Puts several clients of your own behind `alias`, with the default timeout
    /// and retries. Their limits are shared with nobody. Without any client nothing
    /// is put there.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
    /// use inf_engine::resources::{OwnClient, ResourceConfig, ResourceManager, Strategy};
    ///
    /// let client = || Arc::new(SimulatedClient::new("m", SimulatedSettings::default()).unwrap());
    /// let resources = ResourceManager::new(&ResourceConfig::new())?.with_clients(
    ///     "fast",
    ///     Strategy::Weighted,
    ///     [
    ///         OwnClient::new(client(), 32).with_weight(2.0),
    ///         OwnClient::new(client(), 32).with_requests_per_minute(600),
    ///     ],
    /// );
    /// let endpoints = resources.endpoints();
    /// assert_eq!((&*endpoints[1].name, endpoints[1].metrics.limit), ("fast[1]", 32));
    /// # Ok::<(), inf_engine::resources::ResourceError>(())
    /// ```
    #[must_use]
    pub fn with_clients(
        mut self,
        alias: impl Into<String>,
        strategy: Strategy,
        clients: impl IntoIterator<Item = OwnClient>,
    ) -> Self {
        let alias = alias.into();
        let members: Vec<Member> = clients.into_iter().map(OwnClient::into_member).collect();
        if members.is_empty() {
            return self;
        }
        let group = EndpointGroup::new(&alias, strategy, members, Arc::clone(&self.traffic));
        self.groups.insert(alias, Arc::new(group));
        self
    }

    /// What the model behind `alias` charges; `None` if that is not known, or if
    /// there is no such alias. Of several endpoints it is the dearest, and not
    /// known if one of them has no price.
    ///
    /// ```
    /// use inf_engine::resources::{EndpointConfig, Price, ResourceConfig, ResourceManager};
    ///
    /// let local = EndpointConfig::openai_compatible("http://localhost:8000/v1", "qwen3-8b");
    /// let config = ResourceConfig::new()
    ///     .with_endpoint("local", local.clone())
    ///     .with_endpoint("rented", local.with_price(Price::new(0.1, 0.4)));
    /// let resources = ResourceManager::new(&config)?;
    /// assert_eq!(resources.price("local"), None);
    /// assert_eq!(resources.price("rented"), Some(Price::new(0.1, 0.4)));
    /// # Ok::<(), inf_engine::resources::ResourceError>(())
    /// ```
    pub fn price(&self, alias: &str) -> Option<Price> {
        self.groups.get(alias)?.price()
    }

    /// The model behind `alias`, if its client says which; of several endpoints
    /// only if it is the same.
    pub fn model(&self, alias: &str) -> Option<&str> {
        self.groups.get(alias)?.model()
    }

    /// What was done for each alias since this manager was made: of several
    /// endpoints, that of all together.
    pub fn metrics(&self) -> IndexMap<String, ResourceMetrics> {
        let groups = self.groups.iter();
        groups
            .map(|(alias, group)| (alias.clone(), group.metrics()))
            .collect()
    }

    /// What each endpoint did since this manager was made, in the order of the
    /// configuration. Several behind one alias are told apart by their places
    /// (`fast[0]`).
    pub fn endpoints(&self) -> Vec<EndpointReport> {
        let mut all = Vec::new();
        for (alias, group) in &self.groups {
            let each = group.metrics_of_each();
            let is_one = each.len() == 1;
            let each = each.into_iter().zip(group.descriptions());
            for (place, (metrics, asked)) in each.enumerate() {
                all.push(EndpointReport {
                    name: if is_one {
                        alias.clone()
                    } else {
                        format!("{alias}[{place}]")
                    },
                    alias: alias.clone(),
                    model: asked.model.clone(),
                    metrics,
                });
            }
        }
        all
    }

    /// Registers a scheduler that may have to wait for room.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        self.traffic.register(waiter);
        for group in self.groups.values() {
            group.register(waiter);
        }
    }

    /// The endpoints behind `alias`, or a hint which one was meant.
    pub(crate) fn group(&self, alias: &str) -> Result<&Arc<EndpointGroup>, String> {
        self.groups
            .get(alias)
            .ok_or_else(|| did_you_mean(alias, self.groups.keys().map(String::as_str)))
    }
}

/// What a pipeline can be bound to: a configuration, or a live manager that is
/// shared.
///
/// ```
/// use std::sync::Arc;
///
/// use inf_engine::prelude::*;
/// use inf_engine::resources::ResourceManager;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = ResourceConfig::simulated(["fast"], &Default::default());
/// let shared = Arc::new(ResourceManager::new(&config)?);
/// LlmInference::new("fast").bind(&shared)?; // shares the endpoints with all that have them
/// LlmInference::new("fast").bind(&config)?; // makes its own
/// LlmInference::new("fast").bind(config)?;
/// # Ok(())
/// # }
/// ```
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
            let asked = manager.group(alias).unwrap().descriptions().next().unwrap();
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
    fn a_list_price_holds_where_the_provider_itself_is_asked() {
        let price = |provider: &str, model: &str, more: &str| {
            let config = ResourceConfig::from_text(&format!(
                "endpoints: {{ a: {{ provider: {provider}, model: {model}, api_key_env: SET{more} }} }}"
            ));
            let lookup = |name: &str| (name == "SET").then(|| "sk-123456".to_owned());
            let manager = ResourceManager::with_environment(&config.unwrap(), &lookup).unwrap();
            manager.price("a")
        };
        let at = |url: &str| format!(", base_url: '{url}'");
        let own = at("${NO:-https://api.openai.com/v1}");
        let elsewhere = at("https://gateway.example/v1");
        for provider in ["openai", "openai-responses"] {
            let listed = price(provider, "gpt-5-mini", "");
            assert_eq!(listed, crate::resources::list_prices::of("gpt-5-mini"));
            assert!(listed.is_some());
            assert_eq!(price(provider, "gpt-5-mini", &own), listed);
            assert_eq!(price(provider, "gpt-5-mini", &elsewhere), None);
        }
        assert!(price("anthropic", "claude-sonnet-5", "").is_some());
        assert_eq!(price("anthropic", "claude-sonnet-5", &elsewhere), None);
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

    #[test]
    fn limits_are_numbers_above_zero() {
        let text = "
endpoints:
  a: { provider: simulated, model: m, requests_per_minute: 0, tokens_per_minute: 0 }
  b: { provider: simulated, model: m, burst: 5 }
  e: { provider: simulated, model: m, burst: 5, tokens_per_minute: 100 }
  f: { provider: simulated, model: m, weight: 2 }
  c: { endpoints: [] }
  d:
    strategy: weighted
    endpoints:
      - { provider: simulated, model: m, weight: 2 }
      - { provider: simulated, model: m, weight: 0, max_concurrent: 0 }
";
        let told = problems(text);
        for expected in [
            "endpoints.a.requests_per_minute: with 0 no call could ever be made",
            "endpoints.a.tokens_per_minute: with 0 no call could ever be made",
            "endpoints.b.burst: this is a part of `requests_per_minute`",
            "endpoints.e.burst: this is a part of `requests_per_minute`",
            "endpoints.f.weight: it counts where the strategy is `weighted`",
            "endpoints.c.endpoints: there is none: write at least one",
            "endpoints.d.endpoints[1].weight: 0 is no share: write a number above 0",
            "endpoints.d.endpoints[1].max_concurrent: 0 calls",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn what_is_wrong_among_several_endpoints_is_told_at_its_place() {
        let text =
            "endpoints:\n  a:\n    endpoints:\n      - provider: simulated\n        modle: m\n";
        let error = ResourceConfig::from_text(text).unwrap_err();
        assert_eq!(error.line, Some(5));
        assert_eq!(error.message, "unknown key `modle`; did you mean `model`?");
        let text = "endpoints:\n  a:\n    endpoints: []\n    strategi: weighted\n";
        let error = ResourceConfig::from_text(text).unwrap_err();
        assert_eq!(error.line, Some(4));
        assert!(
            error.message.contains("did you mean `strategy`?"),
            "{error}"
        );
    }

    #[test]
    fn several_endpoints_are_written_as_they_are_read() {
        let text = "endpoints: { a: { strategy: round-robin, endpoints: [{ provider: openai, model: m, \
                    weight: 2, requests_per_minute: 60 }] }, b: { provider: openai, model: n } }";
        let config = ResourceConfig::from_text(text).unwrap();
        let written = config.to_text(crate::document::DocumentFormat::Yaml);
        assert_eq!(
            ResourceConfig::from_text(&written).unwrap(),
            config,
            "{written}"
        );
        assert_eq!(config.endpoints["a"].strategy(), Strategy::RoundRobin);
    }

    /// Two managers, two aliases, one server: one limit.
    #[tokio::test(start_paused = true)]
    async fn whoever_asks_the_same_server_shares_its_limits() {
        let text = "endpoints: { a: { provider: openai-compatible, base_url: 'http://shared.test/v1', \
                    model: m, api_key_env: SET, requests_per_minute: 2, burst: 1 } }";
        let manager = |text: &str| {
            let lookup = |name: &str| (name == "SET").then(|| "sk-123456".to_owned());
            let config = ResourceConfig::from_text(text).unwrap();
            ResourceManager::with_environment(&config, &lookup).unwrap()
        };
        let one = manager(text);
        // One that is refused changes nothing for the others.
        let refused = text.replace("requests_per_minute: 2", "requests_per_minute: 0");
        assert!(problems(&refused).contains("requests_per_minute: with 0 no call"));
        let other = manager(&text.replace("{ a:", "{ b:"));
        let elsewhere = manager(&text.replace("model: m", "model: n"));
        let waiter = Arc::new(Waiter::default());
        let acquire = |manager: &ResourceManager, alias: &str| {
            let group = manager.group(alias).unwrap();
            let now = tokio::time::Instant::now();
            group.try_acquire(crate::resources::Wish::default(), &waiter, now)
        };
        let blocked =
            |acquired: Result<crate::resources::Permit, _>| acquired.map(drop).unwrap_err();
        let permit = acquire(&one, "a").unwrap();
        drop(acquire(&elsewhere, "a").unwrap());
        let at = match blocked(acquire(&other, "b")) {
            crate::resources::Blocked::Until { at, is_rest: false } => at,
            other => panic!("{other:?}"),
        };
        let now = tokio::time::Instant::now();
        assert_eq!((at - now).as_secs(), 30);
        // One that was not sent is given back.
        drop(permit);
        drop(acquire(&other, "b").unwrap());
    }
}
