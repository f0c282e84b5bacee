//! [`CheckpointManager`]: the runs of a journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::super::record::{
    EndRecord, PipelineNumber, PipelineRecord, Record, RunNumber, RunRecord,
};
use super::super::{InputIdentity, JournalError, JournalReader, Notice};
use super::checkpoint::{Checkpoint, FailedInput, InputState};

/// The runs of a journal, also while one of them goes on.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{CheckpointManager, Compatibility};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let pipeline = LlmInference::new("fast")
///     .bind(ResourceConfig::simulated(["fast"], &Default::default()))?
///     .with_settings(ExecutionSettings::default().with_checkpoint_dir(folder));
/// pipeline.run_batch_blocking(["Why?", "How?"].map(str::to_owned))?;
///
/// let manager = CheckpointManager::open(folder)?;
/// let checkpoint = manager.latest().expect("there was a run");
/// assert_eq!(checkpoint.counts().completed, 2);
/// assert_eq!(checkpoint.compatibility(pipeline.graph()), Compatibility::Same);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CheckpointManager {
    folder: PathBuf,
    pipelines: FxHashMap<PipelineNumber, Arc<PipelineRecord>>,
    runs: IndexMap<RunNumber, RunRecord>,
    ends: FxHashMap<RunNumber, EndRecord>,
    /// What happened to inputs, in its order.
    events: Vec<Event>,
    notices: Vec<Notice>,
}

#[derive(Debug, Clone)]
struct Event {
    run: RunNumber,
    input: InputIdentity,
    /// Whether it was a call.
    is_call: bool,
    state: InputState,
}

impl CheckpointManager {
    /// Reads the journal in `folder`; changes nothing in it.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, JournalError> {
        let mut manager = Self {
            folder: folder.as_ref().to_owned(),
            pipelines: FxHashMap::default(),
            runs: IndexMap::new(),
            ends: FxHashMap::default(),
            events: Vec::new(),
            notices: Vec::new(),
        };
        let reader = JournalReader::open(&manager.folder)?;
        manager.notices = reader.read(|record| manager.take(record))?;
        Ok(manager)
    }

    fn take(&mut self, record: Record) {
        let mut add = |run, input, is_call, state| {
            self.events.push(Event {
                run,
                input,
                is_call,
                state,
            });
        };
        match record {
            Record::Pipeline(pipeline) => {
                self.pipelines.insert(pipeline.number, pipeline);
            }
            Record::Run(run) => {
                self.runs.insert(run.number, run);
            }
            Record::End(end) => {
                self.ends.insert(end.run, end);
            }
            Record::Call(call) => add(call.run, call.input, true, InputState::Pending),
            Record::Host(host) => add(host.run, host.input, false, InputState::Pending),
            Record::Input(input) => {
                let state = match input.outcome {
                    Ok(_) => InputState::Completed,
                    Err(failure) => InputState::Failed(Arc::new(FailedInput {
                        input: input.input,
                        run: input.run,
                        index: input.index,
                        failure,
                    })),
                };
                add(input.run, input.input, false, state);
            }
            Record::Parameter(_) | Record::Step(_) => {}
        }
    }

    /// The folder that was read.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What of the journal is damaged.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &RunRecord> {
        self.runs.values()
    }

    /// The state of the newest run.
    pub fn latest(&self) -> Option<Checkpoint> {
        let newest = self.runs.keys().max()?;
        self.checkpoint(*newest)
    }

    /// The state of `run`, and of those before it of a pipeline of the same name;
    /// `None` if its beginning is not in the journal.
    pub fn checkpoint(&self, run: RunNumber) -> Option<Checkpoint> {
        let record = *self.runs.get(&run)?;
        let pipeline = Arc::clone(self.pipelines.get(&record.pipeline)?);
        let is_part = |other: &RunNumber| {
            *other <= run
                && self.runs.get(other).is_some_and(|other| {
                    let of = self.pipelines.get(&other.pipeline);
                    of.is_some_and(|of| of.name == pipeline.name)
                })
        };
        let mut inputs = IndexMap::new();
        let mut calls = 0;
        for event in self.events.iter().filter(|event| is_part(&event.run)) {
            calls += u64::from(event.is_call);
            inputs.insert(event.input, event.state.clone());
        }
        Some(Checkpoint {
            run: record,
            end: self.ends.get(&run).cloned(),
            pipeline,
            inputs,
            calls,
        })
    }
}
