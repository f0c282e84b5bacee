//! The runtime of programs that have none.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::Instrument as _;

use super::{ErrorKind, ExecutionError};

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Elsewhere) };
}

/// Whose turn it is on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A scheduler's: sources are asked for inputs, and observers are told.
    Scheduler,
    /// That of a host function that runs in the place of a scheduler.
    HostFunction,
    /// That of anything else, which may wait.
    Elsewhere,
}

impl Place {
    /// It is this one's turn until the guard is dropped.
    fn take_turn(self) -> impl Drop {
        struct Until(Place);
        impl Drop for Until {
            fn drop(&mut self) {
                PLACE.set(self.0);
            }
        }
        Until(PLACE.replace(self))
    }
}

/// The work of a scheduler, during which nothing waits for a run.
pub(super) async fn scheduling<F: Future>(work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    poll_fn(|context| {
        let _turn = Place::Scheduler.take_turn();
        work.as_mut().poll(context)
    })
    .await
}

/// What a host function is unwound with that waits for a run while a scheduler
/// waits for it.
pub(super) struct WaitsForRun;

/// Calls code of the program in the place of a scheduler; the error is what it
/// panicked with, or [`WaitsForRun`].
pub(super) fn inline<R>(function: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let _turn = Place::HostFunction.take_turn();
    // A function that panicked is called again with other inputs; what it left
    // behind is its own affair, as with any code that panics on a thread pool.
    catch_unwind(AssertUnwindSafe(function))
}

/// Runs `future` to its end on a runtime of this library, which all such calls
/// share: connections stay open from one to the next.
///
/// In the place of a scheduler it does not wait, because the run might need that
/// scheduler, or the room of calls that have ended and that the scheduler does
/// not know of yet: inside of [`inline`] this unwinds, and everywhere else it is
/// an error.
pub(super) fn block_on<F: Future + Send>(future: F) -> Result<F::Output, ExecutionError>
where
    F::Output: Send,
{
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    match PLACE.get() {
        Place::HostFunction => resume_unwind(Box::new(WaitsForRun)),
        Place::Scheduler => {
            let message = "a source of inputs or an observer can't wait for a run, because all runs \
                           wait for it: read such a source with `in_background`, and have an \
                           observer send what it is told through a channel";
            return Err(ExecutionError::new(ErrorKind::Runtime, message));
        }
        Place::Elsewhere => {}
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
