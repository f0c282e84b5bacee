//! [`Problem`]: one thing that is wrong with a document or a graph.

use std::fmt;

/// One thing that is wrong.
///
/// [`GraphError`](crate::graph::GraphError) shows several at once; as text it is place and message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where: a node as `` node `x` ``, a key of a file as `nodes.x.prompt`, …; empty
    /// for the whole.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

crate::document::debug_as_display!(Problem);

impl Problem {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }

    /// Writes one problem on a line, several as a list.
    pub(crate) fn write_all(problems: &[Self], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = problems {
            return write!(formatter, "{problem}");
        }
        write!(formatter, "{} problems:", problems.len())?;
        for problem in problems {
            write!(formatter, "\n  - {problem}")?;
        }
        Ok(())
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
