//! [`GraphError`]: everything that is wrong with a graph, at once.

use std::fmt;

pub use crate::document::Problem;

/// All the problems of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError {
    /// Each of them; never empty.
    pub problems: Vec<Problem>,
}

impl GraphError {
    /// `Ok` if there are none.
    pub(crate) fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }
}

impl std::error::Error for GraphError {}

impl fmt::Display for GraphError {
    /// One problem on one line, several as a list.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Problem::write_all(&self.problems, formatter)
    }
}
