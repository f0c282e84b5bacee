//! What a journal holds: a type for each kind of record.

mod call_record;
mod charged;
mod cost_json;
mod earlier_send;
mod end_record;
mod failure;
mod host_record;
mod input_record;
mod outcome_json;
mod parameter_record;
mod pipeline_record;
mod response_json;
mod run_record;
mod step_record;

pub use call_record::CallRecord;
pub use charged::Charged;
pub use earlier_send::EarlierSend;
pub use end_record::{EndCounts, EndRecord};
pub use failure::{InputFailure, RecordedFailure};
pub use host_record::HostRecord;
pub use input_record::{InputRecord, InputTimings};
pub use parameter_record::{ParameterRecord, ParameterVersion};
pub use pipeline_record::{ModelIdentity, NodeFingerprint, PipelineNumber, PipelineRecord};
pub use run_record::{RunNumber, RunRecord};
pub use step_record::{StepOutcome, StepRecord};

use std::sync::Arc;

use super::InputIdentity;

/// One record of a journal.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, Record};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run_batch_blocking(["Why?", "How?"].map(str::to_owned))?;
///
/// let (mut tokens, mut kinds) = (0, Vec::new());
/// JournalReader::open(folder)?.read(|record| {
///     kinds.push(record.kind());
///     if let Record::Call(call) = &record
///         && let Ok(answer) = &call.outcome
///     {
///         println!("{} asked {} for {:?}: {}", call.path, call.model, call.took, answer.text);
///         tokens += answer.usage.input_tokens + answer.usage.output_tokens;
///     }
/// })?;
/// assert!(tokens > 0);
/// assert_eq!(kinds.iter().filter(|kind| **kind == "input").count(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// What a pipeline does, once for all runs of it.
    Pipeline(Arc<PipelineRecord>),
    /// The text of a parameter, once for each version.
    Parameter(ParameterRecord),
    /// A run began.
    Run(RunRecord),
    /// A call of a model ended.
    Call(Box<CallRecord>),
    /// A host function ended.
    Host(Box<HostRecord>),
    /// An input ended.
    Input(Box<InputRecord>),
    /// A run ended.
    End(EndRecord),
    /// A step of an optimization ended.
    Step(Box<StepRecord>),
}

impl Record {
    /// The name of its kind in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pipeline(_) => "pipeline",
            Self::Parameter(_) => "parameter",
            Self::Run(_) => "run",
            Self::Call(_) => "call",
            Self::Host(_) => "host",
            Self::Input(_) => "input",
            Self::End(_) => "end",
            Self::Step(_) => "step",
        }
    }

    /// The input that it is about, if it is about one.
    pub fn input(&self) -> Option<InputIdentity> {
        match self {
            Self::Call(record) => Some(record.input),
            Self::Host(record) => Some(record.input),
            Self::Input(record) => Some(record.input),
            Self::Pipeline(_)
            | Self::Parameter(_)
            | Self::Run(_)
            | Self::End(_)
            | Self::Step(_) => None,
        }
    }

    /// The run that it is part of, if it is part of one.
    pub fn run(&self) -> Option<RunNumber> {
        match self {
            Self::Run(record) => Some(record.number),
            Self::Call(record) => Some(record.run),
            Self::Host(record) => Some(record.run),
            Self::Input(record) => Some(record.run),
            Self::End(record) => Some(record.run),
            Self::Pipeline(_) | Self::Parameter(_) | Self::Step(_) => None,
        }
    }
}

impl From<CallRecord> for Record {
    fn from(record: CallRecord) -> Self {
        Self::Call(Box::new(record))
    }
}

impl From<HostRecord> for Record {
    fn from(record: HostRecord) -> Self {
        Self::Host(Box::new(record))
    }
}

impl From<InputRecord> for Record {
    fn from(record: InputRecord) -> Self {
        Self::Input(Box::new(record))
    }
}

impl From<EndRecord> for Record {
    fn from(record: EndRecord) -> Self {
        Self::End(record)
    }
}

impl From<StepRecord> for Record {
    fn from(record: StepRecord) -> Self {
        Self::Step(Box::new(record))
    }
}
