//! [`Gepa`]: how an evolution is set up.

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;

use super::evolution::Evolution;
use super::{GepaReport, GepaRound};
use crate::execution::{Budget, Pipeline};
use crate::optimization::optimizer::Proposer;
use crate::optimization::{Constraints, Dataset, Loss, Reasoner, planning};
use crate::value::Data;

/// Which parameters a child changes.
///
/// ```
/// use inf_engine::optimization::{Components, Dataset, Gepa, MatchLoss, Reasoner};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["smart"], &Default::default());
/// let (loss, examples) = (MatchLoss::exact(), Dataset::default());
/// let gepa = Gepa::new(&loss, &examples, &examples, Reasoner::new("smart", resources)?)
///     .with_components(Components::RoundRobin);
/// # let _ = gepa;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Components {
    /// All for which there is feedback, those that others depend on first. With few
    /// calls this is much better than taking turns.
    #[default]
    All,
    /// One, in turns, as in the paper.
    RoundRobin,
}

/// Evolves prompts: children of candidates that are the best at something, each
/// made from what was said of its parent's outputs on a few examples, and kept if
/// it is better on these and good at something on the validation examples.
///
/// Where a single pipeline can only climb, a pool goes ways that lead through a
/// worse mean. It takes more calls for that: for a task that climbs steadily
/// [`Trainer`](crate::optimization::Trainer) is as good.
///
/// Candidates are overlays, so that a round has up to [`width`](Self::with_width)
/// children made and tried at once; results are taken in the order of the slots,
/// so that the same seed gives the same candidates at any concurrency.
///
/// ```
/// use inf_engine::execution::Budget;
/// use inf_engine::optimization::{Dataset, Example, Gepa, MatchLoss, Reasoner};
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
/// let report = Gepa::new(&loss, &training, &validation, reasoner)
///     .with_budget(&Budget::calls(200))
///     .evolve(&pipeline)
///     .await;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
pub struct Gepa<'g> {
    pub(super) loss: &'g dyn Loss,
    pub(super) training: &'g Dataset,
    pub(super) validation: &'g Dataset,
    pub(super) proposer: Proposer,
    pub(super) reasoner: Option<&'g Reasoner>,
    pub(super) components: Components,
    pub(super) minibatch: usize,
    pub(super) width: usize,
    pub(super) seed: u64,
    pub(super) rounds: usize,
    pub(super) patience: usize,
    pub(super) target: f64,
    pub(super) merges: usize,
    pub(super) budget: Option<Budget>,
    pub(super) on_round: Option<OnRound>,
}

type OnRound = Arc<dyn Fn(&GepaRound) + Send + Sync>;

impl<'g> Gepa<'g> {
    /// The most children of a round, unless something else is said.
    pub const DEFAULT_WIDTH: usize = 8;

    /// An evolution by `loss`: children are made from examples of `training`, and
    /// kept by `validation`; `reasoner` rewrites.
    pub fn new(
        loss: &'g dyn Loss,
        training: &'g Dataset,
        validation: &'g Dataset,
        reasoner: Reasoner,
    ) -> Self {
        Self {
            loss,
            training,
            validation,
            proposer: Proposer {
                reasoner,
                constraints: Constraints::default(),
                conservatism: 0.5,
                is_in_two_calls: false,
            },
            reasoner: None,
            components: Components::default(),
            minibatch: 4,
            width: Self::DEFAULT_WIDTH,
            seed: 0,
            rounds: 200,
            patience: 50,
            target: 1.0,
            merges: 5,
            budget: None,
            on_round: None,
        }
    }

    /// Has a model say in the backward pass what feedback means for each of several
    /// parameters; without one all get the same.
    #[must_use]
    pub fn with_reasoner(mut self, reasoner: &'g Reasoner) -> Self {
        self.reasoner = Some(reasoner);
        self
    }

    /// Sets what new texts have to keep to; by default what [`Constraints::default`] says.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Constraints) -> Self {
        self.proposer.constraints = constraints;
        self
    }

    /// Sets whether rules are asked for first, in a call of their own, which helps
    /// small models; not by default.
    #[must_use]
    pub fn with_two_calls(mut self, is_in_two_calls: bool) -> Self {
        self.proposer.is_in_two_calls = is_in_two_calls;
        self
    }

    /// Sets how much of a text stays in a child, from 0 (it may be written anew) to 1 (one
    /// rule is changed); ½ by default.
    #[must_use]
    pub fn with_conservatism(mut self, conservatism: f64) -> Self {
        self.proposer.conservatism = conservatism.clamp(0.0, 1.0);
        self
    }

    /// Sets which parameters a child changes; by default all that there is feedback for.
    #[must_use]
    pub fn with_components(mut self, components: Components) -> Self {
        self.components = components;
        self
    }

    /// Sets how many examples a child is made from; 4 by default.
    #[must_use]
    pub fn with_minibatch(mut self, examples: usize) -> Self {
        self.minibatch = examples.max(1);
        self
    }

    /// Sets the most children of a round, 8 by default. More are quicker, and each
    /// knows less of the others: where a budget bounds the calls, a round has one for
    /// every fifteen times that those left are enough for all validation examples, and
    /// no more than there are candidates.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width.max(1);
        self
    }

    /// Sets what is drawn from; 0 by default.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the most rounds; 200 by default.
    #[must_use]
    pub fn with_rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// Sets after how many rounds in a row without a new candidate it ends; 50 by
    /// default.
    #[must_use]
    pub fn with_patience(mut self, patience: usize) -> Self {
        self.patience = patience.max(1);
        self
    }

    /// Sets the mean on the validation examples with which it ends; 1 by default.
    #[must_use]
    pub fn with_target(mut self, target: f64) -> Self {
        self.target = target;
        self
    }

    /// Sets how many merges may be kept; 5 by default.
    #[must_use]
    pub fn with_merges(mut self, merges: usize) -> Self {
        self.merges = merges;
        self
    }

    /// Sets what it may spend, which nothing bounds by default. What a round may take is set against the calls that
    /// are left before it begins; of tokens and dollars as many are counted for a call
    /// as calls took so far.
    #[must_use]
    pub fn with_budget(mut self, budget: &Budget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Calls `function` after every round.
    #[must_use]
    pub fn on_round(mut self, function: impl Fn(&GepaRound) + Send + Sync + 'static) -> Self {
        self.on_round = Some(Arc::new(function));
        self
    }

    /// Evolves the parameters of `pipeline` that learn; it has the best texts in the
    /// end, and those that it had until then. With a
    /// [`Cancellation`](crate::execution::Cancellation) among the settings of the
    /// pipeline, or of the scope around it, it ends early, with the best so far.
    pub async fn evolve<I: Data, O: Data>(&self, pipeline: &Pipeline<I, O>) -> GepaReport {
        // It counts what was spent, and bounds nothing.
        let meter = Budget::calls(u64::MAX);
        let pipeline = pipeline.untyped();
        let settings = planning::settings(&pipeline, &meter, self.budget.as_ref());
        let evolution = Evolution::new(self, &pipeline, &meter);
        settings.scope(evolution.run().boxed()).await
    }
}

impl fmt::Debug for Gepa<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gepa")
            .field("components", &self.components)
            .field("minibatch", &self.minibatch)
            .field("width", &self.width)
            .field("seed", &self.seed)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
