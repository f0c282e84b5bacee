//! [`Change`]: what of a pipeline is not as it was.

use std::fmt;

use indexmap::IndexMap;

use super::super::GraphFingerprint;
use super::super::graph_fingerprint::{INPUT, OUTPUT};
use super::super::record::{NodeFingerprint, ParameterVersion, PipelineRecord};
use crate::graph::InferenceGraph;

/// What of a pipeline is not as it was in an earlier run.
///
/// [`Compatibility`](crate::journal::Compatibility) has them, and shows one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The pipeline has another name: nothing is found under it.
    Name {
        /// The name that it had.
        was: String,
    },
    /// The type of the input.
    Input,
    /// What the output is put together from.
    Output,
    /// A node that was not there.
    NodeAdded(String),
    /// A node that is no longer there.
    NodeRemoved(String),
    /// Settings of a node, by their names in pipeline files: `prompt`, `llm`, ….
    Node {
        /// Its name.
        name: String,
        /// The settings.
        settings: Vec<String>,
    },
    /// The text of a parameter.
    Parameter(String),
    /// A parameter that was not there.
    ParameterAdded(String),
    /// A parameter that is no longer there.
    ParameterRemoved(String),
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { was } => write!(formatter, "the pipeline was called `{was}`"),
            Self::Input => formatter.write_str("the type of the input changed"),
            Self::Output => formatter.write_str("the output is put together in another way"),
            Self::NodeAdded(name) => write!(formatter, "node `{name}` is new"),
            Self::NodeRemoved(name) => write!(formatter, "node `{name}` is gone"),
            Self::Node { name, settings } => {
                let settings: Vec<_> = settings.iter().map(|key| format!("`{key}`")).collect();
                let settings = match &settings[..] {
                    [] => "something".to_owned(),
                    [one] => one.clone(),
                    [first @ .., last] => format!("{} and {last}", first.join(", ")),
                };
                write!(formatter, "{settings} of node `{name}` changed")
            }
            Self::Parameter(path) => write!(formatter, "the text of parameter `{path}` changed"),
            Self::ParameterAdded(path) => write!(formatter, "parameter `{path}` is new"),
            Self::ParameterRemoved(path) => write!(formatter, "parameter `{path}` is gone"),
        }
    }
}

impl Change {
    /// What of `graph` is not as it was in `earlier`.
    pub(super) fn all(earlier: &PipelineRecord, graph: &InferenceGraph) -> Vec<Self> {
        let mut changes = Vec::new();
        if *earlier.name != *graph.name() {
            changes.push(Self::Name {
                was: earlier.name.to_string(),
            });
        }
        let now = GraphFingerprint::of(graph);
        nodes(&earlier.nodes, &now.nodes, &mut changes);
        let parameters = graph.parameters().iter();
        let parameters: IndexMap<&str, ParameterVersion> = parameters
            .map(|parameter| {
                let version = ParameterVersion::of(&parameter.parameter.value());
                (parameter.path.as_str(), version)
            })
            .collect();
        for (path, version) in &parameters {
            match earlier.parameters.get(*path) {
                None => changes.push(Self::ParameterAdded((*path).to_owned())),
                Some(was) if was != version => changes.push(Self::Parameter((*path).to_owned())),
                Some(_) => {}
            }
        }
        let gone = earlier.parameters.keys();
        let gone = gone.filter(|path| !parameters.contains_key(&***path));
        changes.extend(gone.map(|path| Self::ParameterRemoved(path.to_string())));
        changes
    }
}

fn nodes(
    was: &IndexMap<String, NodeFingerprint>,
    is: &IndexMap<String, NodeFingerprint>,
    changes: &mut Vec<Change>,
) {
    for (name, settings) in is {
        let change = match (&**name, was.get(name)) {
            (_, Some(earlier)) if earlier == settings => continue,
            (INPUT, _) => Change::Input,
            (OUTPUT, _) => Change::Output,
            (_, None) => Change::NodeAdded(name.clone()),
            (_, Some(earlier)) => Change::Node {
                name: name.clone(),
                settings: changed_settings(earlier, settings),
            },
        };
        changes.push(change);
    }
    let gone = was.keys().filter(|name| !is.contains_key(*name));
    changes.extend(gone.map(|name| Change::NodeRemoved(name.clone())));
}

fn changed_settings(was: &NodeFingerprint, is: &NodeFingerprint) -> Vec<String> {
    let gone = was.keys().filter(|key| !is.contains_key(*key));
    let changed = is.iter().filter(|(key, hash)| was.get(*key) != Some(hash));
    changed.map(|(key, _)| key).chain(gone).cloned().collect()
}
