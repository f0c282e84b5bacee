//! [`ResourceConfig`]: aliases and what they stand for.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{AliasConfig, EndpointConfig};
use crate::clients::simulated::SimulatedSettings;
use crate::document::{DocumentFormat, ReadError};

/// What each alias of a pipeline stands for, and what all of them together may
/// use.
///
/// ```
/// use inf_engine::resources::ResourceConfig;
///
/// let resources = ResourceConfig::from_text(r#"
/// max_total_concurrent: 100
/// endpoints:
///   fast:
///     provider: openai-compatible
///     base_url: ${FAST_URL:-http://localhost:8000/v1}
///     model: qwen3-8b
///     max_concurrent: 32
///   smart: { provider: openai, model: gpt-5 }
/// "#)?;
/// assert_eq!(resources.endpoints["fast"].endpoints()[0].max_concurrent, Some(32));
/// # Ok::<(), inf_engine::document::ReadError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ResourceConfig {
    /// The endpoint, or endpoints, behind each alias.
    #[serde(default)]
    pub endpoints: IndexMap<String, AliasConfig>,
    /// The most calls at once over all endpoints; no bound by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_total_concurrent: Option<usize>,
}

impl ResourceConfig {
    /// No endpoints.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same made-up model behind every one of `aliases`.
    pub fn simulated<A: Into<String>>(
        aliases: impl IntoIterator<Item = A>,
        settings: &SimulatedSettings,
    ) -> Self {
        aliases.into_iter().fold(Self::new(), |config, alias| {
            config.with_endpoint(alias, EndpointConfig::simulated(settings.clone()))
        })
    }

    /// Says what `alias` stands for.
    #[must_use]
    pub fn with_endpoint(
        mut self,
        alias: impl Into<String>,
        endpoint: impl Into<AliasConfig>,
    ) -> Self {
        self.endpoints.insert(alias.into(), endpoint.into());
        self
    }

    /// Sets the most calls at once over all endpoints.
    #[must_use]
    pub fn with_max_total_concurrent(mut self, max_total_concurrent: usize) -> Self {
        self.max_total_concurrent = Some(max_total_concurrent);
        self
    }

    /// Reads a configuration, YAML or JSON.
    pub fn from_text(text: &str) -> Result<Self, ReadError> {
        DocumentFormat::read(text)
    }

    /// Writes this configuration; variables stay variables.
    pub fn to_text(&self, format: DocumentFormat) -> String {
        format.write(self)
    }
}
