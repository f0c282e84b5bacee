//! The runtime of programs that have none.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use super::{ErrorKind, ExecutionError};

/// Runs `future` to its end on a runtime of this library, which all such calls
/// share: connections stay open from one to the next.
pub(super) fn block_on<F: Future + Send>(future: F) -> Result<F::Output, ExecutionError>
where
    F::Output: Send,
{
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("inf-engine")
            .build();
        runtime.map_err(|error| error.to_string())
    });
    let runtime = runtime.as_ref().map_err(|error| {
        let message = format!("no runtime could be started: {error}");
        ExecutionError::new(ErrorKind::Runtime, message)
    })?;
    if Handle::try_current().is_err() {
        return Ok(runtime.block_on(future));
    }
    // Inside another runtime blocking is only allowed on a thread of its own.
    let result = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join());
    result.map_err(|_| ExecutionError::new(ErrorKind::Runtime, "the run panicked"))
}
