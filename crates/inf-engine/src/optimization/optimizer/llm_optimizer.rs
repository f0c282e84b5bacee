//! [`LlmOptimizer`]: feedback descent.

use std::sync::Arc;

use futures_util::future::join_all;
use indexmap::IndexMap;

use super::{
    Asked, Attempt, AttemptOutcome, Change, Constraints, Gate, NoProposal, Optimizer, Proposer,
    StepFuture, Unchanged, Update, Upstream, aggregate, known, settled, shown,
};
use crate::execution::Pipeline;
use crate::graph::ParameterRef;
use crate::optimization::Reasoner;
use crate::optimization::backward::Learning;
use crate::parameter::{Feedback, Parameter, ParameterPath};
use crate::value::Data;

/// Has a model rewrite parameters by their feedback.
///
/// A step is one transaction. Parameters are rewritten in the order in which they
/// depend on each other, those that do not at once, each with sight of what
/// changes before it; then the gate decides on all of them together. What was
/// tried is remembered and shown to the model the next time, rejected texts, too:
/// that is what momentum is here.
///
/// ```
/// use inf_engine::optimization::{
///     Dataset, Example, Gate, LlmOptimizer, MatchLoss, Optimizer, Reasoner, backward, evaluate,
/// };
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let resources = ResourceConfig::simulated(["fast", "smart"], &Default::default());
/// # let batches: Vec<Dataset> = vec![(0..4).map(|n| Example::new(format!("{n}")).expecting("even")).collect()];
/// let rule = Parameter::new("Even or odd?").described("What to do with the number.");
/// let pipeline = LlmInference::new("fast").system_prompt(&rule).bind(resources)?;
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
/// let loss = MatchLoss::exact();
/// let mut optimizer = LlmOptimizer::new(&pipeline, reasoner.clone());
/// pipeline.train();
/// for batch in &batches {
///     optimizer.zero_feedback();
///     let outputs = evaluate(&pipeline, batch, &loss).await;
///     backward(&pipeline, &outputs, Some(&reasoner)).await;
///     let update = optimizer.step(&Gate::minibatch(&loss, batch, &outputs)).await;
///     println!("{:?}", update.gate.map(|gate| gate.why));
/// }
/// pipeline.eval();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LlmOptimizer {
    pipeline: Pipeline,
    parameters: Vec<(ParameterPath, Parameter)>,
    proposer: Proposer,
    shown_attempts: usize,
    history: IndexMap<ParameterPath, Vec<Attempt>>,
}

impl LlmOptimizer {
    /// The attempts that a model is shown, unless something else is said.
    pub const DEFAULT_SHOWN_ATTEMPTS: usize = 5;

    /// An optimizer of all parameters of `pipeline`; `reasoner` rewrites them.
    pub fn new<I: Data, O: Data>(pipeline: &Pipeline<I, O>, reasoner: Reasoner) -> Self {
        let table = pipeline.graph().parameters().iter();
        let parameters = table.map(|found| (found.path.clone(), found.parameter.clone()));
        Self {
            parameters: parameters.collect(),
            pipeline: pipeline.untyped(),
            proposer: Proposer {
                reasoner,
                constraints: Constraints::default(),
                conservatism: 0.5,
                is_in_two_calls: false,
            },
            shown_attempts: Self::DEFAULT_SHOWN_ATTEMPTS,
            history: IndexMap::new(),
        }
    }

    /// Sets what new texts have to keep to; by default what [`Constraints::default`] says.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Constraints) -> Self {
        self.proposer.constraints = constraints;
        self
    }

    /// Sets how much of a text stays, from 0 (it may be written anew) to 1 (one rule
    /// is changed); ½ by default.
    #[must_use]
    pub fn with_conservatism(mut self, conservatism: f64) -> Self {
        self.proposer.conservatism = conservatism.clamp(0.0, 1.0);
        self
    }

    /// Sets whether rules are asked for first, in a call of their own, which helps
    /// small models; not by default.
    #[must_use]
    pub fn with_two_calls(mut self, is_in_two_calls: bool) -> Self {
        self.proposer.is_in_two_calls = is_in_two_calls;
        self
    }

    /// Sets how many of the last attempts a model is shown; 5 by default.
    #[must_use]
    pub fn with_shown_attempts(mut self, most: usize) -> Self {
        self.shown_attempts = most;
        self
    }

    /// The model that rewrites.
    pub fn reasoner(&self) -> &Reasoner {
        &self.proposer.reasoner
    }

    /// What was tried for the parameter at `path`, oldest first.
    pub fn history(&self, path: &str) -> &[Attempt] {
        self.history.get(path).map_or(&[], Vec::as_slice)
    }

    async fn take_step(&mut self, gate: &Gate<'_>) -> Update {
        let mut update = Update::default();
        let mut same = self.propose_all(&mut update, None).await;
        // A text may stay where another one changes; if none does, the step was for nothing.
        if update.changes.is_empty() && !same.is_empty() {
            same = self.propose_all(&mut update, Some(&same)).await;
        }
        for path in same {
            self.note_unchanged(&mut update, path, NoProposal::Same);
        }
        update.decide_and_apply(gate, &self.pipeline).await;
        self.remember(&update);
        update
    }

    /// Asks for another text for all parameters that something was said of, or once more
    /// for those that are named, in levels; gives those for which the text that there is
    /// was proposed.
    async fn propose_all(
        &mut self,
        update: &mut Update,
        again: Option<&[ParameterPath]>,
    ) -> Vec<ParameterPath> {
        let mut same = Vec::new();
        let graph = Arc::clone(self.pipeline.graph());
        for level in Learning::of(&graph).levels(&graph) {
            let upstream: Vec<Upstream> = update
                .changes
                .iter()
                .map(|change| Upstream {
                    path: change.path.clone(),
                    before: Arc::clone(&change.before),
                    after: Arc::clone(&change.after),
                })
                .collect();
            let is_asked = |parameter: &ParameterRef| {
                let path = &self.parameters[parameter.index()].0;
                again.is_none_or(|again| again.contains(path))
            };
            let proposals = level
                .into_iter()
                .filter(is_asked)
                .map(|parameter| self.propose(parameter, &upstream, again.is_some()));
            let proposals = join_all(proposals).await;
            for (path, proposed) in proposals.into_iter().flatten() {
                match proposed {
                    Ok(change) => update.changes.push(change),
                    Err(NoProposal::Same) => same.push(path),
                    Err(why) => self.note_unchanged(update, path, why),
                }
            }
        }
        same
    }

    /// A change of one parameter; `None` if nothing was said of it.
    async fn propose(
        &self,
        parameter: ParameterRef,
        upstream: &[Upstream],
        is_again: bool,
    ) -> Option<(ParameterPath, Result<Change, NoProposal>)> {
        let (path, parameter) = &self.parameters[parameter.index()];
        let feedback: Vec<Feedback> = parameter.feedback();
        if !feedback.iter().any(Feedback::is_wanting) {
            return None;
        }
        let current = parameter.value();
        let reasoner = &self.proposer.reasoner;
        let shown_feedback = match aggregate(&feedback, reasoner).await {
            Ok(text) => text,
            Err(error) => return Some((path.clone(), Err(NoProposal::NoAnswer(error)))),
        };
        let history = shown(self.history(path.as_str()), self.shown_attempts);
        let description = parameter.description();
        let asked = Asked {
            path,
            description: description.as_deref().unwrap_or("a part of a prompt"),
            current: &current,
            feedback: &shown_feedback,
            history: &history,
            upstream,
            examples: &known(&feedback, &["prompt", "output", "expected"]),
            answers: &known(&feedback, &["expected"]),
            settled: &settled(self.history(path.as_str())),
            is_again,
        };
        let change = self.proposer.propose(&asked).await.map(|text| Change {
            path: path.clone(),
            before: current,
            after: text.into(),
        });
        Some((path.clone(), change))
    }

    fn note_unchanged(&mut self, update: &mut Update, path: ParameterPath, why: NoProposal) {
        let why = match why {
            NoProposal::NoAnswer(error) => format!("there is no proposal: {error}"),
            NoProposal::Same => "the text that there is was proposed".to_owned(),
            NoProposal::Unfit { text, problem } => {
                let attempt = Attempt {
                    text: text.into(),
                    change: None,
                    outcome: AttemptOutcome::Unfit,
                    is_joint: false,
                    is_clearly_worse: false,
                    why: problem.clone(),
                };
                self.history.entry(path.clone()).or_default().push(attempt);
                format!("the proposal is not allowed: {problem}")
            }
        };
        update.unchanged.push(Unchanged { path, why });
    }

    /// Keeps what was tried, for the next time.
    fn remember(&mut self, update: &Update) {
        let Some(report) = &update.gate else {
            return;
        };
        let is_applied = update.is_applied();
        let measured = report.validation.or(report.minibatch);
        let interval = measured.and_then(|compared| compared.interval);
        let is_clearly_worse = interval.is_some_and(|interval| interval.high < 0.0);
        for change in &update.changes {
            let attempt = Attempt {
                text: Arc::clone(&change.after),
                change: measured.map(|compared| compared.mean),
                outcome: if is_applied {
                    AttemptOutcome::Applied
                } else {
                    AttemptOutcome::NotApplied
                },
                is_joint: update.changes.len() > 1,
                is_clearly_worse: is_clearly_worse && !is_applied,
                why: report.why.clone(),
            };
            let history = self.history.entry(change.path.clone()).or_default();
            history.push(attempt);
        }
    }
}

impl Optimizer for LlmOptimizer {
    fn parameters(&self) -> &[(ParameterPath, Parameter)] {
        &self.parameters
    }

    fn step<'a>(&'a mut self, gate: &'a Gate<'a>) -> StepFuture<'a> {
        Box::pin(self.take_step(gate))
    }
}
