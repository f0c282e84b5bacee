//! [`ResourceError`]: everything that is wrong with a configuration, at once.

use std::fmt;

use crate::document::Problem;

/// All the problems of a resource configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceError {
    /// Each of them; never empty.
    pub problems: Vec<Problem>,
}

impl std::error::Error for ResourceError {}

impl fmt::Display for ResourceError {
    /// One problem on one line, several as a list.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Problem::write_all(&self.problems, formatter)
    }
}
