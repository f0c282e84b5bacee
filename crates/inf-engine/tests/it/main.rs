//! The integration tests: one binary, because linking is what costs time.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod bad_replies;
mod budget;
mod compile_errors;
mod control_flow;
mod conversations;
mod endings;
mod endpoint_timeouts;
mod forward_records;
mod graph;
mod journal_runs;
mod json_lines;
mod layers;
mod limits;
mod limits_meet;
mod metrics;
mod misbehaving_peer;
mod module_tree;
mod openai_client;
mod optimization;
#[cfg(feature = "otel")]
mod otlp;
mod overlays;
mod profile;
mod providers_page;
mod regions;
mod running;
mod scheduling;
mod settings;
mod shared_quota;
mod simulated_provider;
mod simulation;
mod structured_output;
mod support;
mod telemetry;
mod tokens;
mod tools;
mod tracing;
mod tracing_flow;
mod typed_answers;
mod wire_formats;
