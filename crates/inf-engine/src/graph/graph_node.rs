//! [`GraphNode`]: one operation and where it comes from.

use std::fmt;
use std::sync::Arc;

use super::{Operation, RegionRef};

/// One operation of a graph.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let graph = LlmInference::new("fast").trace()?;
/// let node = &graph.nodes()[1];
/// assert_eq!(node.name(), "llm");
/// // Where the program made it, for errors and drawings.
/// assert!(node.location().is_some());
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GraphNode {
    /// The name by which files, drawings and errors call this node; unique in
    /// its graph.
    pub(crate) name: Arc<str>,
    /// The dotted path of the module that made it; empty at the root.
    pub(crate) module: String,
    /// What it does.
    pub(crate) operation: Operation,
    /// Among ready nodes the one with the lowest number goes first.
    pub(crate) priority: i32,
    /// The line that made it, if it was traced.
    pub(crate) location: Option<SourceLocation>,
    /// The innermost region that it stands in.
    pub(crate) region: RegionRef,
}

impl GraphNode {
    /// A node that does `operation`, with priority 0. A call of a model belongs
    /// to a module of its own name, all else to the root.
    pub fn new(name: impl Into<Arc<str>>, operation: Operation) -> Self {
        let mut node = Self {
            name: name.into(),
            module: String::new(),
            operation,
            priority: 0,
            location: None,
            region: RegionRef::ROOT,
        };
        node.module = node.default_module().to_owned();
        node
    }

    /// The module that this node belongs to where nothing else is said.
    pub(super) fn default_module(&self) -> &str {
        match self.operation {
            Operation::Llm(_) => &self.name,
            _ => "",
        }
    }

    /// Sets the dotted path of the module that this node belongs to.
    #[must_use]
    pub fn with_module(mut self, module: impl Into<String>) -> Self {
        self.module = module.into();
        self
    }

    /// Sets the priority: among ready nodes the lowest number goes first.
    #[must_use]
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// The name, unique in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dotted path of the module that made this node; empty at the root.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// What the node does.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The priority: among ready nodes the lowest number goes first.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// The region that it stands in, the innermost one: whether and how often it
    /// runs is decided there
    /// ([`conditions`](super::InferenceGraph::conditions)).
    pub fn region(&self) -> RegionRef {
        self.region
    }

    /// The name, to share: paths are made of it.
    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// The line of the program that made this node, if it was traced.
    pub fn location(&self) -> Option<SourceLocation> {
        self.location
    }
}

impl PartialEq for GraphNode {
    /// Everything but the source line: a saved graph has none.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.module == other.module
            && self.operation == other.operation
            && self.priority == other.priority
            && self.region == other.region
    }
}

/// A line of the program that was traced.
///
/// [`GraphNode::location`] gives it; as text it is `src/main.rs:12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceLocation {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl SourceLocation {
    /// The line that called the function marked `#[track_caller]`.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        let location = std::panic::Location::caller();
        Self {
            file: location.file(),
            line: location.line(),
        }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}
