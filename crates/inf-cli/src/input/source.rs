//! [`InputSource`]: where inputs come from and how they are written.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::arguments::{InputFormat, Place};
use crate::command_error::io_reason;

/// A readable source of inputs.
pub(crate) struct InputSource {
    /// What messages call it: the path as it was given, or `stdin`.
    pub(super) name: String,
    pub(super) format: InputFormat,
    pub(super) bytes: Box<dyn Read + Send>,
    /// Where it can be read once more, to count its inputs: not so a pipe.
    again: Option<PathBuf>,
}

impl InputSource {
    /// Opens `place`, whose format its name says if `format` does not. The
    /// error is a sentence for people.
    pub(crate) fn open(place: &Place, format: Option<InputFormat>) -> Result<Self, String> {
        match place {
            Place::Standard => Ok(Self {
                name: "stdin".to_owned(),
                format: format.unwrap_or(InputFormat::Jsonl),
                bytes: Box::new(io::stdin()),
                again: None,
            }),
            Place::File(path) => Self::open_file(path, format),
        }
    }

    fn open_file(path: &Path, format: Option<InputFormat>) -> Result<Self, String> {
        let name = path.display().to_string();
        let cannot = |error: io::Error| format!("can't read {name}: {}", io_reason(&error));
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(format!("{name} is a folder: name one file of inputs"));
        }
        let format = format.or_else(|| format_of(path)).ok_or_else(|| {
            format!(
                "the name of {name} does not say how it is written: name it .jsonl or .csv, or add \
                 `--input-format jsonl` or `--input-format csv`"
            )
        })?;
        Ok(Self {
            bytes: Box::new(file),
            again: metadata.is_file().then(|| path.to_owned()),
            name,
            format,
        })
    }

    /// The same source once more, from its start; `None` for a pipe.
    pub(super) fn reopened(&self) -> Option<Self> {
        let path = self.again.as_ref()?;
        Self::open_file(path, Some(self.format)).ok()
    }
}

/// The format that a file's name says.
fn format_of(path: &Path) -> Option<InputFormat> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "jsonl" | "ndjson" => Some(InputFormat::Jsonl),
        "csv" => Some(InputFormat::Csv),
        _ => None,
    }
}
