//! Build, execute and optimize LLM inference pipelines.
//!
//! A pipeline is a tree of modules with a `forward`, as in PyTorch. It is
//! traced once into a graph, and the graph is run over one input or many, with
//! every independent call in parallel.
//!
//! ```
//! use inf_engine::prelude::*;
//!
//! #[derive(Module)]
//! struct Answer {
//!     style: Parameter,
//!     think: LlmInference,
//!     write: LlmInference,
//! }
//!
//! impl Forward for Answer {
//!     type Input = String;
//!     type Output = String;
//!     fn forward(&self, question: Proxy<String>) -> Proxy<String> {
//!         let thoughts = self.think.call(question);
//!         self.write.call(prompt!("{self.style}\n\n{question}\n\nThoughts: {thoughts}"))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let answer = Answer {
//!     style: Parameter::new("Answer in one sentence.").described("The form of the answer."),
//!     think: LlmInference::new("fast"),
//!     write: LlmInference::new("smart"),
//! };
//! let resources = ResourceConfig::simulated(["fast", "smart"], &Default::default());
//! let pipeline = answer.bind(resources)?;
//! println!("{}", pipeline.run_blocking("Why is the sky blue?".to_owned())?);
//! # Ok(())
//! # }
//! ```
//!
//! The modules, in the order in which a pipeline passes through them:
//!
//! | module | what is in it |
//! |---|---|
//! | [`module`] | `Module`, `Forward`, `LlmInference`, containers, state dicts |
//! | [`parameter`] | `Parameter`: learnable text that gathers feedback |
//! | [`trace`] | `Proxy`, `Tracer`, `prompt!`, `branch`, `map`, …: from `forward` to a graph |
//! | [`graph`] | `InferenceGraph`: nodes, validation, drawings, pipeline files |
//! | [`execution`] | `Pipeline`: `run`, `run_batch`, `stream`; the scheduler |
//! | [`resources`] | aliases, endpoints, limits, metrics |
//! | [`clients`] | providers: OpenAI, Anthropic, Ollama, compatible servers, the simulated one |
//! | [`telemetry`] | spans and events for `tracing`, traces for OpenTelemetry |
//! | [`conversation`] | messages, images, tool calls: what models are told and say |
//! | [`value`], [`document`], [`files`] | data, YAML and JSON texts, files |
//!
//! To write a provider of your own implement [`clients::LlmClient`] and give it
//! to [`resources::ResourceManager::with_client`].
// The macros name this crate by its name, also where it uses them itself.
extern crate self as inf_engine;

pub mod clients;
pub mod conversation;
pub mod document;
pub mod execution;
pub mod files;
pub mod graph;
pub mod module;
pub mod parameter;
pub mod resources;
pub mod telemetry;
pub mod trace;
pub mod value;

pub use inf_engine_macros::{Module, Record, op, prompt};
pub use parameter::{Feedback, FeedbackType, Parameter, ParameterError};
pub use value::Value;

/// What a first program imports.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::execution::{Bind, ErrorPolicy, ExecutionSettings, Pipeline};
    pub use crate::graph::InferenceGraph;
    pub use crate::module::{Forward, ForwardExt, Identity, LlmInference, Module, Sequential};
    pub use crate::resources::ResourceConfig;
    pub use crate::trace::{
        ConditionalProxy, Pack, Proxy, Tracer, branch, fallback, map, match_branch, repeat_until,
    };
    pub use crate::{Module, Parameter, Record, Value, op, prompt};
}

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
