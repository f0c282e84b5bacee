//! The arguments of `inf report`.

use std::path::PathBuf;

use clap::Args;

use super::input::Place;

/// Make a page of what happened in runs, to be opened in a browser.
///
/// SOURCE is the folder that was given to `inf run --checkpoint-dir`, or the file of `inf run
/// --profile`. It is only read, and a run may be writing the folder meanwhile.
///
/// The page is one file that loads nothing else: the graph with counts and costs, a timeline of all
/// calls with their waits and retries, latencies, tokens and money, and failures by cause. What the
/// source does not hold is said on the page: a trace holds no costs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf report night                         # report.html
  inf report trace.json --output trace.html
  inf report night --contents --output private.html")]
pub(crate) struct ReportArguments {
    /// The folder of a journal, or a trace
    #[arg(value_name = "SOURCE")]
    pub(crate) source: PathBuf,

    /// Where the page is written to; `-` is stdout. A file is replaced
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub(crate) output: Place,

    /// Show what models answered where that is what failed, messages of failures that may quote it, and the
    /// texts of parameters; without it the page has none of these
    #[arg(long)]
    pub(crate) contents: bool,
}
