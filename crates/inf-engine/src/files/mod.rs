//! Files: pipelines, state dicts, resource configurations and inputs on disk.
//!
//! What is in them is read and written by their own types
//! ([`InferenceGraph`](crate::graph::InferenceGraph),
//! [`StateDict`](crate::module::StateDict),
//! [`ResourceConfig`](crate::resources::ResourceConfig)); here they get `load`
//! and `save`, with errors that name the file. A file whose name ends in
//! `.json` is JSON, every other is YAML. Saving replaces the file at once or
//! not at all. [`JsonLines`] reads inputs, however many, one by one.
//!
//! ```
//! use inf_engine::files::JsonLines;
//! use inf_engine::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let graph = LlmInference::new("fast").trace()?;
//! graph.save(folder.join("ask.yaml"))?; // and `inf run ask.yaml` runs it
//! assert_eq!(InferenceGraph::load(folder.join("ask.yaml"))?.content_hash(), graph.content_hash());
//!
//! std::fs::write(folder.join("questions.jsonl"), "\"Why?\"\n\"How?\"\n")?;
//! let resources = ResourceConfig::simulated(["fast"], &Default::default());
//! let questions = JsonLines::<String>::open(folder.join("questions.jsonl"))?;
//! let questions: Vec<String> = questions.collect::<Result<_, _>>()?;
//! assert_eq!(graph.bind_as::<String, String>(resources)?.run_batch_blocking(questions)?.len(), 2);
//! # Ok(())
//! # }
//! ```

mod file_error;
mod graph_file;
mod json_lines;
mod resource_file;
mod state_dict_file;
mod text_file;

pub use file_error::{FileError, FileErrorKind};
pub use json_lines::JsonLines;
pub(crate) use text_file::write_with;
