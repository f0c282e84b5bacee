//! [`PipelineRecord`]: what a pipeline does, once for all of its runs.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::ParameterVersion;
use crate::graph::GraphOutline;

/// The number of a [`PipelineRecord`] in its journal, from 1.
///
/// [`PipelineRecord`] shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PipelineNumber(pub(in crate::journal) u64);

impl fmt::Display for PipelineNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a pipeline does: written once, and again when something of it changed.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{CheckpointManager, ModelIdentity};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// let resources = ResourceConfig::from_text("endpoints: {fast: {provider: simulated, model: tiny}}")?;
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run_blocking("Why?".to_owned())?;
///
/// let manager = CheckpointManager::open(folder)?;
/// let checkpoint = manager.latest().expect("there was a run");
/// let pipeline = checkpoint.pipeline();
/// assert_eq!((&*pipeline.name, pipeline.number.to_string().as_str()), ("llm_inference", "1"));
/// assert_eq!(pipeline.models["fast"], [ModelIdentity::new("simulated", "tiny")]);
/// // Of each setting of each node a hash: what differs has changed.
/// assert!(pipeline.nodes["llm"].contains_key("prompt"));
/// let graph = pipeline.graph.as_ref().expect("this version writes it");
/// assert_eq!(graph.nodes[1].name, "llm");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PipelineRecord {
    /// The number by which runs refer to it.
    pub number: PipelineNumber,
    /// The pipeline's name.
    pub name: Arc<str>,
    /// The hash of everything that it does, texts of parameters left out.
    pub structure: Arc<str>,
    /// What each node does.
    pub nodes: Arc<IndexMap<String, NodeFingerprint>>,
    /// Its graph, to be drawn. What older versions of the engine wrote has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Arc<GraphOutline>>,
    /// The version of each parameter's text.
    #[serde(default)]
    pub parameters: IndexMap<Arc<str>, ParameterVersion>,
    /// The models behind each alias.
    #[serde(default)]
    pub models: IndexMap<Arc<str>, Vec<ModelIdentity>>,
}

/// What a node does: the hash of each of its settings, by its name in
/// pipeline files, texts of parameters left out.
///
/// [`PipelineRecord`] has one for each node, and shows it.
pub type NodeFingerprint = IndexMap<String, String>;

/// A model, wherever it is served.
///
/// [`PipelineRecord`] has those of each alias, and shows one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelIdentity {
    /// The provider or the wire format, as in `openai`.
    pub provider: Arc<str>,
    /// The model's name.
    pub model: Arc<str>,
}

impl ModelIdentity {
    /// The model `model` of `provider`.
    pub fn new(provider: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
        }
    }
}
