//! YAML and JSON texts: read with diagnostics, written to be read by people.
//!
//! Pipelines, state dicts and resource configurations are all written in
//! either format. Reading says where a mistake is (line and column, with the
//! line shown) and proposes the nearest name for a misspelt key.
//!
//! ```
//! use inf_engine::graph::InferenceGraph;
//!
//! let error = InferenceGraph::from_text("version: 1\nname: greet\nnodez: {}\noutput: input\n").unwrap_err();
//! println!("{error}"); // the line, a mark under `nodez`, and `nodes`, which was meant
//! assert!(error.to_string().contains("did you mean `nodes`"));
//! ```

mod counted;
mod debug_as_display;
mod document_format;
mod nearest;
mod problem;
mod read_error;
mod shorten;

pub(crate) use counted::counted;
pub(crate) use debug_as_display::debug_as_display;
pub use document_format::DocumentFormat;
pub(crate) use nearest::{did_you_mean, nearest};
pub use problem::Problem;
pub use read_error::ReadError;
pub(crate) use shorten::shorten;
