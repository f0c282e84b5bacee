//! Failures, as they are recorded.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Why a call or a host function failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedFailure {
    /// The cause, for programs, as in results: `timeout`, `refused`, ….
    pub kind: Cow<'static, str>,
    /// The cause, for people.
    pub message: String,
}

/// Why an input has no output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputFailure {
    /// The node that failed; `None` if no node did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    /// The alias that it called, if it calls a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Box<str>>,
    /// Where in the graph, if that is more than the node's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Box<str>>,
    /// The cause, for programs, as in results: `timeout`, `refused`, ….
    pub kind: Cow<'static, str>,
    /// The cause, for people.
    pub message: String,
    /// What the model answered, if an answer is what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<str>>,
    /// What was tried before, oldest first.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub attempts: Box<[RecordedFailure]>,
}
