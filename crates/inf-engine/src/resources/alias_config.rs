//! [`AliasConfig`]: what an alias stands for, one endpoint or several.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::EndpointConfig;

/// What an alias stands for: one endpoint, or several that share its calls.
///
/// ```
/// use inf_engine::resources::{ResourceConfig, Strategy};
///
/// let resources = ResourceConfig::from_text("
/// endpoints:
///   smart: { provider: openai, model: gpt-5 }
///   fast:
///     strategy: weighted
///     endpoints:
///       - { provider: openai-compatible, base_url: http://one:8000/v1, model: qwen3-8b, weight: 2 }
///       - { provider: openai-compatible, base_url: http://two:8000/v1, model: qwen3-8b }
/// ")?;
/// assert_eq!(resources.endpoints["smart"].endpoints().len(), 1);
/// assert_eq!(resources.endpoints["fast"].endpoints().len(), 2);
/// assert_eq!(resources.endpoints["fast"].strategy(), Strategy::Weighted);
/// # Ok::<(), inf_engine::document::ReadError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum AliasConfig {
    /// One endpoint.
    One(Box<EndpointConfig>),
    /// Several.
    Several(EndpointsConfig),
}

/// Several endpoints behind one alias.
///
/// ```
/// use inf_engine::resources::{AliasConfig, EndpointConfig, ResourceConfig, Strategy};
///
/// // Three GPUs of one kind; the second is twice as fast.
/// let gpu = |port: u16| {
///     EndpointConfig::openai_compatible(format!("http://localhost:{port}/v1"), "qwen3-8b")
///         .with_max_concurrent(16)
/// };
/// let gpus = [gpu(8001), gpu(8002).with_weight(2.0), gpu(8003)];
/// let resources = ResourceConfig::new()
///     .with_endpoint("fast", AliasConfig::several(Strategy::Weighted, gpus));
/// assert_eq!(resources.endpoints["fast"].endpoints().len(), 3);
/// assert_eq!(resources.endpoints["fast"].strategy(), Strategy::Weighted);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointsConfig {
    /// Which of them is asked; the least loaded by default.
    #[serde(default)]
    pub strategy: Strategy,
    /// The endpoints; at least one.
    pub endpoints: Vec<EndpointConfig>,
}

/// Which of several endpoints gets the next call.
///
/// Whatever it says, one whose circuit is open is left out, and a retry goes to
/// another one than its call failed at, if that can take it.
///
/// [`AliasConfig`] shows how a file says it; code says it with [`AliasConfig::several`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// Where it would wait least: the calls in flight × how long answers take.
    #[default]
    LeastLoaded,
    /// One after the other.
    RoundRobin,
    /// Each its share, by its `weight`.
    Weighted,
    /// The first of the list whose circuit is closed: the others stand in while
    /// it fails, and not while it is only full.
    Priority,
}

impl AliasConfig {
    /// The endpoints, in the order in which they are written.
    pub fn endpoints(&self) -> &[EndpointConfig] {
        match self {
            Self::One(endpoint) => std::slice::from_ref(endpoint),
            Self::Several(several) => &several.endpoints,
        }
    }

    /// Which of them is asked next.
    pub fn strategy(&self) -> Strategy {
        match self {
            Self::One(_) => Strategy::default(),
            Self::Several(several) => several.strategy,
        }
    }

    /// Several endpoints.
    pub fn several(
        strategy: Strategy,
        endpoints: impl IntoIterator<Item = EndpointConfig>,
    ) -> Self {
        Self::Several(EndpointsConfig {
            strategy,
            endpoints: endpoints.into_iter().collect(),
        })
    }
}

impl From<EndpointConfig> for AliasConfig {
    fn from(endpoint: EndpointConfig) -> Self {
        Self::One(Box::new(endpoint))
    }
}

/// The first key says which it is, so that what is wrong is told at its place.
impl<'de> Deserialize<'de> for AliasConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByFirstKey)
    }
}

struct ByFirstKey;

impl<'de> Visitor<'de> for ByFirstKey {
    type Value = AliasConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an endpoint, or a `strategy` and `endpoints`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AliasConfig, A::Error> {
        let first: Option<String> = map.next_key()?;
        let is_several = matches!(first.as_deref(), Some("strategy" | "endpoints"));
        let map = MapAccessDeserializer::new(Rejoined { first, map });
        if is_several {
            EndpointsConfig::deserialize(map).map(AliasConfig::Several)
        } else {
            EndpointConfig::deserialize(map).map(AliasConfig::from)
        }
    }
}

/// A map whose first key was read already.
struct Rejoined<A> {
    first: Option<String>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rejoined<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => {
                let first: StringDeserializer<A::Error> = first.into_deserializer();
                seed.deserialize(first).map(Some)
            }
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
