//! [`ExecutionManager`]: many runs at once, within one bound.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, Id};

use super::run::RunRequest;
use super::scheduler::{Event, EventSender, Scheduler};
use crate::execution::RunId;
use crate::execution::runtime::scheduling;

/// Runs many batches at once, and bounds how many inputs are under way over
/// all of them.
///
/// All runs that belong to a manager share one scheduler: their calls go by
/// priority, and then by age, whichever run they are of. Inputs beyond the
/// bound are not taken from their sources, so that a batch that waits costs
/// next to nothing; those of all batches are taken in turns, of the batch with
/// the lowest priority number first. A run that begins inside of a host
/// function may always have one input under way, beyond the bound if need be:
/// the input that waits for it keeps its place until it ends.
///
/// Runs belong to [`global`](Self::global) unless their settings say otherwise.
/// Where a program has several runtimes, runs share a scheduler and the bound
/// within their runtime; limits of endpoints hold over all of them.
///
/// ```
/// use inf_engine::execution::{ExecutionManager, ExecutionSettings};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let manager = ExecutionManager::new(100);
/// let settings = ExecutionSettings::default().with_manager(&manager);
/// let pipeline = pipeline.with_settings(settings);
/// let texts = |name: &str| (0..200).map(|n| format!("{name} {n}")).collect::<Vec<_>>();
/// // 400 inputs, never more than 100 of them under way.
/// let both = tokio::join!(pipeline.run_batch(texts("a")), pipeline.run_batch(texts("b")));
/// assert_eq!(both.0.len() + both.1.len(), 400);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ExecutionManager(Arc<Inner>);

struct Inner {
    max_executions: usize,
    /// The scheduler of each runtime.
    schedulers: Mutex<HashMap<Id, EventSender>>,
}

static GLOBAL: LazyLock<ExecutionManager> =
    LazyLock::new(|| ExecutionManager::new(ExecutionManager::DEFAULT_MAX_EXECUTIONS));

static NEXT_RUN: AtomicU64 = AtomicU64::new(1);

impl ExecutionManager {
    /// The inputs that may be under way over all runs of the global manager.
    /// An input takes one or two KiB, and what its values take.
    pub const DEFAULT_MAX_EXECUTIONS: usize = 65_536;

    /// A manager that has at most `max_executions` inputs under way; 0 counts
    /// as 1.
    pub fn new(max_executions: usize) -> Self {
        Self(Arc::new(Inner {
            max_executions,
            schedulers: Mutex::default(),
        }))
    }

    /// The manager of all runs that have no other one.
    pub fn global() -> &'static Self {
        &GLOBAL
    }

    pub(crate) fn new_run() -> RunId {
        RunId(NEXT_RUN.fetch_add(1, Ordering::Relaxed))
    }

    /// Begins a run on the runtime of the caller; without one it is given
    /// back.
    pub(crate) fn begin(
        &self,
        mut request: Box<RunRequest>,
    ) -> Result<EventSender, Box<RunRequest>> {
        let Ok(runtime) = Handle::try_current() else {
            return Err(request);
        };
        let mut schedulers = self.0.schedulers();
        // What is known may be of a runtime that is gone and had the same id.
        if schedulers
            .get(&runtime.id())
            .is_none_or(EventSender::is_closed)
        {
            schedulers.retain(|_, events| !events.is_closed());
            let (scheduler, events) = Scheduler::new(self.0.max_executions);
            runtime.spawn(scheduling(scheduler.work()));
            schedulers.insert(runtime.id(), events);
        }
        let events = schedulers[&runtime.id()].clone();
        if request.journal_is_closed() {
            // It is read once, which may take a while.
            events.send(Event::Opening(request.id));
            let begins = events.clone();
            runtime.spawn_blocking(move || {
                request.open_journal();
                // If the scheduler is gone, the results end without any.
                let _ = begins.begin(request);
            });
        } else {
            // It is given back if the runtime is shutting down.
            events.begin(request)?;
        }
        Ok(events)
    }
}

impl Inner {
    fn schedulers(&self) -> MutexGuard<'_, HashMap<Id, EventSender>> {
        // A map of senders is whole whatever panicked.
        self.schedulers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for events in self.schedulers().values() {
            events.send(Event::Retire);
        }
    }
}

impl fmt::Debug for ExecutionManager {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExecutionManager")
            .field("max_executions", &self.0.max_executions)
            .finish_non_exhaustive()
    }
}
