//! [`FailureKind`]: the failures that a pipeline can handle itself.

use std::fmt;

/// A cause for which a node fails, as far as a fallback can be for it.
///
/// The names are those of the kinds of errors in results. What stops a run
/// (cancellation, a budget) is none of them.
///
/// ```
/// use inf_engine::graph::FailureKind;
///
/// // The names are those of results and journals.
/// assert_eq!(FailureKind::from_name("rate_limited"), Some(FailureKind::RateLimited));
/// assert_eq!(FailureKind::Server.as_str(), "server");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// What a call is given is no conversation.
    InvalidInput,
    /// A value lacks a part, or a list has no element.
    MissingValue,
    /// A value is not what a node can work on.
    InvalidValue,
    /// A branch has no arm for a value.
    NoMatch,
    /// A host function failed or panicked.
    HostFunction,
    /// What a model answered is not of the type that was asked for.
    InvalidOutput,
    /// A model still called tools in the last turn that it has.
    TooManyTurns,
    /// It took too long.
    Timeout,
    /// No connection could be made, or it broke.
    Unreachable,
    /// The key is missing, wrong or not allowed to do this.
    Authentication,
    /// The provider refused the request.
    Refused,
    /// The provider is full, and stayed so.
    RateLimited,
    /// The provider failed.
    Server,
    /// The answer was not what the wire format promises.
    MalformedReply,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::InvalidInput,
        Self::MissingValue,
        Self::InvalidValue,
        Self::NoMatch,
        Self::HostFunction,
        Self::InvalidOutput,
        Self::TooManyTurns,
        Self::Timeout,
        Self::Unreachable,
        Self::Authentication,
        Self::Refused,
        Self::RateLimited,
        Self::Server,
        Self::MalformedReply,
    ];

    /// The name in pipeline files and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::MissingValue => "missing_value",
            Self::InvalidValue => "invalid_value",
            Self::NoMatch => "no_match",
            Self::HostFunction => "host_function",
            Self::InvalidOutput => "invalid_output",
            Self::TooManyTurns => "too_many_turns",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Authentication => "authentication",
            Self::Refused => "refused",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::MalformedReply => "malformed_reply",
        }
    }

    /// The kind that is called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
