//! [`Measurements`]: what candidates were measured on. Nothing is paid for twice.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;

use super::Gepa;
use crate::execution::{ExecutionSettings, Overlay, Pipeline};
use crate::optimization::{LossError, Scored, evaluate};

/// Of which dataset an example is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Split {
    Training,
    Validation,
}

/// Texts, and the places of the examples on which they are to be measured.
pub(super) type Asked = (Overlay, Split, Vec<usize>);

/// What candidates were measured on.
pub(super) struct Measurements<'m> {
    gepa: &'m Gepa<'m>,
    pipeline: &'m Pipeline,
    known: HashMap<(Overlay, Split, usize), Scored>,
}

impl<'m> Measurements<'m> {
    pub(super) fn new(gepa: &'m Gepa<'m>, pipeline: &'m Pipeline) -> Self {
        Self {
            gepa,
            pipeline,
            known: HashMap::new(),
        }
    }

    /// Runs what is asked and not known yet, all at once, and each once.
    pub(super) async fn measure(&mut self, asked: &[Asked]) {
        let known = &self.known;
        let mut is_asked: HashSet<(&Overlay, Split, usize)> = HashSet::new();
        let runs = asked.iter().map(|(texts, split, places)| {
            let dataset = match split {
                Split::Training => self.gepa.training,
                Split::Validation => self.gepa.validation,
            };
            let mut is_missing = |place: &usize| {
                let found = known.get(&(texts.clone(), *split, *place));
                found.is_none_or(may_be_scored_yet) && is_asked.insert((texts, *split, *place))
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

    /// The same, and once more what had no score because of others: one call that
    /// failed in passing is no reason to drop a candidate.
    pub(super) async fn measure_twice(&mut self, asked: &[Asked]) {
        self.measure(asked).await;
        let is_left = asked.iter().any(|(texts, split, places)| {
            let mut found = places.iter();
            found.any(|place| {
                self.get(texts, *split, *place)
                    .is_some_and(may_be_scored_yet)
            })
        });
        if is_left {
            self.measure(asked).await;
        }
    }

    pub(super) fn get(&self, texts: &Overlay, split: Split, place: usize) -> Option<&Scored> {
        self.known.get(&(texts.clone(), split, place))
    }

    pub(super) fn scores(
        &self,
        texts: &Overlay,
        split: Split,
        places: impl IntoIterator<Item = usize>,
    ) -> Vec<Option<f64>> {
        let places = places.into_iter();
        let known = places.map(|place| self.get(texts, split, place));
        known.map(|scored| scored.and_then(Scored::score)).collect()
    }
}

/// Whether an example has no score through no fault of the texts, nor of the example:
/// a call that failed, or a judge's.
fn may_be_scored_yet(scored: &Scored) -> bool {
    let is_failed = scored.output.is_err() && scored.feedback.is_none();
    is_failed || matches!(scored.loss_error, Some(LossError::NoAnswer { .. }))
}
