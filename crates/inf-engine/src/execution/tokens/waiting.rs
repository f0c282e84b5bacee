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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens to one of four calls, or that the reader takes a piece.
    #[derive(Debug, Clone)]
    enum Step {
        Text(usize, usize),
        Reasoning(usize, usize),
        End(usize),
        Read,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4usize, 1..60usize).prop_map(|(call, length)| Step::Text(call, length)),
            1 => (0..4usize, 1..60usize).prop_map(|(call, length)| Step::Reasoning(call, length)),
            1 => (0..4usize).prop_map(Step::End),
            3 => Just(Step::Read),
        ]
    }

    proptest! {
        /// What waits is bounded and counted right; what is read of a call is in its
        /// order, and complete unless a gap was told or nothing came after it.
        #[test]
        fn what_waits_is_bounded_and_gaps_are_told(
            max_bytes in 0..1_500usize,
            steps in proptest::collection::vec(step(), 0..80),
        ) {
            let listener = TokenListener::new(None, max_bytes);
            let calls: Vec<_> = (0..4).map(|_| Arc::new(Call::for_tests())).collect();
            let mut written = [const { String::new() }; 4];
            let mut read = [const { String::new() }; 4];
            let mut has_gap = [false; 4];
            let mut take = |listener: &TokenListener| {
                let Some(next) = listener.lock().pop() else { return false };
                let of = |call: &Arc<Call>| Arc::ptr_eq(call, &next.call);
                let call = calls.iter().position(of).expect("one of the four");
                match next.event {
                    TokenEvent::Text(text) | TokenEvent::Reasoning(text) => {
                        read[call].push_str(&text);
                    }
                    TokenEvent::Gap => has_gap[call] = true,
                    _ => {}
                }
                true
            };
            for step in steps {
                let text = |length| "abcdefghij".repeat(length / 10 + 1)[..length].to_owned();
                match step {
                    Step::Text(call, length) | Step::Reasoning(call, length) => {
                        if !calls[call].told().is_over {
                            written[call].push_str(&text(length));
                        }
                        let text = text(length);
                        let coming = match step {
                            Step::Text(..) => Coming::Text(&text),
                            _ => Coming::Reasoning(&text),
                        };
                        listener.put(&calls[call], coming);
                    }
                    Step::End(call) => listener.put(&calls[call], Coming::Ended),
                    Step::Read => drop(take(&listener)),
                }
                let state = listener.lock();
                prop_assert!(state.bytes <= max_bytes);
                prop_assert_eq!(state.bytes, state.pieces.iter().map(Waiting::bytes).sum::<usize>());
            }
            while take(&listener) {}
            for (place, call) in calls.iter().enumerate() {
                let is_whole = read[place] == written[place];
                prop_assert!(is_whole || has_gap[place] || call.told().has_gap);
            }
        }
    }
}
