//! Optimizers: feedback on parameters becomes other texts for them.
//!
//! [`Optimizer`] is open. [`LlmOptimizer`] has a model rewrite: `aggregate` puts
//! the feedback of a batch together, `proposal` asks for a text, `constraints` says
//! what may not be proposed, `gate` measures whether it is better, and `history` is
//! what the next proposal is told of the last ones.

mod aggregate;
mod constraints;
mod gate;
mod history;
mod llm_optimizer;
mod optimizer_trait;
mod proposal;

pub(crate) use aggregate::{aggregate, known};
pub use constraints::Constraints;
pub(crate) use gate::LEAST_PAIRS;
pub use gate::{Decision, Gate, GateReport, Trial};
pub use history::{Attempt, AttemptOutcome};
pub(crate) use history::{settled, shown};
pub use llm_optimizer::LlmOptimizer;
pub use optimizer_trait::{Change, Optimizer, StepFuture, Unchanged, Update};
pub(crate) use proposal::{Asked, NoProposal, Proposer, Upstream};
