//! Tokens: the answers of running nodes, piece by piece, as they come.
//!
//! A [`TokenStream`] is given to runs and read beside them. Each call that it
//! listens to has a `TokenSink`, which puts pieces into what the stream has
//! waiting (`waiting`); a run without a listener knows nothing of this.

mod token_piece;
mod token_sink;
mod token_stream;
mod waiting;

pub use token_piece::{TokenEvent, TokenPiece};
pub(super) use token_sink::{RunTokens, TokenSink};
pub use token_stream::TokenStream;
pub(super) use waiting::TokenListener;
