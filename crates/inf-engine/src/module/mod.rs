//! Modules: pipelines as trees of parts, as in PyTorch.
//!
//! `#[derive(Module)]` registers the children and the [`Parameter`]s of a
//! struct by field name ([`members`](Module::members)); [`Forward`] says what
//! the module does, over proxies; [`LlmInference`] is the atom that calls a
//! model. Every module can list and address what is in it ([`Module`]'s
//! provided methods) and save and load the texts of its parameters
//! ([`StateDict`]).
//!
//! ```
//! use inf_engine::prelude::*;
//!
//! #[derive(Module)]
//! struct Answer { think: LlmInference, write: LlmInference }
//!
//! impl Forward for Answer {
//!     type Input = String;
//!     type Output = String;
//!     fn forward(&self, question: Proxy<String>) -> Proxy<String> {
//!         let thoughts = self.think.call(question);
//!         self.write.call(prompt!("{question}\n\nThoughts: {thoughts}"))
//!     }
//! }
//!
//! let style = Parameter::new("Be brief.").described("The style.");
//! let answer = Answer {
//!     think: LlmInference::new("fast"),
//!     write: LlmInference::new("smart").system_prompt(&style),
//! };
//! let (path, parameter) = answer.named_parameters().remove(0);
//! assert_eq!((path.as_str(), &*parameter.value()), ("write.system_prompt", "Be brief."));
//! assert_eq!(answer.trace()?.nodes().len(), 3); // the input and two calls
//! # Ok::<(), inf_engine::graph::GraphError>(())
//! ```
//!
//! What a user of the crate needs is [`Module`], [`Forward`] with what every
//! module can do by it ([`ForwardExt`], [`Bind`](crate::execution::Bind)), and
//! [`LlmInference`]. [`Sequential`] and [`Identity`] are containers as in PyTorch.
//! [`Members`] is for modules that are written by hand, and the names that begin
//! with `Backward` for those that say themselves who is to learn from feedback.
//!
//! Where to read next: [`trace`](crate::trace), what can be done in a `forward`.
//!
//! [`Parameter`]: crate::Parameter

mod backward;
mod containers;
mod forward;
mod llm_inference;
mod member;
mod mode;
mod module_trait;
mod prioritized;
#[doc(hidden)]
pub mod registration;
mod sequential;
mod state_dict;

pub use backward::{
    BackwardContext, BackwardInput, BackwardParameter, BackwardQuestion, BackwardResult,
    BackwardTarget,
};
pub use containers::Identity;
pub use forward::{Forward, ForwardExt};
pub use llm_inference::{LlmInference, SystemPrompt};
use member::Member;
pub use member::Members;
pub use mode::Mode;
pub use module_trait::Module;
pub use prioritized::Prioritized;
pub use sequential::Sequential;
pub use state_dict::{LoadReport, StateDict, StateDictError};
