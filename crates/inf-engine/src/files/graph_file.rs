//! Pipeline files.

use std::path::Path;

use super::FileError;
use super::file_error::FileErrorKind;
use super::text_file::{error_of, read, write};
use crate::document::DocumentFormat;
use crate::graph::InferenceGraph;

impl InferenceGraph {
    /// Reads a pipeline file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let graph = Self::from_text(&read(path)?);
        graph.map_err(|error| error_of(path, FileErrorKind::Pipeline(error)))
    }

    /// Writes a pipeline file, with the present texts of the parameters.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        write(path, &self.to_text(DocumentFormat::of(path)))
    }
}
