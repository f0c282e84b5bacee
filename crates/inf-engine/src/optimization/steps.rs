//! [`Steps`]: what an optimization notes in the journal, for people who watch it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::planning;
use crate::execution::{Budget, ExecutionSettings, Pipeline};
use crate::journal::{StepOutcome, StepRecord, Timestamp};
use crate::parameter::ParameterPath;

/// The steps of one optimization.
pub(super) struct Steps<'o> {
    optimizer: &'static str,
    settings: ExecutionSettings,
    meter: &'o Budget,
    next: u64,
}

impl<'o> Steps<'o> {
    pub(super) fn new(optimizer: &'static str, pipeline: &Pipeline, meter: &'o Budget) -> Self {
        let settings = pipeline.settings().clone();
        Self {
            optimizer,
            settings: settings.over(&ExecutionSettings::current()),
            meter,
            next: 0,
        }
    }

    /// Notes a step that ended; its place.
    pub(super) fn tell<'t>(
        &mut self,
        outcome: StepOutcome,
        score: Option<f64>,
        parents: &[u64],
        texts: impl Iterator<Item = (&'t ParameterPath, &'t Arc<str>)>,
        why: Option<&str>,
    ) -> u64 {
        let step = self.next;
        self.next += 1;
        let replays = self.settings.replay.unwrap_or(false);
        // The first run has opened it. What can't be opened is an error of every input.
        let journal = self.settings.journal().filter(|_| !replays);
        if let Some(journal) = journal.and_then(|journal| journal.opened(false)) {
            let texts = texts.map(|(path, text)| (Arc::from(path.as_str()), Arc::clone(text)));
            let taken = planning::taken(self.meter);
            journal.append(StepRecord {
                optimizer: self.optimizer.into(),
                step,
                at: Timestamp::now(),
                outcome,
                why: why.map(str::to_owned),
                score,
                parents: parents.into(),
                texts: texts.collect::<IndexMap<_, _>>(),
                calls: taken.calls,
                cost: taken.cost,
            });
        }
        step
    }
}
