//! The arguments of `inf man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::heading;

/// Write the manual pages.
///
/// There is one for `inf` and one for each of its commands. Without a folder to write them to, that of
/// `inf` goes to stdout, or that of the command that is named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf man | man -l -
  inf man run | man -l -
  inf man --output ~/.local/share/man/man1")]
pub(crate) struct ManArguments {
    /// The command that the page is of, as in `run` or `journal export`
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    pub(crate) command: Vec<String>,

    /// Write all pages to this folder, which is made if it is not there; pages that are there are replaced
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) output: Option<PathBuf>,
}
