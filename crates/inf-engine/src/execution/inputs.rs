//! [`Inputs`]: where inputs come from.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};

/// Inputs as they arrive.
pub(super) type InputStream<I> = Pin<Box<dyn Stream<Item = I> + Send>>;

/// A source of inputs: anything that iterates, and any stream. Inputs are
/// taken when there is room for them, so a source may be endless.
///
/// An iterator is asked where runs are scheduled: while it blocks, all runs of
/// its manager wait. One that waits for its items is read with
/// [`in_background`](super::in_background); one that waits for another run
/// (`run_blocking`) has to be, and gets an error from that run otherwise.
///
/// `Kind` only keeps the two apart; the compiler infers it.
///
/// ```
/// use futures_util::stream;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let questions = || (1..=3).map(|n| format!("What is {n} times {n}?"));
///
/// let mut of_iterator = pipeline.stream(questions());
/// let mut of_stream = pipeline.stream(stream::iter(questions()));
/// while let (Some(one), Some(other)) = (of_iterator.next().await, of_stream.next().await) {
///     assert!(one.output.is_ok() && other.output.is_ok());
/// }
/// # Ok(())
/// # }
/// ```
pub trait Inputs<I, Kind> {
    /// The inputs as a stream.
    fn into_stream(self) -> Pin<Box<dyn Stream<Item = I> + Send>>;
}

/// Marks sources that iterate.
#[derive(Debug)]
pub struct Iterates;

/// Marks sources that are streams.
#[derive(Debug)]
pub struct Streams;

impl<I, S> Inputs<I, Iterates> for S
where
    S: IntoIterator<Item = I>,
    S::IntoIter: Send + 'static,
{
    fn into_stream(self) -> Pin<Box<dyn Stream<Item = I> + Send>> {
        stream::iter(self).boxed()
    }
}

impl<I, S: Stream<Item = I> + Send + 'static> Inputs<I, Streams> for S {
    fn into_stream(self) -> Pin<Box<dyn Stream<Item = I> + Send>> {
        self.boxed()
    }
}
