//! Providers of language models: one call in, one answer out.
//!
//! An [`LlmClient`] turns an [`LlmRequest`] into an [`LlmResponse`] or a
//! [`ClientError`]; it knows nothing of graphs, aliases or limits. Programs
//! rarely use clients themselves: they say in a
//! [`ResourceConfig`](crate::resources::ResourceConfig) whom to ask, or implement
//! [`LlmClient`] for a provider of their own. What is said, in no provider's
//! format, is in [`conversation`](crate::conversation).
//!
//! Whoever wants one answer and no pipeline can ask a client:
//!
//! ```
//! use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
//! use inf_engine::clients::{LlmClient, LlmRequest};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = SimulatedClient::new("tiny", SimulatedSettings::default())?;
//! let response = client.send(&LlmRequest::from_prompt("Why is the sky blue?")).await?;
//! assert_eq!(response.text, "Simulated answer: Why is the sky blue?");
//! # Ok(())
//! # }
//! ```
//!
//! Each wire format has a folder with the same file names:
//!
//! * [`openai`]: chat completions over HTTP, for OpenAI and every server that
//!   speaks its format (vLLM, TGI, llama.cpp, LiteLLM, …);
//! * [`openai_responses`]: OpenAI's newer format, for its reasoning models;
//! * [`anthropic`]: messages, for Claude;
//! * [`ollama`]: Ollama's own format;
//! * [`simulated`]: in process and deterministic, for tests, dry runs and load.
//!
//! `http` is the pooled HTTP stack that all but the last share, and `structured`
//! what is done about answers that have to fit a schema.

pub mod anthropic;
mod call_arguments;
mod client_description;
mod client_error;
mod function_tools;
#[cfg(test)]
mod hostile_bytes;
mod http;
mod image_source;
mod llm_client;
mod llm_request;
mod llm_response;
pub mod ollama;
pub mod openai;
pub mod openai_responses;
mod rate_limits;
#[cfg(test)]
pub(crate) mod samples;
pub mod simulated;
mod structured;
mod token_count;

pub use client_description::ClientDescription;
pub use client_error::{ClientError, ClientErrorKind, Retry};
pub use http::{HttpSettings, HttpStack};
pub use llm_client::{Delta, DeltaSink, LlmClient, LlmFuture};
pub use llm_request::{ExtraFields, LlmRequest, OutputSchema};
pub use llm_response::{FinishReason, LlmResponse, Timings, Usage};
pub use rate_limits::{Allowance, RateLimits};
pub use structured::StructuredOutput;

pub(crate) use crate::conversation::{
    Image, Message, Part, Reasoning, ReasoningEffort, Role, ToolCall, ToolChoice, ToolResult,
    ToolSpec,
};
