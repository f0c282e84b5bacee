//! What is told of a run: its inputs, its budget, its endpoints and its nodes.

use std::time::Duration;

use inf_engine::execution::{Budget, NodeReport, Progress};
use inf_engine::graph::{InferenceGraph, Operation};
use inf_engine::resources::ResourceMetrics;

use super::exposition::{Exposition, Kind, Label};

/// The upper bounds of latencies, in milliseconds: from a cache's answer to
/// what a reasoning model takes.
const BOUNDS: [u64; 13] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
];

/// What endpoints or nodes did.
pub(super) struct Rows<'r> {
    /// What the families' names begin with.
    pub(super) prefix: &'static str,
    /// What is counted: `this endpoint`, `this node`.
    pub(super) whose: &'static str,
    pub(super) all: Vec<(Vec<Label<'r>>, &'r ResourceMetrics)>,
}

/// A number of an endpoint or a node: the end of its name, what it is, and where
/// it is found.
type Number = (
    &'static str,
    Kind,
    &'static str,
    fn(&ResourceMetrics) -> f64,
);

#[expect(
    clippy::cast_precision_loss,
    reason = "the format's numbers are floating-point ones"
)]
const NUMBERS: &[Number] = &[
    (
        "requests_total",
        Kind::Counter,
        "Requests sent, retries and refused ones included.",
        |m| m.requests as f64,
    ),
    (
        "answers_total",
        Kind::Counter,
        "Requests that were answered.",
        |m| m.successes as f64,
    ),
    (
        "rate_limited_total",
        Kind::Counter,
        "Requests refused for a limit; they are sent again.",
        |m| m.rate_limited as f64,
    ),
    (
        "retries_total",
        Kind::Counter,
        "Passing failures after which a request was sent again.",
        |m| m.retries as f64,
    ),
    (
        "hedges_total",
        Kind::Counter,
        "Second requests for calls that took long.",
        |m| m.hedges as f64,
    ),
    (
        "given_up_total",
        Kind::Counter,
        "Requests that were given up before their end.",
        |m| m.cancelled as f64,
    ),
    (
        "input_tokens_total",
        Kind::Counter,
        "Tokens of requests, cached ones included.",
        |m| m.usage.input_tokens as f64,
    ),
    (
        "cached_tokens_total",
        Kind::Counter,
        "Tokens of requests that the provider had cached.",
        |m| m.usage.cached_tokens as f64,
    ),
    (
        "output_tokens_total",
        Kind::Counter,
        "Tokens of answers, reasoning included.",
        |m| m.usage.output_tokens as f64,
    ),
    (
        "reasoning_tokens_total",
        Kind::Counter,
        "Tokens of answers that the model only thought.",
        |m| m.usage.reasoning_tokens as f64,
    ),
    (
        "cost_dollars_total",
        Kind::Counter,
        "What answers of known cost came to.",
        |m| m.cost.known.as_f64(),
    ),
    (
        "answers_of_unknown_cost_total",
        Kind::Counter,
        "Answers whose cost is not known: their model has no price.",
        |m| m.cost.unknown as f64,
    ),
    (
        "waiting_seconds_total",
        Kind::Counter,
        "What calls waited for room and limits before they were made.",
        |m| m.waiting.as_secs_f64(),
    ),
    (
        "requests_in_flight",
        Kind::Gauge,
        "Requests on their way.",
        |m| m.in_flight as f64,
    ),
];

/// Tells how far the run is.
pub(super) fn tell_run(out: &mut Exposition, progress: &Progress) {
    out.family(
        "inf_inputs_total",
        Kind::Counter,
        "Inputs that have their result, by how they ended.",
    );
    for (outcome, count) in [
        ("succeeded", progress.inputs_succeeded),
        ("failed", progress.inputs_failed),
        ("stopped", progress.inputs_cancelled),
    ] {
        out.sample(&[("outcome", outcome)], count);
    }
    out.family(
        "inf_inputs_in_flight",
        Kind::Gauge,
        "Inputs that were taken and have no result yet.",
    );
    out.sample(&[], progress.inputs_in_flight);
    out.family(
        "inf_calls_waiting",
        Kind::Gauge,
        "Calls that are ready and wait for room or a limit.",
    );
    for endpoint in &progress.endpoints {
        out.sample(&[("alias", &endpoint.alias)], endpoint.waiting);
    }
}

/// Tells what may be spent and was.
pub(super) fn tell_budget(out: &mut Exposition, budget: &Budget) {
    let (limits, spent) = (budget.limits(), budget.spent());
    out.family("inf_budget", Kind::Gauge, "What the run may spend.");
    let numbers = [
        (
            "dollars",
            limits.dollars.map(|most| {
                (
                    most.as_f64().to_string(),
                    spent.cost.known.as_f64().to_string(),
                )
            }),
        ),
        (
            "tokens",
            limits
                .tokens
                .map(|most| (most.to_string(), spent.tokens.to_string())),
        ),
        (
            "calls",
            limits
                .calls
                .map(|most| (most.to_string(), spent.calls.to_string())),
        ),
    ];
    let numbers = || {
        numbers
            .iter()
            .filter_map(|(unit, found)| Some((*unit, found.as_ref()?)))
    };
    for (unit, (most, _)) in numbers() {
        out.sample(&[("unit", unit)], most);
    }
    out.family("inf_budget_spent", Kind::Counter, "What of it was spent.");
    for (unit, (_, spent)) in numbers() {
        out.sample(&[("unit", unit)], spent);
    }
}

/// The rows of the nodes of a graph that did nothing yet.
pub(super) fn idle_rows<'r>(graph: &'r InferenceGraph, none: &'r ResourceMetrics) -> Rows<'r> {
    let calls = graph.nodes().iter().filter_map(|node| {
        let Operation::Llm(call) = node.operation() else {
            return None;
        };
        let labels = vec![
            ("pipeline", graph.name()),
            ("node", node.name()),
            ("alias", call.alias.as_str()),
        ];
        Some((labels, none))
    });
    Rows {
        prefix: "inf_node",
        whose: "node",
        all: calls.collect(),
    }
}

/// The rows of nodes.
pub(super) fn node_rows(nodes: &[NodeReport]) -> Rows<'_> {
    let mut rows: Vec<(Vec<Label<'_>>, &ResourceMetrics)> = Vec::with_capacity(nodes.len());
    for report in nodes {
        let labels = vec![
            ("pipeline", report.graph.as_str()),
            ("node", report.node.as_str()),
            ("alias", report.alias.as_str()),
        ];
        rows.push((labels, &report.metrics));
    }
    Rows {
        prefix: "inf_node",
        whose: "node",
        all: rows,
    }
}

/// Tells what endpoints or nodes did.
pub(super) fn tell_rows(out: &mut Exposition, told: &Rows<'_>) {
    let Rows {
        prefix,
        whose,
        all: rows,
    } = told;
    for (name, kind, help, value) in NUMBERS {
        out.family(
            &format!("{prefix}_{name}"),
            *kind,
            &format!("By {whose}: {help}"),
        );
        for (labels, metrics) in rows {
            out.sample(labels, value(metrics));
        }
    }
    let help = format!(
        "By {whose}: requests that failed, by cause; those refused for a limit not included."
    );
    out.family(&format!("{prefix}_failures_total"), Kind::Counter, &help);
    for (labels, metrics) in rows {
        for (kind, count) in &metrics.failures_by_kind {
            let kind = [("kind", *kind)];
            out.sample(&[labels.as_slice(), &kind].concat(), count);
        }
    }
    let help =
        format!("By {whose}: how long answers took, from sending the request to the last byte.");
    out.family(&format!("{prefix}_answer_seconds"), Kind::Histogram, &help);
    for (labels, metrics) in rows {
        for bound in BOUNDS.map(Duration::from_millis) {
            let seconds = bound.as_secs_f64().to_string();
            let bucket = [labels.as_slice(), &[("le", seconds.as_str())]].concat();
            out.sample_of("_bucket", &bucket, metrics.answered_within(bound));
        }
        let bucket = [labels.as_slice(), &[("le", "+Inf")]].concat();
        out.sample_of("_bucket", &bucket, metrics.successes);
        out.sample_of("_sum", labels, metrics.answering.as_secs_f64());
        out.sample_of("_count", labels, metrics.successes);
    }
}

/// Tells how many requests endpoints may have on their way.
pub(super) fn tell_limits(out: &mut Exposition, told: &Rows<'_>) {
    let help = "The requests that may be on their way: what the provider seems to bear, and at most what is \
                configured.";
    out.family("inf_endpoint_concurrency_limit", Kind::Gauge, help);
    for (labels, metrics) in &told.all {
        out.sample(labels, metrics.limit);
    }
}
