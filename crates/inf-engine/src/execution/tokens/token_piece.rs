//! [`TokenPiece`]: a piece of an answer, and whose it is.

use std::sync::Arc;

use crate::execution::RunId;
use crate::graph::{NodePath, RegionPath};

/// A piece of an answer, or what became of it.
///
/// [`TokenStream`](super::TokenStream) gives them, and shows how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenPiece {
    /// The run that it is part of.
    pub run: RunId,
    /// The place of its input among those of the run, from 0.
    pub input: usize,
    /// The name of its node.
    pub node: Arc<str>,
    /// Where the node runs inside of its input: the whole graph, unless a node of
    /// control flow runs it.
    pub region: RegionPath,
    /// Which attempt of the node it is of, from 1.
    pub attempt: u32,
    /// Which turn of the node's conversation it is of, from 1: more than one if
    /// the model called tools or was asked again.
    pub turn: u32,
    /// What came.
    pub event: TokenEvent,
}

impl TokenPiece {
    /// Where its node runs inside of its input, as text `summaries[17]/summary`.
    pub fn path(&self) -> NodePath {
        self.region.node(Arc::clone(&self.node))
    }
}

/// What came of an answer.
///
/// ```
/// use inf_engine::execution::{TokenEvent, TokenPiece};
///
/// /// What is on the screen after another piece.
/// fn show(screen: &mut String, piece: &TokenPiece) {
///     match &piece.event {
///         TokenEvent::Text(text) => screen.push_str(text),
///         TokenEvent::Void => screen.clear(), // the call is made again
///         TokenEvent::Ended => screen.push_str("\n\n"),
///         _ => {}
///     }
/// }
/// # let _ = show;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenEvent {
    /// More of its text.
    Text(String),
    /// More of what the model thinks.
    Reasoning(String),
    /// The model called tools: this turn is over, and the node goes on with
    /// another one.
    TurnEnded,
    /// It is whole, and the node has its value.
    Ended,
    /// What came of this attempt and turn counts for nothing: it failed, was
    /// given up, or was not what was asked for. If it is tried again, that comes
    /// under another attempt or turn.
    Void,
    /// Pieces of this attempt and turn are missing here: they were not read in
    /// time.
    Gap,
}
