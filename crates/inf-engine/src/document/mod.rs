//! YAML and JSON texts: read with diagnostics, written to be read by people.
//!
//! Pipelines, state dicts and resource configurations are all written in
//! either format. Reading says where a mistake is (line and column, with the
//! line shown) and proposes the nearest name for a misspelt key.

mod debug_as_display;
mod document_format;
mod nearest;
mod problem;
mod read_error;
mod shorten;

pub(crate) use debug_as_display::debug_as_display;
pub use document_format::DocumentFormat;
pub(crate) use nearest::{did_you_mean, nearest};
pub use problem::Problem;
pub use read_error::ReadError;
pub(crate) use shorten::shorten;
