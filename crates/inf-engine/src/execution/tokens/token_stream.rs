//! [`TokenStream`]: the pieces of answers, to be read beside their runs.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};

use super::TokenPiece;
use super::waiting::TokenListener;

/// The answers of running nodes, piece by piece, as they come.
///
/// Give it to runs with
/// [`ExecutionSettings::with_tokens`](crate::execution::ExecutionSettings::with_tokens)
/// and read it beside them. It ends when all runs that have it have ended; of
/// runs that begin after that it goes on.
///
/// ```
/// use inf_engine::execution::{ExecutionSettings, TokenEvent, TokenStream};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let mut tokens = TokenStream::new();
/// let settings = ExecutionSettings::default().with_tokens(&tokens);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
///
/// let run = tokio::spawn(pipeline.run("Why is the sky blue?".to_owned()));
/// let mut answer = String::new();
/// while let Some(piece) = tokens.next().await {
///     match piece.event {
///         TokenEvent::Text(text) => answer.push_str(&text),
///         TokenEvent::Void => answer.clear(), // it is tried again
///         _ => {}
///     }
/// }
/// assert_eq!(run.await??, answer);
/// # Ok(())
/// # }
/// ```
///
/// # Readers that are slow
///
/// Nothing waits for the reader. Pieces of one call that were not read yet are
/// one piece, so that a slow reader gets fewer and longer ones. What waits to
/// be read is bounded ([`with_max_waiting`](Self::with_max_waiting)): beyond
/// that the oldest pieces are dropped, and a call that goes on after that says so
/// with a [`Gap`](crate::execution::TokenEvent::Gap).
///
/// # What is asked of providers
///
/// Calls of the nodes that are listened to are made with
/// [`LlmClient::stream`](crate::clients::LlmClient::stream). A second request for
/// a call that takes long (see [`Hedging`](crate::execution::Hedging)) is not
/// mixed in: if it is answered first, what came of the first is void, and the
/// answer is one piece.
pub struct TokenStream(Arc<TokenListener>);

impl TokenStream {
    /// The bytes that may wait to be read, unless
    /// [`with_max_waiting`](Self::with_max_waiting) says otherwise: 4 MiB.
    pub const DEFAULT_MAX_WAITING: usize = 4 << 20;

    /// Listens to all nodes.
    pub fn new() -> Self {
        Self(Arc::new(TokenListener::new(
            None,
            Self::DEFAULT_MAX_WAITING,
        )))
    }

    /// Listens to the nodes of these names. A graph that has none of them is not
    /// listened to.
    pub fn of<'n>(nodes: impl IntoIterator<Item = &'n str>) -> Self {
        let nodes = nodes.into_iter().map(str::to_owned).collect();
        Self(Arc::new(TokenListener::new(
            Some(nodes),
            Self::DEFAULT_MAX_WAITING,
        )))
    }

    /// Sets the most bytes that wait to be read; about 100 are counted for each
    /// piece besides its text.
    #[must_use]
    pub fn with_max_waiting(self, max_waiting: usize) -> Self {
        self.0.set_max_waiting(max_waiting);
        self
    }

    /// The next piece; `None` when all runs have ended.
    pub async fn next(&mut self) -> Option<TokenPiece> {
        StreamExt::next(self).await
    }

    /// How many pieces were dropped because they were not read in time.
    pub fn missed(&self) -> u64 {
        self.0.missed()
    }

    pub(crate) fn listener(&self) -> &Arc<TokenListener> {
        &self.0
    }
}

impl Default for TokenStream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream for TokenStream {
    type Item = TokenPiece;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TokenPiece>> {
        self.0.poll_next(context)
    }
}

/// Nobody will read what comes.
impl Drop for TokenStream {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for TokenStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenStream")
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}
