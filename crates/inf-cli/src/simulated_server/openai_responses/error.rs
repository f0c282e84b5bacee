//! An error, which `OpenAI` gives for all of its API in one form.

pub(super) use crate::simulated_server::openai::error_body as body;
