//! [`Trainer`]: epochs of minibatches.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{StopReason, TextChange, TrainReport, TrainStep};
use crate::execution::{Budget, Pipeline};
use crate::graph::Operation;
use crate::journal::StepOutcome;
use crate::optimization::steps::Steps;
use crate::optimization::{
    Dataset, Evaluation, Gate, Loss, Optimizer, Reasoner, Update, backward, evaluate, planning,
};
use crate::resources::Dollars;
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
    loss: &'t dyn Loss,
    training: &'t Dataset,
    validation: &'t Dataset,
    reasoner: Option<&'t Reasoner>,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    patience: usize,
    target: Option<f64>,
    budget: Option<Budget>,
    has_gate: bool,
    on_step: Option<OnStep>,
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
    /// leave the gate undecided.
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

    /// Sets the mean on the validation examples with which it ends.
    #[must_use]
    pub fn with_target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// Sets what it may spend; the calls of losses and of the models that reason
    /// count, too.
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
    pub async fn train<I: Data, O: Data>(
        &self,
        pipeline: &Pipeline<I, O>,
        optimizer: &mut dyn Optimizer,
    ) -> TrainReport {
        // It counts what was spent, and bounds nothing.
        let meter = Budget::calls(u64::MAX);
        let pipeline = pipeline.untyped();
        let settings = planning::settings(&pipeline, &meter, self.budget.as_ref());
        let training = self.run(&pipeline, optimizer, &meter).boxed();
        settings.scope(training).await
    }

    async fn run(
        &self,
        pipeline: &Pipeline,
        optimizer: &mut dyn Optimizer,
        meter: &Budget,
    ) -> TrainReport {
        let began = Instant::now();
        let texts_before = pipeline.state_dict();
        let was_training = pipeline.training();
        // Only the forward pass of a step needs records.
        pipeline.eval();
        let before = evaluate(pipeline, self.validation, self.loss).await;
        let mut told = Steps::new("trainer", pipeline, meter);
        let texts: Vec<_> = texts_before
            .iter()
            .map(|(path, text)| (path.clone(), Arc::from(text)))
            .collect();
        let texts = texts.iter().map(|(path, text)| (path, text));
        told.tell(StepOutcome::Start, before.mean(), &[], texts, None);
        let mut best = (texts_before.clone(), before.clone());
        let mut current = before.clone();
        let mut steps: Vec<TrainStep> = Vec::new();
        let mut without_change = 0;
        let mut stopped = StopReason::Epochs;
        'epochs: for epoch in 0..self.epochs {
            for places in self
                .training
                .minibatches(self.batch_size, self.seed, epoch as u64)
            {
                let is_reached = |evaluation: &Evaluation| match (evaluation.mean(), self.target) {
                    (Some(mean), Some(target)) => mean >= target,
                    _ => false,
                };
                let reason = if is_reached(&best.1) {
                    Some(StopReason::Target)
                } else if without_change >= self.patience {
                    Some(StopReason::Patience)
                } else if !self.affords(pipeline, places.len(), meter) {
                    Some(StopReason::Budget)
                } else {
                    None
                };
                if let Some(reason) = reason {
                    stopped = reason;
                    break 'epochs;
                }
                let batch = self.training.pick(&places);
                let (minibatch, update) = self.step(pipeline, optimizer, &batch, &current).await;
                let is_applied = update.as_ref().is_some_and(Update::is_applied);
                if is_applied {
                    without_change = 0;
                    let gate = update.as_ref().and_then(|update| update.gate.as_ref());
                    current = match gate.and_then(|gate| gate.evaluation.clone()) {
                        Some(evaluation) => evaluation,
                        None => evaluate(pipeline, self.validation, self.loss).await,
                    };
                    if !current.is_cut_short() && current.mean() > best.1.mean() {
                        best = (pipeline.state_dict(), current.clone());
                    }
                } else {
                    without_change += 1;
                }
                let step = TrainStep {
                    epoch,
                    step: steps.len(),
                    minibatch,
                    update,
                    validation: current.mean(),
                    spent: meter.spent(),
                };
                tell_step(&mut told, &step);
                if let Some(tell) = &self.on_step {
                    tell(&step);
                }
                steps.push(step);
            }
        }
        optimizer.zero_feedback();
        for (path, parameter) in pipeline.named_parameters() {
            if let Some(text) = best.0.get(path.as_str()) {
                parameter.set_value(text);
            }
        }
        if was_training {
            pipeline.train();
        }
        let changes = texts_before.iter().filter_map(|(path, text)| {
            let now = best.0.get(path.as_str())?;
            (now != text).then(|| TextChange::new(path.clone(), text, now))
        });
        TrainReport {
            changes: changes.collect(),
            best: best.0,
            before,
            after: best.1,
            steps,
            stopped,
            spent: meter.spent(),
            elapsed: began.elapsed(),
        }
    }

    /// One minibatch: its mean before, and what was made of it.
    async fn step(
        &self,
        pipeline: &Pipeline,
        optimizer: &mut dyn Optimizer,
        batch: &Dataset,
        current: &Evaluation,
    ) -> (Option<f64>, Option<Update>) {
        optimizer.zero_feedback();
        pipeline.train();
        let outputs = evaluate(pipeline, batch, self.loss).await;
        pipeline.eval();
        let report = backward(pipeline, &outputs.examples, self.reasoner).await;
        if report.examples.is_empty() {
            return (outputs.mean(), None);
        }
        let gate = if self.has_gate {
            Gate::minibatch(self.loss, batch, &outputs)
                .and_validation(self.validation, Some(current))
        } else {
            Gate::None
        };
        let update = optimizer.step(&gate).await;
        (outputs.mean(), Some(update))
    }

    /// Whether the budget allows a step as far as its gate; what of it is not used
    /// is not spent.
    fn affords(&self, pipeline: &Pipeline, examples: usize, meter: &Budget) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let needed = 2 * examples as u64 * calls_per_example(pipeline) + 1;
        let remaining = planning::left(budget, meter);
        let is_spent =
            remaining.tokens == Some(0) || remaining.dollars.is_some_and(Dollars::is_zero);
        !is_spent && remaining.calls.is_none_or(|left| left >= needed)
    }
}

/// Notes a step for those who watch.
fn tell_step(told: &mut Steps<'_>, step: &TrainStep) {
    let update = step.update.as_ref();
    let outcome = match update {
        Some(update) if update.is_applied() => StepOutcome::Accepted,
        Some(update) if !update.changes.is_empty() => StepOutcome::Rejected,
        _ => StepOutcome::Unchanged,
    };
    let changes = update.map_or(&[][..], |update| &update.changes);
    let texts = changes.iter().map(|change| (&change.path, &change.after));
    let why = update.and_then(|update| update.gate.as_ref());
    let why = why.map(|gate| gate.why.as_str());
    told.tell(outcome, step.validation, &[], texts, why);
}

/// The calls that one example takes, if nothing is tried again; 1 at least.
pub(crate) fn calls_per_example(pipeline: &Pipeline) -> u64 {
    let nodes = pipeline.graph().nodes().iter();
    let calls = nodes.filter(|node| matches!(node.operation(), Operation::Llm(_)));
    (calls.count() as u64).max(1)
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
