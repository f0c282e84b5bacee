//! Telemetry: spans and events for `tracing`, traces for OpenTelemetry.
//!
//! The engine says what it does through the crate `tracing`, whatever listens;
//! if nothing does, that costs next to nothing. The target of all of it is
//! `inf_engine::execution`.
//!
//! | span | level | what it is |
//! |---|---|---|
//! | `run` | INFO | a run, inside the span in which its `run`, `run_batch` or `stream` is called (a future: awaited) |
//! | `call` | INFO | an attempt of a call, inside its run; what the client says is inside it |
//! | `tool` | INFO | a tool that a model called, inside its run |
//! | `host` | INFO | a host function that does not run on the spot, inside its run |
//!
//! | event | level | inside | when |
//! |---|---|---|---|
//! | `graph_warning` | WARN | where it is bound | a graph does what was probably not meant, as [`warnings`](crate::graph::InferenceGraph::warnings) says |
//! | `retry` | WARN | the attempt | a call failed and will be tried again |
//! | `reask` | WARN | the attempt | an answer is not of the asked type, and the model is asked again |
//! | `rate_limited` | DEBUG | the attempt | a call was refused for a limit and waits for its turn again |
//! | `hedge` | DEBUG | the second attempt | a call takes long and is sent a second time |
//! | `endpoint_paused` | INFO | the run | an endpoint is left alone for a while |
//! | `input_failed` | WARN | the run | an input has no output |
//! | `input_cancelled` | DEBUG | the run | an input was cancelled, alone or with its run |
//! | `run_stopped` | INFO | the run | a run is ended early: cancelled, failing fast, out of time |
//! | `run_panicked` | WARN | the run | code of the program panicked and ended the run |
//! | `run_ended` | INFO | the run | every input of a run has its result |
//!
//! The fields are those of [`names`]; an execution is its `run` and `input`.
//! What is inside a span that nobody listens to is inside the next one around
//! it.
//!
//! **Prompts and answers** are recorded only if
//! [`with_recorded_content(true)`](crate::execution::ExecutionSettings::with_recorded_content)
//! says so: the messages on the span of a call, the arguments and results of tools,
//! and messages of errors that may quote them (of values, of host functions, of
//! tools, and of requests that a server refused). Keys and headers never are. What a server says when it fails is
//! recorded as it is; one that repeats prompts in an error 500 is not seen
//! through.
//!
//! # OpenTelemetry
//!
//! The span of a call carries the attributes of OpenTelemetry's conventions for
//! generative AI, so any exporter of `tracing` spans will do. With the feature
//! `otel` this crate brings one, `OtlpExport`:
//!
#![cfg_attr(feature = "otel", doc = "```no_run")]
#![cfg_attr(not(feature = "otel"), doc = "```ignore")]
//! use inf_engine::telemetry::{OtlpExport, OtlpSettings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let export = OtlpExport::install(&OtlpSettings::new("my-service"))?;
//! // … run pipelines …
//! export.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! It sends protobuf over HTTP to `OTEL_EXPORTER_OTLP_ENDPOINT`, by default
//! `http://localhost:4318`.

pub mod names;
#[cfg(feature = "otel")]
mod otlp;

#[cfg(feature = "otel")]
pub use otlp::{OtlpError, OtlpExport, OtlpSettings};
