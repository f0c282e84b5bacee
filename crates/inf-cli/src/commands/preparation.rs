//! What several commands begin with, and the sentences for what is wrong.

use std::path::Path;

use inf_engine::clients::simulated::SimulatedSettings;
use inf_engine::execution::{BindError, Pipeline};
use inf_engine::graph::InferenceGraph;
use inf_engine::resources::ResourceConfig;

/// Reads a pipeline file.
pub(super) fn load(path: &Path) -> Result<InferenceGraph, String> {
    InferenceGraph::load(path).map_err(|error| error.to_string())
}

/// Reads a resources file, or makes every alias of `graph` the simulated
/// provider if there is none.
pub(super) fn resources(
    graph: &InferenceGraph,
    path: Option<&Path>,
) -> Result<ResourceConfig, String> {
    match path {
        Some(path) => ResourceConfig::from_path(path).map_err(|error| error.to_string()),
        None => {
            let aliases = graph.aliases().into_iter().map(|alias| alias.as_str());
            Ok(ResourceConfig::simulated(
                aliases,
                &SimulatedSettings::default(),
            ))
        }
    }
}

/// Joins a pipeline with its resources; each problem is told with its file.
pub(super) fn bind(
    graph: InferenceGraph,
    pipeline: &Path,
    path: Option<&Path>,
) -> Result<Pipeline, Vec<String>> {
    let config = resources(&graph, path).map_err(|problem| vec![problem])?;
    graph.bind(config).map_err(|error| {
        let (file, problems) = match &error {
            BindError::Graph(error) => (pipeline, &error.problems),
            BindError::Resources(error) => (path.unwrap_or(pipeline), &error.problems),
            BindError::Missing(missing) => (pipeline, &missing.problems),
            other => return vec![other.to_string()],
        };
        let file = file.display();
        problems
            .iter()
            .map(|problem| format!("{file}: {problem}"))
            .collect()
    })
}
