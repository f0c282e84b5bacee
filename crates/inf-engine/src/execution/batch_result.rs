//! [`BatchResult`]: how one input ended.

use std::time::Duration;

use super::ExecutionError;
use crate::clients::Usage;

/// How one input of a batch ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchResult<O> {
    /// Its place among the inputs, from 0.
    pub index: usize,
    /// Its output, or why it has none.
    pub output: Result<O, ExecutionError>,
    /// The tokens that its calls were charged for, those of a failed input
    /// included.
    pub usage: Usage,
    /// From taking the input to its end.
    pub elapsed: Duration,
}

impl<O> BatchResult<O> {
    pub(super) fn and_then<P>(
        self,
        change: impl FnOnce(O) -> Result<P, ExecutionError>,
    ) -> BatchResult<P> {
        BatchResult {
            index: self.index,
            output: self.output.and_then(change),
            usage: self.usage,
            elapsed: self.elapsed,
        }
    }
}
