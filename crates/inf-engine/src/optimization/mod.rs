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
//! ```
//! use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
//! use inf_engine::optimization::{
//!     Dataset, Example, LlmOptimizer, MatchLoss, Reasoner, Trainer, evaluate,
//! };
//! use inf_engine::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A model that is right as soon as it is told anything but to guess.
//! let script = Script::new([ScriptRule::for_system("Guess.", "no")]).with_otherwise("yes");
//! let settings = SimulatedSettings::default().with_answer(script);
//! let resources = ResourceConfig::simulated(["fast", "smart"], &settings);
//!
//! let rule = Parameter::new("Guess.").described("How to answer.");
//! let pipeline = LlmInference::new("fast").system_prompt(&rule).bind(resources)?;
//! let examples = (0..12).map(|n| Example::new(format!("Question {n}")).expecting("yes"));
//! let [training, validation] = Dataset::from_iter(examples).split([0.5, 0.5], 0);
//! let loss = MatchLoss::exact();
//! assert_eq!(evaluate(&pipeline, &validation, &loss).await.mean(), Some(0.0));
//!
//! let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
//! let mut optimizer = LlmOptimizer::new(&pipeline, reasoner);
//! let trainer = Trainer::new(&loss, &training, &validation).with_target(1.0);
//! println!("{}", trainer.train(&pipeline, &mut optimizer).await);
//! assert_eq!(evaluate(&pipeline, &validation, &loss).await.mean(), Some(1.0));
//! # Ok(())
//! # }
//! ```
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
