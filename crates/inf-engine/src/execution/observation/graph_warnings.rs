//! What binding tells of a graph that does what was probably not meant.

use tracing::{Level, enabled, warn};

use super::spans::TARGET;
use crate::graph::InferenceGraph;
use crate::telemetry::names;

/// Tells the [`warnings`](InferenceGraph::warnings) of a graph; where nobody listens, it is
/// not looked for any.
pub(crate) fn tell_graph_warnings(graph: &InferenceGraph) {
    if !enabled!(target: TARGET, Level::WARN) {
        return;
    }
    for warning in graph.warnings() {
        warn!(name: "graph_warning", target: TARGET, { { names::GRAPH } = graph.name() }, "{warning}");
    }
}
