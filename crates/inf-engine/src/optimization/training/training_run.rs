//! [`TrainingRun`]: the loop of a [`Trainer`].

use std::sync::Arc;

use tokio::time::Instant;

use super::{StopReason, TextChange, TrainReport, TrainStep, Trainer};
use crate::execution::{Budget, Pipeline, Spent};
use crate::journal::StepOutcome;
use crate::module::StateDict;
use crate::optimization::planning::{self, CallsPerExample, ModeBefore};
use crate::optimization::steps::Steps;
use crate::optimization::{
    Dataset, Evaluation, Gate, Optimizer, Update, backward, evaluate, optimizer::LEAST_PAIRS,
};

/// A training that goes on.
pub(super) struct TrainingRun<'r> {
    trainer: &'r Trainer<'r>,
    pipeline: &'r Pipeline,
    meter: &'r Budget,
    calls: CallsPerExample,
    steps: Vec<TrainStep>,
    /// What is noted of them in the journal.
    noted: Steps<'r>,
    /// How many of the last steps changed nothing.
    without_change: usize,
}

/// What was made of a minibatch.
struct Step {
    /// Its mean before.
    minibatch: Option<f64>,
    update: Option<Update>,
    /// Questions of the backward pass that had no answer.
    unanswered: usize,
}

/// The best texts so far, which the pipeline has when this is dropped: at the end, or
/// where the training is given up.
struct Best<'b> {
    pipeline: &'b Pipeline,
    texts: StateDict,
}

impl Drop for Best<'_> {
    fn drop(&mut self) {
        for (path, parameter) in self.pipeline.named_parameters() {
            parameter.zero_feedback();
            if let Some(text) = self.texts.get(path.as_str())
                && *text != *parameter.value()
            {
                parameter.set_value(text);
            }
        }
    }
}

impl<'r> TrainingRun<'r> {
    pub(super) fn new(trainer: &'r Trainer<'r>, pipeline: &'r Pipeline, meter: &'r Budget) -> Self {
        Self {
            trainer,
            pipeline,
            meter,
            calls: CallsPerExample::of(pipeline),
            steps: Vec::new(),
            noted: Steps::new("trainer", pipeline, meter),
            without_change: 0,
        }
    }

    pub(super) async fn run(mut self, optimizer: &mut dyn Optimizer) -> TrainReport {
        let began = Instant::now();
        let pipeline = self.pipeline;
        let mode = ModeBefore::of(pipeline);
        let texts_before = pipeline.state_dict();
        let mut best = Best {
            pipeline,
            texts: texts_before.clone(),
        };
        // Only the forward pass of a step needs records.
        pipeline.eval();
        let Trainer {
            loss, validation, ..
        } = self.trainer;
        let before = evaluate(pipeline, validation, *loss).await;
        self.calls = self.calls.measured(self.meter, validation.len());
        self.note_beginning(&texts_before, before.mean());
        let (mut after, mut current) = (before.clone(), before.clone());
        let mut stopped = self.is_pointless(&before, optimizer);
        let epochs = if stopped.is_some() {
            0
        } else {
            self.trainer.epochs
        };
        'epochs: for epoch in 0..epochs {
            for places in self.minibatches(epoch) {
                stopped = self.reason_to_stop(&after, places.len());
                if stopped.is_some() {
                    break 'epochs;
                }
                let batch = self.trainer.training.pick(&places);
                let spent_before = self.meter.spent();
                let step = self.step(optimizer, &batch, &current).await;
                if step.update.as_ref().is_some_and(Update::is_applied) {
                    self.without_change = 0;
                    let gate = step.update.as_ref().and_then(|update| update.gate.as_ref());
                    current = match gate.and_then(|gate| gate.evaluation.clone()) {
                        Some(evaluation) => evaluation,
                        None => evaluate(pipeline, validation, *loss).await,
                    };
                    let is_whole = !current.is_cut_short() && !planning::is_cancelled(pipeline);
                    if is_whole && current.mean() > after.mean() {
                        best.texts = pipeline.state_dict();
                        after = current.clone();
                    }
                } else {
                    self.without_change += 1;
                }
                self.note(epoch, step, current.mean(), spent_before);
            }
        }
        optimizer.zero_feedback();
        let texts = best.texts.clone();
        drop(best);
        drop(mode);
        let scores = [before.mean(), after.mean()];
        let changes = texts_before.iter().filter_map(|(path, text)| {
            let now = texts.get(path.as_str())?;
            let change = TextChange::new(path.clone(), text, now);
            (now != text).then(|| change.with_scores(scores))
        });
        TrainReport {
            changes: changes.collect(),
            texts_before,
            best: texts,
            before,
            after,
            steps: self.steps,
            stopped: stopped.unwrap_or(StopReason::Epochs),
            spent: self.meter.spent(),
            elapsed: began.elapsed(),
        }
    }

    /// Why no step could lead to anything.
    fn is_pointless(&self, before: &Evaluation, optimizer: &dyn Optimizer) -> Option<StopReason> {
        if planning::is_cancelled(self.pipeline) {
            return Some(StopReason::Cancelled);
        }
        if before.is_cut_short() {
            return Some(StopReason::Budget);
        }
        let mut parameters = optimizer.parameters().iter();
        let own = self.pipeline.parameters();
        // An optimizer of another pipeline gets no feedback of this one.
        let learns = parameters.any(|(_, parameter)| {
            parameter.requires_grad() && own.iter().any(|known| known.is_same(parameter))
        });
        if !learns {
            return Some(StopReason::NothingLearns);
        }
        let least = if self.trainer.has_gate {
            LEAST_PAIRS
        } else {
            1
        };
        let batch = self.trainer.batch_size.min(self.trainer.training.len());
        let is_enough = before.scores().len() >= least && batch >= least;
        (!is_enough).then_some(StopReason::TooFewExamples)
    }

    /// The minibatches of an epoch.
    fn minibatches(&self, epoch: usize) -> Vec<Vec<usize>> {
        let Trainer {
            training,
            batch_size,
            seed,
            ..
        } = self.trainer;
        let mut batches = training.minibatches(*batch_size, *seed, epoch as u64);
        // Of too few examples nothing could be told.
        let is_small = |batch: &Vec<usize>| batch.len() < LEAST_PAIRS.min(*batch_size);
        if batches.len() > 1
            && let Some(last) = batches.pop_if(|batch| is_small(batch))
            && let Some(before) = batches.last_mut()
        {
            before.extend(last);
        }
        batches
    }

    /// Why the next step, of so many examples, is not begun.
    fn reason_to_stop(&self, best: &Evaluation, examples: usize) -> Option<StopReason> {
        let is_reached = match (best.mean(), self.trainer.target) {
            (Some(mean), Some(target)) => mean >= target,
            _ => false,
        };
        if planning::is_cancelled(self.pipeline) {
            Some(StopReason::Cancelled)
        } else if is_reached {
            Some(StopReason::Target)
        } else if self.without_change >= self.trainer.patience {
            Some(StopReason::Patience)
        } else if !self.affords(examples) {
            Some(StopReason::Budget)
        } else {
            None
        }
    }

    /// Whether the budget allows a step as far as its gate; what of it is not used
    /// is not spent.
    fn affords(&self, examples: usize) -> bool {
        let Some(budget) = &self.trainer.budget else {
            return true;
        };
        let attributions = self.calls.of_attributions(examples, self.trainer.reasoner);
        // The optimizer asks once, at least.
        let needed = 2 * self.calls.for_examples(examples) + attributions + 1;
        planning::calls_left(budget, self.meter).is_none_or(|left| left >= needed)
    }

    /// One minibatch.
    async fn step(
        &self,
        optimizer: &mut dyn Optimizer,
        batch: &Dataset,
        current: &Evaluation,
    ) -> Step {
        let Self {
            trainer, pipeline, ..
        } = self;
        optimizer.zero_feedback();
        pipeline.train();
        let outputs = evaluate(pipeline, batch, trainer.loss).await;
        pipeline.eval();
        let report = backward(pipeline, &outputs, trainer.reasoner).await;
        let unanswered = report.unanswered.len();
        if report.examples.is_empty() {
            return Step {
                minibatch: outputs.mean(),
                update: None,
                unanswered,
            };
        }
        let gate = if trainer.has_gate {
            Gate::minibatch(trainer.loss, batch, &outputs)
                .and_validation(trainer.validation, Some(current))
        } else {
            Gate::None
        };
        Step {
            minibatch: outputs.mean(),
            update: Some(optimizer.step(&gate).await),
            unanswered,
        }
    }

    /// Keeps what a step came to, and tells it.
    fn note(&mut self, epoch: usize, step: Step, validation: Option<f64>, spent_before: Spent) {
        let spent = self.meter.spent();
        let step = TrainStep {
            epoch,
            step: self.steps.len(),
            minibatch: step.minibatch,
            update: step.update,
            unanswered: step.unanswered,
            validation,
            spent,
            took: spent.since(spent_before),
        };
        self.note_in_journal(&step);
        if let Some(tell) = &self.trainer.on_step {
            tell(&step);
        }
        self.steps.push(step);
    }

    fn note_beginning(&mut self, texts: &StateDict, score: Option<f64>) {
        let texts: Vec<_> = texts
            .iter()
            .map(|(path, text)| (path.clone(), Arc::from(text)))
            .collect();
        let texts = texts.iter().map(|(path, text)| (path, text));
        self.noted.tell(StepOutcome::Start, score, &[], texts, None);
    }

    fn note_in_journal(&mut self, step: &TrainStep) {
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
        self.noted.tell(outcome, step.validation, &[], texts, why);
    }
}
