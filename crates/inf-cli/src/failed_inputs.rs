//! [`FailedInputs`]: the inputs of a journal that have no output, by cause.

use indexmap::IndexMap;
use inf_engine::journal::{InputFailure, InputIdentity, InputRecord, RunNumber};

/// The inputs that have no output.
#[derive(Default)]
pub(crate) struct FailedInputs {
    /// Nothing of one that has an output by now.
    inputs: IndexMap<InputIdentity, Option<FailedInput>>,
}

/// An input that failed.
pub(crate) struct FailedInput {
    pub(crate) input: InputIdentity,
    pub(crate) run: RunNumber,
    pub(crate) index: u64,
    pub(crate) failure: InputFailure,
}

/// The node that failed, or nothing if no node did, and the kind of the failure.
pub(crate) type FailureCause = (String, String);

impl FailedInputs {
    /// Takes in how an input ended; the newest end counts.
    pub(crate) fn take(&mut self, record: InputRecord) {
        let input = record.input;
        let InputRecord {
            run,
            index,
            outcome,
            ..
        } = record;
        match outcome {
            Ok(_) => {
                // It failed in an earlier run.
                if let Some(failed) = self.inputs.get_mut(&input) {
                    *failed = None;
                }
            }
            Err(failure) => {
                let failure = FailedInput {
                    input,
                    run,
                    index,
                    failure,
                };
                self.inputs.insert(input, Some(failure));
            }
        }
    }

    /// Those with the same cause together, the most frequent one first.
    pub(crate) fn by_cause(self) -> IndexMap<FailureCause, Vec<FailedInput>> {
        let mut causes: IndexMap<FailureCause, Vec<FailedInput>> = IndexMap::new();
        for failed in self.inputs.into_values().flatten() {
            let failure = &failed.failure;
            let node = failure.node.as_deref().unwrap_or_default().to_owned();
            let cause = (node, failure.kind.to_string());
            causes.entry(cause).or_default().push(failed);
        }
        causes.sort_by(|_, one, _, other| other.len().cmp(&one.len()));
        causes
    }
}
