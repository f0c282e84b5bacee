//! [`Cause`]: inputs without an output, by cause.

use serde::Serialize;

use crate::failed_inputs::FailedInputs;

/// The inputs of a cause that are shown.
const SAMPLES: usize = 5;

/// Inputs that failed at one node in one way.
#[derive(Debug, Serialize)]
pub(super) struct Cause {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) kind: String,
    pub(super) inputs: usize,
    pub(super) samples: Vec<Sample>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(super) struct Sample {
    pub(super) run: u64,
    pub(super) input: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    pub(super) message: String,
    pub(super) attempts: usize,
    /// What the model answered, if that is what is wrong; only with `--contents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<String>,
}

pub(super) fn causes(failed: FailedInputs, with_contents: bool) -> Vec<Cause> {
    let causes = failed.by_cause().into_iter();
    let causes = causes.map(|((node, kind), failed)| Cause {
        node: (!node.is_empty()).then_some(node),
        kind,
        inputs: failed.len(),
        samples: failed
            .iter()
            .take(SAMPLES)
            .map(|failed| Sample {
                run: failed.run.get(),
                input: failed.index,
                path: failed.failure.path.as_deref().map(str::to_owned),
                message: failed.failure.message.clone(),
                attempts: failed.failure.attempts.len() + 1,
                answer: with_contents
                    .then(|| failed.failure.answer.as_deref().map(str::to_owned))
                    .flatten(),
            })
            .collect(),
    });
    causes.collect()
}
