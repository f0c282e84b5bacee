//! The integration tests: one binary, because linking is what costs time.

mod compile_errors;
mod graph;
mod layers;
mod misbehaving_peer;
mod module_tree;
mod openai_client;
mod support;
mod tracing;
