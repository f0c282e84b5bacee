//! [`Trainer`]: epochs of minibatches.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;

use super::training_run::TrainingRun;
use super::{TrainReport, TrainStep};
use crate::execution::{Budget, Pipeline};
use crate::optimization::{Dataset, Loss, Optimizer, Reasoner, planning};
use crate::value::Data;

/// Trains a pipeline: epochs of minibatches, each a forward pass, a backward pass
/// and a step of an optimizer behind a gate. In the end the pipeline has the texts
/// with the best score on the validation examples.
///
/// The same seed gives the same steps, however much runs at once, as far as the
/// models give the same answers.
///
/// ```
/// use inf_engine::execution::Budget;
/// use inf_engine::optimization::{Dataset, Example, LlmOptimizer, MatchLoss, Reasoner, Trainer};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let resources = ResourceConfig::simulated(["fast", "smart"], &Default::default());
/// let rule = Parameter::new("Even or odd?").described("What to do with the number.");
/// let pipeline = LlmInference::new("fast").system_prompt(&rule).bind(resources)?;
/// let numbers: Dataset = (0..20)
///     .map(|n| Example::new(n.to_string()).expecting(if n % 2 == 0 { "even" } else { "odd" }))
///     .collect();
/// let [training, validation] = numbers.split([0.5, 0.5], 0);
/// let loss = MatchLoss::exact().ignoring_case();
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
/// let mut optimizer = LlmOptimizer::new(&pipeline, reasoner);
/// let report = Trainer::new(&loss, &training, &validation)
///     .with_epochs(2)
///     .with_batch_size(4)
///     .with_budget(&Budget::calls(200))
///     .train(&pipeline, &mut optimizer)
///     .await;
/// println!("{report}");
/// pipeline.state_dict(); // save it, and run it: `inf run PIPELINE --params state.yaml`
/// # Ok(())
/// # }
/// ```
pub struct Trainer<'t> {
    pub(super) loss: &'t dyn Loss,
    pub(super) training: &'t Dataset,
    pub(super) validation: &'t Dataset,
    pub(super) reasoner: Option<&'t Reasoner>,
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    pub(super) seed: u64,
    pub(super) patience: usize,
    pub(super) target: Option<f64>,
    pub(super) budget: Option<Budget>,
    pub(super) has_gate: bool,
    pub(super) on_step: Option<OnStep>,
}

type OnStep = Arc<dyn Fn(&TrainStep) + Send + Sync>;

impl<'t> Trainer<'t> {
    /// Training by `loss` on `training`, measured on `validation`, which no proposal
    /// is made from.
    pub fn new(loss: &'t dyn Loss, training: &'t Dataset, validation: &'t Dataset) -> Self {
        Self {
            loss,
            training,
            validation,
            reasoner: None,
            epochs: 3,
            batch_size: 8,
            seed: 0,
            patience: 10,
            target: None,
            budget: None,
            has_gate: true,
            on_step: None,
        }
    }

    /// Has a model say in the backward pass what feedback means for each of several
    /// parameters; without one all get the same.
    #[must_use]
    pub fn with_reasoner(mut self, reasoner: &'t Reasoner) -> Self {
        self.reasoner = Some(reasoner);
        self
    }

    /// Sets how often all examples are gone through; 3 by default.
    #[must_use]
    pub fn with_epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets how many examples a step is made of; 8 by default. Fewer than three
    /// leave the gate undecided; if only so many are left for the last step of an
    /// epoch, they belong to the one before.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size.max(1);
        self
    }

    /// Sets what the order of the examples is drawn from; 0 by default.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets after how many steps in a row without a change it ends; 10 by default.
    #[must_use]
    pub fn with_patience(mut self, patience: usize) -> Self {
        self.patience = patience.max(1);
        self
    }

    /// Sets the mean on the validation examples with which it ends; by default it goes on.
    #[must_use]
    pub fn with_target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// Sets what it may spend, which nothing bounds by default; the calls of losses and
    /// of the models that reason count, too.
    #[must_use]
    pub fn with_budget(mut self, budget: &Budget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Applies every proposal, and measures it afterwards; the best texts are
    /// restored in the end all the same.
    #[must_use]
    pub fn without_gate(mut self) -> Self {
        self.has_gate = false;
        self
    }

    /// Calls `function` after every step.
    #[must_use]
    pub fn on_step(mut self, function: impl Fn(&TrainStep) + Send + Sync + 'static) -> Self {
        self.on_step = Some(Arc::new(function));
        self
    }

    /// Trains `pipeline`, of whose parameters `optimizer` is.
    ///
    /// Whoever has to stop it early cancels it: with a
    /// [`Cancellation`](crate::execution::Cancellation) among the settings of the
    /// pipeline, or of the scope around it, it reports what it has come to, and the
    /// pipeline has the best texts so far. These it has, too, where the future is
    /// dropped.
    pub async fn train<I: Data, O: Data>(
        &self,
        pipeline: &Pipeline<I, O>,
        optimizer: &mut dyn Optimizer,
    ) -> TrainReport {
        // It counts what was spent, and bounds nothing.
        let meter = Budget::calls(u64::MAX);
        let pipeline = pipeline.untyped();
        let settings = planning::settings(&pipeline, &meter, self.budget.as_ref());
        let training = TrainingRun::new(self, &pipeline, &meter);
        settings.scope(training.run(optimizer).boxed()).await
    }
}

impl fmt::Debug for Trainer<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Trainer")
            .field("epochs", &self.epochs)
            .field("batch_size", &self.batch_size)
            .field("seed", &self.seed)
            .field("patience", &self.patience)
            .field("target", &self.target)
            .field("budget", &self.budget)
            .field("has_gate", &self.has_gate)
            .finish_non_exhaustive()
    }
}
