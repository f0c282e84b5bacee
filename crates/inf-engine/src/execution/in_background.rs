//! [`in_background`]: a source that blocks, read on a thread of its own.

use std::panic::resume_unwind;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

/// The items that are read ahead.
const AHEAD: usize = 64;

/// Reads an iterator that may block, such as the lines of stdin, a channel of
/// threads or the rows of a database, on the runtime's pool for blocking code.
/// Runs go on while it waits. At most 64 items are read ahead; those that were
/// read and not taken when the run ends are lost.
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
    // Begun where it is first read: there is a runtime then.
    let reading = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            for item in items {
                // Nobody reads any more.
                if sender.blocking_send(item).is_err() {
                    break;
                }
            }
        });
        stream::unfold((receiver, reading), |(mut receiver, reading)| async move {
            match receiver.recv().await {
                Some(item) => Some((item, (receiver, reading))),
                None => match reading.await {
                    Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                    _ => None,
                },
            }
        })
    };
    stream::once(reading).flatten()
}
