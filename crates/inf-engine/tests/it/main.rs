//! The integration tests: one binary, because linking is what costs time.

mod bad_replies;
mod execution_state;
mod layers;
mod misbehaving_peer;
mod module_tree;
mod openai_client;
mod running;
mod support;
mod tracing;
