//! The arguments of commands that read inputs, and files or the streams in their place.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::heading;

/// Where inputs come from.
#[derive(Debug, Args)]
pub(crate) struct InputArguments {
    /// The inputs: JSON Lines (.jsonl) or CSV (.csv); `-` is stdin
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) input: Place,

    /// The format of the inputs, where the name of the file does not say it
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) input_format: Option<InputFormat>,
}

/// A file, or the standard stream that stands in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// stdin or stdout, written `-`.
    Standard,
    /// A file.
    File(PathBuf),
}

impl From<OsString> for Place {
    fn from(text: OsString) -> Self {
        if text == "-" {
            Self::Standard
        } else {
            Self::File(text.into())
        }
    }
}

/// How inputs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// One JSON value per line
    Jsonl,
    /// Comma-separated values; the first row names the fields
    Csv,
}
