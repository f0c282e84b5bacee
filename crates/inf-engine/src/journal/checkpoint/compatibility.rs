//! [`Compatibility`]: whether a graph is the one that was run.

use std::fmt;

use super::Change;

/// Whether a graph would do what an earlier run did.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{Change, CheckpointManager, Compatibility};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let ask = |longest| LlmInference::new("fast").max_tokens(longest);
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// ask(100).bind(resources)?.with_settings(settings).run_blocking("Why?".to_owned())?;
///
/// let checkpoint = CheckpointManager::open(folder)?.latest().expect("there was a run");
/// let Compatibility::Changed(changes) = checkpoint.compatibility(&ask(50).trace()?) else {
///     panic!("its answers may be shorter");
/// };
/// assert!(matches!(&changes[..], [Change::Node { settings, .. }] if settings == &["max_tokens"]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
