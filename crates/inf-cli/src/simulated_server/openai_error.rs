//! [`OpenAiError`]: an error in the form that OpenAI's API gives it.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use inf_engine::clients::{ClientError, ClientErrorKind, Retry};
use serde_json::json;

/// An error as OpenAI's API answers it: a status and a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenAiError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    message: String,
    retry_after: Option<Duration>,
}

impl OpenAiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A request that is wrong as a whole.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A request whose key `param` is wrong.
    pub(super) fn bad_param(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param),
            ..Self::bad_request(message)
        }
    }

    /// A request that is refused with `status`.
    pub(super) fn refused(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::bad_request(message)
        }
    }

    /// A model that is not served.
    pub(super) fn unknown_model(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: Some("model_not_found"),
            ..Self::bad_param("model", message)
        }
    }

    /// The failure of a call; `None` if there is no answer to it but a dropped
    /// connection.
    pub(super) fn of_call(error: &ClientError) -> Option<Self> {
        let message = error.message.as_str();
        Some(match error.kind {
            ClientErrorKind::Unreachable => return None,
            ClientErrorKind::RateLimited => Self {
                code: Some("rate_limit_exceeded"),
                retry_after: match error.retry {
                    Retry::RateLimited { after } => after,
                    _ => None,
                },
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "requests", message)
            },
            ClientErrorKind::Refused => Self::bad_request(message),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message),
        })
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let body = json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up: who waits that long is let in.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let milliseconds = wait.as_micros().div_ceil(1000);
            let headers = response.headers_mut();
            headers.insert("retry-after", HeaderValue::from(seconds));
            let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
            headers.insert("retry-after-ms", HeaderValue::from(milliseconds));
        }
        response
    }
}
