//! `inf-bench limits`: how well limits are found that nobody told, over HTTP.

mod server;

use std::sync::Arc;
use std::time::Duration;

use inf_engine::prelude::*;
use inf_engine::resources::{EndpointConfig, ResourceManager};
use tokio::runtime::Builder;
use tokio::time::timeout;

use self::server::{Bears, Seen, Server};
use crate::Failure;
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds for which a quota stays the same, and half of those for which a
    /// queue is watched.
    #[arg(long, default_value_t = 30, value_parser = crate::figure::count)]
    seconds: usize,
    /// Milliseconds that an answer takes.
    #[arg(long, default_value_t = 200, value_parser = crate::figure::count)]
    answer_after: usize,
    /// How often each figure is measured.
    #[arg(long, default_value_t = 1, value_parser = crate::figure::count)]
    repeats: usize,
}

/// Requests a second that the hidden quota allows, one phase after the other.
const QUOTA: [f64; 3] = [50.0, 20.0, 100.0];
/// Requests that it allows at once after a pause.
const BURST: f64 = 10.0;
/// Requests that the queueing server works on at once.
const SLOTS: usize = 32;
/// The ceiling that a user sets who knows nothing of the server.
const CEILING: usize = 256;
/// The seconds that a step may take to be found.
const FOUND_WITHIN: f64 = 5.0;

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (name, has_hint) in [("limits.quota", false), ("limits.quota_hint", true)] {
        let (mut used, mut refused) = (Vec::new(), Vec::new());
        for _ in 0..options.repeats {
            let seen = quota(options, has_hint)?;
            used.push(100.0 * seen.0);
            refused.push(100.0 * seen.1);
        }
        figures.push(Figure::new(format!("{name}.used"), "%", used));
        figures.push(Figure::new(format!("{name}.refused"), "%", refused));
    }
    let (mut throughput, mut latency, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.repeats {
        let seen = queue(options)?;
        throughput.push(100.0 * seen.throughput);
        latency.push(seen.latency);
        limit.push(seen.limit);
    }
    figures.push(Figure::new("limits.queue.throughput", "%", throughput));
    figures.push(Figure::new("limits.queue.latency", "x", latency));
    figures.push(Figure::new("limits.queue.limit", "calls", limit));
    let with_settings = |figure: Figure| {
        figure
            .with("seconds", options.seconds)
            .with("answer_after", options.answer_after)
    };
    Ok(figures.into_iter().map(with_settings).collect())
}

/// What part of a hidden quota is used, once each step was to be found, and
/// what part of the requests is refused.
fn quota(options: &Options, has_hint: bool) -> Result<(f64, f64), Failure> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of a benchmark are far below 2^52"
    )]
    let phase = options.seconds as f64;
    let steps = [0.0, 1.0, 2.0].map(|index| index * phase);
    let server = Server::start(Bears::Quota {
        steps: steps.into_iter().zip(QUOTA).collect(),
        burst: BURST,
        has_hint,
        latency: milliseconds(options.answer_after),
    })?;
    work(&server, Duration::from_secs_f64(3.0 * phase))?;
    let seen = server.seen();
    // A phase too short to say anything is only run to see that all works.
    let found = FOUND_WITHIN.min(phase / 2.0);
    let (mut accepted, mut ideal) = (0.0, 0.0);
    for (from, rate) in steps.into_iter().zip(QUOTA) {
        let span = from + found..from + phase;
        let within = seen.iter().filter(|seen| span.contains(&seen.at));
        accepted += count(within.filter(|seen| seen.took.is_some()));
        ideal += rate * (phase - found);
    }
    let later = || seen.iter().filter(|seen| seen.at >= found);
    let refused = count(later().filter(|seen| seen.took.is_none())) / count(later()).max(1.0);
    Ok((accepted / ideal, refused))
}

struct Queue {
    /// Of the most that the server can do.
    throughput: f64,
    /// The middle latency ÷ that without a queue.
    latency: f64,
    limit: f64,
}

fn queue(options: &Options) -> Result<Queue, Failure> {
    let latency = milliseconds(options.answer_after);
    let server = Server::start(Bears::Queue {
        slots: SLOTS,
        latency,
    })?;
    let seconds = milliseconds(options.seconds * 1_000);
    let limit = work(&server, 2 * seconds)?;
    let half = seconds.as_secs_f64();
    let seen = server.seen();
    let mut took: Vec<f64> = seen
        .iter()
        .filter(|seen| seen.at >= half)
        .filter_map(|seen| seen.took)
        .collect();
    took.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a benchmark are far below 2^52"
    )]
    let (answers, slots, limit) = (took.len() as f64, SLOTS as f64, limit as f64);
    let middle = took.get(took.len() / 2).copied().unwrap_or(0.0);
    Ok(Queue {
        throughput: answers * latency.as_secs_f64() / (half * slots),
        latency: middle / latency.as_secs_f64(),
        limit,
    })
}

/// Gives a server as much work as it takes, for so long; the calls that may be
/// in flight at the end.
fn work(server: &Server, time: Duration) -> Result<usize, Failure> {
    let endpoint = EndpointConfig::openai_compatible(server.base_url(), "m");
    let resources = ResourceConfig::new().with_endpoint("a", endpoint.with_max_concurrent(CEILING));
    let resources = Arc::new(ResourceManager::new(&resources)?);
    let pipeline = LlmInference::new("a").bind(&resources)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut results = pipeline.stream((0_usize..).map(|index| index.to_string()));
        let read = async {
            while let Some(result) = results.next().await {
                result.output?;
            }
            Ok::<(), Failure>(())
        };
        // It has no end.
        timeout(time, read).await.unwrap_or(Ok(()))
    })?;
    Ok(resources.metrics()["a"].limit)
}

fn milliseconds(count: usize) -> Duration {
    Duration::from_millis(count as u64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
fn count<'s>(seen: impl Iterator<Item = &'s Seen>) -> f64 {
    seen.count() as f64
}
