//! [`TokenListener`]: what a token stream has waiting to be read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::token_sink::Call;
use super::{TokenEvent, TokenPiece};

/// What a token stream listens to, and what it has waiting. Calls put pieces
/// in and one reader takes them out.
pub(crate) struct TokenListener {
    /// The names of the nodes; all if `None`.
    nodes: Option<Vec<String>>,
    state: Mutex<State>,
}

struct State {
    /// Oldest first.
    pieces: VecDeque<Waiting>,
    /// The number of the first of `pieces`; each has one more than the last.
    first: u64,
    bytes: usize,
    max_bytes: usize,
    missed: u64,
    /// Runs that have not ended.
    runs: usize,
    /// Whether a run has begun since the stream ended last.
    has_begun: bool,
    is_closed: bool,
    reader: Option<Waker>,
}

/// A piece that was not read yet.
struct Waiting {
    call: Arc<Call>,
    event: TokenEvent,
}

impl Waiting {
    /// What is counted for a piece besides its text.
    const OVERHEAD: usize = 100;

    fn bytes(&self) -> usize {
        match &self.event {
            TokenEvent::Text(text) | TokenEvent::Reasoning(text) => Self::OVERHEAD + text.len(),
            _ => Self::OVERHEAD,
        }
    }
}

/// A piece that comes, with its text borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coming<'c> {
    Text(&'c str),
    Reasoning(&'c str),
    TurnEnded,
    Ended,
    Void,
}

impl Coming<'_> {
    fn to_event(self) -> TokenEvent {
        match self {
            Self::Text(text) => TokenEvent::Text(text.to_owned()),
            Self::Reasoning(text) => TokenEvent::Reasoning(text.to_owned()),
            Self::TurnEnded => TokenEvent::TurnEnded,
            Self::Ended => TokenEvent::Ended,
            Self::Void => TokenEvent::Void,
        }
    }
}

/// What is known of the pieces of a call; changed under the listener's lock.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The number of its last piece.
    last: Option<u64>,
    /// Whether pieces of it were dropped, and it was not said yet.
    has_gap: bool,
    /// Whether the reader was, or is to be, told anything of it.
    has_pieces: bool,
    /// Whether what became of it is said.
    is_over: bool,
}

impl Told {
    pub(super) fn has_pieces(&self) -> bool {
        self.has_pieces
    }
}

impl TokenListener {
    pub(super) fn new(nodes: Option<Vec<String>>, max_bytes: usize) -> Self {
        Self {
            nodes,
            state: Mutex::new(State {
                pieces: VecDeque::new(),
                first: 0,
                bytes: 0,
                max_bytes,
                missed: 0,
                runs: 0,
                has_begun: false,
                is_closed: false,
                reader: None,
            }),
        }
    }

    pub(super) fn listens_to(&self, node: &str) -> bool {
        let nodes = self.nodes.as_ref();
        nodes.is_none_or(|nodes| nodes.iter().any(|known| known == node))
    }

    pub(super) fn set_max_waiting(&self, max_bytes: usize) {
        self.lock().max_bytes = max_bytes;
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }

    /// Puts in a piece of `call`, unless what became of it is said already.
    pub(super) fn put(&self, call: &Arc<Call>, coming: Coming<'_>) {
        let mut state = self.lock();
        let mut told = call.told();
        if told.is_over || state.is_closed {
            return;
        }
        told.is_over = matches!(coming, Coming::Void | Coming::Ended | Coming::TurnEnded);
        // What was never there need not be taken back.
        if matches!(coming, Coming::Void) && !told.has_pieces {
            return;
        }
        told.has_pieces = true;
        if std::mem::take(&mut told.has_gap) {
            told.last = Some(state.push(call, TokenEvent::Gap));
        }
        if !state.append(told.last, coming) {
            told.last = Some(state.push(call, coming.to_event()));
        }
        drop(told);
        state.drop_what_is_too_much();
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(super) fn run_begun(&self) {
        let mut state = self.lock();
        state.runs += 1;
        state.has_begun = true;
    }

    pub(super) fn run_ended(&self) {
        let mut state = self.lock();
        state.runs -= 1;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<TokenPiece>> {
        let mut state = self.lock();
        if let Some(next) = state.pop() {
            return Poll::Ready(Some(next.call.piece(next.event)));
        }
        if state.runs == 0 && state.has_begun {
            state.has_begun = false;
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Forgets what waits, and takes no more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.pieces = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What panicked has left out a piece at worst.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, call: &Arc<Call>, event: TokenEvent) -> u64 {
        let waiting = Waiting {
            call: Arc::clone(call),
            event,
        };
        self.bytes += waiting.bytes();
        self.pieces.push_back(waiting);
        self.first + self.pieces.len() as u64 - 1
    }

    /// Adds a text to the piece `last`, if that was not read yet and is of the
    /// same kind.
    fn append(&mut self, last: Option<u64>, coming: Coming<'_>) -> bool {
        let place = last.and_then(|last| last.checked_sub(self.first));
        let place = place.and_then(|place| usize::try_from(place).ok());
        let last = place.and_then(|place| self.pieces.get_mut(place));
        match (last.map(|last| &mut last.event), coming) {
            (Some(TokenEvent::Text(text)), Coming::Text(more))
            | (Some(TokenEvent::Reasoning(text)), Coming::Reasoning(more)) => {
                text.push_str(more);
                self.bytes += more.len();
                true
            }
            _ => false,
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        let next = self.pieces.pop_front()?;
        self.first += 1;
        self.bytes -= next.bytes();
        Some(next)
    }

    fn drop_what_is_too_much(&mut self) {
        while self.bytes > self.max_bytes
            && let Some(dropped) = self.pop()
        {
            dropped.call.told().has_gap = true;
            self.missed += 1;
        }
    }
}
