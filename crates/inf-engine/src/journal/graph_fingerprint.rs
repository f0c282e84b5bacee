//! [`GraphFingerprint`]: what a graph does, so that a change can be told.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::digest::Digest;
use super::record::NodeFingerprint;
use crate::document::DocumentFormat;
use crate::graph::{GraphOutline, InferenceGraph};

/// What a graph does, texts of parameters left out: they have versions of their
/// own.
///
/// Priorities, modules and descriptions do not count, for they change nothing
/// of what is asked; names of nodes do, because what is recorded is found by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphFingerprint {
    pub(super) structure: Arc<str>,
    pub(super) nodes: Arc<IndexMap<String, NodeFingerprint>>,
    pub(super) outline: Arc<GraphOutline>,
}

/// The nodes of a fingerprint that are no nodes of a graph: nobody can call one
/// of his own so, because names have no brackets.
pub(super) const INPUT: &str = "(input)";
/// See [`INPUT`].
pub(super) const OUTPUT: &str = "(output)";

impl GraphFingerprint {
    /// The fingerprint of `graph`.
    pub(crate) fn of(graph: &InferenceGraph) -> Self {
        // The pipeline file is the one form of a graph that never changes.
        let text = graph.to_text(DocumentFormat::Json);
        let mut document: Json = serde_json::from_str(&text).unwrap_or_default();
        let mut nodes = IndexMap::new();
        for (part, name) in [("input", INPUT), ("output", OUTPUT)] {
            let fingerprint = NodeFingerprint::from([(part.to_owned(), hash(&document[part]))]);
            nodes.insert(name.to_owned(), fingerprint);
        }
        if let Json::Object(found) = document["nodes"].take() {
            for (name, mut node) in found {
                forget_what_changes_nothing(&mut node);
                let settings = node.as_object().into_iter().flatten();
                let settings = settings.map(|(setting, value)| (setting.clone(), hash(value)));
                nodes.insert(name, settings.collect());
            }
        }
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal structure v1");
        for (name, settings) in &nodes {
            let line = serde_json::json!([name, settings]);
            hasher.update(line.to_string().as_bytes());
        }
        Self {
            structure: Digest::of(&hasher).to_string().into(),
            nodes: Arc::new(nodes),
            outline: Arc::new(graph.outline()),
        }
    }
}

/// Also of the nodes inside of it.
fn forget_what_changes_nothing(node: &mut Json) {
    match node {
        Json::Object(fields) => {
            if ["llm", "host", "compute", "pack", "prompt"]
                .iter()
                .any(|key| fields.contains_key(*key))
            {
                fields.shift_remove("priority");
                fields.shift_remove("module");
            }
            for key in [
                "nodes", "cases", "then", "else", "default", "try", "fallback",
            ] {
                if let Some(Json::Object(inner)) = fields.get_mut(key) {
                    inner.values_mut().for_each(forget_what_changes_nothing);
                }
            }
        }
        Json::Array(list) => list.iter_mut().for_each(forget_what_changes_nothing),
        _ => {}
    }
}

/// Sixteen digits: enough to tell two settings apart.
fn hash(value: &Json) -> String {
    let mut hasher = blake3::Hasher::new();
    let hash = hasher.update(value.to_string().as_bytes()).finalize();
    hash.to_hex()[..16].to_owned()
}
