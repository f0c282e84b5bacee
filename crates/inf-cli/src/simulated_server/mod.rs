//! A server whose model is simulated, in the wire formats of several providers.
//!
//! Each format has a folder with the same file names, which are those of the
//! clients': `request` reads a body, `reply` writes the answer, whole or in
//! pieces, and `error` writes what went wrong. `wire_format` is what they have
//! in common. `exchange` is one call from its body to the last byte of its
//! answer; what is answered and when is decided by the engine's
//! [`SimulatedClient`](inf_engine::clients::simulated::SimulatedClient).
//!
//! `conversation`, `picture` and `tools` read what all formats have in other
//! words, `pieces` keeps the time of a stream, and `severable` is what lets a
//! fault really drop a connection.

mod anthropic;
mod calendar;
mod conversation;
mod exchange;
mod limit_headers;
mod ollama;
mod openai;
mod openai_responses;
mod picture;
mod pieces;
mod refusal;
mod routes;
mod severable;
mod simulation;
mod tools;
mod wire_format;

pub(crate) use routes::serve;
pub(crate) use simulation::Simulation;
