//! What a person may type, parsed once into types that hold no nonsense.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use inf_engine::clients::simulated::Answer;

/// What the options of a command are about: those of one kind stand together in its
/// help, under the same words in all commands.
mod heading {
    pub(super) const INPUT_AND_OUTPUT: &str = "Input and output";
    pub(super) const MODELS: &str = "Models";
    pub(super) const SCORING: &str = "Scoring";
    pub(super) const RUNNING: &str = "Running";
    pub(super) const LIMITS: &str = "Limits and money";
    pub(super) const JOURNAL: &str = "Journal";
    pub(super) const SHOWN: &str = "What is shown";
    pub(super) const SERVING: &str = "Serving";
    pub(super) const ANSWERS: &str = "Answers";
    pub(super) const QUOTAS: &str = "Limits";
    pub(super) const FAULTS: &str = "Faults";
}

/// Run, check and draw LLM inference pipelines.
///
/// A pipeline is a file that says which models are asked what, in which order. A resources file says
/// which endpoint each of its aliases stands for; without one every alias is the built-in simulated
/// provider, whose answers are made up: no key, no network, no cost.
#[derive(Debug, Parser)]
#[command(
    name = "inf",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "\
Start here:
  inf init demo    writes a pipeline, resources and inputs, and says what to type next

Examples:
  inf check pipeline.yaml --input pairs.jsonl
  inf run pipeline.yaml --input pairs.jsonl --output results.jsonl
  inf run --help   what each option does, with examples

Exit codes:
  0    every input succeeded
  1    some inputs failed
  2    the command or a file was wrong; nothing was called
  3    a budget did not allow all calls
  130  stopped by Ctrl-C"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(InitArguments),
    Run(RunArguments),
    Eval(EvalArguments),
    Check(CheckArguments),
    Graph(GraphArguments),
    Simulate(SimulateArguments),
    Journal(JournalArguments),
    Report(ReportArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}

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

/// Which models answer, and which texts they are given.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Which endpoint each alias stands for, YAML or JSON; without it every alias is the built-in
    /// simulated provider
    #[arg(short, long, value_name = "FILE", help_heading = heading::MODELS)]
    pub(crate) resources: Option<PathBuf>,

    /// Other texts for the pipeline's parameters, by path: YAML or JSON, as an optimization saves them
    #[arg(long, value_name = "FILE", help_heading = heading::MODELS)]
    pub(crate) params: Option<PathBuf>,
}

/// Say how good a pipeline is, on inputs with known answers.
///
/// Each input has the expected answer in a field of its own (`--expect`); the rest of it is what the
/// pipeline is given. The score of an example is from 0 to 1. Examples whose calls fail have none and are
/// told apart; an answer of the wrong type has the score 0.
///
/// The report goes to stdout: the mean with its confidence interval, a table by expected answer, the
/// examples with the lowest scores, and what it took.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf eval classify.yaml --input labelled.jsonl --expect label --resources resources.yaml
  inf eval answer.yaml --input questions.csv --expect answer --score contains --ignore-case
  inf eval extract.yaml --input labelled.jsonl --expect year --field facts.year --params better.yaml
  inf eval summary.yaml --input texts.jsonl --expect summary --resources resources.yaml \\
    --score judge --judge smart --question 'Does it say the same as the expected summary?'

Ctrl-C gives up what is in flight and reports on what is done; a second one exits at once.

Exit codes:
  0    every example has a score, whatever it is
  1    some have none
  2    the command or a file was wrong; nothing was called
  3    a budget did not allow all calls
  130  stopped by Ctrl-C")]
pub(crate) struct EvalArguments {
    /// The pipeline: a saved graph, YAML or JSON
    pub(crate) pipeline: PathBuf,

    #[command(flatten)]
    pub(crate) input: InputArguments,

    /// The field of each input that holds the expected answer
    #[arg(long, value_name = "FIELD", help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) expect: String,

    /// The field that is the input, where the pipeline takes one value and there are several
    #[arg(long, value_name = "FIELD", help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) input_field: Option<String>,

    /// Use only the first N inputs
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) limit: Option<NonZeroUsize>,

    /// Write the score, the output and the verdict of each example to FILE, one JSON line each
    #[arg(short, long, value_name = "FILE", help_heading = heading::INPUT_AND_OUTPUT)]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) models: ModelArguments,

    /// What gives the score
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Scoring::Exact, help_heading = heading::SCORING)]
    pub(crate) score: Scoring,

    /// Compare this field of the output, dotted where it lies deeper; an output that is text is read as
    /// JSON
    #[arg(long, value_name = "PATH", help_heading = heading::SCORING)]
    pub(crate) field: Option<String>,

    /// Do not tell capitals and small letters apart
    #[arg(long, help_heading = heading::SCORING)]
    pub(crate) ignore_case: bool,

    /// The alias of the model that judges, with `--score judge`
    #[arg(
        long,
        value_name = "ALIAS",
        required_if_eq("score", "judge"),
        conflicts_with_all = ["field", "ignore_case"],
        help_heading = heading::SCORING
    )]
    pub(crate) judge: Option<String>,

    /// What the model that judges is asked, with `--score judge`
    #[arg(
        long,
        value_name = "TEXT",
        required_if_eq("score", "judge"),
        requires = "judge",
        help_heading = heading::SCORING
    )]
    pub(crate) question: Option<String>,

    /// The most calls in flight at once, over all endpoints
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::LIMITS)]
    pub(crate) max_concurrent: Option<NonZeroUsize>,

    /// The most dollars to spend; needs the price of every model
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true, help_heading = heading::LIMITS)]
    pub(crate) budget_usd: Option<f64>,

    /// The most calls to make, those of the model that judges included
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = heading::LIMITS)]
    pub(crate) budget_calls: Option<NonZeroUsize>,

    /// How many of the examples with the lowest scores are shown
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = heading::SHOWN)]
    pub(crate) worst: usize,

    /// Give the report as one line of JSON
    #[arg(long, help_heading = heading::SHOWN)]
    pub(crate) json: bool,

    /// Show no progress
    #[arg(short, long, help_heading = heading::SHOWN)]
    pub(crate) quiet: bool,
}

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

/// Show the graph of a pipeline.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf graph pipeline.yaml                      # Mermaid, which many forges and editors draw
  inf graph pipeline.yaml --format dot | dot -Tsvg -o pipeline.svg
  inf graph pipeline.yaml --format json        # the same pipeline, as JSON")]
pub(crate) struct GraphArguments {
    /// The pipeline: a saved graph, YAML or JSON
    pub(crate) pipeline: PathBuf,

    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Drawing::Mermaid)]
    pub(crate) format: Drawing,
}

/// Serve a simulated model over HTTP, in the formats of OpenAI, Anthropic and Ollama.
///
/// OpenAI's chat completions are at /v1/chat/completions and its responses at /v1/responses,
/// Anthropic's messages at /v1/messages, and Ollama's chat at /api/chat.
///
/// Answers are made up from the request alone: the same request gets the same
/// answer. Where a request asks for a JSON schema, the answer satisfies it, and where it requires a
/// tool to be called, one is. `GET /stats` tells how many calls there were.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf simulate --port 8080
  inf simulate --port 8080 --latency 300 --latency-spread 0.4 --quota 50 --burst 10 --faults 0.01
  inf simulate --port 8080 --latency 300 --capacity 32      # a server that queues and never refuses
  curl http://127.0.0.1:8080/v1/chat/completions \\
    -d '{\"model\": \"any\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'

Ctrl-C ends it.")]
pub(crate) struct SimulateArguments {
    /// The address to listen on; only this machine can reach the default one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host, help_heading = heading::SERVING)]
    pub(crate) host: IpAddr,

    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0, help_heading = heading::SERVING)]
    pub(crate) port: u16,

    /// The only model that is served; by default every name is
    #[arg(long, value_name = "NAME", help_heading = heading::SERVING)]
    pub(crate) model: Option<String>,

    /// How long a call takes in the median
    #[arg(long, value_name = "MILLISECONDS", allow_negative_numbers = true, help_heading = heading::SERVING)]
    pub(crate) latency: Option<f64>,

    /// How much the latency varies: the deviation of its logarithm, commonly 0.3 to 0.6
    #[arg(long, value_name = "SIGMA", allow_negative_numbers = true, help_heading = heading::SERVING)]
    pub(crate) latency_spread: Option<f64>,

    /// How many calls are accepted in the long run; whatever is more gets status 429
    #[arg(long, value_name = "CALLS_PER_SECOND", allow_negative_numbers = true, help_heading = heading::QUOTAS)]
    pub(crate) quota: Option<f64>,

    /// How many calls are accepted at once after a pause
    #[arg(long, value_name = "N", help_heading = heading::QUOTAS)]
    pub(crate) burst: Option<u32>,

    /// How many tokens, of requests and answers, are worked on in the long run; whatever is more gets
    /// status 429. A token is four characters
    #[arg(long, value_name = "TOKENS_PER_MINUTE", allow_negative_numbers = true, help_heading = heading::QUOTAS)]
    pub(crate) token_quota: Option<f64>,

    /// How many calls are worked on at once; the others wait in line and are never refused
    #[arg(long, value_name = "N", help_heading = heading::QUOTAS)]
    pub(crate) capacity: Option<u32>,

    /// Refuse without saying how long to wait, and say nothing of the quotas in other answers
    #[arg(long, help_heading = heading::QUOTAS)]
    pub(crate) no_retry_hint: bool,

    /// The share of calls that fail with status 500, from 0 to 1
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true, help_heading = heading::FAULTS)]
    pub(crate) faults: Option<f64>,

    /// The share of calls whose connection is dropped, from 0 to 1; that of a stream after it began
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true, help_heading = heading::FAULTS)]
    pub(crate) disconnects: Option<f64>,

    /// What is answered: `echo`, `hash`, or a text with {prompt}, {system}, {excerpt}, {model}, {hash}
    #[arg(long, value_name = "ANSWER", value_parser = answer, help_heading = heading::ANSWERS)]
    pub(crate) answer: Option<Answer>,

    /// More settings, as in the `simulated:` section of a resources file; the other options go first
    #[arg(long, value_name = "FILE", help_heading = heading::ANSWERS)]
    pub(crate) settings: Option<PathBuf>,

    /// Everything that is drawn is drawn from this number
    #[arg(long, value_name = "N", help_heading = heading::ANSWERS)]
    pub(crate) seed: Option<u64>,
}

/// Read what happened in runs: how far they are, what failed, what calls cost.
///
/// DIR is the folder that was given to `inf run --checkpoint-dir`. It is only read, and a run may
/// be writing it meanwhile.
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VIEW",
    subcommand_help_heading = "Views",
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

    /// Show what models answered where that is what failed, and the texts of parameters; without it
    /// the page has none of these
    #[arg(long)]
    pub(crate) contents: bool,
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

/// Write the completions of a shell, so that Tab completes commands, options and files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf completions bash > ~/.local/share/bash-completion/completions/inf
  inf completions zsh > ~/.zfunc/_inf      # with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  inf completions fish > ~/.config/fish/completions/inf.fish
  inf completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

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

/// What gives the score of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scoring {
    /// It is the expected answer: 1 or 0
    Exact,
    /// It contains the expected answer: 1 or 0
    Contains,
    /// A model is shown both and asked `--question`
    Judge,
}

/// How a graph is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// Graphviz
    Dot,
    /// Mermaid flowchart
    Mermaid,
    /// The pipeline file as JSON
    Json,
    /// The pipeline file as YAML
    Yaml,
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse();
    number.map_err(|_| "it must be a whole number from 1".to_owned())
}

fn dollars(text: &str) -> Result<f64, String> {
    let dollars = text.trim_start_matches('$').parse().ok();
    dollars
        .filter(|dollars: &f64| dollars.is_finite() && *dollars > 0.0)
        .ok_or_else(|| "it must be a number of dollars, more than 0, as in 2.50".to_owned())
}

/// A port of this machine alone, or an address with a port.
fn metrics_address(text: &str) -> Result<SocketAddr, String> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(local(port));
    }
    if let Some(port) = text.strip_prefix("localhost:")
        && let Ok(port) = port.parse()
    {
        return Ok(local(port));
    }
    text.parse()
        .map_err(|_| "it must be a port, or an address and a port as in 127.0.0.1:9090".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "it is no number of seconds".to_owned())?;
    if seconds.is_nan() || seconds <= 0.0 {
        return Err("it must be more than 0 seconds".to_owned());
    }
    // What is too short to count takes the shortest time there is.
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|_| "that is longer than can be measured: leave it out".to_owned())?;
    Ok(duration.max(Duration::from_nanos(1)))
}

fn percentile(text: &str) -> Result<f64, String> {
    let percentile = text.parse().ok();
    percentile
        .filter(|percentile| (50.0..=99.9).contains(percentile))
        .ok_or_else(|| "it must be a number from 50 to 99.9".to_owned())
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let address = text.parse();
    address.map_err(|_| "it is no IP address such as 127.0.0.1".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn answer(text: &str) -> Result<Answer, String> {
    Ok(match text {
        "echo" => Answer::Echo,
        "hash" => Answer::Hash,
        template => Answer::Template(template.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }
}
