//! [`InferenceGraph`]: a pipeline as data.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{GraphNode, HostFunction, HostFunctions, NodeRef, Operation, Shape, Tool};
use crate::parameter::{Parameter, ParameterPath};
use crate::value::Schema;

/// A parameter of a graph: the live handle and its path.
#[derive(Debug, Clone)]
pub struct GraphParameter {
    /// Where it stands in the tree of modules.
    pub path: ParameterPath,
    /// The handle; its text is looked up when a run begins.
    pub parameter: Parameter,
}

/// A pipeline as data: immutable, validated, in topological order.
///
/// Made by tracing a module, by a [`GraphBuilder`](super::GraphBuilder), or by
/// reading a pipeline file.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let graph = InferenceGraph::from_text(r#"
/// version: 1
/// name: shout
/// input: { text: string }
/// nodes:
///   loud: { llm: fast, prompt: "Write in capitals: {input.text}" }
/// output: loud
/// "#)?;
/// let loud = graph.node_named("loud").unwrap();
/// assert_eq!(graph.ancestors(loud).len(), 1);
/// # Ok::<(), inf_engine::graph::PipelineFileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct InferenceGraph {
    pub(super) name: String,
    pub(super) input: Schema,
    pub(super) nodes: Vec<GraphNode>,
    pub(super) parameters: Vec<GraphParameter>,
    pub(super) output: Shape,
    /// By node; `None` where a node calls none, or its function is missing.
    pub(super) host_functions: Vec<Option<HostFunction>>,
    /// Those that calls name and that are there.
    pub(super) tools: IndexMap<Arc<str>, Tool>,
}

impl InferenceGraph {
    /// The name of the pipeline.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema of the input.
    pub fn input(&self) -> &Schema {
        &self.input
    }

    /// The output, put together from nodes.
    pub fn output(&self) -> &Shape {
        &self.output
    }

    /// The nodes in topological order; the first is the input.
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// The nodes with their references, in topological order.
    pub fn enumerate(&self) -> impl Iterator<Item = (NodeRef, &GraphNode)> {
        let numbered = self.nodes.iter().enumerate();
        numbered.map(|(index, node)| (NodeRef::new(index), node))
    }

    /// One node.
    ///
    /// # Panics
    /// If `node` belongs to a larger graph.
    pub fn node(&self, node: NodeRef) -> &GraphNode {
        &self.nodes[node.index()]
    }

    /// The node called `name`.
    pub fn node_named(&self, name: &str) -> Option<NodeRef> {
        self.enumerate()
            .find(|(_, node)| node.name == name)
            .map(|(node, _)| node)
    }

    /// The parameters that nodes refer to.
    pub fn parameters(&self) -> &[GraphParameter] {
        &self.parameters
    }

    /// The aliases that the graph calls, each once, in the order of their use.
    pub fn aliases(&self) -> Vec<&super::Alias> {
        let mut aliases = Vec::new();
        for node in &self.nodes {
            if let Operation::Llm(call) = &node.operation
                && !aliases.contains(&&call.alias)
            {
                aliases.push(&call.alias);
            }
        }
        aliases
    }

    /// The function that `node` calls, if it calls one and the graph has it.
    pub fn host_function(&self, node: NodeRef) -> Option<&HostFunction> {
        self.host_functions[node.index()].as_ref()
    }

    /// The nodes that call a host function which the graph does not have: it
    /// was read from a file, which holds no code. Give it the functions with
    /// [`with_host_functions`](Self::with_host_functions).
    pub fn missing_host_functions(&self) -> Vec<(NodeRef, &str)> {
        let calls = self
            .enumerate()
            .filter_map(|(node, found)| match &found.operation {
                Operation::Host(call) => Some((node, &*call.function)),
                _ => None,
            });
        calls
            .filter(|(node, _)| self.host_function(*node).is_none())
            .collect()
    }

    /// The same graph with host functions, found by name.
    #[must_use]
    pub fn with_host_functions(mut self, functions: &HostFunctions) -> Self {
        for (slot, node) in self.host_functions.iter_mut().zip(&self.nodes) {
            if let Operation::Host(call) = &node.operation
                && let Some(function) = functions.get(&call.function)
            {
                *slot = Some(function.clone());
            }
        }
        self
    }

    /// The tool under `name`, if calls of the graph name it and the graph has it.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name)
    }

    /// The tools that calls name and that the graph does not have: it was read
    /// from a file, which holds no code. Give it the tools with
    /// [`with_tools`](Self::with_tools).
    pub fn missing_tools(&self) -> Vec<(NodeRef, &str)> {
        let named = self.enumerate().flat_map(|(node, found)| {
            let names = found.operation.tools().iter();
            names.map(move |name| (node, &**name))
        });
        named
            .filter(|(_, name)| self.tool(name).is_none())
            .collect()
    }

    /// The same graph with tools, found by name. Those that no call names are
    /// left out.
    ///
    /// ```
    /// use inf_engine::graph::Tool;
    /// use inf_engine::prelude::*;
    ///
    /// let graph = InferenceGraph::from_text(r#"
    /// version: 1
    /// name: clock
    /// nodes:
    ///   answer: { llm: smart, prompt: "{input}", tools: [today] }
    /// output: answer
    /// "#)?;
    /// assert_eq!(graph.missing_tools().len(), 1);
    /// let today = Tool::new("today", "The date.", |(): ()| async { "2026-11-26" });
    /// let graph = graph.with_tools([today]);
    /// assert!(graph.missing_tools().is_empty());
    /// # Ok::<(), inf_engine::graph::PipelineFileError>(())
    /// ```
    #[must_use]
    pub fn with_tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        for tool in tools {
            let mut nodes = self.nodes.iter();
            if nodes.any(|node| {
                let names = node.operation.tools();
                names.iter().any(|name| **name == *tool.name())
            }) {
                self.tools.insert(tool.name().into(), tool);
            }
        }
        self
    }

    /// Everything that `node` needs, directly or not, in topological order.
    pub fn ancestors(&self, node: NodeRef) -> Vec<NodeRef> {
        let mut needed = vec![false; node.index() + 1];
        needed[node.index()] = true;
        for index in (0..=node.index()).rev() {
            if needed[index] {
                for dependency in self.nodes[index].operation.dependencies() {
                    needed[dependency.index()] = true;
                }
            }
        }
        needed[node.index()] = false;
        marked(&needed)
    }

    /// Everything that needs `node`, directly or not, in topological order.
    pub fn descendants(&self, node: NodeRef) -> Vec<NodeRef> {
        let mut needs = vec![false; self.nodes.len()];
        needs[node.index()] = true;
        for index in node.index() + 1..self.nodes.len() {
            let dependencies = self.nodes[index].operation.dependencies();
            needs[index] = dependencies.iter().any(|other| needs[other.index()]);
        }
        needs[node.index()] = false;
        marked(&needs)
    }

    /// The nodes whose value nothing uses. They run all the same, as code
    /// would; a call among them is paid for nothing.
    pub fn unused_nodes(&self) -> Vec<NodeRef> {
        let mut used = vec![false; self.nodes.len()];
        used[NodeRef::INPUT.index()] = true;
        let mut mark = |reference: &super::Reference| used[reference.node.index()] = true;
        self.output.visit_references(&mut mark);
        for node in &self.nodes {
            node.operation.visit_references(&mut mark);
        }
        let unused: Vec<bool> = used.into_iter().map(|used| !used).collect();
        marked(&unused)
    }
}

impl PartialEq for InferenceGraph {
    /// Everything that a pipeline file holds: structure, names, and parameters
    /// with their present texts; not host code and source lines.
    fn eq(&self, other: &Self) -> bool {
        let parameters = |graph: &Self| -> Vec<_> {
            let table = graph.parameters.iter();
            table
                .map(|GraphParameter { path, parameter }| {
                    let learns = parameter.requires_grad();
                    (
                        path.clone(),
                        parameter.value(),
                        parameter.description(),
                        learns,
                    )
                })
                .collect()
        };
        self.name == other.name
            && self.input == other.input
            && self.nodes == other.nodes
            && self.output == other.output
            && parameters(self) == parameters(other)
    }
}

fn marked(marks: &[bool]) -> Vec<NodeRef> {
    let numbered = marks.iter().enumerate();
    numbered
        .filter(|(_, marked)| **marked)
        .map(|(index, _)| NodeRef::new(index))
        .collect()
}
