//! The integration tests: one binary, because linking is what costs time.

mod bad_replies;
mod execution_state;
mod misbehaving_peer;
mod openai_client;
mod running;
mod support;
