//! [`Cancellation`]: ends runs from elsewhere.

use tokio_util::sync::CancellationToken;

/// A handle that ends runs from elsewhere: from another task, another thread,
/// a signal.
///
/// Give it to a run, or to many, with
/// [`ExecutionSettings::with_cancellation`](super::ExecutionSettings::with_cancellation).
/// When it is cancelled, calls in flight are given up and their connections
/// closed; every input that had not ended fails as
/// [cancelled](crate::execution::ErrorKind::Cancelled), and results that were there before
/// can still be read. A run that begins later ends at once.
///
/// ```
/// use inf_engine::execution::{Cancellation, ErrorKind, ExecutionSettings};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let cancellation = Cancellation::new();
/// let settings = ExecutionSettings::default().with_cancellation(&cancellation);
/// let elsewhere = cancellation.clone();
/// tokio::spawn(async move { elsewhere.cancel() });
/// let results = pipeline.with_settings(settings).run_batch(["a".to_owned()]).await;
/// assert_eq!(results.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancellation(CancellationToken);

impl Cancellation {
    /// A handle that no run has yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all runs that have it.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
