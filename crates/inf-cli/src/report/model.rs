//! [`Report`]: what the page shows, as data.

use serde::Serialize;

use super::failures::Cause;
use super::latency::Latencies;
use super::optimization::Optimization;
use super::parameters::Parameter;
use super::tally::Sums;
use super::timeline::Timeline;

/// What the page shows. Moments are milliseconds since the beginning of 1970, and durations
/// milliseconds, unless a field says otherwise; what is not known is left out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The names of the pipelines.
    pub(super) title: String,
    pub(super) source: Source,
    /// What the source can't tell, and what is wrong with it, in sentences.
    pub(super) notes: Vec<String>,
    pub(super) inputs: Inputs,
    pub(super) total: Row,
    pub(super) runs: Vec<Run>,
    pub(super) graphs: Vec<Graph>,
    /// Whose calls there are; the timeline refers to them by their place.
    pub(super) series: Vec<Series>,
    pub(super) timeline: Timeline,
    pub(super) by_node: Vec<Row>,
    pub(super) by_model: Vec<Row>,
    pub(super) by_endpoint: Vec<Row>,
    /// Inputs without an output, by cause; left out if the source does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failures: Option<Vec<Cause>>,
    /// Requests that were not answered, by cause.
    pub(super) unanswered: Vec<Unanswered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) optimization: Option<Optimization>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parameters: Vec<Parameter>,
}

/// What was read.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    /// `journal` or `trace`.
    pub(super) kind: &'static str,
    pub(super) file: String,
    pub(super) bytes: u64,
    /// Whether it holds what calls cost.
    pub(super) has_costs: bool,
    /// Whether a run was writing it.
    pub(super) goes_on: bool,
}

/// How the inputs ended.
#[derive(Debug, Default, Serialize)]
pub(super) struct Inputs {
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Those that began and have not ended; left out if the source does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<u64>,
}

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) pipeline: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) began_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took: Option<f64>,
    /// How it ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) completed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recalled: Option<u64>,
    pub(super) calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_usd: Option<f64>,
}

/// A graph, drawn.
#[derive(Debug, Serialize)]
pub(super) struct Graph {
    pub(super) name: String,
    /// The drawing. It is no data of the page, but stands in it.
    #[serde(skip)]
    pub(super) svg: String,
}

/// Calls of one node to one model at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Series {
    pub(super) graph: usize,
    pub(super) node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    pub(super) endpoint: String,
}

/// Calls, added up.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) sums: Sums,
    /// How long answers took.
    pub(super) latency: Latencies,
    /// How long requests waited before they were sent.
    pub(super) waits: Latencies,
}

/// Requests of one endpoint that failed for one cause.
#[derive(Debug, Serialize)]
pub(super) struct Unanswered {
    pub(super) endpoint: String,
    pub(super) kind: String,
    /// How many were sent again.
    pub(super) again: u64,
    /// How many were not.
    pub(super) failed: u64,
    /// What was said first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sample: Option<String>,
}
