//! Files: pipelines, state dicts, resource configurations and inputs on disk.
//!
//! What is in them is read and written by their own types
//! ([`InferenceGraph`](crate::graph::InferenceGraph),
//! [`StateDict`](crate::module::StateDict),
//! [`ResourceConfig`](crate::resources::ResourceConfig)); here they get `load`
//! and `save`, with errors that name the file. A file whose name ends in
//! `.json` is JSON, every other is YAML. Saving replaces the file at once or
//! not at all. [`JsonLines`] reads inputs, however many, one by one.

mod file_error;
mod graph_file;
mod json_lines;
mod resource_file;
mod state_dict_file;
mod text_file;

pub use file_error::{FileError, FileErrorKind};
pub use json_lines::JsonLines;
pub(crate) use text_file::write_with;
