//! [`FileError`]: what is wrong with a file.

use std::path::PathBuf;
use std::{fmt, io};

use crate::document::ReadError;
use crate::graph::PipelineFileError;

/// What is wrong with a file, and which one it is.
///
/// ```
/// use inf_engine::files::FileErrorKind;
/// use inf_engine::prelude::*;
///
/// let error = InferenceGraph::load("pipelines/missing.yaml").unwrap_err();
/// assert!(matches!(error.kind, FileErrorKind::Read(_)));
/// assert_eq!(
///     error.to_string(),
///     "pipelines/missing.yaml: can't be read: there is no such file or folder",
/// );
/// ```
#[non_exhaustive]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: FileErrorKind,
}

crate::document::debug_as_display!(FileError);

/// What is wrong with a file.
///
/// [`FileError`] has it, and shows it.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// It can't be read from disk.
    Read(io::Error),
    /// It can't be read from a line on; what stands before it was read.
    ReadOn {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// It can't be written to disk.
    Write(io::Error),
    /// It is not written as a document of its kind is.
    Document(ReadError),
    /// It is no pipeline.
    Pipeline(PipelineFileError),
}

impl std::error::Error for FileError {}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            FileErrorKind::Read(error) => {
                write!(formatter, "{path}: can't be read: {}", reason(error))
            }
            FileErrorKind::ReadOn { line, error } => {
                let reason = reason(error);
                write!(
                    formatter,
                    "{path}:{line}: can't be read from here on: {reason}"
                )
            }
            FileErrorKind::Write(error) => {
                write!(formatter, "{path}: can't be written: {}", reason(error))
            }
            FileErrorKind::Document(error)
            | FileErrorKind::Pipeline(PipelineFileError::Read(error)) => {
                // `file:line:column` is what editors and terminals can open.
                match (error.line, error.column) {
                    (Some(line), Some(column)) => {
                        write!(formatter, "{path}:{line}:{column}: {}", error.message)
                    }
                    (Some(line), None) => write!(formatter, "{path}:{line}: {}", error.message),
                    (None, _) => write!(formatter, "{path}: {}", error.message),
                }
            }
            FileErrorKind::Pipeline(error) => write!(formatter, "{path}: {error}"),
        }
    }
}

/// The operating system's reason, in plain words where it is a common one.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        _ => error.to_string(),
    }
}
