//! Losses: what is wrong with an output, in words and with a score.
//!
//! [`Loss`] is open: implement it for what is not here. Each file has one:
//! functions that check ([`VerifierLoss`], [`MatchLoss`]), models that judge
//! ([`LlmJudge`], [`PreferenceLoss`], [`RankingLoss`]), people ([`HumanLoss`]), and several
//! together ([`CompositeLoss`]).

mod composite;
mod human;
mod llm_judge;
mod loss_error;
mod loss_trait;
mod match_loss;
mod preference;
mod ranking;
mod rubric;
mod verifier;
mod wording;

pub use composite::CompositeLoss;
pub use human::{HumanLoss, Person, Terminal};
pub use llm_judge::LlmJudge;
pub use loss_error::LossError;
pub use loss_trait::{BatchLossFuture, Loss, LossFuture, Sample};
pub use match_loss::MatchLoss;
pub use preference::PreferenceLoss;
pub use ranking::RankingLoss;
pub use rubric::{Criterion, Rubric};
pub use verifier::{Verdict, VerifierLoss};
