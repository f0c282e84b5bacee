//! [`GepaReport`]: what an evolution came to.

use std::fmt;
use std::time::Duration;

use crate::document::counted;
use crate::execution::{Overlay, Spent};
use crate::optimization::training::told;
use crate::optimization::{StopReason, TextChange};

/// What an evolution came to; made by [`Gepa::evolve`](super::Gepa::evolve). As text it is a summary with what changed.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
/// use inf_engine::optimization::{Dataset, Example, Gepa, MatchLoss, Reasoner, StopReason};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A model that is right as soon as it is told anything but to guess.
/// let script = Script::new([ScriptRule::for_system("Guess.", "no")]).with_otherwise("yes");
/// let settings = SimulatedSettings::default().with_answer(script);
/// let resources = ResourceConfig::simulated(["fast", "smart"], &settings);
/// let rule = Parameter::new("Guess.").described("How to answer.");
/// let pipeline = LlmInference::new("fast").system_prompt(&rule).bind(resources)?;
/// let examples = (0..12).map(|n| Example::new(format!("Question {n}")).expecting("yes"));
/// let [training, validation] = Dataset::from_iter(examples).split([0.5, 0.5], 0);
/// let loss = MatchLoss::exact();
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
/// let gepa = Gepa::new(&loss, &training, &validation, reasoner)
///     .on_round(|round| println!("{round}"));
/// let report = gepa.evolve(&pipeline).await;
///
/// println!("{report}"); // all of it, for people
/// assert_eq!((report.score(), report.stopped), (1.0, StopReason::Target));
/// let (first, best) = (&report.candidates[0], &report.candidates[report.best]);
/// assert_eq!((first.mean, first.parents.is_empty()), (0.0, true)); // what there was
/// assert_eq!((best.mean, &best.parents[..]), (1.0, &[0][..]));
/// assert_eq!(best.scores, [Some(1.0); 6]); // of each validation example
/// assert_eq!(best.texts.get("system_prompt"), Some(&rule.value())); // the pipeline has it
/// assert_eq!(report.changes[0].before, "Guess.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GepaReport {
    /// All candidates in the order of their birth; the first is what there was.
    pub candidates: Vec<CandidateReport>,
    /// The place of the best one, whose texts the pipeline has now.
    pub best: usize,
    /// What changed.
    pub changes: Vec<TextChange>,
    /// Rounds, each of which waits for the one before.
    pub rounds: usize,
    /// Children that were tried and became no candidate: no better than their parents on
    /// their minibatch, worse on the first validation examples, or more than there were
    /// calls for.
    pub rejected: usize,
    /// How many questions the reasoner of the backward pass had no answer to; feedback went
    /// on as it was there.
    pub unanswered: usize,
    /// Why it ended.
    pub stopped: StopReason,
    /// What all calls took together.
    pub spent: Spent,
    /// How long it took.
    pub elapsed: Duration,
}

/// What a round came to. As text it is a line.
///
/// [`Gepa::on_round`](super::Gepa::on_round) tells it; [`GepaReport`] shows how.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GepaRound {
    /// The round, from 0, and in the text from 1.
    pub round: usize,
    /// The children that it could have, of which some are dropped before they are run.
    pub width: usize,
    /// The candidates after it.
    pub candidates: usize,
    /// The mean of the best of them on the validation examples.
    pub score: f64,
    /// What all calls took up to its end.
    pub spent: Spent,
}

impl fmt::Display for GepaRound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            round,
            width,
            candidates,
            score,
            spent,
        } = self;
        write!(
            formatter,
            "{:>3}  {}, {}, best {score:.3}, {}",
            round + 1,
            counted(*width as u64, "slot"),
            counted(*candidates as u64, "candidate"),
            counted(spent.calls, "call"),
        )
    }
}

/// One candidate.
///
/// [`GepaReport::candidates`] has all of them; [`GepaReport`] shows two.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CandidateReport {
    /// The texts of all parameters that learn.
    pub texts: Overlay,
    /// The places of those that it is made of: none, one, or two for a merge.
    pub parents: Vec<usize>,
    /// The score on each validation example.
    pub scores: Vec<Option<f64>>,
    /// Their mean.
    pub mean: f64,
    /// The calls that were made up to its birth.
    pub born: u64,
}

impl GepaReport {
    /// The mean of the best candidate on the validation examples.
    pub fn score(&self) -> f64 {
        self.candidates[self.best].mean
    }
}

impl fmt::Display for GepaReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.candidates[0].mean;
        writeln!(formatter, "before   {before:.3}")?;
        writeln!(
            formatter,
            "after    {:.3} (candidate {})",
            self.score(),
            self.best
        )?;
        writeln!(formatter, "spent    {}", told(self.spent))?;
        writeln!(
            formatter,
            "ended    after {} with {}: {}",
            counted(self.rounds as u64, "round"),
            counted(self.rejected as u64, "rejection"),
            self.stopped
        )?;
        if self.unanswered > 0 {
            writeln!(
                formatter,
                "asked    {} attributions had no answer",
                self.unanswered
            )?;
        }
        writeln!(formatter, "\nthe candidates")?;
        for (place, candidate) in self.candidates.iter().enumerate() {
            let parents: Vec<String> = candidate.parents.iter().map(ToString::to_string).collect();
            let from = match &parents[..] {
                [] => "what there was".to_owned(),
                parents => format!("from {}", parents.join(" and ")),
            };
            writeln!(
                formatter,
                "  {place:>3}  {:.3}, {from}, after {} calls",
                candidate.mean, candidate.born
            )?;
        }
        if self.changes.is_empty() {
            write!(formatter, "\nno parameter changed")?;
        }
        for change in &self.changes {
            write!(formatter, "\n{change}")?;
        }
        Ok(())
    }
}
