//! An error in the form that `OpenAI`'s API gives it.

use serde_json::{Value, json};

use crate::simulated_server::refusal::{Refusal, RefusalKind};

/// The body of an error.
pub(in crate::simulated_server) fn body(refusal: &Refusal) -> Value {
    let (kind, code) = match refusal.kind {
        RefusalKind::UnknownModel => ("invalid_request_error", Some("model_not_found")),
        RefusalKind::RateLimited => ("requests", Some("rate_limit_exceeded")),
        RefusalKind::Failed => ("server_error", None),
        RefusalKind::BadRequest | RefusalKind::Http(_) => ("invalid_request_error", None),
    };
    json!({"error": {
        "message": refusal.message, "type": kind, "param": refusal.param, "code": code,
    }})
}
