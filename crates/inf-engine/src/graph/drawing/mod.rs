//! Drawings of a graph: as text for tools that draw, DOT and Mermaid, and as data for those
//! that draw themselves.
//!
//! All show the same: the input and the output as rounded ends, a box for
//! each node with its name, what it does and the module that made it, and an
//! arrow for each value that flows. What a node of control flow runs stands in a
//! frame of its own, and what that gives goes to the node.

mod dot;
mod labels;
mod mermaid;
mod outline;

pub use outline::{GraphOutline, OutlineEdge, OutlineNode, OutlineRegion};
