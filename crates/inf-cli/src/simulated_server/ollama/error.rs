//! An error in the form that Ollama gives it: a text.

use serde_json::{Value, json};

use crate::simulated_server::refusal::Refusal;

/// The body of an error.
pub(super) fn body(refusal: &Refusal) -> Value {
    json!({"error": refusal.message})
}
