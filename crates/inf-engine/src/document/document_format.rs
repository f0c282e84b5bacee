//! [`DocumentFormat`]: how a document is written.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ReadError;

/// How a document is written.
///
/// ```
/// use inf_engine::document::DocumentFormat;
/// use inf_engine::prelude::*;
///
/// let graph = LlmInference::new("fast").trace()?;
/// let yaml = graph.to_text(DocumentFormat::Yaml);
/// let json = graph.to_text(DocumentFormat::of("pipeline.json".as_ref()));
/// assert!(yaml.starts_with("version: 1") && json.starts_with('{'));
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentFormat {
    /// YAML 1.2.
    Yaml,
    /// JSON, indented.
    Json,
}

impl DocumentFormat {
    /// The format that a file's name says: `.json` is JSON, and everything
    /// else is YAML.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("json") => Self::Json,
            _ => Self::Yaml,
        }
    }

    /// Reads either format: JSON is YAML too, and gets the better diagnostics
    /// that way.
    pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
        // In YAML 1.2 `n` and `on` are texts, and may be names.
        let options = serde_saphyr::options! { strict_booleans: true };
        match serde_saphyr::from_str_with_options(text, options) {
            Ok(document) => Ok(document),
            // Some characters stand in JSON only.
            Err(error) => match serde_json::from_str(text) {
                Ok(document) if ReadError::is_of_characters(&error) => Ok(document),
                _ => Err(ReadError::new(&error, text)),
            },
        }
    }

    /// Writes `document`; texts of several lines become YAML blocks.
    pub(crate) fn write<T: Serialize>(self, document: &T) -> String {
        let written = match self {
            Self::Yaml => serde_saphyr::to_string(document).map_err(|error| error.to_string()),
            Self::Json => serde_json::to_string_pretty(document)
                .map(|json| json + "\n")
                .map_err(|error| error.to_string()),
        };
        // Documents are structs of texts, numbers, lists and maps from text.
        written.expect("every document has a YAML and a JSON form")
    }
}
