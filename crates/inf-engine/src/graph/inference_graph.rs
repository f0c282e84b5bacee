//! [`InferenceGraph`]: a pipeline as data.

use std::sync::Arc;

use indexmap::IndexMap;

use super::region::Condition;
use super::{
    GraphNode, HostFunction, HostFunctions, NodeRef, Operation, Reference, Region, RegionRef,
    Shape, Tool,
};
use crate::parameter::{Parameter, ParameterPath};
use crate::value::Schema;

/// A parameter of a graph: the live handle and its path.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let style = Parameter::new("Be brief.").described("The style.");
/// let graph = LlmInference::new("fast").system_prompt(&style).trace()?;
/// let found = &graph.parameters()[0];
/// assert_eq!(found.path.as_str(), "system_prompt");
/// assert!(found.parameter.is_same(&style)); // the handle itself, no copy
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
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
    /// The whole graph first, and all others in the order in which they begin.
    pub(super) regions: Vec<Region>,
    pub(super) parameters: Vec<GraphParameter>,
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
        &self.regions[RegionRef::ROOT.index()].output
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
            .find(|(_, node)| *node.name == *name)
            .map(|(node, _)| node)
    }

    /// The regions: first the whole graph, then what nodes of control flow run,
    /// in the order in which they begin.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// One region.
    ///
    /// # Panics
    /// If `region` belongs to another graph that has more of them.
    pub fn region(&self, region: RegionRef) -> &Region {
        &self.regions[region.index()]
    }

    /// Under which conditions `node` runs: the arms and bodies that it stands
    /// in, innermost first. As text one is ``case "bug" of `reply` ``.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let graph = InferenceGraph::from_text(r#"
    /// version: 1
    /// name: reply
    /// input: { text: string, urgent: boolean }
    /// nodes:
    ///   reply:
    ///     if: input.urgent
    ///     then:
    ///       nodes: { call_back: { llm: fast, prompt: "Write a short answer to {input.text}" } }
    ///       output: call_back
    ///     else: { output: { $value: "Thank you, we will read it." } }
    /// output: reply
    /// "#)?;
    /// let call_back = graph.node_named("call_back").unwrap();
    /// let conditions: Vec<_> = graph.conditions(call_back).map(|one| one.to_string()).collect();
    /// assert_eq!(conditions, ["then of `reply`"]);
    /// # Ok::<(), inf_engine::graph::PipelineFileError>(())
    /// ```
    pub fn conditions(&self, node: NodeRef) -> impl Iterator<Item = Condition<'_>> {
        let innermost = self.condition_of(self.node(node).region);
        std::iter::successors(innermost, |inner| {
            self.condition_of(self.node(inner.owner).region)
        })
    }

    fn condition_of(&self, region: RegionRef) -> Option<Condition<'_>> {
        let region = self.region(region);
        let owner = region.owner?;
        Some(Condition {
            owner,
            owner_name: &self.node(owner).name,
            label: &region.label,
        })
    }

    /// The nodes that must have their values before `node` can begin, each once
    /// and ascending: what its operation reads, and what its regions read from
    /// outside of them.
    pub fn dependencies(&self, node: NodeRef) -> Vec<NodeRef> {
        let operation = self.node(node).operation();
        let mut nodes = operation.dependencies();
        for region in operation.regions() {
            nodes.extend(self.captures(region));
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The nodes outside of `region` that it reads, each once and ascending:
    /// their values are there before it begins.
    pub fn captures(&self, region: RegionRef) -> Vec<NodeRef> {
        let outer = self.region(region);
        let mut nodes = Vec::new();
        let mut read = |reference: &Reference| {
            if !outer.contains(reference.node) {
                nodes.push(reference.node);
            }
        };
        for node in &self.nodes[outer.nodes()] {
            node.operation.visit_references(&mut read);
        }
        // Regions are in the order in which they begin: those inside follow.
        for inner in &self.regions[region.index()..] {
            let is_inside = inner.owner.is_some_and(|owner| outer.contains(owner));
            if std::ptr::eq(inner, outer) || is_inside {
                inner.output.visit_references(&mut read);
            } else {
                break;
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
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

    /// Everything that `node` needs, directly or not, in topological order. A
    /// node of control flow needs what its regions give, and they need what
    /// decides whether they run.
    pub fn ancestors(&self, node: NodeRef) -> Vec<NodeRef> {
        self.reached(node, &self.needs())
    }

    /// Everything that needs `node`, directly or not, in topological order.
    pub fn descendants(&self, node: NodeRef) -> Vec<NodeRef> {
        let mut needed_by = vec![Vec::new(); self.nodes.len()];
        for (index, needs) in self.needs().into_iter().enumerate() {
            for other in needs {
                needed_by[other.index()].push(NodeRef::new(index));
            }
        }
        self.reached(node, &needed_by)
    }

    /// By node, what it needs directly.
    fn needs(&self) -> Vec<Vec<NodeRef>> {
        let needs = self.nodes.iter().map(|node| {
            let mut needs = node.operation.dependencies();
            let mut read = |reference: &Reference| needs.push(reference.node);
            for region in node.operation.regions() {
                self.region(region).output.visit_references(&mut read);
            }
            if let Some(owner) = self.region(node.region).owner {
                let decides = &self.node(owner).operation;
                decides.visit_references(&mut read);
            }
            needs
        });
        needs.collect()
    }

    /// What can be reached from `start` by `edges`, without `start` itself.
    fn reached(&self, start: NodeRef, edges: &[Vec<NodeRef>]) -> Vec<NodeRef> {
        let mut reached = vec![false; self.nodes.len()];
        reached[start.index()] = true;
        let mut next = vec![start];
        while let Some(node) = next.pop() {
            for other in &edges[node.index()] {
                if !std::mem::replace(&mut reached[other.index()], true) {
                    next.push(*other);
                }
            }
        }
        reached[start.index()] = false;
        marked(&reached)
    }

    /// The nodes whose value nothing uses. They run all the same, as code
    /// would; a call among them is paid for nothing.
    pub fn unused_nodes(&self) -> Vec<NodeRef> {
        let is_given =
            |node: &GraphNode| matches!(node.operation, Operation::Input | Operation::Argument);
        let mut used: Vec<bool> = self.nodes.iter().map(is_given).collect();
        let mut mark = |reference: &Reference| used[reference.node.index()] = true;
        for region in &self.regions {
            region.output.visit_references(&mut mark);
        }
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
            && self.regions == other.regions
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
