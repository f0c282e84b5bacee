//! What journals hold of inputs, read beside the scheduler.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::scheduler::{Board, Event};
use super::task::ExecutionId;
use crate::execution::RunId;
use crate::journal::{Found, InputRecord, Journal, PipelineNumber, Record};

/// What is to be read for an input.
pub(crate) struct Recall {
    pub(crate) run: RunId,
    pub(crate) execution: ExecutionId,
    pub(crate) journal: Journal,
    pub(crate) found: Found,
    pub(crate) wanted: Wanted,
}

/// Which end of an input still holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// What has to be the same; none is good if there is none.
    pub(crate) pipeline: Option<PipelineNumber>,
    /// Whether a failure is none.
    pub(crate) retries_failed: bool,
}

/// What was read for an input.
pub(crate) struct Recalled {
    pub(crate) run: RunId,
    pub(crate) execution: ExecutionId,
    pub(crate) found: Held,
}

/// What a journal holds of an input.
pub(crate) enum Held {
    /// How it ended, as it would again.
    End(Box<InputRecord>),
    /// What may be of use, the newest first.
    Records(Vec<Record>),
}

impl Wanted {
    fn holds(self, journal: &Journal, ended: &InputRecord) -> bool {
        let Some(pipeline) = self.pipeline else {
            return false;
        };
        let is_good = ended.outcome.is_ok() || !self.retries_failed;
        let was = || journal.pipeline_of(ended.run);
        is_good && was().is_some_and(|was| was.number == pipeline)
    }
}

impl Recall {
    fn read(&self) -> Held {
        // The newest is nearly always all that is needed of an input that ended;
        // an older one may hold where a change was taken back.
        for most in [1, usize::MAX] {
            // What can't be read is not there: it is asked for again.
            let records = self.journal.read_newest(self.found, most);
            let mut records = records.unwrap_or_default();
            let end = records.iter().position(|record| match record {
                Record::Input(input) => self.wanted.holds(&self.journal, input),
                _ => false,
            });
            if let Some(end) = end
                && let Record::Input(ended) = records.swap_remove(end)
            {
                return Held::End(ended);
            }
            if most > 1 {
                return Held::Records(records);
            }
        }
        Held::Records(Vec::new())
    }
}

/// Reads what is to be read, unless something is being read: then it is read
/// together with what comes up until that is done.
pub(crate) fn read(board: &mut Board) {
    if board.recalls.is_empty() || board.is_recalling {
        return;
    }
    board.is_recalling = true;
    let recalls = std::mem::take(&mut board.recalls);
    let events = board.events.clone();
    tokio::task::spawn_blocking(move || {
        let recalled = recalls.into_iter().map(|recall| Recalled {
            run: recall.run,
            execution: recall.execution,
            // Nobody would hear of a panic, and all would wait.
            found: catch_unwind(AssertUnwindSafe(|| recall.read()))
                .unwrap_or_else(|_| Held::Records(Vec::new())),
        });
        events.send(Event::Recalled(recalled.collect()));
    });
}
