//! [`TokenSink`]: where the pieces of one call go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::waiting::{Coming, TokenListener, Told};
use super::{TokenEvent, TokenPiece};
use crate::clients::Delta;
use crate::execution::RunId;
use crate::execution::observation::TaskOutcome;
use crate::graph::{InferenceGraph, RegionPath};

/// The listener of a run; when it is dropped, the run has ended.
pub(crate) struct RunTokens {
    run: RunId,
    listener: Arc<TokenListener>,
    /// By node: its name, if it is listened to.
    nodes: Vec<Option<Arc<str>>>,
}

impl RunTokens {
    /// Listens to a run of `graph`.
    pub(crate) fn new(listener: &Arc<TokenListener>, run: RunId, graph: &InferenceGraph) -> Self {
        let nodes = graph.nodes().iter().map(|node| {
            let name = node.name();
            listener.listens_to(name).then(|| name.into())
        });
        let nodes: Vec<_> = nodes.collect();
        // Its end is waited for also if there is nothing to hear.
        listener.run_begun();
        Self {
            run,
            listener: Arc::clone(listener),
            nodes,
        }
    }

    /// Where the pieces of an answer go, if its node is listened to.
    pub(crate) fn sink(
        &self,
        node: usize,
        (input, region): (usize, &RegionPath),
        (attempt, turn): (u32, u32),
    ) -> Option<TokenSink> {
        let node = Arc::clone(self.nodes[node].as_ref()?);
        let call = Call {
            run: self.run,
            input,
            node,
            region: region.clone(),
            attempt,
            turn,
            told: Mutex::default(),
        };
        Some(TokenSink {
            listener: Arc::clone(&self.listener),
            call: Arc::new(call),
        })
    }
}

impl Drop for RunTokens {
    fn drop(&mut self) {
        self.listener.run_ended();
    }
}

/// A call that is listened to.
#[derive(Debug)]
pub(super) struct Call {
    run: RunId,
    input: usize,
    node: Arc<str>,
    region: RegionPath,
    attempt: u32,
    turn: u32,
    told: Mutex<Told>,
}

impl Call {
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self {
            run: RunId(0),
            input: 0,
            node: "node".into(),
            region: RegionPath::ROOT,
            attempt: 1,
            turn: 1,
            told: Mutex::default(),
        }
    }

    pub(super) fn piece(&self, event: TokenEvent) -> TokenPiece {
        TokenPiece {
            run: self.run,
            input: self.input,
            node: Arc::clone(&self.node),
            region: self.region.clone(),
            attempt: self.attempt,
            turn: self.turn,
            event,
        }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the pieces of one call go. The task of the call and the scheduler have
/// one each: the task gives pieces, and the scheduler says what became of them.
#[derive(Clone)]
pub(crate) struct TokenSink {
    listener: Arc<TokenListener>,
    call: Arc<Call>,
}

impl TokenSink {
    /// Takes a piece.
    pub(crate) fn take(&self, delta: Delta<'_>) {
        match delta {
            Delta::Text("") | Delta::Reasoning("") => {}
            Delta::Text(text) => self.listener.put(&self.call, Coming::Text(text)),
            Delta::Reasoning(text) => self.listener.put(&self.call, Coming::Reasoning(text)),
        }
    }

    /// Takes the whole text of an answer that did not come in pieces.
    pub(crate) fn take_whole(&self, text: &str) {
        if !self.call.told().has_pieces() {
            self.take(Delta::Text(text));
        }
    }

    /// Says what became of the answer.
    pub(crate) fn end(&self, outcome: TaskOutcome<'_>) {
        let ending = match outcome {
            TaskOutcome::Completed => Coming::Ended,
            TaskOutcome::CalledTools => Coming::TurnEnded,
            TaskOutcome::Failed(_)
            | TaskOutcome::Retried(_)
            | TaskOutcome::Reasked(_)
            | TaskOutcome::RateLimited
            | TaskOutcome::Cancelled
            | TaskOutcome::Skipped => Coming::Void,
        };
        self.listener.put(&self.call, ending);
    }
}
