//! Optimization: from outputs to better prompts.
//!
//! A [`Loss`] says in words, and with a score, what is wrong with an output:
//! `loss` has verifiers, judges, people, and several together. [`evaluate`] runs
//! a pipeline over a [`Dataset`] and says how good it is, with what certainty.
//! [`backward`] gives what was said of outputs back to the parameters that they
//! came from; an [`Optimizer`] makes other texts of that, and its [`Gate`] measures
//! whether they are better before they are applied. [`Trainer`] is the whole loop;
//! [`Gepa`] keeps a pool of candidates in place of one.
//!
//! A candidate is an [`Overlay`](crate::execution::Overlay) and nothing else: many
//! are tried at once, beside the pipeline as it is.
//!
//! Everything here is made of runs like any other, so that it has the same
//! limits, budgets and settings, and what is independent happens at once.

mod backward;
mod dataset;
mod evaluation;
mod gepa;
mod loss;
mod optimizer;
mod planning;
mod reasoner;
mod steps;
mod training;

pub use backward::{BackwardReport, BackwardStep, ExampleFlow, backward};
pub use dataset::{Dataset, Example};
pub use evaluation::{
    ClassReport, Comparison, Evaluation, Interval, IntervalMethod, Scored, evaluate,
};
pub use gepa::{CandidateReport, Components, Gepa, GepaReport, GepaRound};
pub use loss::{
    BatchLossFuture, CompositeLoss, Criterion, HumanLoss, LlmJudge, Loss, LossError, LossFuture,
    MatchLoss, Person, PreferenceLoss, RankingLoss, Rubric, Sample, Terminal, Verdict,
    VerifierLoss,
};
pub use optimizer::{
    Attempt, AttemptOutcome, Change, Constraints, Decision, Gate, GateReport, LlmOptimizer,
    Optimizer, StepFuture, Trial, Unchanged, Update,
};
pub use reasoner::Reasoner;
pub use training::{StopReason, TextChange, TextTrial, TrainReport, TrainStep, Trainer};
