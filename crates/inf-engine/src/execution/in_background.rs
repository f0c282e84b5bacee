//! [`in_background`]: a source that blocks, read on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::Builder;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

/// The items that are read ahead.
const AHEAD: usize = 64;

/// Reads an iterator that may block, such as the lines of stdin, a channel of
/// threads or the rows of a database, on a thread of its own. Runs go on while
/// it waits. At most 64 items are read ahead; those that were read and not taken
/// when the run ends are lost.
///
/// The thread ends with the iterator, or with the first item that nobody wants
/// any more. One that still waits then keeps neither the runtime nor the program
/// from ending. It keeps no paused clock from going on either, unlike the
/// runtime's own threads.
///
/// ```
/// use inf_engine::execution::in_background;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let (sender, receiver) = std::sync::mpsc::channel();
/// sender.send("Why is the sky blue?".to_owned())?;
/// drop(sender);
/// let mut results = pipeline.stream(in_background(receiver));
/// assert_eq!(results.next().await.map(|result| result.index), Some(0));
/// # Ok(())
/// # }
/// ```
pub fn in_background<S>(items: S) -> impl Stream<Item = S::Item> + Send + use<S>
where
    S: IntoIterator<IntoIter: Send + 'static, Item: Send + 'static>,
{
    let items = items.into_iter();
    // Begun when it is first read. A thread of the runtime's pool would keep the
    // runtime from ending for as long as the iterator waits.
    let reading = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let read = move || {
            let mut items = items;
            loop {
                let item = catch_unwind(AssertUnwindSafe(|| items.next()));
                let is_last = item.is_err();
                let Some(item) = item.transpose() else {
                    return;
                };
                // Or nobody reads any more.
                if sender.blocking_send(item).is_err() || is_last {
                    return;
                }
            }
        };
        let thread = Builder::new().name("inf-engine-source".to_owned());
        thread
            .spawn(read)
            .unwrap_or_else(|error| panic!("no thread to read a source could be started: {error}"));
        stream::unfold(receiver, |mut receiver| async move {
            let item = receiver.recv().await?;
            Some((item.unwrap_or_else(|panic| resume_unwind(panic)), receiver))
        })
    };
    stream::once(reading).flatten()
}
