//! Tracing: running `forward` on symbolic values to get a graph.
//!
//! A [`Tracer`] hands a [`Proxy`] of the input to `forward` and watches what
//! is done with it, through an ambient context (`context`, one stack a thread,
//! unwound on panics). What was recorded is then lowered to a graph (`lower`):
//! accesses become references, packed values become shapes, and a prompt moves
//! into the one call that uses it, so that only work remains as nodes.
//!
//! ```
//! use inf_engine::prelude::*;
//!
//! let ask = LlmInference::new("fast");
//! let graph = Tracer::new("answer").trace(|question: Proxy<String>| {
//!     let long = question.length().at_least(1_000_u64);
//!     branch(
//!         long,
//!         || ask.call(prompt!("Shorten, then answer: {question}")),
//!         || ask.call(question),
//!     )
//! })?;
//! println!("{}", graph.to_mermaid());
//! # Ok::<(), inf_engine::graph::GraphError>(())
//! ```
//!
//! A module with a [`Forward`](crate::module::Forward) is traced when it is
//! bound; a `Tracer` is for graphs without a module, as here.
//!
//! What can be done with a proxy: `access` (fields, elements, entries), `pack`
//! (tuples, lists, maps and structs of proxies), `host` (Rust code as nodes),
//! `prompt` (text with holes), `chat` (conversations, also with pictures) and
//! `condition` (comparisons and the like).
//!
//! Control flow: `branch` (arms), `list` (bodies that run for each element) and
//! `repeat` (loops). Their closures run once; what they record stands in a
//! region of its own (`trace_region`).

mod access;
mod branch;
mod chat;
mod condition;
pub(crate) mod context;
mod host;
mod into_proxy;
mod list;
mod lower;
mod pack;
mod prompt;
mod proxy;
mod repeat;
mod trace_region;
mod tracer;
mod written_out;

pub use access::{ListData, MapData};
pub use branch::{
    ConditionalProxy, IntoCase, MatchBranch, branch, fallback, fallback_on, match_branch,
};
pub use chat::Chat;
pub use condition::{CountedData, NumberData, OrderedData};
pub use host::apply;
pub use into_proxy::IntoProxy;
pub use list::{ElementFailure, ElementResult, map, zip};
#[doc(hidden)]
pub use pack::Packed;
pub use pack::{Pack, Split, constant};
pub use prompt::PromptValue;
#[doc(hidden)]
pub use prompt::{PromptBuilder, PromptPart};
pub use proxy::Proxy;
pub use repeat::{Repeated, Stopped, repeat_until};
pub use tracer::Tracer;
