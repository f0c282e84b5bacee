//! [`Pieces`]: an answer as it is streamed.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

/// The pieces of an answer, each a text of the wire format.
#[derive(Debug, Default)]
pub(super) struct Pieces(Vec<Piece>);

#[derive(Debug)]
struct Piece {
    text: Bytes,
    /// Whether it takes time to write: it tells a word of the answer.
    is_word: bool,
}

impl Pieces {
    /// Adds a piece that goes out with the one before it.
    pub(super) fn add(&mut self, text: Bytes) {
        self.0.push(Piece {
            text,
            is_word: false,
        });
    }

    /// Adds a piece that a model needs time for.
    pub(super) fn add_word(&mut self, text: Bytes) {
        self.0.push(Piece {
            text,
            is_word: true,
        });
    }

    /// A body of all pieces, the words spread evenly over `writing`, the last
    /// one at its end.
    pub(super) fn spread(self, writing: Duration) -> Body {
        let start = Instant::now();
        let count = self.0.iter().filter(|piece| piece.is_word).count();
        let share = 1.0 / u32::try_from(count).map_or(f64::MAX, |count| f64::from(count.max(1)));
        let timed = self.0.into_iter().scan(0_u32, |words, piece| {
            *words = words.saturating_add(piece.is_word.into());
            Some((*words, piece.text))
        });
        // What goes out together is one write.
        let mut groups: Vec<(u32, Vec<u8>)> = Vec::new();
        for (words, text) in timed {
            match groups.last_mut() {
                Some((same, group)) if *same == words || writing.is_zero() => {
                    group.extend_from_slice(&text);
                }
                _ => groups.push((words, text.to_vec())),
            }
        }
        let pieces = stream::iter(groups).then(move |(words, group)| async move {
            if !writing.is_zero() {
                let after = writing.mul_f64((f64::from(words) * share).min(1.0));
                tokio::time::sleep_until(start + after).await;
            }
            Ok::<_, Infallible>(group)
        });
        Body::from_stream(pieces)
    }

    /// A body of the first piece, after which the connection is cut.
    pub(super) fn cut(self) -> Body {
        let first = self.0.into_iter().next();
        let first = first.map(|piece| Ok(piece.text));
        let cut = Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        // Apart, so that the piece is on its way when the connection ends.
        let pieces = stream::iter(first).chain(stream::once(async {
            tokio::task::yield_now().await;
            cut
        }));
        Body::from_stream(pieces)
    }
}
