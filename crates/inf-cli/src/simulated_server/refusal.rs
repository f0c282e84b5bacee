//! [`Refusal`]: why there is no answer, in no format.

use std::time::Duration;

use axum::http::StatusCode;
use inf_engine::clients::{ClientError, ClientErrorKind, RateLimits, Retry};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) kind: RefusalKind,
    /// The key of the body that is wrong.
    pub(super) param: Option<String>,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) rate_limits: Option<Box<RateLimits>>,
    /// The identifier of the request, which people ask a provider's support by.
    pub(super) request_id: Option<String>,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalKind {
    /// The request is wrong.
    BadRequest,
    /// The model is not served.
    UnknownModel,
    /// The server is asked in a way that it does not know.
    Http(StatusCode),
    /// There were too many requests.
    RateLimited,
    /// The server failed.
    Failed,
}

/// What reading a part of a request gives.
pub(super) type Read<T> = Result<T, Refusal>;

impl RefusalKind {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::UnknownModel => StatusCode::NOT_FOUND,
            Self::Http(status) => status,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Refusal {
    pub(super) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            param: None,
            message: message.into(),
            retry_after: None,
            rate_limits: None,
            request_id: None,
        }
    }

    /// A request that is wrong as a whole.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::BadRequest, message)
    }

    /// A request whose key `param` is wrong.
    pub(super) fn bad_param(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of_param(RefusalKind::BadRequest, param, message)
    }

    pub(super) fn of_param(
        kind: RefusalKind,
        param: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::new(kind, message)
        }
    }

    /// The failure of a call; `None` if there is no answer to it but a dropped
    /// connection.
    pub(super) fn of_call(error: ClientError) -> Option<Self> {
        let kind = match error.kind {
            ClientErrorKind::Unreachable => return None,
            ClientErrorKind::RateLimited => RefusalKind::RateLimited,
            ClientErrorKind::Refused => RefusalKind::BadRequest,
            _ => RefusalKind::Failed,
        };
        Some(Self {
            retry_after: match error.retry {
                Retry::RateLimited { after } => after,
                _ => None,
            },
            rate_limits: error.rate_limits,
            ..Self::new(kind, error.message)
        })
    }
}
