//! [`GraphError`]: everything that is wrong with a graph, at once.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: a node as `` node `x` ``, a key of a file as `nodes.x.prompt`, …; empty
    /// for the graph as a whole.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "{}: {}", self.place, self.message)
        }
    }
}

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
        if let [problem] = &*self.problems {
            return write!(formatter, "{problem}");
        }
        write!(formatter, "{} problems:", self.problems.len())?;
        for problem in &self.problems {
            write!(formatter, "\n  - {problem}")?;
        }
        Ok(())
    }
}
