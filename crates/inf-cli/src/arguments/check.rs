//! The arguments of `inf check`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::heading;
use super::input::{InputFormat, Place};

/// Check a pipeline and its files, and estimate its calls; calls nothing.
///
/// All files are checked, whatever is wrong with another one. Of a file that is
/// not written as it should be, such as one with an unknown key, the first mistake
/// is told; of one that is, all that is wrong with what it says. Each input is
/// checked against the pipeline's `input`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf check pipeline.yaml
  inf check pipeline.yaml --resources resources.yaml --input pairs.jsonl

Exit codes:
  0    all is well; there may be warnings
  2    something is wrong")]
pub(crate) struct CheckArguments {
    /// The pipeline: a saved graph, YAML or JSON
    pub(crate) pipeline: PathBuf,

    /// Which endpoint each alias stands for, YAML or JSON; without it every alias is the built-in
    /// simulated provider
    #[arg(short, long, value_name = "FILE", help_heading = heading::MODELS)]
    pub(crate) resources: Option<PathBuf>,

    /// The inputs: JSON Lines (.jsonl) or CSV (.csv); `-` is stdin
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) input: Option<Place>,

    /// The format of the inputs, where the name of the file does not say it
    #[arg(long, value_name = "FORMAT", value_enum, requires = "input", help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) input_format: Option<InputFormat>,
}
