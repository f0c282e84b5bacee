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
//! # One way for each task
//!
//! | to … | use |
//! |---|---|
//! | run one input, many, or a stream of them | [`run`], [`run_batch`], [`stream`]; without an async runtime [`run_blocking`], [`run_batch_blocking`] |
//! | get an answer of a type | [`LlmInference::typed`](module::LlmInference::typed) |
//! | make one text of several values | [`prompt!`] |
//! | run code of your own as a node | [`Proxy::then`](trace::Proxy::then) and its siblings, [`#[op]`](macro@op) |
//! | decide, repeat, or work on a list | [`branch`](trace::branch), [`match_branch`](trace::match_branch), [`map`](trace::map), [`fold`](trace::Proxy::fold), [`repeat_until`](trace::repeat_until), [`fallback`](trace::fallback) |
//! | let a model call tools | [`graph::Tool`], [`LlmInference::tools`](module::LlmInference::tools) |
//! | send a conversation, or pictures | [`LlmInference::chat`](module::LlmInference::chat), [`trace::Chat`] |
//! | read answers word by word | [`execution::TokenStream`] |
//! | say which endpoint an alias is | [`resources::ResourceConfig`] |
//! | set timeouts, retries, bounds, what an error does | [`execution::ExecutionSettings`] |
//! | know the cost before, and bound it | [`Pipeline::estimate`](execution::Pipeline::estimate), [`execution::Budget`] |
//! | go on after a crash, and pay nothing twice | [`with_checkpoint_dir`](execution::ExecutionSettings::with_checkpoint_dir) |
//! | see what happens, and where the time goes | [`on_progress`](execution::ExecutionSettings::on_progress), [`execution::Profile`], [`execution::Observer`], [`telemetry`] |
//! | try and test without a network | [`ResourceConfig::simulated`](resources::ResourceConfig::simulated), [`clients::simulated`] |
//! | save a pipeline as a file | [`InferenceGraph::save`](graph::InferenceGraph::save) of [`trace()`](module::ForwardExt::trace), [`load`](graph::InferenceGraph::load) |
//! | save and load prompts | [`state_dict`](module::Module::state_dict), [`load_state_dict`](module::Module::load_state_dict) |
//! | know how good a pipeline is | [`optimization::evaluate`] |
//! | improve its prompts | [`optimization::Trainer`], [`optimization::Gepa`] |
//!
//! [`run`]: execution::Pipeline::run
//! [`run_batch`]: execution::Pipeline::run_batch
//! [`stream`]: execution::Pipeline::stream
//! [`run_blocking`]: execution::Pipeline::run_blocking
//! [`run_batch_blocking`]: execution::Pipeline::run_batch_blocking
//!
//! # The modules
//!
//! In the order in which a pipeline passes through them:
//!
//! | module | what is in it |
//! |---|---|
//! | [`module`] | `Module`, `Forward`, `LlmInference`, containers, state dicts |
//! | [`parameter`] | `Parameter`: learnable text that gathers feedback |
//! | [`trace`] | `Proxy`, `Tracer`, `prompt!`, `branch`, `map`, …: from `forward` to a graph |
//! | [`graph`] | `InferenceGraph`: nodes, validation, drawings, pipeline files |
//! | [`execution`] | `Pipeline`: `run`, `run_batch`, `stream`; settings, budgets, what is observed |
//! | [`optimization`] | losses, `evaluate`, `backward`, optimizers, training |
//! | [`resources`] | aliases, endpoints, limits, prices, metrics |
//! | [`clients`] | providers: OpenAI, Anthropic, Ollama, compatible servers, the simulated one |
//! | [`journal`] | what was done, durably: resume, cache, replay, costs |
//! | [`telemetry`] | spans and events for `tracing`, traces for OpenTelemetry |
//! | [`conversation`] | messages, images, tool calls: what models are told and say |
//! | [`value`], [`document`], [`files`] | data, YAML and JSON texts, files |
//!
//! A first program needs the [`prelude`] alone. What is of use all over is at the
//! top of the crate, too: [`Parameter`], [`Feedback`], [`Value`] and the macros.
//!
//! # Writing a part of your own
//!
//! | a … | implements |
//! |---|---|
//! | provider of models | [`clients::LlmClient`], given to [`ResourceManager::with_client`](resources::ResourceManager::with_client) |
//! | loss | [`optimization::Loss`] |
//! | optimizer | [`optimization::Optimizer`] |
//! | observer of runs | [`execution::Observer`] |
//! | module whose parts are known only at run time | [`module::Module`], see [`Members`](module::Members) |
//! | front end that is no Rust code | nothing: it makes a graph with [`graph::GraphBuilder`] |
//!
//! Structs and enums that may grow are `#[non_exhaustive]`: they are made by their
//! functions (`new`, `with_…`), their fields can be read and set, and a `match`
//! on them has a last arm for what is yet to come.
//!
//! # Features
//!
//! * `otel`: [`telemetry`] sends traces to OpenTelemetry by itself.
//! * `tokenizer`: estimates count the tokens of OpenAI's models exactly
//!   ([`resources::Tokenizer`]).
//!
//! Both are off by default.
// The macros name this crate by its name, also where it uses them itself.
extern crate self as inf_engine;

pub mod clients;
pub mod conversation;
pub mod document;
pub mod execution;
pub mod files;
pub mod graph;
pub mod journal;
pub mod module;
pub mod optimization;
pub mod parameter;
pub mod resources;
pub mod telemetry;
pub mod trace;
pub mod value;

pub use inf_engine_macros::{Module, Record, op, prompt};
pub use parameter::{Feedback, FeedbackType, Parameter, ParameterError};
pub use value::Value;

/// What a first program imports; [the front page](crate) shows one.
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
