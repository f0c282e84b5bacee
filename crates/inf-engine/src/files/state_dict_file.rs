//! State dict files.

use std::path::Path;

use super::FileError;
use super::file_error::FileErrorKind;
use super::text_file::{error_of, read, write};
use crate::document::DocumentFormat;
use crate::module::StateDict;

impl StateDict {
    /// Reads a state dict.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let state = Self::from_text(&read(path)?);
        state.map_err(|error| error_of(path, FileErrorKind::Document(error)))
    }

    /// Writes a state dict.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        write(path, &self.to_text(DocumentFormat::of(path)))
    }
}
