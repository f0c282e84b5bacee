//! Why a call failed, and whether the same call may succeed later.

use std::fmt;
use std::time::Duration;

use super::RateLimits;

/// What a caller may do about a failed call.
///
/// [`ClientError`] shows how a client says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// The same request may succeed later: the failure was a passing one.
    Transient,
    /// The provider is full; waiting is no failure and spends no retry.
    RateLimited {
        /// How long the provider asked to wait.
        after: Option<Duration>,
    },
}

/// What went wrong, by cause.
///
/// ```
/// use inf_engine::clients::ClientErrorKind;
/// use inf_engine::execution::{ErrorKind, ExecutionError};
///
/// /// Whether it is worth a look at the key before anything else.
/// fn is_about_the_key(error: &ExecutionError) -> bool {
///     error.kind == ErrorKind::Call(ClientErrorKind::Authentication)
/// }
///
/// assert_eq!(ClientErrorKind::RateLimited.as_str(), "rate_limited"); // as in results and metrics
/// # let _ = is_about_the_key;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// No connection could be made, or it broke before an answer came.
    Unreachable,
    /// The answer did not come in time.
    Timeout,
    /// The key is missing, wrong or not allowed to do this.
    Authentication,
    /// The provider refused the request.
    Refused,
    /// The provider is full.
    RateLimited,
    /// The provider failed.
    Server,
    /// The answer was not what the wire format promises.
    MalformedReply,
}

impl ClientErrorKind {
    /// The kind as it appears in results: `snake_case`, never changing.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Authentication => "authentication",
            Self::Refused => "refused",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::MalformedReply => "malformed_reply",
        }
    }
}

impl fmt::Display for ClientErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A failed call.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::clients::{ClientError, ClientErrorKind, Retry};
///
/// /// What a client of your own makes of the status of a reply.
/// fn error_of(status: u16, wait: Option<Duration>, said: &str) -> ClientError {
///     let kind = match status {
///         401 | 403 => ClientErrorKind::Authentication,
///         429 => ClientErrorKind::RateLimited,
///         500.. => ClientErrorKind::Server,
///         _ => ClientErrorKind::Refused,
///     };
///     let error = ClientError::new(kind, format!("acme refused the call ({status}): {said}"));
///     match kind {
///         ClientErrorKind::RateLimited => error.with_retry(Retry::RateLimited { after: wait }),
///         _ => error,
///     }
/// }
///
/// let full = error_of(429, Some(Duration::from_secs(3)), "slow down");
/// assert_eq!(full.retry, Retry::RateLimited { after: Some(Duration::from_secs(3)) });
/// assert_eq!(error_of(503, None, "").retry, Retry::Transient);
/// assert_eq!(error_of(400, None, "").retry, Retry::Never);
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ClientError {
    /// The cause.
    pub kind: ClientErrorKind,
    /// A sentence for people: what happened, with the server's own words where
    /// it had any. Never holds a key.
    pub message: String,
    /// Whether to try again.
    pub retry: Retry,
    /// What the provider says about its limits.
    pub rate_limits: Option<Box<RateLimits>>,
}

crate::document::debug_as_display!(ClientError);

impl ClientError {
    /// An error of `kind` with the retry advice that usually goes with it.
    pub fn new(kind: ClientErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ClientErrorKind::Authentication | ClientErrorKind::Refused => Retry::Never,
            ClientErrorKind::RateLimited => Retry::RateLimited { after: None },
            ClientErrorKind::Unreachable
            | ClientErrorKind::Timeout
            | ClientErrorKind::Server
            | ClientErrorKind::MalformedReply => Retry::Transient,
        };
        Self {
            kind,
            message: message.into(),
            retry,
            rate_limits: None,
        }
    }

    /// The same error with other advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}
