//! An error in the form that Anthropic's API gives it
//! (<https://docs.claude.com/en/api/errors>).

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::simulated_server::refusal::{Refusal, RefusalKind};

/// The body of an error.
pub(super) fn body(refusal: &Refusal) -> Value {
    let kind = match refusal.kind {
        RefusalKind::UnknownModel | RefusalKind::Http(StatusCode::NOT_FOUND) => "not_found_error",
        RefusalKind::Http(StatusCode::PAYLOAD_TOO_LARGE) => "request_too_large",
        RefusalKind::RateLimited => "rate_limit_error",
        RefusalKind::Failed => "api_error",
        RefusalKind::BadRequest | RefusalKind::Http(_) => "invalid_request_error",
    };
    json!({
        "type": "error",
        "error": {"type": kind, "message": refusal.message},
        "request_id": refusal.request_id,
    })
}
