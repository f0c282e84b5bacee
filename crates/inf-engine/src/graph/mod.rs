//! The graph of a pipeline: what runs, on what, and in which order it may.
//!
//! An [`InferenceGraph`] is an immutable list of [`GraphNode`]s in topological
//! order. Each node holds one [`Operation`], which says by [`Reference`] which
//! other values it reads: directly, inside the [`Template`] of a prompt, or
//! inside a [`Shape`] of lists and maps. Nodes hold names, not live things: an
//! endpoint is an [`Alias`], a learnable text is a [`ParameterRef`] into the
//! graph's table of parameters.
//!
//! Control flow is part of the graph: a [`Branch`], a [`Map`], a [`Fold`], a
//! [`Repeat`] or a [`Fallback`] runs [`Region`]s, stretches of the same list
//! (`region_layout` puts them there).
//!
//! A graph comes from a trace of modules, from a [`GraphBuilder`], or from a
//! pipeline file (`pipeline_file`). It is pure data: it can be validated, hashed,
//! drawn and saved, and nothing here does I/O.
//!
//! ```
//! use inf_engine::document::DocumentFormat;
//! use inf_engine::graph::Operation;
//! use inf_engine::prelude::*;
//!
//! let chain = Sequential::new(LlmInference::new("fast")).then(LlmInference::new("smart"));
//! let graph = chain.trace()?;
//! let calls = graph.nodes().iter().filter_map(|node| match node.operation() {
//!     Operation::Llm(call) => Some(call.alias.as_str()),
//!     _ => None,
//! });
//! assert_eq!(calls.collect::<Vec<_>>(), ["fast", "smart"]);
//! println!("{}", graph.to_mermaid()); // a drawing
//! println!("{}", graph.to_text(DocumentFormat::Yaml)); // a pipeline file
//! # Ok::<(), inf_engine::graph::GraphError>(())
//! ```

mod cases;
mod compute;
mod content_hash;
mod control_flow;
mod drawing;
mod failure_kind;
mod graph_builder;
mod graph_error;
mod graph_node;
mod host_function;
mod inference_graph;
mod llm_call;
mod node_path;
mod node_schemas;
mod operand_kinds;
mod operation;
mod pipeline_file;
mod placement;
mod reference;
mod region;
mod region_layout;
mod schema_fit;
mod shape;
mod template;
mod tool;
mod warnings;

pub(crate) use cases::missing_cases;
pub use compute::Compute;
pub use content_hash::ContentHash;
pub use control_flow::{Arm, Branch, Fallback, Fold, FoldOrder, Keep, Map, Repeat};
pub use drawing::{GraphOutline, OutlineEdge, OutlineNode, OutlineRegion};
pub use failure_kind::FailureKind;
pub use graph_builder::GraphBuilder;
pub use graph_error::GraphError;
pub use graph_node::{GraphNode, SourceLocation};
pub(crate) use host_function::{HostBody, HostError, HostFuture};
pub use host_function::{HostFunction, HostFunctions};
pub use inference_graph::{GraphParameter, InferenceGraph};
pub use llm_call::LlmCall;
pub use node_path::{NodePath, Place, RegionPath};
pub use operation::{Alias, HostCall, Operation};
pub use pipeline_file::PipelineFileError;
pub use reference::{Accessor, NodeRef, ParameterRef, Reference};
pub use region::{Condition, Region, RegionLabel, RegionRef};
pub use shape::Shape;
pub use template::{Template, TemplatePart};
pub use tool::{Tool, ToolArguments, ToolOutput};
