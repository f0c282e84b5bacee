//! [`Evolution`]: the loop.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::measurements::{Measurements, Split};
use super::merging::merge;
use super::pool::{Candidate, Pool, gain, random};
use super::reflection::{Child, Reflection};
use super::{CandidateReport, Gepa, GepaReport, GepaRound};
use crate::execution::{Budget, Overlay, Pipeline};
use crate::journal::StepOutcome;
use crate::optimization::backward::Learning;
use crate::optimization::optimizer::LEAST_PAIRS;
use crate::optimization::planning::{self, CallsPerExample, ModeBefore};
use crate::optimization::steps::Steps;
use crate::optimization::{Attempt, AttemptOutcome, Scored, StopReason, TextChange};

/// For each child of a round, the times that the calls that are left are enough for
/// all validation examples.
const VALIDATIONS_LEFT: u64 = 15;

/// The validation examples on which a merge is tried first.
const TRIED: usize = 5;

/// An evolution that goes on.
pub(super) struct Evolution<'e> {
    gepa: &'e Gepa<'e>,
    pipeline: &'e Pipeline,
    learning: Learning,
    meter: &'e Budget,
    calls: CallsPerExample,
    pool: Pool,
    measured: Measurements<'e>,
    round: usize,
    /// Minibatches that were given out.
    batches: u64,
    rejected: usize,
    unanswered: usize,
    /// Merges that were kept.
    merges: usize,
    merged: Vec<[usize; 2]>,
    steps: Steps<'e>,
    /// The step in which each candidate became one.
    step_of: Vec<u64>,
}

/// A child that is being tried.
struct Slot {
    parent: usize,
    places: Vec<usize>,
    /// The parent's scores on these.
    before: Vec<Option<f64>>,
    child: Child,
}

impl<'e> Evolution<'e> {
    pub(super) fn new(gepa: &'e Gepa<'e>, pipeline: &'e Pipeline, meter: &'e Budget) -> Self {
        Self {
            gepa,
            calls: CallsPerExample::of(pipeline),
            learning: Learning::of(pipeline.graph()),
            pipeline,
            meter,
            pool: Pool::default(),
            measured: Measurements::new(gepa, pipeline),
            round: 0,
            batches: 0,
            rejected: 0,
            unanswered: 0,
            merges: 0,
            merged: Vec::new(),
            steps: Steps::new("gepa", pipeline, meter),
            step_of: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) -> GepaReport {
        let began = Instant::now();
        let mode = ModeBefore::of(self.pipeline);
        self.pipeline.eval();
        self.add_first().await;
        let mut barren = 0;
        let stopped = loop {
            let width = self.width();
            if let Some(reason) = self.reason_to_stop(width, barren) {
                break reason;
            }
            let before = self.pool.candidates.len();
            self.evolve_once(width).await;
            let is_success = self.pool.candidates.len() > before;
            if is_success {
                barren = 0;
                self.try_merge().await;
            } else {
                barren += 1;
            }
            self.tell(width);
            self.round += 1;
        };
        drop(mode);
        self.end(stopped, began)
    }

    /// Why there is no other round, for which there is room for so many children.
    fn reason_to_stop(&self, width: usize, barren: usize) -> Option<StopReason> {
        let (gepa, first) = (self.gepa, &self.pool.candidates[0]);
        let is_enough =
            !gepa.training.is_empty() && first.scores.iter().flatten().count() >= LEAST_PAIRS;
        if planning::is_cancelled(self.pipeline) {
            Some(StopReason::Cancelled)
        } else if first.texts.is_empty() {
            Some(StopReason::NothingLearns)
        } else if is_enough && self.pool.candidates[self.pool.best()].mean() >= gepa.target {
            Some(StopReason::Target)
        } else if width == 0 {
            Some(StopReason::Budget)
        } else if !is_enough {
            Some(StopReason::TooFewExamples)
        } else if self.round >= gepa.rounds {
            Some(StopReason::Epochs)
        } else if barren >= gepa.patience {
            Some(StopReason::Patience)
        } else {
            None
        }
    }

    fn tell(&self, width: usize) {
        if let Some(tell) = &self.gepa.on_round {
            tell(&GepaRound {
                round: self.round,
                width,
                candidates: self.pool.candidates.len(),
                score: self.pool.candidates[self.pool.best()].mean(),
                spent: self.meter.spent(),
            });
        }
    }

    /// What there is now, as the first candidate.
    async fn add_first(&mut self) {
        let table = self.pipeline.graph().parameters().iter();
        let texts = table.filter(|found| found.parameter.requires_grad());
        let texts: Overlay = texts
            .map(|found| (found.path.clone(), found.parameter.value()))
            .collect();
        let places: Vec<usize> = (0..self.gepa.validation.len()).collect();
        let all = [(texts.clone(), Split::Validation, places)];
        self.measured.measure_twice(&all).await;
        self.calls = self.calls.measured(self.meter, self.gepa.validation.len());
        let scores = self
            .measured
            .scores(&texts, Split::Validation, 0..self.gepa.validation.len());
        self.pool.candidates.push(Candidate {
            texts,
            parents: Vec::new(),
            scores,
            born: planning::taken(self.meter).calls,
            next_component: 0,
            failed: Vec::new(),
        });
        self.note_candidate(StepOutcome::Start);
    }

    /// The calls that are left to plan with, if they are bounded.
    fn calls_left(&self) -> Option<u64> {
        let budget = self.gepa.budget.as_ref()?;
        planning::calls_left(budget, self.meter)
    }

    /// The children that the next round can afford.
    fn width(&self) -> usize {
        let Some(left) = self.calls_left() else {
            return self.gepa.width;
        };
        let batch = self.gepa.minibatch.min(self.gepa.training.len());
        let parameters = self.pool.candidates[0].texts.iter().count() as u64;
        // A proposal, its repair, and the rules before it.
        let proposal = 2 + u64::from(self.gepa.proposer.is_in_two_calls);
        let attributions = self.calls.of_attributions(batch, self.gepa.reasoner);
        // Parent and child on the minibatch.
        let slot = 2 * self.calls.for_examples(batch) + parameters * proposal + attributions;
        // Wide rounds are quick, and their children know nothing of each other: with few
        // calls left there have to be enough rounds to build on what was found, and more
        // children than there are parents find the same.
        let validation = self.calls.for_examples(self.gepa.validation.len()).max(1);
        let parents = self.pool.candidates.len() as u64;
        let most = (left / (VALIDATIONS_LEFT * validation))
            .min(parents)
            .max(1)
            .min(left / slot.max(1));
        usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(self.gepa.width)
    }

    async fn evolve_once(&mut self, width: usize) {
        let slots = self.choose(width);
        // A child is a parent later, and what was measured is not run again: both keep
        // their records.
        self.pipeline.train();
        let parents = slots.iter().map(|(parent, places)| {
            let texts = self.pool.candidates[*parent].texts.clone();
            (texts, Split::Training, places.clone())
        });
        let parents: Vec<_> = parents.collect();
        self.measured.measure(&parents).await;
        let slots = self.reflect(slots).await;
        let children = slots.iter().map(|slot| {
            (
                slot.child.texts.clone(),
                Split::Training,
                slot.places.clone(),
            )
        });
        let children: Vec<_> = children.collect();
        self.measured.measure(&children).await;
        self.pipeline.eval();
        let better = self.sift(slots);
        self.validate(better).await;
    }

    /// Whether less than a third of the calls is left. What others of the front lead to
    /// would come too late: then all children are of the best. One that is better is rare
    /// by then, so that several of one parent are no waste.
    fn is_late(&self) -> bool {
        let taken = planning::taken(self.meter).calls;
        let is_late = |left: u64| left < taken.saturating_add(left) / 3;
        self.calls_left().is_some_and(is_late)
    }

    /// Parents and minibatches for the slots of a round.
    fn choose(&mut self, width: usize) -> Vec<(usize, Vec<usize>)> {
        let (seed, round) = (self.gepa.seed, self.round as u64);
        let is_late = self.is_late();
        let mut slots = Vec::with_capacity(width);
        for slot in 0..width {
            let parent = if is_late {
                self.pool.best()
            } else {
                self.pool.parent(&mut random(seed, round, slot as u64))
            };
            let training = self.gepa.training;
            let each = training.len().div_ceil(self.gepa.minibatch).max(1) as u64;
            let batches = training.minibatches(self.gepa.minibatch, seed, self.batches / each);
            let place = usize::try_from(self.batches % each).unwrap_or_default();
            self.batches += 1;
            let places = batches.get(place).cloned().unwrap_or_default();
            slots.push((parent, places));
        }
        slots
    }

    /// The children of all slots whose parent was not perfect, each once.
    async fn reflect(&mut self, slots: Vec<(usize, Vec<usize>)>) -> Vec<Slot> {
        let reflection = Reflection {
            pipeline: self.pipeline,
            proposer: &self.gepa.proposer,
            reasoner: self.gepa.reasoner,
            components: self.gepa.components,
            learning: &self.learning,
        };
        let (pool, measured) = (&self.pool, &self.measured);
        let reflecting = slots.into_iter().map(|(parent, places)| {
            let candidate = &pool.candidates[parent];
            let (texts, split) = (&candidate.texts, Split::Training);
            let scored = places
                .iter()
                .map(|place| measured.get(texts, split, *place));
            let scored: Vec<Scored> = scored.flatten().cloned().collect();
            let before = measured.scores(texts, split, places.iter().copied());
            let reflection = &reflection;
            async move {
                let is_perfect = before
                    .iter()
                    .all(|score| score.is_some_and(|score| score >= 1.0));
                if is_perfect {
                    return None;
                }
                let child = reflection.child(candidate, &scored).await;
                Some(Slot {
                    parent,
                    places,
                    before,
                    child,
                })
            }
        });
        let reflected = join_all(reflecting).await;
        let mut slots: Vec<Slot> = Vec::new();
        for slot in reflected.into_iter().flatten() {
            let candidate = &mut self.pool.candidates[slot.parent];
            candidate.next_component += 1;
            self.unanswered += slot.child.unanswered;
            candidate.failed.extend(slot.child.unfit.iter().cloned());
            let is_new = !slot.child.changed.is_empty()
                && !self.pool.has(&slot.child.texts)
                && !slots
                    .iter()
                    .any(|other| other.child.texts == slot.child.texts);
            if is_new {
                slots.push(slot);
            }
        }
        slots
    }

    /// The children that are better than their parents on their minibatch, in the
    /// order of the slots, with their gain.
    fn sift(&mut self, slots: Vec<Slot>) -> Vec<(f64, Slot)> {
        let mut better = Vec::new();
        for slot in slots {
            let after = self.measured.scores(
                &slot.child.texts,
                Split::Training,
                slot.places.iter().copied(),
            );
            let gain = gain(&slot.before, &after);
            if gain > 0.0 {
                better.push((gain, slot));
            } else {
                self.rejected += 1;
                self.note_failed(&slot, gain);
                self.note_rejected(&slot);
            }
        }
        better
    }

    fn note_failed(&mut self, slot: &Slot, gain: f64) {
        let is_joint = slot.child.changed.len() > 1;
        for path in &slot.child.changed {
            let Some(text) = slot.child.texts.get(path.as_str()) else {
                continue;
            };
            let attempt = Attempt {
                text: text.clone(),
                change: Some(gain),
                outcome: AttemptOutcome::NotApplied,
                is_joint,
                is_clearly_worse: false,
                why: format!("{gain:+.2} in sum on {} examples", slot.places.len()),
            };
            let failed = &mut self.pool.candidates[slot.parent].failed;
            failed.push((path.clone(), attempt));
        }
    }

    /// Tries children on the validation examples: a third of these first, and the rest
    /// if the child is not worse there than its parent, or the best at something.
    async fn validate(&mut self, mut better: Vec<(f64, Slot)>) {
        let count = self.gepa.validation.len();
        let third = count.div_ceil(3);
        // Those with the most gain go first where the budget is not enough for all.
        let mut order: Vec<usize> = (0..better.len()).collect();
        order.sort_by(|a, b| better[*b].0.total_cmp(&better[*a].0).then(a.cmp(b)));
        let affordable = self.affordable(count);
        let mut is_tried = vec![false; better.len()];
        for place in order.into_iter().take(affordable) {
            is_tried[place] = true;
        }
        let mut tried = is_tried.into_iter();
        let untried = better.extract_if(.., |_| !tried.next().unwrap_or(false));
        let untried: Vec<_> = untried.collect();
        self.reject(&untried);
        let asked = |better: &[(f64, Slot)], places: std::ops::Range<usize>| -> Vec<_> {
            let slots = better.iter();
            slots
                .map(|(_, slot)| {
                    (
                        slot.child.texts.clone(),
                        Split::Validation,
                        places.clone().collect(),
                    )
                })
                .collect()
        };
        self.measured.measure(&asked(&better, 0..third)).await;
        let (promising, others): (Vec<_>, Vec<_>) = better
            .into_iter()
            .partition(|(_, slot)| self.is_promising(slot, third));
        self.reject(&others);
        let better = promising;
        self.measured.measure_twice(&asked(&better, 0..count)).await;
        for (_, slot) in better {
            self.add(slot.child.texts, vec![slot.parent]);
        }
    }

    /// Counts children that were better on their minibatch and become no candidates.
    fn reject(&mut self, children: &[(f64, Slot)]) {
        self.rejected += children.len();
        for (_, slot) in children {
            self.note_rejected(slot);
        }
    }

    /// How many candidates the budget lets be tried on the validation examples.
    fn affordable(&self, examples: usize) -> usize {
        let left = self.calls_left();
        let each = self.calls.for_examples(examples).max(1);
        left.map_or(usize::MAX, |left| {
            usize::try_from(left / each).unwrap_or(usize::MAX)
        })
    }

    /// Whether a child is worth the rest of the validation examples: one with the
    /// lower mean may still be what a way to a better one leads through, if it can what
    /// nobody else can.
    fn is_promising(&self, slot: &Slot, third: usize) -> bool {
        let scores = self
            .measured
            .scores(&slot.child.texts, Split::Validation, 0..third);
        let parent = &self.pool.candidates[slot.parent].scores[..third];
        let is_best_at_something = scores.iter().enumerate().any(|(place, score)| {
            let others = self.pool.candidates.iter().map(|other| other.scores[place]);
            score.is_some_and(|score| others.flatten().all(|other| score > other))
        });
        gain(parent, &scores) >= 0.0 || is_best_at_something
    }

    /// Makes one candidate of two, now and then.
    async fn try_merge(&mut self) {
        if self.merges >= self.gepa.merges || self.affordable(self.gepa.validation.len()) == 0 {
            return;
        }
        let mut random = random(self.gepa.seed, self.round as u64, u64::MAX);
        let Some(merge) = merge(&self.pool, &mut self.merged, &mut random) else {
            return;
        };
        let places = self
            .gepa
            .validation
            .minibatches(TRIED, self.gepa.seed, self.round as u64);
        let places = places.into_iter().next().unwrap_or_default();
        self.measured
            .measure(&[(merge.texts.clone(), Split::Validation, places.clone())])
            .await;
        let own = self
            .measured
            .scores(&merge.texts, Split::Validation, places.iter().copied());
        let is_worse = |parent: usize| {
            let scores = &self.pool.candidates[parent].scores;
            let scores: Vec<Option<f64>> = places.iter().map(|place| scores[*place]).collect();
            gain(&scores, &own) < 0.0
        };
        if merge.parents.into_iter().any(is_worse) {
            return;
        }
        let all: Vec<usize> = (0..self.gepa.validation.len()).collect();
        let all = [(merge.texts.clone(), Split::Validation, all)];
        self.measured.measure_twice(&all).await;
        if self.add(merge.texts, merge.parents.to_vec()) {
            self.merges += 1;
        }
    }

    /// Adds a candidate that was tried on all validation examples, unless a budget cut
    /// that short.
    fn add(&mut self, texts: Overlay, parents: Vec<usize>) -> bool {
        let count = self.gepa.validation.len();
        let scores = self.measured.scores(&texts, Split::Validation, 0..count);
        let first = &self.pool.candidates[0].scores;
        // What has no score for what there was may have none for reasons of its own.
        let is_whole = scores
            .iter()
            .zip(first)
            .all(|(score, first)| score.is_some() || first.is_none());
        if is_whole {
            self.pool.candidates.push(Candidate {
                texts,
                next_component: self.pool.candidates[parents[0]].next_component,
                parents,
                scores,
                born: planning::taken(self.meter).calls,
                failed: Vec::new(),
            });
            self.note_candidate(StepOutcome::Accepted);
        }
        is_whole
    }

    /// Notes the newest candidate for those who watch.
    fn note_candidate(&mut self, outcome: StepOutcome) {
        let Some(candidate) = self.pool.candidates.last() else {
            return;
        };
        let parents = candidate.parents.iter();
        let parents: Vec<u64> = parents.map(|parent| self.step_of[*parent]).collect();
        let texts = candidate.texts.iter();
        let step = self
            .steps
            .tell(outcome, Some(candidate.mean()), &parents, texts, None);
        self.step_of.push(step);
    }

    /// Notes a child that becomes no candidate.
    fn note_rejected(&mut self, slot: &Slot) {
        let parents = [self.step_of[slot.parent]];
        let texts = slot.child.texts.iter();
        self.steps
            .tell(StepOutcome::Rejected, None, &parents, texts, None);
    }

    fn end(self, stopped: StopReason, began: Instant) -> GepaReport {
        let best = self.pool.best();
        let scores = [0, best].map(|place| Some(self.pool.candidates[place].mean()));
        let texts = &self.pool.candidates[best].texts;
        let mut changes = Vec::new();
        for found in self.pipeline.graph().parameters() {
            let before = found.parameter.value();
            if let Some(text) = texts.get(found.path.as_str())
                && *text != before
                && found.parameter.apply_update(text.clone()).is_ok()
            {
                let change = TextChange::new(found.path.clone(), &*before, &**text);
                changes.push(change.with_scores(scores));
            }
        }
        let candidates = self
            .pool
            .candidates
            .into_iter()
            .map(|candidate| CandidateReport {
                mean: candidate.mean(),
                texts: candidate.texts,
                parents: candidate.parents,
                scores: candidate.scores,
                born: candidate.born,
            });
        GepaReport {
            candidates: candidates.collect(),
            best,
            changes,
            rounds: self.round,
            rejected: self.rejected,
            unanswered: self.unanswered,
            stopped,
            spent: self.meter.spent(),
            elapsed: began.elapsed(),
        }
    }
}
