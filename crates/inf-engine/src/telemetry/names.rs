//! The names of spans' attributes, all of them.
//!
//! Those that begin with `gen_ai` are of OpenTelemetry's [semantic conventions
//! for generative AI][conventions], version [`CONVENTIONS`]: the last one before
//! they moved to a repository of their own. They are still in development, so
//! names may change there, and then change here.
//!
//! [conventions]: https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-spans.md
//!
//! ```
//! use inf_engine::telemetry::names;
//!
//! // A filter for `tracing-subscriber`: the calls of one alias alone.
//! let filter = format!("inf_engine::execution[call{{{}=fast}}]=info", names::ENDPOINT);
//! assert_eq!(filter, "inf_engine::execution[call{endpoint=fast}]=info");
//! ```

/// The version of the semantic conventions that the names are from.
pub const CONVENTIONS: &str = "1.41.0";

// The engine's own.

/// The number of the run, [`RunId::number`](crate::execution::RunId::number).
pub const RUN: &str = "run";
/// The name of the graph that is run.
pub const GRAPH: &str = "graph";
/// How many inputs the run has, if the source knows.
pub const INPUTS: &str = "inputs";
/// The inputs of a run that have their output, once it has ended.
pub const INPUTS_SUCCEEDED: &str = "inputs_succeeded";
/// The inputs of a run that failed, once it has ended.
pub const INPUTS_FAILED: &str = "inputs_failed";
/// The place of an input among those of its run, from 0. With [`RUN`] it names
/// an execution.
pub const INPUT: &str = "input";
/// The name of a node, which begins with the path of its module.
pub const NODE: &str = "node";
/// Where a node runs inside of its input, if a node of control flow runs it:
/// `summaries[17]/summary`.
pub const PATH: &str = "path";
/// The alias of the endpoint that a node calls.
pub const ENDPOINT: &str = "endpoint";
/// Which attempt of its node it is, from 1; refusals for a limit do not count.
pub const ATTEMPT: &str = "attempt";
/// Which turn of its node's conversation it is, from 1: more than one if the
/// model called tools or was asked again.
pub const TURN: &str = "turn";
/// Whether it is the second request for a call that took long.
pub const HEDGE: &str = "hedge";
/// What became of an attempt: `completed`, `failed`, `retried`, `reasked`,
/// `called_tools`, `rate_limited` or `cancelled`; of a tool: `completed`, `failed`
/// or `cancelled`.
pub const OUTCOME: &str = "outcome";
/// Seconds until a call is tried again, or until an endpoint is called again.
pub const WAIT_SECONDS: &str = "wait_seconds";
/// Calls of a run that were answered.
pub const CALLS: &str = "calls";
/// Calls of a run that were sent again after a passing failure.
pub const RETRIES: &str = "retries";
/// The provider's identifier of a request, for asking its support.
pub const REQUEST_ID: &str = "request_id";

// General conventions.

/// The cause of an error,
/// [`ErrorKind::as_str`](crate::execution::ErrorKind::as_str).
pub const ERROR_TYPE: &str = "error.type";
/// The cause of an error, for people.
pub const ERROR_MESSAGE: &str = "error.message";
/// The name or address of the server that is called.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port.
pub const SERVER_PORT: &str = "server.port";

// Conventions for generative AI.

/// What is done: `chat`, or `execute_tool`.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// The provider, by the conventions' name for it.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The sampling temperature that was asked for.
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// The nucleus sampling that was asked for.
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// What random draws were asked to begin with.
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// The most tokens that the answer may have.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// The texts at which the model stops, as a JSON list.
pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
/// `json` if an answer of a schema is asked for, else `text`.
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";
/// The provider's identifier of the answer.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why the model stopped, as a JSON list of one.
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// The tokens of the request, cached ones included.
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// The tokens of the answer.
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Those of the request's tokens that the provider had cached.
pub const USAGE_CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// The name of a tool, as the model wrote it.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// What kind of tool it is; always `function`.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The identifier of a call of a tool.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// The arguments that the model wrote, if content is recorded.
pub const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What the tool gave, if content is recorded.
pub const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// The messages of the request, as JSON, if content is recorded.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// The answer, as JSON, if content is recorded.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";

// What tracing-opentelemetry reads from a span.

/// The name that a span has in a trace.
pub const OTEL_NAME: &str = "otel.name";
/// The kind of a span.
pub const OTEL_KIND: &str = "otel.kind";
/// Whether a span stands for something that failed.
pub const OTEL_STATUS_CODE: &str = "otel.status_code";
/// Why it failed.
pub const OTEL_STATUS_DESCRIPTION: &str = "otel.status_description";

/// The attributes that are lists in the conventions. A span of `tracing` has no
/// lists: there they are JSON.
pub const LISTS: [&str; 2] = [REQUEST_STOP_SEQUENCES, RESPONSE_FINISH_REASONS];
