//! The runtime of programs that have none.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::Instrument as _;

use super::{ErrorKind, ExecutionError};

thread_local! {
    /// Whether a host function runs on this thread in the place of a scheduler.
    static IS_INLINE: Cell<bool> = const { Cell::new(false) };
}

/// What a host function is unwound with that waits for a run while a scheduler
/// waits for it.
pub(super) struct WaitsForRun;

/// Calls code of the program in the place of a scheduler; the error is what it
/// panicked with, or [`WaitsForRun`].
pub(super) fn inline<R>(function: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let was_inline = IS_INLINE.replace(true);
    // A function that panicked is called again with other inputs; what it left
    // behind is its own affair, as with any code that panics on a thread pool.
    let result = catch_unwind(AssertUnwindSafe(function));
    IS_INLINE.set(was_inline);
    result
}

/// Runs `future` to its end on a runtime of this library, which all such calls
/// share: connections stay open from one to the next.
///
/// Inside of [`inline`] this unwinds: the run might need the scheduler, or the
/// room of calls that have ended and that the scheduler does not know of yet.
pub(super) fn block_on<F: Future + Send>(future: F) -> Result<F::Output, ExecutionError>
where
    F::Output: Send,
{
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    if IS_INLINE.get() {
        resume_unwind(Box::new(WaitsForRun));
    }
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
    let future = future.in_current_span();
    let result = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join());
    result.map_err(|panic| resume_unwind(panic))
}
