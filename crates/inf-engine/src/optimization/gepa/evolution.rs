//! [`Evolution`]: the loop.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::merging::merge;
use super::pool::{Candidate, Pool, random};
use super::reflection::{Child, Reflection};
use super::{CandidateReport, Gepa, GepaReport};
use crate::execution::{Budget, ExecutionSettings, Overlay, Pipeline};
use crate::journal::StepOutcome;
use crate::optimization::backward::Learning;
use crate::optimization::steps::Steps;
use crate::optimization::training::calls_per_example;
use crate::optimization::{
    Attempt, AttemptOutcome, Scored, StopReason, TextChange, evaluate, planning,
};

/// For each child of a round, the times that the calls that are left are enough for
/// all validation examples.
const VALIDATIONS_LEFT: u64 = 8;

/// The validation examples on which a merge is tried first.
const TRIED: usize = 5;

/// An evolution that goes on.
pub(super) struct Evolution<'e> {
    gepa: &'e Gepa<'e>,
    pipeline: &'e Pipeline,
    learning: Learning,
    meter: &'e Budget,
    /// The calls that an example takes.
    calls: u64,
    pool: Pool,
    /// What was measured: nothing is paid for twice.
    known: HashMap<(Overlay, Split, usize), Scored>,
    round: usize,
    /// Minibatches that were given out.
    batches: u64,
    rejected: usize,
    /// Merges that were kept.
    merges: usize,
    merged: Vec<[usize; 2]>,
    steps: Steps<'e>,
    /// The step in which each candidate became one.
    step_of: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Split {
    Training,
    Validation,
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
            calls: calls_per_example(pipeline),
            learning: Learning::of(pipeline.graph()),
            pipeline,
            meter,
            pool: Pool::default(),
            known: HashMap::new(),
            round: 0,
            batches: 0,
            rejected: 0,
            merges: 0,
            merged: Vec::new(),
            steps: Steps::new("gepa", pipeline, meter),
            step_of: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) -> GepaReport {
        let began = Instant::now();
        let was_training = self.pipeline.training();
        self.pipeline.eval();
        self.add_first().await;
        let mut barren = 0;
        let stopped = loop {
            if self.pool.candidates[self.pool.best()].mean() >= self.gepa.target {
                break StopReason::Target;
            }
            if self.round >= self.gepa.rounds {
                break StopReason::Epochs;
            }
            if barren >= self.gepa.patience {
                break StopReason::Patience;
            }
            let width = self.width();
            if width == 0 {
                break StopReason::Budget;
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
            self.round += 1;
        };
        if was_training {
            self.pipeline.train();
        }
        self.end(stopped, began)
    }

    /// What there is now, as the first candidate.
    async fn add_first(&mut self) {
        let table = self.pipeline.graph().parameters().iter();
        let texts = table.filter(|found| found.parameter.requires_grad());
        let texts: Overlay = texts
            .map(|found| (found.path.clone(), found.parameter.value()))
            .collect();
        let places: Vec<usize> = (0..self.gepa.validation.len()).collect();
        self.measure(&[(texts.clone(), Split::Validation, places)])
            .await;
        let scores = self.scores(&texts, Split::Validation, 0..self.gepa.validation.len());
        self.pool.candidates.push(Candidate {
            texts,
            parents: Vec::new(),
            scores,
            born: planning::taken(self.meter).calls,
            next_component: 0,
            failed: Vec::new(),
        });
        self.tell_candidate(StepOutcome::Start);
    }

    /// The calls that are left to plan with, if they are bounded.
    fn calls_left(&self) -> Option<u64> {
        let budget = self.gepa.budget.as_ref()?;
        planning::left(budget, self.meter).calls
    }

    /// The children that the next round can afford.
    fn width(&self) -> usize {
        let batch = self.gepa.minibatch.min(self.gepa.training.len()) as u64;
        let parameters = self.pool.candidates[0].texts.iter().count() as u64;
        if batch == 0 || parameters == 0 {
            return 0;
        }
        let left = self.calls_left();
        let Some(left) = left else {
            return self.gepa.width;
        };
        // Parent and child on the minibatch; a proposal, and its repair.
        let slot = 2 * batch * self.calls + 2 * parameters;
        // Wide rounds are quick, and their children know nothing of each other: with few
        // calls left there have to be enough rounds to build on what was found.
        let validation = (self.gepa.validation.len() as u64 * self.calls).max(1);
        let most = (left / (VALIDATIONS_LEFT * validation))
            .max(1)
            .min(left / slot);
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
        self.measure(&parents).await;
        let slots = self.reflect(slots).await;
        let children = slots.iter().map(|slot| {
            (
                slot.child.texts.clone(),
                Split::Training,
                slot.places.clone(),
            )
        });
        let children: Vec<_> = children.collect();
        self.measure(&children).await;
        self.pipeline.eval();
        let better = self.sift(slots);
        self.validate(better).await;
    }

    /// Parents and minibatches for the slots of a round.
    fn choose(&mut self, width: usize) -> Vec<(usize, Vec<usize>)> {
        let (seed, round) = (self.gepa.seed, self.round as u64);
        let mut slots = Vec::with_capacity(width);
        for slot in 0..width {
            let parent = self.pool.parent(&mut random(seed, round, slot as u64));
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
        let (pool, known) = (&self.pool, &self.known);
        let reflecting = slots.into_iter().map(|(parent, places)| {
            let candidate = &pool.candidates[parent];
            let scored = places.iter().filter_map(|place| {
                known
                    .get(&(candidate.texts.clone(), Split::Training, *place))
                    .cloned()
            });
            let scored: Vec<Scored> = scored.collect();
            let before: Vec<Option<f64>> = scored.iter().map(Scored::score).collect();
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
            let after = self.scores(
                &slot.child.texts,
                Split::Training,
                slot.places.iter().copied(),
            );
            let pairs = slot.before.iter().zip(&after);
            let gains = pairs.filter_map(|(before, after)| Some((*after)? - (*before)?));
            let gain: f64 = gains.sum();
            if gain > 0.0 {
                better.push((gain, slot));
            } else {
                self.rejected += 1;
                self.note_failed(&slot, gain);
                self.tell_rejected(&slot);
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
        better.retain(|_| tried.next().unwrap_or(false));
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
        self.measure(&asked(&better, 0..third)).await;
        let (promising, others): (Vec<_>, Vec<_>) = better
            .into_iter()
            .partition(|(_, slot)| self.is_promising(slot, third));
        for (_, slot) in &others {
            self.tell_rejected(slot);
        }
        let better = promising;
        self.measure(&asked(&better, third..count)).await;
        for (_, slot) in better {
            self.add(slot.child.texts, vec![slot.parent]);
        }
    }

    /// How many candidates the budget lets be tried on the validation examples.
    fn affordable(&self, examples: usize) -> usize {
        let left = self.calls_left();
        let each = (examples as u64 * self.calls).max(1);
        left.map_or(usize::MAX, |left| {
            usize::try_from(left / each).unwrap_or(usize::MAX)
        })
    }

    /// Whether a child is worth the rest of the validation examples: one with the
    /// lower mean may still be what a way to a better one leads through, if it can what
    /// nobody else can.
    fn is_promising(&self, slot: &Slot, third: usize) -> bool {
        let scores = self.scores(&slot.child.texts, Split::Validation, 0..third);
        let parent = &self.pool.candidates[slot.parent].scores[..third];
        let sum = |scores: &[Option<f64>]| scores.iter().flatten().sum::<f64>();
        let is_best_at_something = scores.iter().enumerate().any(|(place, score)| {
            let others = self.pool.candidates.iter().map(|other| other.scores[place]);
            score.is_some_and(|score| others.flatten().all(|other| score > other))
        });
        sum(&scores) >= sum(parent) || is_best_at_something
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
        self.measure(&[(merge.texts.clone(), Split::Validation, places.clone())])
            .await;
        let sum = |scores: &[Option<f64>]| scores.iter().flatten().sum::<f64>();
        let of_parents = merge.parents.map(|parent| {
            let scores = &self.pool.candidates[parent].scores;
            let scores: Vec<Option<f64>> = places.iter().map(|place| scores[*place]).collect();
            sum(&scores)
        });
        let own = self.scores(&merge.texts, Split::Validation, places);
        if sum(&own) < of_parents[0].max(of_parents[1]) {
            return;
        }
        let all: Vec<usize> = (0..self.gepa.validation.len()).collect();
        self.measure(&[(merge.texts.clone(), Split::Validation, all)])
            .await;
        if self.add(merge.texts, merge.parents.to_vec()) {
            self.merges += 1;
        }
    }

    /// Adds a candidate that was tried on all validation examples, unless a budget cut
    /// that short.
    fn add(&mut self, texts: Overlay, parents: Vec<usize>) -> bool {
        let count = self.gepa.validation.len();
        let scores = self.scores(&texts, Split::Validation, 0..count);
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
            self.tell_candidate(StepOutcome::Accepted);
        }
        is_whole
    }

    /// Notes the newest candidate for those who watch.
    fn tell_candidate(&mut self, outcome: StepOutcome) {
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
    fn tell_rejected(&mut self, slot: &Slot) {
        let parents = [self.step_of[slot.parent]];
        let texts = slot.child.texts.iter();
        self.steps
            .tell(StepOutcome::Rejected, None, &parents, texts, None);
    }

    /// Runs what is asked and not known yet, all at once, and each once.
    async fn measure(&mut self, asked: &[(Overlay, Split, Vec<usize>)]) {
        let known = &self.known;
        let mut is_asked: HashSet<(&Overlay, Split, usize)> = HashSet::new();
        let runs = asked.iter().map(|(texts, split, places)| {
            let dataset = match split {
                Split::Training => self.gepa.training,
                Split::Validation => self.gepa.validation,
            };
            let mut is_missing = |place: &usize| {
                !known.contains_key(&(texts.clone(), *split, *place))
                    && is_asked.insert((texts, *split, *place))
            };
            let places: Vec<usize> = places.iter().copied().filter(&mut is_missing).collect();
            let settings = ExecutionSettings::default().with_overlay(texts);
            let pipeline = self.pipeline.with_settings(settings);
            let loss = self.gepa.loss;
            async move {
                let evaluation = evaluate(&pipeline, &dataset.pick(&places), loss).await;
                (texts, *split, places, evaluation)
            }
        });
        let runs: Vec<_> = runs.collect();
        for (texts, split, places, evaluation) in join_all(runs).await {
            for (place, mut scored) in places.into_iter().zip(evaluation.examples) {
                scored.index = place;
                self.known.insert((texts.clone(), split, place), scored);
            }
        }
    }

    fn scores(
        &self,
        texts: &Overlay,
        split: Split,
        places: impl IntoIterator<Item = usize>,
    ) -> Vec<Option<f64>> {
        let places = places.into_iter();
        let known = places.map(|place| self.known.get(&(texts.clone(), split, place)));
        known.map(|scored| scored.and_then(Scored::score)).collect()
    }

    fn end(self, stopped: StopReason, began: Instant) -> GepaReport {
        let best = self.pool.best();
        let texts = &self.pool.candidates[best].texts;
        let mut changes = Vec::new();
        for found in self.pipeline.graph().parameters() {
            let before = found.parameter.value();
            if let Some(text) = texts.get(found.path.as_str())
                && *text != before
                && found.parameter.apply_update(text.clone()).is_ok()
            {
                changes.push(TextChange::new(found.path.clone(), &*before, &**text));
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
            stopped,
            spent: self.meter.spent(),
            elapsed: began.elapsed(),
        }
    }
}
