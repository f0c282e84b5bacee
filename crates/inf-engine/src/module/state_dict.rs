//! [`StateDict`]: the texts of a module's parameters.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::document::{DocumentFormat, ReadError};
use crate::parameter::ParameterPath;

/// The texts of a module's parameters by path, in the order of the module.
///
/// ```
/// use inf_engine::module::StateDict;
///
/// let state = StateDict::from_text("style: Be brief.\nlayers.0.tone: Warm.\n")?;
/// assert_eq!(state.get("layers.0.tone"), Some("Warm."));
/// # Ok::<(), inf_engine::document::ReadError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateDict(IndexMap<ParameterPath, String>);

impl StateDict {
    /// The text of the parameter at `path`.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The texts with their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&ParameterPath, &str)> {
        self.0.iter().map(|(path, text)| (path, text.as_str()))
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a state dict, YAML or JSON: a map from paths to texts.
    pub fn from_text(text: &str) -> Result<Self, ReadError> {
        DocumentFormat::read(text)
    }

    /// Writes this state dict.
    pub fn to_text(&self, format: DocumentFormat) -> String {
        format.write(self)
    }
}

impl FromIterator<(ParameterPath, String)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (ParameterPath, String)>>(texts: I) -> Self {
        Self(texts.into_iter().collect())
    }
}

/// What [`load_state_dict`](super::Module::load_state_dict) left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// The parameters that the state dict has no text for; they keep theirs.
    pub missing: Vec<ParameterPath>,
}

/// A state dict has paths that the module has not; nothing was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDictError {
    /// Each unknown path, and the known one that is closest to it.
    pub unknown: Vec<(ParameterPath, Option<ParameterPath>)>,
}

impl std::error::Error for StateDictError {}

impl std::fmt::Display for StateDictError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("nothing was loaded: the module has no parameter ")?;
        for (index, (path, nearest)) in self.unknown.iter().enumerate() {
            if index > 0 {
                formatter.write_str(", ")?;
            }
            write!(formatter, "`{path}`")?;
            if let Some(nearest) = nearest {
                write!(formatter, " (did you mean `{nearest}`?)")?;
            }
        }
        Ok(())
    }
}
