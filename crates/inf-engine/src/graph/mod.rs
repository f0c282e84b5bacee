//! The graph of a pipeline: what runs, on what, and in which order it may.
//!
//! An [`InferenceGraph`] is an immutable list of [`GraphNode`]s in topological
//! order. Each node holds one [`Operation`], which says by [`Reference`] which
//! other values it reads: directly, inside the [`Template`] of a prompt, or
//! inside a [`Shape`] of lists and maps. Nodes hold names, not live things: an
//! endpoint is an [`Alias`], a learnable text is a [`ParameterRef`] into the
//! graph's table of parameters.
//!
//! A graph comes from a trace of modules, from a [`GraphBuilder`], or from a
//! pipeline file (`pipeline_file`). It is pure data: it can be validated, hashed,
//! drawn and saved, and nothing here does I/O.

mod content_hash;
mod drawing;
mod graph_builder;
mod graph_error;
mod graph_node;
mod host_function;
mod inference_graph;
mod llm_call;
mod operation;
mod pipeline_file;
mod placement;
mod reference;
mod schema_fit;
mod shape;
mod template;
mod tool;

pub use content_hash::ContentHash;
pub use graph_builder::GraphBuilder;
pub use graph_error::{GraphError, Problem};
pub use graph_node::{GraphNode, SourceLocation};
pub(crate) use host_function::HostBody;
pub use host_function::{HostError, HostFunction, HostFunctions, HostFuture};
pub use inference_graph::{GraphParameter, InferenceGraph};
pub use llm_call::LlmCall;
pub use operation::{Alias, Compute, HostCall, Operation};
pub use pipeline_file::PipelineFileError;
pub use reference::{Accessor, NodeRef, ParameterRef, Reference};
pub use shape::Shape;
pub use template::{Template, TemplatePart};
pub use tool::{Tool, ToolArguments, ToolOutput};
