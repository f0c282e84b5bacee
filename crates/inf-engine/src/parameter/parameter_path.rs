//! [`ParameterPath`]: where a parameter stands in a tree of modules.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The dotted path of a parameter, such as `style` or `layers.0.tone`.
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Module)]
/// struct Chain { stages: Vec<LlmInference> }
///
/// let stage = |text: &str| {
///     let prompt = Parameter::new(text).described("What the stage does.");
///     LlmInference::new("fast").system_prompt(&prompt)
/// };
/// let chain = Chain { stages: vec![stage("Draft."), stage("Polish.")] };
/// let (path, parameter) = &chain.named_parameters()[1];
/// assert_eq!((path.as_str(), &*parameter.value()), ("stages.1.system_prompt", "Polish."));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterPath(Arc<str>);

impl ParameterPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for ParameterPath {
    fn from(path: T) -> Self {
        Self(path.into())
    }
}

impl fmt::Display for ParameterPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ParameterPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}
