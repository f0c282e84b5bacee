//! The arguments of `inf run`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::heading;
use super::input::{InputArguments, Place};
use super::models::ModelArguments;
use super::values::{at_least_one, dollars, metrics_address, percentile, seconds};

/// Run a pipeline over a file of inputs.
///
/// One JSON line per input is written, as soon as that input is done:
/// {"index": 0, "output": …} or {"index": 0, "error": {"node", "kind", "message", "attempts"}}.
/// The index is the number of the input, from 0.
///
/// A run can end before its inputs do: by Ctrl-C, by the first failure with `--error-policy
/// fail-fast`, by `--run-timeout`, by a budget. Inputs that were read and not done by then have a
/// line, too, with an error of the kind `cancelled`, `timeout` or `budget`. The rest of the input is not read and has no
/// lines; the summary says how much that is, if it is known.
///
/// Progress on stderr shows the calls in flight at each endpoint: `fast 5/8` are 5 of the 8 that a
/// provider which refuses more seems to bear.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf run pipeline.yaml --input pairs.jsonl --output results.jsonl
  inf run pipeline.yaml --input pairs.csv --resources resources.yaml --max-concurrent 64
  inf run pipeline.yaml --input pairs.csv --resources resources.yaml --budget-usd 5 --metrics 9090
  inf run pipeline.yaml --input pairs.jsonl --output results.jsonl --checkpoint-dir night --tui
  zcat pairs.jsonl.gz | inf run pipeline.yaml --input - --limit 10 | jq .output

Ctrl-C begins no more inputs, waits at most 10 s for those that have begun, and cancels what is not \
done by then; a second one exits at once. Whatever was written stays, in whole lines.

With --checkpoint-dir the same command again goes on where this one ended, however it did: what is \
finished is not run again, and the results are complete.

Exit codes:
  0    every input succeeded
  1    some inputs failed or were not read, or not all results could be written
  2    the command or a file was wrong; nothing was called
  3    a budget did not allow all calls
  130  stopped by Ctrl-C")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct RunArguments {
    /// The pipeline: a saved graph, YAML or JSON
    pub(crate) pipeline: PathBuf,

    #[command(flatten)]
    pub(crate) input: InputArguments,

    /// Run only the first N inputs
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) limit: Option<NonZeroUsize>,

    /// Where results go, one JSON line per input; `-` is stdout. A file is replaced
    #[arg(short, long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) output: Place,

    /// Write results in the order of the inputs instead of as they complete
    #[arg(long, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) preserve_order: bool,

    #[command(flatten)]
    pub(crate) models: ModelArguments,

    /// What happens when a call fails
    #[arg(long, value_name = "POLICY", value_enum, help_heading = heading::RUNNING)]
    pub(crate) error_policy: Option<Policy>,

    /// How often a failed call is tried again; by default the endpoint's own `max_retries`, which is 3
    #[arg(long, value_name = "N", help_heading = heading::RUNNING)]
    pub(crate) max_retries: Option<u32>,

    /// How often a model is asked again when its answer is not of the asked type; 1 by default
    ///
    /// It is told what is wrong with the answer.
    #[arg(long, value_name = "N", help_heading = heading::RUNNING)]
    pub(crate) max_reasks: Option<u32>,

    /// The longest that one call may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, help_heading = heading::RUNNING)]
    pub(crate) task_timeout: Option<Duration>,

    /// The longest that the whole run may take; what is not done by then fails
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, help_heading = heading::RUNNING)]
    pub(crate) run_timeout: Option<Duration>,

    /// Send a call a second time when it takes longer than this percentage of earlier ones, as in 95
    ///
    /// The first answer is kept. Both calls are paid for; at most 5 % of calls are sent twice.
    #[arg(long, value_name = "PERCENTILE", value_parser = percentile, allow_negative_numbers = true, help_heading = heading::RUNNING)]
    pub(crate) hedge: Option<f64>,

    /// The most calls in flight at once, over all endpoints
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::LIMITS)]
    pub(crate) max_concurrent: Option<NonZeroUsize>,

    /// The most inputs under way at once; by default enough to keep all endpoints busy
    ///
    /// Memory is proportional to it.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::LIMITS)]
    pub(crate) max_inputs_in_flight: Option<NonZeroUsize>,

    /// The most dollars to spend; needs the price of every model
    ///
    /// What a call may cost is reserved before it is made. Prices are those of the providers' lists, or
    /// `price` in the resources.
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true, help_heading = heading::LIMITS)]
    pub(crate) budget_usd: Option<f64>,

    /// The most tokens to spend, those of requests and of answers
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::LIMITS)]
    pub(crate) budget_tokens: Option<NonZeroUsize>,

    /// The most calls to make; those that are refused for a limit do not count
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::LIMITS)]
    pub(crate) budget_calls: Option<NonZeroUsize>,

    /// Keep what is finished in this folder, so that the same command again continues from there
    ///
    /// Every call is kept as soon as it is answered, and nothing is paid for twice; after a change of a
    /// prompt or a model, what depends on it runs again. Budgets count what was spent before. `inf journal
    /// DIR` shows what is there.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = heading::JOURNAL)]
    pub(crate) checkpoint_dir: Option<PathBuf>,

    /// Run the inputs again that failed, according to the checkpoint folder
    #[arg(long, requires = "checkpoint_dir", help_heading = heading::JOURNAL)]
    pub(crate) retry_failed: bool,

    /// Answer a call with what the checkpoint folder holds of the same request, whichever input it
    /// was for
    #[arg(long, requires = "checkpoint_dir", help_heading = heading::JOURNAL)]
    pub(crate) cache: bool,

    /// Answer all calls from the checkpoint folder and send nothing; a call that it has no answer to
    /// fails
    #[arg(long, requires = "checkpoint_dir", conflicts_with = "cache", help_heading = heading::JOURNAL)]
    pub(crate) replay: bool,

    /// Show the run live on the whole terminal; q stops it, as Ctrl-C does
    ///
    /// Inputs, calls, tokens and cost, with what is left of them, and for each endpoint what is in flight,
    /// its limit, its rate, its latencies and what it refused. Where stderr is no terminal, or with `--quiet` or
    /// `--json`, what is shown is what it is without this option. Results need a place of their own: `--output
    /// FILE`, or a pipe.
    #[arg(long, help_heading = heading::SHOWN)]
    pub(crate) tui: bool,

    /// Write a timeline of all calls and waits to FILE, and close with where the time went
    ///
    /// It opens at `ui.perfetto.dev`.
    #[arg(long, value_name = "FILE", help_heading = heading::SHOWN)]
    pub(crate) profile: Option<PathBuf>,

    /// Serve numbers of the run for Prometheus at `/metrics` while it goes on
    ///
    /// At this port of this machine alone, or at ADDRESS:PORT. 0 takes a free port.
    #[arg(long, value_name = "PORT", value_parser = metrics_address, help_heading = heading::SHOWN)]
    pub(crate) metrics: Option<SocketAddr>,

    /// Close with the summary as one line of JSON on stderr, and show nothing else there
    #[arg(long, help_heading = heading::SHOWN)]
    pub(crate) json: bool,

    /// Say nothing unless the command itself is wrong
    #[arg(short, long, help_heading = heading::SHOWN)]
    pub(crate) quiet: bool,
}

/// What happens when a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// Try it again where that may help; then that input fails (the default)
    RetryThenFail,
    /// That input fails at once, the others go on
    Continue,
    /// Stop everything at the first failure; what is under way is cancelled
    FailFast,
}
