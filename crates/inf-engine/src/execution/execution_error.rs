//! [`ExecutionError`]: why an input has no output.

use std::fmt;

use crate::clients::ClientErrorKind;
use crate::graph::SourceLocation;

/// Why an input has no output.
///
/// As text it is one sentence that says where, what and what to do.
///
/// ```
/// use inf_engine::clients::ClientErrorKind;
/// use inf_engine::clients::simulated::{Faults, SimulatedSettings};
/// use inf_engine::execution::{ErrorKind, ExecutionSettings};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A server that always fails, and one retry.
/// let faults = Faults { error_ratio: 1.0, ..Faults::default() };
/// let broken = SimulatedSettings { faults, ..SimulatedSettings::default() };
/// let resources = ResourceConfig::simulated(["fast"], &broken);
/// let pipeline = LlmInference::new("fast")
///     .bind(resources)?
///     .with_settings(ExecutionSettings::default().with_max_retries(1));
///
/// let error = pipeline.run("Why?".to_owned()).await.unwrap_err();
/// assert_eq!(error.node.as_deref(), Some("llm"));
/// assert_eq!(error.kind, ErrorKind::Call(ClientErrorKind::Server));
/// assert_eq!(error.attempts(), 2);
/// assert_eq!(error.earlier_attempts[0].kind, error.kind);
/// println!("{error}"); // a sentence with all of this in it
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutionError {
    /// The node that failed; `None` if no node did.
    pub node: Option<Box<str>>,
    /// Where it ran inside of its input, if a node of control flow ran it, as a
    /// [`NodePath`](crate::graph::NodePath) says it: `summaries[17]/summary`.
    pub path: Option<Box<str>>,
    /// The alias that it called, if it calls a model.
    pub alias: Option<Box<str>>,
    /// The line of the program that made the node, if it was traced.
    pub location: Option<SourceLocation>,
    /// The cause, for programs.
    pub kind: ErrorKind,
    /// The cause, for people.
    pub message: String,
    /// What the model answered, if an answer is what is wrong: whole, or its
    /// first 256 KiB.
    pub answer: Option<Box<str>>,
    /// What was tried before this error, oldest first; the last attempt, which
    /// is this error, not included.
    pub earlier_attempts: Box<[Attempt]>,
}

crate::document::debug_as_display!(ExecutionError);

/// An attempt that failed and was followed by another one.
///
/// [`ExecutionError`] shows a call that failed twice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The cause, for programs.
    pub kind: ErrorKind,
    /// The cause, for people.
    pub message: String,
}

/// Why an input has no output, by cause.
///
/// ```
/// use inf_engine::clients::ClientErrorKind;
/// use inf_engine::execution::ErrorKind;
///
/// /// Whether it is worth asking again tomorrow.
/// fn may_pass(kind: ErrorKind) -> bool {
///     match kind {
///         ErrorKind::Timeout | ErrorKind::Budget | ErrorKind::Cancelled => true,
///         ErrorKind::Call(cause) => cause != ClientErrorKind::Refused,
///         _ => false,
///     }
/// }
///
/// assert!(may_pass(ErrorKind::Call(ClientErrorKind::Server)));
/// assert!(!may_pass(ErrorKind::InvalidInput));
/// // As `inf run` and the journal write it.
/// assert_eq!(ErrorKind::Call(ClientErrorKind::Server).to_string(), "server");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input could not be read or is not of the pipeline's input type, or
    /// what a call is given of it is no conversation.
    InvalidInput,
    /// The overlay of the run has a text for a parameter that there is not.
    UnknownParameter,
    /// A node refers to a part that a value does not have, or a fold without an
    /// initial value has an empty list.
    MissingValue,
    /// A value is not what a node can work on: a text where a number is added, a
    /// map over what is no list, a division by zero.
    InvalidValue,
    /// A branch has no arm for a value, and no default.
    NoMatch,
    /// A host function failed or panicked.
    HostFunction,
    /// A call of a model failed.
    Call(ClientErrorKind),
    /// What a model answered is not of the type that was asked for.
    InvalidOutput,
    /// A model still called tools in the last turn that it has.
    TooManyTurns,
    /// A task took longer than the settings allow.
    Timeout,
    /// A budget does not allow the calls that it would take; other than a
    /// failure, this stops nothing under `FailFast`.
    Budget,
    /// The journal can't be opened or written, so that nothing more is called:
    /// what is finished could not be kept.
    Journal,
    /// The journal has no answer to a call, and the run is answered by it alone.
    NotRecorded,
    /// It was stopped before it was done.
    Cancelled,
    /// The program has no runtime to run in.
    Runtime,
}

impl ErrorKind {
    /// The kind as it appears in results: `snake_case`, never changing.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::UnknownParameter => "unknown_parameter",
            Self::MissingValue => "missing_value",
            Self::InvalidValue => "invalid_value",
            Self::NoMatch => "no_match",
            Self::HostFunction => "host_function",
            Self::Call(kind) => kind.as_str(),
            Self::InvalidOutput => "invalid_output",
            Self::TooManyTurns => "too_many_turns",
            Self::Timeout => "timeout",
            Self::Budget => "budget",
            Self::Journal => "journal",
            Self::NotRecorded => "not_recorded",
            Self::Cancelled => "cancelled",
            Self::Runtime => "runtime",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl ErrorKind {
    /// Whether an output is missing through the pipeline itself, which other prompts
    /// could mend. What is another's fault says nothing of the prompts.
    pub(crate) fn is_own_fault(self) -> bool {
        matches!(
            self,
            Self::InvalidOutput
                | Self::TooManyTurns
                | Self::HostFunction
                | Self::MissingValue
                | Self::InvalidValue
                | Self::NoMatch
        )
    }

    /// All of them.
    const ALL: [Self; 21] = [
        Self::InvalidInput,
        Self::UnknownParameter,
        Self::MissingValue,
        Self::InvalidValue,
        Self::NoMatch,
        Self::HostFunction,
        Self::Call(ClientErrorKind::Unreachable),
        Self::Call(ClientErrorKind::Timeout),
        Self::Call(ClientErrorKind::Authentication),
        Self::Call(ClientErrorKind::Refused),
        Self::Call(ClientErrorKind::RateLimited),
        Self::Call(ClientErrorKind::Server),
        Self::Call(ClientErrorKind::MalformedReply),
        Self::InvalidOutput,
        Self::TooManyTurns,
        Self::Timeout,
        Self::Budget,
        Self::Journal,
        Self::NotRecorded,
        Self::Cancelled,
        Self::Runtime,
    ];

    /// The kind that is called `name` in results.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl ExecutionError {
    /// Whether it is no fault of the input: it was stopped before it was done.
    pub(crate) fn was_stopped(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Cancelled | ErrorKind::Budget | ErrorKind::Journal
        )
    }

    /// An error of no node.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            node: None,
            path: None,
            alias: None,
            location: None,
            kind,
            message: message.into(),
            answer: None,
            earlier_attempts: Box::default(),
        }
    }

    /// How often the failing node was tried; 0 if it is no node that failed.
    pub fn attempts(&self) -> usize {
        match self.node {
            Some(_) => self.earlier_attempts.len() + 1,
            None => 0,
        }
    }
}

impl std::error::Error for ExecutionError {}

impl fmt::Display for ExecutionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(formatter, "node `{node}`")?;
            match (&self.alias, self.location) {
                (Some(alias), Some(location)) => {
                    write!(formatter, " (alias `{alias}`, {location})")?;
                }
                (Some(alias), None) => write!(formatter, " (alias `{alias}`)")?,
                (None, Some(location)) => write!(formatter, " ({location})")?,
                (None, None) => {}
            }
            if let Some(path) = &self.path {
                write!(formatter, " at `{path}`")?;
            }
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)?;
        if !self.earlier_attempts.is_empty() {
            write!(formatter, " (attempt {} of {0})", self.attempts())?;
        }
        Ok(())
    }
}
