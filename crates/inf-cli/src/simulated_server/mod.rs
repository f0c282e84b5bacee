//! A server of OpenAI's chat completions whose model is simulated.
//!
//! A request is read by `chat_request`, decided by the engine's
//! [`SimulatedClient`](inf_engine::clients::simulated::SimulatedClient), and
//! answered by `chat_reply` or `openai_error`; `routes` joins them and keeps
//! the time. `severable` is what lets a fault really drop a connection.

mod chat_reply;
mod chat_request;
mod openai_error;
mod routes;
mod severable;

pub(crate) use routes::{Simulation, serve};
