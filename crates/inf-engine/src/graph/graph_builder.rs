//! [`GraphBuilder`]: nodes in any order, to a validated graph.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::graph_error::GraphError;
use super::inference_graph::{GraphParameter, InferenceGraph};
use super::node_schemas::NodeSchemas;
use super::pipeline_file::PARAMETERS;
use super::reference::is_identifier;
use super::region_layout::RegionLayout;
use super::{Accessor, GraphNode, HostFunction, LlmCall, NodeRef, Operation, ParameterRef};
use super::{Reference, RegionRef, Repeat, Shape, Tool};
use crate::document::{Problem, did_you_mean};
use crate::parameter::{Parameter, ParameterPath};
use crate::value::Schema;

/// The name of the node that stands for the input.
const INPUT: &str = "input";

/// Puts a graph together, for front ends that do not trace modules.
///
/// Nodes may refer to nodes that are added later; [`finish`](Self::finish)
/// sorts them and reports every problem at once. What a node of control flow
/// runs is added as a [region](Self::add_region).
///
/// ```
/// use inf_engine::graph::{GraphBuilder, GraphNode, LlmCall, NodeRef, Operation, Template};
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("shout", Schema::of::<String>());
/// let call = LlmCall::new("fast", Template::of(NodeRef::INPUT));
/// let loud = builder.add(GraphNode::new("loud", Operation::Llm(call)));
/// let graph = builder.finish(loud.into())?;
/// assert_eq!(graph.nodes().len(), 2);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug)]
pub struct GraphBuilder {
    name: String,
    input: Schema,
    nodes: Vec<GraphNode>,
    /// By region, what it gives; that of the whole graph comes last.
    outputs: Vec<Option<Shape>>,
    parameters: Vec<GraphParameter>,
    host_functions: Vec<Option<HostFunction>>,
    tools: IndexMap<Arc<str>, Tool>,
    tool_problems: Vec<Problem>,
}

impl GraphBuilder {
    /// A graph of nothing but its input.
    pub fn new(name: impl Into<String>, input: Schema) -> Self {
        Self {
            name: name.into(),
            input,
            nodes: vec![GraphNode::new(INPUT, Operation::Input)],
            outputs: vec![None],
            parameters: Vec::new(),
            host_functions: vec![None],
            tools: IndexMap::new(),
            tool_problems: Vec::new(),
        }
    }

    pub(super) fn set_input(&mut self, input: Schema) {
        self.input = input;
    }

    /// Adds a node.
    pub fn add(&mut self, node: GraphNode) -> NodeRef {
        self.add_to(RegionRef::ROOT, node)
    }

    /// Adds a node to a region. Its arguments are nodes that do
    /// [`Operation::Argument`], in the order in which they are added.
    pub fn add_to(&mut self, region: RegionRef, mut node: GraphNode) -> NodeRef {
        node.region = region;
        self.nodes.push(node);
        self.host_functions.push(None);
        NodeRef::new(self.nodes.len() - 1)
    }

    /// Adds a region: an arm or a body that one node of control flow runs. It
    /// needs an [output](Self::set_region_output), and the arguments that its
    /// owner gives it.
    ///
    /// ```
    /// use inf_engine::graph::{
    ///     GraphBuilder, GraphNode, Keep, LlmCall, Map, NodeRef, Operation, Template,
    /// };
    /// use inf_engine::value::Schema;
    ///
    /// let mut builder = GraphBuilder::new("summaries", Schema::of::<Vec<String>>());
    /// let body = builder.add_region();
    /// let text = builder.add_to(body, GraphNode::new("text", Operation::Argument));
    /// let call = LlmCall::new("fast", Template::of(text));
    /// let summary = builder.add_to(body, GraphNode::new("summary", Operation::Llm(call)));
    /// builder.set_region_output(body, summary.into());
    /// let map = Map::new(NodeRef::INPUT, body);
    /// let summaries = builder.add(GraphNode::new("summaries", Operation::Map(map)));
    /// let graph = builder.finish(summaries.into())?;
    /// assert_eq!(graph.regions().len(), 2);
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    pub fn add_region(&mut self) -> RegionRef {
        self.outputs.push(None);
        RegionRef::new(self.outputs.len() - 1)
    }

    /// Sets what a region gives to the node that runs it. That of the whole
    /// graph is said by [`finish`](Self::finish).
    ///
    /// # Panics
    /// If `region` is of another graph that has more of them.
    pub fn set_region_output(&mut self, region: RegionRef, output: Shape) {
        self.outputs[region.index()] = Some(output);
    }

    /// Gives `node` the code of the host function that it calls.
    pub fn set_host_function(&mut self, node: NodeRef, function: HostFunction) {
        self.host_functions[node.index()] = Some(function);
    }

    /// Gives the calls that name it the code of a tool.
    pub fn add_tool(&mut self, tool: Tool) {
        let name = tool.name();
        let place = format!("tool `{name}`");
        let known = self.tools.get(name);
        if known.is_some_and(|known| !known.is_same(&tool)) {
            let message = "two tools have this name and are other code, or are described in other \
                           words: give each a name of its own";
            self.tool_problems.push(Problem::new(place, message));
        } else if known.is_none() {
            let problem = tool.problem().map(|text| Problem::new(place, text));
            self.tool_problems.extend(problem);
            self.tools.insert(name.into(), tool);
        }
    }

    /// Adds a parameter under `path`.
    pub fn add_parameter(
        &mut self,
        path: impl Into<ParameterPath>,
        parameter: Parameter,
    ) -> ParameterRef {
        let path = path.into();
        self.parameters.push(GraphParameter { path, parameter });
        ParameterRef::new(self.parameters.len() - 1)
    }

    /// Sorts the nodes and checks everything; the error lists every problem.
    pub fn finish(mut self, output: Shape) -> Result<InferenceGraph, GraphError> {
        self.outputs[RegionRef::ROOT.index()] = Some(output);
        let mut problems = self.problems();
        let layout = RegionLayout::new(&self.nodes, &self.outputs);
        let layout = match layout {
            Ok(layout) => layout,
            Err(more) => {
                problems.extend(more);
                return Err(GraphError { problems });
            }
        };
        problems.extend(layout.problems());
        problems.extend(self.scope_problems(&layout));
        let order = match layout.order() {
            Ok(order) => order,
            Err(cycle) => {
                problems.push(cycle);
                return Err(GraphError { problems });
            }
        };
        GraphError::check(problems)?;

        let mut new_nodes = vec![NodeRef::INPUT; order.nodes.len()];
        for (index, old) in order.nodes.iter().enumerate() {
            new_nodes[old.index()] = NodeRef::new(index);
        }
        let mut new_regions = vec![RegionRef::ROOT; order.regions.len()];
        for (index, (old, _)) in order.regions.iter().enumerate() {
            new_regions[old.index()] = RegionRef::new(index);
        }
        let new = |old: NodeRef| new_nodes[old.index()];
        let new_region = |old: RegionRef| new_regions[old.index()];
        let regions = order.regions.into_iter().map(|(_, mut region)| {
            region.owner = region.owner.map(new);
            region.output.renumber(&new);
            region
        });
        let regions = regions.collect();
        let mut nodes = Vec::with_capacity(order.nodes.len());
        let mut host_functions = Vec::with_capacity(order.nodes.len());
        let mut unsorted: Vec<Option<GraphNode>> = self.nodes.into_iter().map(Some).collect();
        for old in &order.nodes {
            // Each node stands in the order exactly once.
            if let Some(mut node) = unsorted[old.index()].take() {
                node.operation.renumber(&new);
                node.operation.renumber_regions(&new_region);
                node.region = new_region(node.region);
                nodes.push(node);
                host_functions.push(self.host_functions[old.index()].take());
            }
        }
        let graph = InferenceGraph {
            name: self.name,
            input: self.input,
            nodes,
            regions,
            parameters: self.parameters,
            host_functions,
            tools: self.tools,
        };
        // Of all else nothing has to be of some kind.
        let computes = |node: &GraphNode| matches!(node.operation, Operation::Compute { .. });
        if graph.regions.len() > 1 || graph.nodes.iter().any(computes) {
            GraphError::check(NodeSchemas::new(&graph).problems())?;
        }
        Ok(graph)
    }

    /// Finds what is read from where it does not exist.
    fn scope_problems(&self, layout: &RegionLayout<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let reader = Some(NodeRef::new(index));
            node.operation.visit_references(&mut |reference| {
                let problem = layout.scope_problem(reader, node.region, reference);
                let place = || format!("node `{}`", node.name);
                problems.extend(problem.map(|message| Problem::new(place(), message)));
            });
        }
        for (index, output) in self.outputs.iter().enumerate() {
            let region = RegionRef::new(index);
            let mut check = |reference| {
                let place = || layout.place_of_region(region);
                let problem = layout.scope_problem(None, region, reference);
                problems.extend(problem.map(|message| Problem::new(place(), message)));
                problems.extend(self.part_problem(&place(), reference));
            };
            if let Some(output) = output {
                output.visit_references(&mut check);
            }
        }
        problems
    }

    fn name_of(&self, node: NodeRef) -> &str {
        &self.nodes[node.index()].name
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(error) = self.input.validate() {
            problems.push(Problem::new("input", error.to_string()));
        }
        let mut names = HashSet::new();
        for node in &self.nodes {
            let place = format!("node `{}`", node.name);
            if *node.name == *PARAMETERS || (*node.name == *INPUT && !names.is_empty()) {
                let message = "this name stands for something else in references: choose another";
                problems.push(Problem::new(&place, message));
            } else if !names.insert(&node.name) {
                let message = "another node has this name: choose one that no other has, in \
                               whatever part of the graph it stands";
                problems.push(Problem::new(&place, message));
            }
            if !is_identifier(&node.name) {
                problems.push(Problem::new(
                    &place,
                    "a node's name is letters, digits, `_` and `-`, and begins with a letter or `_`",
                ));
            }
            let wrong = node.operation.problems().into_iter();
            problems.extend(wrong.map(|text| Problem::new(&place, text)));
            let mut parts = |reference| problems.extend(self.part_problem(&place, reference));
            node.operation.visit_references(&mut parts);
            let known = |parameter: &ParameterRef| parameter.index() < self.parameters.len();
            if !node.operation.parameters().iter().all(known) {
                problems.push(Problem::new(&place, "a parameter of another graph is used: a `ParameterRef` is of the builder that made it"));
            }
        }
        problems.extend(self.ambiguous_functions());
        problems.extend(self.tool_problems.iter().cloned());
        let mut paths = HashSet::new();
        for GraphParameter { path, parameter } in &self.parameters {
            let place = format!("parameter `{path}`");
            if !paths.insert(path) {
                problems.push(Problem::new(
                    &place,
                    "another parameter has this path: give one of them another",
                ));
            }
            if path.as_str().contains(['{', '}', '"']) {
                let message = "a parameter's path can't hold `{`, `}` or `\"`, which mean something \
                               in templates: choose another key for the map that holds it";
                problems.push(Problem::new(&place, message));
            }
            if let Err(error) = parameter.validate() {
                problems.push(Problem::new(&place, error.to_string()));
            }
        }
        problems
    }

    /// Finds host functions of one name that are different code: a file could
    /// not tell them apart.
    fn ambiguous_functions(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut known: HashMap<&str, (&GraphNode, &HostFunction)> = HashMap::new();
        for (node, function) in self.nodes.iter().zip(&self.host_functions) {
            let Some(function) = function else { continue };
            let (first, code) = known.entry(function.name()).or_insert((node, function));
            if !code.is_same_code(function) {
                let (name, first) = (function.name(), first.name());
                problems.push(Problem::new(
                    format!("node `{}`", node.name()),
                    format!(
                        "its host function is called `{name}`, but is other code (or code for \
                         other types) than that of node `{first}`: give it a name of its own"
                    ),
                ));
            }
        }
        problems
    }

    /// Finds references into values that, by their schema, have no such part.
    fn part_problem(&self, place: &str, reference: &Reference) -> Option<Problem> {
        let Some(node) = self.nodes.get(reference.node.index()) else {
            return Some(Problem::new(
                place,
                "a node of another graph is used: a `NodeRef` is of the builder that made it",
            ));
        };
        let mut schema = match &node.operation {
            Operation::Input => self.input.as_json().clone(),
            Operation::Llm(LlmCall {
                output: Some(output),
                ..
            }) => output.as_json().clone(),
            Operation::Llm(_) | Operation::Prompt(_) => serde_json::json!({"type": "string"}),
            Operation::Repeat(_) => {
                let fields = [Repeat::STATE, Repeat::ITERATIONS, Repeat::STOPPED];
                let fields = fields.map(|field| (field.to_owned(), serde_json::Value::Bool(true)));
                let fields = serde_json::Map::from_iter(fields);
                serde_json::json!({"type": "object", "properties": fields})
            }
            _ => return None,
        };
        let whole = self.name_of(reference.node);
        let mut so_far = Reference::from(reference.node);
        for accessor in &reference.path {
            let at = so_far.display(whole).to_string();
            let problem = |message: String| Some(Problem::new(place, message));
            if ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"]
                .iter()
                .any(|keyword| schema.get(keyword).is_some())
            {
                return None; // What it has is said elsewhere.
            }
            let kind = schema.get("type").and_then(serde_json::Value::as_str);
            let kind = kind.or_else(|| kind_of_listed(&schema));
            schema = match (accessor, kind) {
                (Accessor::Key(key), Some("object")) => {
                    let fields = schema.get("properties")?.as_object()?;
                    if let Some(field) = fields.get(&**key) {
                        field.clone()
                    } else if schema
                        .get("additionalProperties")
                        .is_some_and(|more| more != false)
                    {
                        return None;
                    } else {
                        let hint = did_you_mean(key, fields.keys().map(String::as_str));
                        return problem(format!("`{at}` has no field `{key}`; {hint}"));
                    }
                }
                (Accessor::Index(_), Some("array")) if schema.get("prefixItems").is_some() => {
                    return None;
                }
                (Accessor::Index(_), Some("array")) => schema.get("items")?.clone(),
                (Accessor::Key(key), Some(kind)) => {
                    return problem(format!("`{at}` has no field `{key}`: it is of type {kind}"));
                }
                (Accessor::Index(index), Some(kind)) => {
                    let message = format!("`{at}` has no element {index}: it is of type {kind}");
                    return problem(message);
                }
                (_, None) => return None,
            };
            so_far.path.push(accessor.clone());
        }
        None
    }
}

/// The type of the values of a schema that lists texts, numbers or booleans, if it is one.
fn kind_of_listed(schema: &serde_json::Value) -> Option<&'static str> {
    use serde_json::Value as Json;
    let kind = |value: &Json| match value {
        Json::String(_) => Some("string"),
        Json::Number(_) => Some("number"),
        Json::Bool(_) => Some("boolean"),
        _ => None,
    };
    let listed = match (schema.get("enum"), schema.get("const")) {
        (Some(Json::Array(values)), _) => values,
        (_, Some(value)) => std::slice::from_ref(value),
        _ => return None,
    };
    let first = listed.first().and_then(kind)?;
    listed
        .iter()
        .all(|value| kind(value) == Some(first))
        .then_some(first)
}
