//! [`RecentFailures`]: what failed, by cause, and the last of it.

use std::collections::VecDeque;

use inf_engine::Value;
use inf_engine::execution::BatchResult;

use crate::console::shorten;
use crate::summary::was_stopped;

/// A failed input.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) index: usize,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

/// What failed, by cause, and the last of it.
#[derive(Debug, Default)]
pub(super) struct RecentFailures {
    by_kind: Vec<(&'static str, u64)>,
    last: VecDeque<Failure>,
}

impl RecentFailures {
    /// The most that are kept: no terminal shows more.
    const KEPT: usize = 64;
    /// The most characters of a message that are kept.
    const LONGEST: usize = 400;

    /// Takes note of a result; what was stopped is no failure.
    pub(super) fn note(&mut self, result: &BatchResult<Value>) {
        let Err(error) = &result.output else { return };
        if was_stopped(error) {
            return;
        }
        let kind = error.kind.as_str();
        match self.by_kind.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.by_kind.push((kind, 1)),
        }
        if self.last.len() == Self::KEPT {
            self.last.pop_back();
        }
        self.last.push_front(Failure {
            index: result.index,
            kind,
            message: shorten(&error.to_string(), Self::LONGEST),
        });
    }

    /// How many there were for each cause, the most frequent first.
    pub(super) fn by_kind(&self) -> Vec<(&'static str, u64)> {
        let mut by_kind = self.by_kind.clone();
        // Stable: of the same number the one that came first is first.
        by_kind.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        by_kind
    }

    /// The last ones, the newest first.
    pub(super) fn last(&self) -> Vec<Failure> {
        self.last.iter().cloned().collect()
    }
}
