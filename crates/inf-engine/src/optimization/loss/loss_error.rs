//! [`LossError`]: why an output has no verdict.

use crate::execution::ExecutionError;

/// Why an output has no verdict. That is no verdict against it: it is left out
/// of averages, and said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// The loss compares with what is expected, and nothing is.
    #[error(
        "`{loss}` compares with what is expected, and the example has nothing: give it an `expected`"
    )]
    NothingExpected {
        /// Which loss.
        loss: String,
    },
    /// A value is not of the type that the loss takes.
    #[error("`{loss}` takes another {what}: {problem}")]
    WrongType {
        /// Which loss.
        loss: String,
        /// Which value: `output` or `expected`.
        what: &'static str,
        /// Where it differs.
        problem: String,
    },
    /// The code of a loss failed or panicked.
    #[error("`{loss}` failed: {problem}")]
    Failed {
        /// Which loss.
        loss: String,
        /// What it said.
        problem: String,
    },
    /// A model that was asked gave no usable answer.
    #[error("`{loss}` has no verdict: {error}")]
    NoAnswer {
        /// Which loss.
        loss: String,
        /// Why not.
        error: Box<ExecutionError>,
    },
}
