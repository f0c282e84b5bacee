//! The arguments of `inf graph`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
