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
    /// Left out without `--contents` if it may quote what was asked or answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    pub(super) attempts: usize,
    /// What the model answered, if that is what is wrong; only with `--contents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<String>,
}

/// The kinds of failures whose messages quote nothing. All others may hold what was asked or
/// answered: those about values do, host functions may, and so do the words of servers.
const QUOTE_NOTHING: [&str; 9] = [
    "unreachable",
    "timeout",
    "unknown_parameter",
    "too_many_turns",
    "budget",
    "journal",
    "not_recorded",
    "cancelled",
    "runtime",
];

/// The message of a failure of this kind, unless it may quote what is no part of the page.
pub(super) fn tellable<'m>(kind: &str, message: &'m str, with_contents: bool) -> Option<&'m str> {
    (with_contents || QUOTE_NOTHING.contains(&kind)).then_some(message)
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
                message: tellable(&failed.failure.kind, &failed.failure.message, with_contents)
                    .map(str::to_owned),
                attempts: failed.failure.attempts.len() + 1,
                answer: with_contents
                    .then(|| failed.failure.answer.as_deref().map(str::to_owned))
                    .flatten(),
            })
            .collect(),
    });
    causes.collect()
}
