//! The arguments of `inf journal`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::input::Place;
use super::values::at_least_one;

/// Read what happened in runs: how far they are, what failed, what calls cost.
///
/// DIR is the folder that was given to `inf run --checkpoint-dir`. It is only read, and a run may
/// be writing it meanwhile.
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VIEW",
    subcommand_help_heading = "Views",
    disable_help_subcommand = true,
    after_help = "\
Examples:
  inf journal night                        # the summary
  inf journal night failures
  inf journal night calls --node compare --failed
  inf journal night export --format csv --output calls.csv
  inf journal night export --of inputs | jq 'select(.error_kind)'"
)]
pub(crate) struct JournalArguments {
    /// The folder of the journal
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,

    #[command(subcommand)]
    pub(crate) view: Option<JournalView>,
}

/// What of a journal is shown.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalView {
    /// Runs, inputs, calls, tokens and cost, by node and by model (the default)
    Summary {
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// The inputs that have no output, by cause
    Failures {
        /// One line of JSON for each input
        #[arg(long)]
        json: bool,
    },
    /// The newest calls, one a line
    Calls(CallFilter),
    /// All calls or inputs, as a table for other programs
    Export(ExportOptions),
}

/// Which calls are shown.
#[derive(Debug, Args)]
pub(crate) struct CallFilter {
    /// Only those of this node: its name, or its path as in `summaries[3]/summary`
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,

    /// Only those that failed
    #[arg(long)]
    pub(crate) failed: bool,

    /// The most calls that are shown
    #[arg(long, value_name = "N", default_value = "50", value_parser = at_least_one)]
    pub(crate) limit: NonZeroUsize,
}

/// What is exported, and how.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// How it is written
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) format: ExportFormat,

    /// What the rows are
    #[arg(long, value_enum, default_value_t = Exported::Calls)]
    pub(crate) of: Exported,

    /// Where it is written to; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) output: Place,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values; the first row names the columns
    Csv,
    /// Apache Parquet
    // Not offered where it is not built in; who asks for it is told what is needed.
    #[cfg_attr(not(feature = "parquet"), value(hide = true))]
    Parquet,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exported {
    /// Calls that ended
    Calls,
    /// Inputs that ended
    Inputs,
}
