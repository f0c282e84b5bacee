//! [`ContentHash`]: whether two graphs would ask the same.

use std::fmt;

use super::{InferenceGraph, Operation};

/// A hash of what a graph does: its structure, its prompts with the present
/// texts of its parameters, its aliases, settings and schemas.
///
/// Names of nodes and modules, paths and descriptions of parameters, and source
/// lines do not count. The hash is the same in every process, build and machine.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let ask = |prompt: &str| LlmInference::new("fast").system_prompt(prompt).trace();
/// assert_eq!(ask("Be brief.")?.content_hash(), ask("Be brief.")?.content_hash());
/// assert_ne!(ask("Be brief.")?.content_hash(), ask("Be kind.")?.content_hash());
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl InferenceGraph {
    /// The hash of what this graph would do if it ran now.
    pub fn content_hash(&self) -> ContentHash {
        // Nodes are called by their place in topological order, so that a
        // renamed node changes nothing.
        let mut nameless = self.clone();
        nameless.name.clear();
        for (index, node) in nameless.nodes.iter_mut().enumerate() {
            if !matches!(node.operation, Operation::Input) {
                node.name = format!("n{index}").into();
            }
            node.module = node.default_module().to_owned();
        }
        // Parameters are called by the order of their use: their paths and
        // their order say how the tree of modules is written.
        let mut used = Vec::new();
        for parameter in self
            .nodes
            .iter()
            .flat_map(|node| node.operation.parameters())
        {
            if !used.contains(&parameter.index()) {
                used.push(parameter.index());
            }
        }
        for (index, parameter) in nameless.parameters.iter_mut().enumerate() {
            let place = used.iter().position(|&other| other == index);
            parameter.path = place.map_or("unused".into(), |place| format!("p{place}").into());
        }
        let mut document = nameless.to_document();
        document.parameters.shift_remove("unused");
        document.parameters.sort_unstable_keys();
        for parameter in document.parameters.values_mut() {
            parameter.description = None;
            parameter.requires_grad = true;
        }
        let json = serde_json::json!(document);
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"inf-engine graph 1\n");
        hasher.update(json.to_string().as_bytes());
        ContentHash(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for ContentHash {
    /// 64 hexadecimal digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContentHash({self})")
    }
}
