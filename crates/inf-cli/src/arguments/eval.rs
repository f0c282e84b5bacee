//! The arguments of `inf eval`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::heading;
use super::input::InputArguments;
use super::models::ModelArguments;
use super::values::{at_least_one, dollars};

/// Say how good a pipeline is, on inputs with known answers.
///
/// Each input has the expected answer in a field of its own (`--expect`); the rest of it is what the
/// pipeline is given. Where its `input` has a field of that name it is given the answer, too, which is told. The
/// score of an example is from 0 to 1. Examples whose calls fail have none and are
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
  1    some have none, or not all examples could be written
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
