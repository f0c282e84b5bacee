//! Resource configuration files.

use std::path::Path;

use super::FileError;
use super::file_error::FileErrorKind;
use super::text_file::{error_of, read};
use crate::resources::ResourceConfig;

impl ResourceConfig {
    /// Reads a resource configuration.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let config = Self::from_text(&read(path)?);
        config.map_err(|error| error_of(path, FileErrorKind::Document(error)))
    }
}
