//! What several commands begin with, and the sentences for what is wrong.

use std::path::Path;

use inf_engine::clients::simulated::SimulatedSettings;
use inf_engine::document::Problem;
use inf_engine::execution::{BindError, Pipeline};
use inf_engine::graph::{Alias, InferenceGraph};
use inf_engine::module::StateDict;
use inf_engine::resources::{ResourceConfig, ResourceManager};

use crate::console::tell;

/// Reads a pipeline file.
pub(super) fn load(path: &Path) -> Result<InferenceGraph, String> {
    InferenceGraph::load(path).map_err(|error| {
        let is_resources = |config: ResourceConfig| !config.endpoints.is_empty();
        if ResourceConfig::from_path(path).is_ok_and(is_resources) {
            let path = path.display();
            return format!(
                "{path} is a resources file: name a pipeline, and give this one with --resources"
            );
        }
        error.to_string()
    })
}

/// Reads a resources file, or makes every alias of `graph` the simulated
/// provider if there is none.
fn resources(graph: &InferenceGraph, path: Option<&Path>) -> Result<ResourceConfig, String> {
    if let Some(path) = path {
        return read_resources(path);
    }
    let aliases = graph.aliases().into_iter();
    Ok(simulated(aliases.map(Alias::as_str)))
}

fn read_resources(path: &Path) -> Result<ResourceConfig, String> {
    ResourceConfig::from_path(path).map_err(|error| {
        if InferenceGraph::load(path).is_ok() {
            let path = path.display();
            return format!("{path} is a pipeline: give a resources file with --resources");
        }
        error.to_string()
    })
}

/// What is wrong with a resources file by itself, where there is no pipeline to
/// bind to it.
pub(super) fn problems_of_resources(path: Option<&Path>) -> Vec<String> {
    let Some(path) = path else {
        return Vec::new();
    };
    let config = match read_resources(path) {
        Ok(config) => config,
        Err(problem) => return vec![problem],
    };
    let unusable = ResourceManager::new(&config).err();
    unusable.map_or_else(Vec::new, |error| with_file(path, &error.problems))
}

pub(super) fn simulated<'a>(aliases: impl IntoIterator<Item = &'a str>) -> ResourceConfig {
    ResourceConfig::simulated(aliases, &SimulatedSettings::default())
}

/// Gives the parameters of a pipeline the texts in a file.
pub(super) fn load_parameters(pipeline: &Pipeline, path: &Path) -> Result<(), String> {
    let state = StateDict::load(path).map_err(|error| error.to_string())?;
    let loaded = pipeline.load_state_dict(&state);
    loaded.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

/// Says what a pipeline does that was probably not meant.
pub(super) fn warn(graph: &InferenceGraph) {
    for warning in graph.warnings() {
        tell(format_args!("warning: {warning}"));
    }
}

/// Joins a pipeline with its resources; each problem is told with its file.
pub(super) fn bind(
    graph: InferenceGraph,
    pipeline: &Path,
    path: Option<&Path>,
) -> Result<Pipeline, Vec<String>> {
    let config = resources(&graph, path).map_err(|problem| vec![problem])?;
    let with_known_aliases = graph.clone();
    graph.bind(&config).map_err(|error| {
        let mut problems = bind_problems(&error, pipeline, path);
        if matches!(error, BindError::Resources(_)) {
            // Unusable endpoints hide what else the pipeline lacks.
            let known = simulated(config.endpoints.keys().map(String::as_str));
            let missing = with_known_aliases.bind(known).err();
            problems.extend(
                missing
                    .iter()
                    .flat_map(|error| bind_problems(error, pipeline, path)),
            );
        }
        problems
    })
}

fn bind_problems(error: &BindError, pipeline: &Path, resources: Option<&Path>) -> Vec<String> {
    match error {
        BindError::Graph(error) => with_file(pipeline, &error.problems),
        BindError::Resources(error) => with_file(resources.unwrap_or(pipeline), &error.problems),
        BindError::Missing(missing) => with_file(pipeline, &missing.problems),
        other => vec![other.to_string()],
    }
}

fn with_file(path: &Path, problems: &[Problem]) -> Vec<String> {
    let path = path.display();
    problems
        .iter()
        .map(|problem| format!("{path}: {problem}"))
        .collect()
}
