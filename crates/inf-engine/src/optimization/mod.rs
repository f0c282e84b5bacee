//! Optimization: from outputs to better prompts.
//!
//! A [`Loss`] says in words, and with a score, what is wrong with an output:
//! `loss` has verifiers, judges, people, and several together. [`evaluate`] runs
//! a pipeline over a [`Dataset`] and says how good it is, with what certainty.
//!
//! Everything here is made of runs like any other, so that it has the same
//! limits, budgets and settings, and what is independent happens at once.

mod dataset;
mod evaluation;
mod loss;
mod reasoner;

pub use dataset::{Dataset, Example};
pub use evaluation::{
    ClassReport, Comparison, Evaluation, Interval, IntervalMethod, Scored, evaluate,
};
pub use loss::{
    BatchLossFuture, CompositeLoss, Criterion, HumanLoss, LlmJudge, Loss, LossError, LossFuture,
    MatchLoss, Person, PreferenceLoss, Rubric, Sample, Terminal, Verdict, VerifierLoss,
};
pub use reasoner::Reasoner;
