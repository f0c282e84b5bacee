//! [`Profile`]: records runs, and says where their time went.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::recording::Recording;
use super::summary::ProfileSummary;
use super::{chrome_trace, summary};
use crate::execution::observation::{
    InputReport, Observer, PauseReport, RunReport, TaskReport, ToolReport,
};
use crate::files::{FileError, write_with};

/// Records runs, and says where their time went: as a timeline for a viewer,
/// and as a summary.
///
/// It is a handle and cheap to clone; all clones are the same profile. Give it
/// to runs with
/// [`ExecutionSettings::with_profile`](crate::execution::ExecutionSettings::with_profile);
/// several may share one, also at the same time. What it knows can be asked
/// for at any time: attempts that have not ended yet, and calls that still wait
/// for their turn, are not in it.
///
/// ```
/// use inf_engine::execution::{ExecutionSettings, Profile};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let profile = Profile::new();
/// let settings = ExecutionSettings::default().with_profile(&profile);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run_batch_blocking(["One?".to_owned(), "Two?".to_owned()])?;
///
/// println!("{}", profile.summary());
/// # let folder = std::env::temp_dir();
/// profile.save(folder.join("trace.json"))?; // open it at https://ui.perfetto.dev
/// assert_eq!(profile.summary().calls, 2);
/// # std::fs::remove_file(folder.join("trace.json"))?;
/// # Ok(())
/// # }
/// ```
///
/// # What it costs
///
/// About 0.1 µs for each attempt of a call, and 64 bytes of memory; nodes that
/// are done on the spot are only counted. After
/// [`DEFAULT_MAX_CALLS`](Self::DEFAULT_MAX_CALLS) attempts (64 MB; see
/// [`with_max_calls`](Self::with_max_calls)) no more are kept: the timeline
/// ends there and says how many are missing, and the summary goes on with what
/// it counts. A run without a profile pays nothing.
#[derive(Clone)]
pub struct Profile(Arc<Recorder>);

/// The observer behind a profile.
pub(crate) struct Recorder(Mutex<Recording>);

impl Profile {
    /// The attempts that are kept unless
    /// [`with_max_calls`](Self::with_max_calls) says otherwise: a million.
    pub const DEFAULT_MAX_CALLS: usize = 1_000_000;

    /// A profile that nothing was told yet.
    pub fn new() -> Self {
        let recording = Recording::new(Self::DEFAULT_MAX_CALLS);
        Self(Arc::new(Recorder(Mutex::new(recording))))
    }

    /// Sets the most attempts that are kept, each in 64 bytes; of runs and
    /// pauses no more are kept either. It holds for all clones.
    #[must_use]
    pub fn with_max_calls(self, max_calls: usize) -> Self {
        self.0.lock().max_calls = max_calls;
        self
    }

    /// Writes a timeline in Chrome's
    /// [trace event format](https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU),
    /// as one JSON object, which <https://ui.perfetto.dev>, `chrome://tracing`
    /// and Speedscope open.
    ///
    /// Each endpoint is a process, with a lane for each call that was in flight
    /// at the same time, the times at which it was paused, and the numbers of
    /// calls in flight and waiting. A second process shows what its calls
    /// waited for: a limit, a retry, room. Host functions that ran elsewhere,
    /// tools that models called, and the runs, have a process each. Times are microseconds since the
    /// first run began.
    ///
    /// An attempt takes about 220 bytes of text, and each wait about 150. It is
    /// written bit by bit, while runs go on undisturbed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn chrome_trace(&self, out: &mut impl io::Write) -> io::Result<()> {
        chrome_trace::write(&self.recording(), out)
    }

    /// Writes [`chrome_trace`](Self::chrome_trace) to a file, which is replaced
    /// at once or not at all.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        write_with(path.as_ref(), |file| self.chrome_trace(file))
    }

    /// Where the time went, in numbers.
    pub fn summary(&self) -> ProfileSummary {
        summary::of(&self.recording())
    }

    /// What tells it of runs.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        let recorder: Arc<Recorder> = Arc::clone(&self.0);
        recorder
    }

    /// A copy, so that runs are not kept waiting.
    fn recording(&self) -> Recording {
        self.0.lock().clone()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recording = self.0.lock();
        formatter
            .debug_struct("Profile")
            .field("runs", &recording.runs_begun)
            .field("inputs", &recording.inputs)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Recording> {
        // At worst a number is missing of what panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn run_started(&self, run: &RunReport<'_>) {
        self.lock().run_started(run);
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        self.lock().task_ended(task);
    }

    fn tool_ended(&self, tool: &ToolReport<'_>) {
        self.lock().tool_ended(tool);
    }

    fn input_ended(&self, input: &InputReport<'_>) {
        self.lock().input_ended(input);
    }

    fn endpoint_paused(&self, pause: &PauseReport<'_>) {
        self.lock().endpoint_paused(pause);
    }

    fn endpoint_spaced(&self, space: &PauseReport<'_>) {
        self.lock().endpoint_paused(space);
    }

    fn run_ended(&self, run: &RunReport<'_>) {
        self.lock().run_ended(run);
    }
}
