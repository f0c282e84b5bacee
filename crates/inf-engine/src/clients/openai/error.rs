//! What the codes of errors mean where no status goes with them.

/// The status of an error's `code` or `type`
/// ([list](https://platform.openai.com/docs/guides/error-codes)).
pub(crate) fn status_of(code: &str) -> Option<u16> {
    match code {
        "invalid_request_error" | "invalid_prompt" | "context_length_exceeded" => Some(400),
        "invalid_api_key" | "authentication_error" => Some(401),
        "permission_error" => Some(403),
        "model_not_found" | "not_found_error" => Some(404),
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "tokens"
        | "requests" => Some(429),
        "server_error" | "internal_error" | "internal_server_error" | "InternalServerError" => {
            Some(500)
        }
        "overloaded_error" | "service_unavailable" => Some(503),
        _ => None,
    }
}
