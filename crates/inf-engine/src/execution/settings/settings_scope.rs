//! Scopes: settings for everything that runs inside.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::ExecutionSettings;

tokio::task_local! {
    static SCOPE: Arc<ExecutionSettings>;
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
        let scope = self.over(&Self::current());
        SCOPE.scope(Arc::new(scope), future).await
    }

    /// [`scope`](Self::scope) for code that is not async, such as
    /// `run_blocking`.
    pub fn scope_blocking<R>(self, function: impl FnOnce() -> R) -> R {
        let scope = self.over(&Self::current());
        SCOPE.sync_scope(Arc::new(scope), function)
    }

    /// The settings of the scopes around the caller.
    pub fn current() -> Self {
        SCOPE
            .try_with(|scope| Self::clone(scope))
            .unwrap_or_default()
    }
}

/// Runs `future` in the scope that [`ExecutionSettings::current`] was elsewhere.
pub(crate) fn within<F: Future>(
    scope: Arc<ExecutionSettings>,
    future: F,
) -> impl Future<Output = F::Output> {
    SCOPE.scope(scope, future)
}

/// [`within`] for code that is not async.
pub(crate) fn within_blocking<R>(scope: Arc<ExecutionSettings>, function: impl FnOnce() -> R) -> R {
    SCOPE.sync_scope(scope, function)
}

/// Like `tokio::spawn`, and takes the scope of the caller along.
///
/// # Panics
/// Outside a tokio runtime, as `tokio::spawn` does.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::execution::{self, ExecutionSettings};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let patient = ExecutionSettings::default().with_task_timeout(Duration::from_secs(600));
/// let answer = patient
///     .scope(async {
///         // `tokio::spawn` would leave the timeout behind.
///         let task = execution::spawn(async move {
///             assert!(ExecutionSettings::current().task_timeout.is_some());
///             pipeline.run("Why is the sky blue?".to_owned()).await
///         });
///         task.await
///     })
///     .await??;
/// # let _ = answer;
/// # Ok(())
/// # }
/// ```
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(within(Arc::new(ExecutionSettings::current()), future))
}
