//! Scopes: settings for everything that runs inside.

use tokio::task::JoinHandle;

use super::ExecutionSettings;

tokio::task_local! {
    static SCOPE: ExecutionSettings;
}

impl ExecutionSettings {
    /// Runs `future` with these settings as the defaults of every run that
    /// begins inside, on top of those of the scopes around it.
    ///
    /// The scope goes along into async and blocking host functions of those
    /// runs, and into tasks that are spawned with
    /// [`execution::spawn`](spawn); `tokio::spawn` knows nothing of scopes.
    ///
    /// ```
    /// use inf_engine::execution::ExecutionSettings;
    /// use inf_engine::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let resources = ResourceConfig::simulated(["fast"], &Default::default());
    /// let pipeline = LlmInference::new("fast").bind(resources)?;
    /// let careful = ExecutionSettings::default().with_max_concurrent(2);
    /// let answers = careful
    ///     .scope(pipeline.run_batch(["One?".to_owned(), "Two?".to_owned()]))
    ///     .await;
    /// assert_eq!(answers.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        SCOPE.scope(self.over(&Self::current()), future).await
    }

    /// [`scope`](Self::scope) for code that is not async, such as
    /// `run_blocking`.
    pub fn scope_blocking<R>(self, function: impl FnOnce() -> R) -> R {
        SCOPE.sync_scope(self.over(&Self::current()), function)
    }

    /// The settings of the scopes around the caller.
    pub fn current() -> Self {
        SCOPE.try_with(Self::clone).unwrap_or_default()
    }
}

/// Runs `future` in the scope that [`ExecutionSettings::current`] was elsewhere.
pub(crate) fn within<F: Future>(
    scope: ExecutionSettings,
    future: F,
) -> impl Future<Output = F::Output> {
    SCOPE.scope(scope, future)
}

/// [`within`] for code that is not async.
pub(crate) fn within_blocking<R>(scope: ExecutionSettings, function: impl FnOnce() -> R) -> R {
    SCOPE.sync_scope(scope, function)
}

/// Like `tokio::spawn`, and takes the scope of the caller along.
///
/// # Panics
/// Outside a tokio runtime, as `tokio::spawn` does.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(within(ExecutionSettings::current(), future))
}
