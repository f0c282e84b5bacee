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
///
/// ```
/// use inf_engine::module::StateDict;
/// use inf_engine::prelude::*;
///
/// let style = Parameter::new("Be brief.").described("The style.");
/// let ask = LlmInference::new("fast").system_prompt(&style);
/// let report = ask.load_state_dict(&StateDict::default())?;
/// assert_eq!(report.missing[0].as_str(), "system_prompt");
/// assert_eq!(&*style.value(), "Be brief.");
/// # Ok::<(), inf_engine::module::StateDictError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// The parameters that the state dict has no text for; they keep theirs.
    pub missing: Vec<ParameterPath>,
}

/// A state dict has paths that the module has not; nothing was loaded.
///
/// ```
/// use inf_engine::module::StateDict;
/// use inf_engine::prelude::*;
///
/// let style = Parameter::new("Be brief.").described("The style.");
/// let ask = LlmInference::new("fast").system_prompt(&style);
/// let state = StateDict::from_text("system_promt: Be kind.")?;
/// let error = ask.load_state_dict(&state).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "nothing was loaded: the module has no parameter `system_promt` (did you mean `system_prompt`?)",
/// );
/// # Ok::<(), inf_engine::document::ReadError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateDictError {
    /// Each unknown path, and the known one that is closest to it.
    pub unknown: Vec<(ParameterPath, Option<ParameterPath>)>,
    /// The paths that the module has.
    pub known: Vec<ParameterPath>,
}

crate::document::debug_as_display!(StateDictError);

impl std::error::Error for StateDictError {}

impl std::fmt::Display for StateDictError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// As many names as can be read at a glance.
        const MOST: usize = 10;
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
        if self.unknown.iter().all(|(_, nearest)| nearest.is_some()) {
            return Ok(());
        }
        let more = self.known.len().saturating_sub(MOST);
        let known = self.known.iter().take(MOST);
        let known: Vec<String> = known.map(|path| format!("`{path}`")).collect();
        match (known.is_empty(), more) {
            (true, _) => formatter.write_str("; it has none"),
            (false, 0) => write!(formatter, "; it has {}", known.join(", ")),
            (false, more) => write!(formatter, "; it has {} and {more} more", known.join(", ")),
        }
    }
}
