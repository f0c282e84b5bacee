//! `inf graph`: show the graph of a pipeline.

use inf_engine::document::DocumentFormat;
use inf_engine::graph::InferenceGraph;

use crate::arguments::{Drawing, GraphArguments};
use crate::command_error::CommandError;
use crate::exit_code::Exit;

pub(crate) fn execute(arguments: &GraphArguments) -> Result<Exit, CommandError> {
    let graph = InferenceGraph::load(&arguments.pipeline)
        .map_err(|error| CommandError::new(error.to_string()))?;
    let text = match arguments.format {
        Drawing::Dot => graph.to_dot(),
        Drawing::Mermaid => graph.to_mermaid(),
        Drawing::Json => graph.to_text(DocumentFormat::Json),
        Drawing::Yaml => graph.to_text(DocumentFormat::Yaml),
    };
    super::print(&text)
}
