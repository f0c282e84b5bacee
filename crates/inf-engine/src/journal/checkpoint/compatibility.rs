//! [`Compatibility`]: whether a graph is the one that was run.

use std::fmt;

use super::Change;

/// Whether a graph would do what an earlier run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compatibility {
    /// It would: inputs that ended are not run again.
    Same,
    /// It would not: calls that are the same as before are not made again, all others are.
    Changed(Vec<Change>),
}

impl fmt::Display for Compatibility {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => formatter.write_str("nothing changed since that run"),
            Self::Changed(changes) => {
                for (index, change) in changes.iter().enumerate() {
                    let between = if index == 0 { "" } else { "; " };
                    write!(formatter, "{between}{change}")?;
                }
                Ok(())
            }
        }
    }
}
