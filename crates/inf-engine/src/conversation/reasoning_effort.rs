//! [`ReasoningEffort`]: how much a model thinks.

use serde::{Deserialize, Serialize};

/// How much a reasoning model thinks before it answers.
///
/// ```
/// use inf_engine::conversation::ReasoningEffort;
/// use inf_engine::prelude::*;
///
/// let plan = LlmInference::new("smart").reasoning_effort(ReasoningEffort::High);
/// # assert_eq!(plan.trace()?.nodes().len(), 2);
/// assert_eq!(ReasoningEffort::High.as_str(), "high");
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReasoningEffort {
    /// Not at all, where a model can do without.
    None,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// As most models do unasked.
    Medium,
    /// Much.
    High,
}

impl ReasoningEffort {
    /// The effort as pipeline files and most providers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
