//! [`LossError`]: why an output has no verdict.

use crate::execution::ExecutionError;

/// Why an output has no verdict. That is no verdict against it: it is left out
/// of averages, and said to be.
///
/// ```
/// use inf_engine::optimization::{Example, Loss, LossError, MatchLoss, Sample};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sample = Sample::new(&Example::new("2 + 2"), "4"); // nothing is expected
/// let error = MatchLoss::exact().evaluate(&sample).await.unwrap_err();
/// assert!(matches!(error, LossError::NothingExpected { .. }));
/// println!("{error}"); // with what to do
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
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
    #[error("`{loss}` can't take the {what}: {problem}")]
    WrongType {
        /// Which loss.
        loss: String,
        /// Which value: `output`, `expected answer`, or the `answer` of a model that judges.
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

crate::document::debug_as_display!(LossError);
