//! The arguments of `inf init`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Write a first pipeline, with resources and inputs, to start from.
///
/// The pipeline has three steps and comments that explain the format; its answers are
/// simulated until you choose a provider in resources.yaml. Nothing that is there is ever replaced.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf init
  inf init reviews")]
pub(crate) struct InitArguments {
    /// The folder to write to; it is made if it is not there
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}
