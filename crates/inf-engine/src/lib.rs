//! Build, execute and optimize LLM inference pipelines.
// The macros name this crate by its name, also where it uses them itself.
extern crate self as inf_engine;

pub mod clients;
pub mod document;
pub mod execution;
pub mod files;
pub mod graph;
pub mod module;
pub mod parameter;
pub mod resources;
pub mod trace;
pub mod value;

pub use inf_engine_macros::{Module, Record, op, prompt};
pub use parameter::{Feedback, FeedbackType, Parameter, ParameterError};
pub use value::Value;

/// What a first program imports.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::execution::{Bind, Pipeline};
    pub use crate::graph::InferenceGraph;
    pub use crate::module::{Forward, ForwardExt, Identity, LlmInference, Module, Sequential};
    pub use crate::resources::ResourceConfig;
    pub use crate::trace::{Pack, Proxy, Tracer};
    pub use crate::{Module, Parameter, Record, Value, op, prompt};
}

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
