//! [`Operation`]: what a node does.

use std::fmt;
use std::sync::Arc;

use super::region::RegionLabel;
use super::{
    Branch, Compute, Fallback, Fold, FoldOrder, LlmCall, Map, NodeRef, ParameterRef, Reference,
    RegionRef, Repeat, Shape, Template,
};

/// The name under which a pipeline calls a model; which endpoint that is, is
/// said outside the code, in a resource configuration.
///
/// ```
/// use inf_engine::graph::Alias;
/// use inf_engine::prelude::*;
///
/// let graph = LlmInference::new("fast").trace()?;
/// assert_eq!(graph.aliases(), [&Alias::from("fast")]);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alias(Arc<str>);

impl Alias {
    /// The alias as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Alias {
    fn from(alias: T) -> Self {
        Self(alias.into())
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a node does when its inputs are there.
///
/// ```
/// use inf_engine::graph::Operation;
/// use inf_engine::prelude::*;
///
/// let ask = LlmInference::new("fast").max_tokens(100);
/// let graph = ask.trace()?;
/// // What may be as long as the model likes?
/// let unbounded = graph.nodes().iter().filter(|node| match node.operation() {
///     Operation::Llm(call) => call.max_tokens.is_none(),
///     _ => false,
/// });
/// assert_eq!(unbounded.count(), 0);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Is the graph's input.
    Input,
    /// Calls a model.
    Llm(LlmCall),
    /// Fills a template that several nodes use.
    Prompt(Template),
    /// Calls a function of the host program.
    Host(HostCall),
    /// Puts values together.
    Pack(Shape),
    /// Derives a value from another without any outside help.
    Compute {
        /// How.
        function: Compute,
        /// From what.
        input: Shape,
    },
    /// Runs one of several regions.
    Branch(Branch),
    /// Runs a region for each element of a list.
    Map(Map),
    /// Puts the elements of a list together with a region.
    Fold(Fold),
    /// Runs a region until it is done.
    Repeat(Repeat),
    /// Runs a region in place of one that failed.
    Fallback(Fallback),
    /// Has its value from the owner of its region.
    Argument,
}

/// A call of a function that the host program provides under a name.
///
/// ```
/// use inf_engine::graph::{GraphBuilder, GraphNode, HostCall, HostFunction, NodeRef, Operation};
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("count", Schema::of::<String>());
/// let call = HostCall::new("count_words", NodeRef::INPUT);
/// let count = builder.add(GraphNode::new("count", Operation::Host(call)));
/// let words = |text: String| text.split_whitespace().count();
/// builder.set_host_function(count, HostFunction::new("count_words", words));
/// let graph = builder.finish(count.into())?;
/// assert!(graph.missing_host_functions().is_empty());
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HostCall {
    /// The name of the function.
    pub function: Arc<str>,
    /// What it is given.
    pub input: Shape,
}

impl HostCall {
    /// A call of the host function of this name.
    pub fn new(function: impl Into<Arc<str>>, input: impl Into<Shape>) -> Self {
        Self {
            function: function.into(),
            input: input.into(),
        }
    }
}

impl Operation {
    /// Calls `visit` on every reference that this operation reads; what its
    /// regions read is not among them.
    pub(crate) fn visit_references<'s>(&'s self, visit: &mut dyn FnMut(&'s Reference)) {
        match self {
            Self::Input | Self::Argument | Self::Fallback(_) => {}
            Self::Llm(call) => call.visit_references(visit),
            Self::Prompt(template) => template.references().for_each(visit),
            Self::Host(HostCall { input, .. })
            | Self::Compute { input, .. }
            | Self::Pack(input)
            | Self::Branch(Branch { on: input, .. })
            | Self::Map(Map { list: input, .. })
            | Self::Repeat(Repeat { state: input, .. }) => {
                input.visit_references(visit);
            }
            Self::Fold(fold) => {
                fold.list.visit_references(visit);
                if let Some(initial) = &fold.initial {
                    initial.visit_references(visit);
                }
            }
        }
    }

    /// The regions that this operation runs, in their order, with what they are.
    pub(crate) fn labelled_regions(&self) -> Vec<(RegionRef, RegionLabel)> {
        match self {
            Self::Branch(branch) => branch.regions(),
            Self::Map(Map { body, .. })
            | Self::Fold(Fold { body, .. })
            | Self::Repeat(Repeat { body, .. }) => vec![(*body, RegionLabel::Body)],
            Self::Fallback(fallback) => vec![
                (fallback.body, RegionLabel::Try),
                (fallback.otherwise, RegionLabel::Fallback),
            ],
            _ => Vec::new(),
        }
    }

    /// The regions that this operation runs, in their order.
    pub fn regions(&self) -> Vec<RegionRef> {
        let regions = self.labelled_regions().into_iter();
        regions.map(|(region, _)| region).collect()
    }

    /// What is wrong with it by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::Llm(call) => call.problems(),
            Self::Branch(branch) => branch.problems(),
            Self::Repeat(Repeat { max: 0, .. }) => {
                one("`max` is 0, but the body runs at least once")
            }
            Self::Fold(Fold {
                order: FoldOrder::Tree,
                initial: Some(_),
                ..
            }) => one("a fold by tree has no `initial`: it begins with the elements themselves"),
            _ => Vec::new(),
        }
    }

    /// How many arguments each of its regions has.
    pub(super) fn arguments(&self) -> usize {
        match self {
            Self::Map(_) | Self::Repeat(_) => 1,
            Self::Fold(_) => 2,
            _ => 0,
        }
    }

    /// The nodes that this operation itself reads, each once, in ascending
    /// order. What its regions read from outside is not among them: see
    /// [`InferenceGraph::dependencies`](super::InferenceGraph::dependencies).
    pub fn dependencies(&self) -> Vec<NodeRef> {
        let mut nodes = Vec::new();
        self.visit_references(&mut |reference| nodes.push(reference.node));
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The prompt that this operation asks a model, or that it is.
    pub fn prompt(&self) -> Option<&Template> {
        match self {
            Self::Llm(call) => Some(&call.prompt),
            Self::Prompt(template) => Some(template),
            _ => None,
        }
    }

    /// The system prompt of this operation, if it calls a model with one.
    pub fn system_prompt(&self) -> Option<&Template> {
        match self {
            Self::Llm(call) => call.system.as_ref(),
            _ => None,
        }
    }

    /// The names of the tools that this operation gives to a model.
    pub(crate) fn tools(&self) -> &[Arc<str>] {
        match self {
            Self::Llm(call) => &call.tools,
            _ => &[],
        }
    }

    /// The parameters that this operation reads, in the order of their use.
    pub fn parameters(&self) -> Vec<ParameterRef> {
        match self {
            Self::Llm(call) => call.templates().flat_map(Template::parameters).collect(),
            Self::Prompt(template) => template.parameters().collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn renumber(&mut self, new: &dyn Fn(NodeRef) -> NodeRef) {
        match self {
            Self::Input | Self::Argument | Self::Fallback(_) => {}
            Self::Llm(call) => {
                call.prompt.renumber(new);
                if let Some(system) = &mut call.system {
                    system.renumber(new);
                }
                if let Some(messages) = &mut call.messages {
                    messages.renumber(new);
                }
            }
            Self::Prompt(template) => template.renumber(new),
            Self::Host(HostCall { input, .. })
            | Self::Compute { input, .. }
            | Self::Pack(input)
            | Self::Branch(Branch { on: input, .. })
            | Self::Map(Map { list: input, .. })
            | Self::Repeat(Repeat { state: input, .. }) => {
                input.renumber(new);
            }
            Self::Fold(fold) => {
                fold.list.renumber(new);
                if let Some(initial) = &mut fold.initial {
                    initial.renumber(new);
                }
            }
        }
    }

    pub(super) fn renumber_regions(&mut self, new: &dyn Fn(RegionRef) -> RegionRef) {
        match self {
            Self::Branch(branch) => {
                for arm in &mut branch.arms {
                    arm.region = new(arm.region);
                }
                branch.otherwise = branch.otherwise.map(new);
            }
            Self::Map(Map { body, .. })
            | Self::Fold(Fold { body, .. })
            | Self::Repeat(Repeat { body, .. }) => *body = new(*body),
            Self::Fallback(fallback) => {
                fallback.body = new(fallback.body);
                fallback.otherwise = new(fallback.otherwise);
            }
            _ => {}
        }
    }
}
