//! What journals hold of inputs, read beside the scheduler.

use super::scheduler::{Board, Event};
use super::task::ExecutionId;
use crate::execution::RunId;
use crate::journal::{Found, Journal, Record};

/// What is to be read for an input.
pub(crate) struct Recall {
    pub(crate) run: RunId,
    pub(crate) execution: ExecutionId,
    pub(crate) journal: Journal,
    pub(crate) found: Found,
}

/// What was read for an input.
pub(crate) struct Recalled {
    pub(crate) run: RunId,
    pub(crate) execution: ExecutionId,
    /// The newest first; none if they can't be read, and the input is run.
    pub(crate) records: Vec<Record>,
}

/// Reads what is to be read, all that came up in a turn at once.
pub(crate) fn read(board: &mut Board) {
    if board.recalls.is_empty() {
        return;
    }
    let recalls = std::mem::take(&mut board.recalls);
    let events = board.events.clone();
    tokio::task::spawn_blocking(move || {
        let recalled = recalls.into_iter().map(|recall| Recalled {
            run: recall.run,
            execution: recall.execution,
            // What can't be read is not there: it is asked for again.
            records: recall.journal.read(recall.found).unwrap_or_default(),
        });
        events.send(Event::Recalled(recalled.collect()));
    });
}
