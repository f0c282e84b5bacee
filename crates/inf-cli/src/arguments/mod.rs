//! What a person may type, parsed once into types that hold no nonsense: a file for the arguments of
//! each command, and `input`, `models` and `values` for what several have.

mod check;
mod completions;
mod eval;
mod graph;
mod init;
mod input;
mod journal;
mod manual;
mod models;
mod report;
mod run;
mod simulate;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use check::CheckArguments;
pub(crate) use completions::CompletionsArguments;
pub(crate) use eval::{EvalArguments, Scoring};
pub(crate) use graph::{Drawing, GraphArguments};
pub(crate) use init::InitArguments;
pub(crate) use input::{InputArguments, InputFormat, Place};
pub(crate) use journal::{
    CallFilter, ExportFormat, ExportOptions, Exported, JournalArguments, JournalView,
};
pub(crate) use manual::ManArguments;
pub(crate) use report::ReportArguments;
pub(crate) use run::{Policy, RunArguments};
pub(crate) use simulate::SimulateArguments;

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }
}
