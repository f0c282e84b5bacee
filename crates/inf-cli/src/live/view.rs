//! [`LiveView`]: gathers what is shown of a run, and shows it.

use std::collections::HashMap;
use std::env;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use inf_engine::Value;
use inf_engine::execution::{BatchResult, Budget, Pipeline, Progress};
use inf_engine::resources::{EndpointReport, ResourceManager, ResourceMetrics};
use tokio::time::Instant;

use super::failures::RecentFailures;
use super::figures::{Calls, EndpointFigures, Figures, Inputs, Spending};
use super::frame::{Palette, draw};
use super::keys::Keys;
use super::pace::{Pace, Sample};
use super::screen::Screen;
use crate::console::{compact, grouped};
use crate::interrupt::Asks;

/// A run on the whole terminal, until this is dropped.
#[derive(Debug)]
pub(crate) struct LiveView {
    // Before the screen, so that nothing is read of what is typed after it.
    keys: Keys,
    screen: Screen,
    palette: Palette,
    gatherer: Gatherer,
}

impl LiveView {
    /// Takes the terminal for a run of `pipeline`; `asks` is told when it should stop.
    pub(crate) fn open(
        pipeline: &Pipeline,
        budget: Option<&Budget>,
        asks: Asks,
    ) -> io::Result<Self> {
        let is_coloured = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let palette = if is_coloured {
            Palette::coloured()
        } else {
            Palette::plain()
        };
        let screen = Screen::open()?;
        #[cfg(unix)]
        super::screen::restore_on_signals()?;
        Ok(Self {
            keys: Keys::read(asks),
            screen,
            palette,
            gatherer: Gatherer {
                name: pipeline.graph().name().to_owned(),
                resources: Arc::clone(pipeline.resources()),
                budget: budget.cloned(),
                stops_at: None,
                pace: Pace::default(),
                failures: RecentFailures::default(),
                configured: HashMap::new(),
            },
        })
    }

    /// Takes note of a result.
    pub(crate) fn note(&mut self, result: &BatchResult<Value>) {
        self.gatherer.failures.note(result);
    }

    /// Says that no more inputs begin, and that those that have are awaited for `grace`.
    pub(crate) fn stopping(&mut self, grace: Duration) {
        self.gatherer.stops_at = Some(Instant::now() + grace);
    }

    /// Shows how far the run is; `total` inputs, if that is known.
    pub(crate) fn show(&mut self, progress: &Progress, total: Option<u64>) {
        let figures = self.gatherer.figures(progress, total, Instant::now());
        let (palette, with_help) = (&self.palette, self.keys.with_help());
        self.screen
            .draw(|frame| draw(frame, &figures, palette, with_help));
    }
}

/// What is remembered from one moment to the next.
#[derive(Debug)]
struct Gatherer {
    name: String,
    resources: Arc<ResourceManager>,
    budget: Option<Budget>,
    /// Once it was asked to stop: when what has begun is cancelled.
    stops_at: Option<Instant>,
    pace: Pace,
    failures: RecentFailures,
    /// By endpoint: the highest limit that it had.
    configured: HashMap<String, usize>,
}

impl Gatherer {
    fn figures(&mut self, progress: &Progress, total: Option<u64>, now: Instant) -> Figures {
        let is_called = |alias: &str| {
            progress
                .endpoints
                .iter()
                .any(|called| called.alias == alias)
        };
        let mut reports = self.resources.endpoints();
        reports.retain(|report| is_called(&report.alias));
        let ended = progress.inputs_ended() as u64;
        let run = ended.saturating_sub(progress.inputs_from_journal as u64);
        let counts = reports
            .iter()
            .map(|report| (report.metrics.successes, tokens(&report.metrics)));
        self.pace.note(Sample {
            at: now,
            inputs: run,
            endpoints: counts.collect(),
        });
        let endpoints: Vec<EndpointFigures> = reports
            .iter()
            .enumerate()
            .map(|(place, report)| {
                let is_first = reports[..place]
                    .last()
                    .is_none_or(|last| last.alias != report.alias);
                self.endpoint(place, report, is_first.then_some(progress))
            })
            .collect();
        let inputs = self.inputs(progress, total);
        let spending = self.spending(progress, run, &inputs);
        Figures {
            name: self.name.clone(),
            stops_within: self.stops_at.map(|at| at.saturating_duration_since(now)),
            elapsed: progress.elapsed,
            inputs,
            calls: Calls {
                answered: progress.calls,
                from_journal: progress.calls_from_journal,
                retries: progress.retries,
                refused: progress.rate_limited,
                per_second: endpoints
                    .iter()
                    .map(|endpoint| endpoint.calls_per_second)
                    .sum(),
                input_tokens: progress.usage.input_tokens,
                output_tokens: progress.usage.output_tokens,
                tokens_per_second: endpoints
                    .iter()
                    .map(|endpoint| endpoint.tokens_per_second)
                    .sum(),
            },
            spending,
            endpoints,
            answers_by_second: self.pace.answers_by_second(),
            failures_by_kind: self.failures.by_kind(),
            last_failures: self.failures.last(),
        }
    }

    fn inputs(&self, progress: &Progress, total: Option<u64>) -> Inputs {
        let ended = progress.inputs_ended() as u64;
        let per_second = self.pace.inputs_per_second();
        let left = total
            .map(|total| total.saturating_sub(ended))
            .filter(|left| *left > 0);
        // Once it stops there is no more to come than what has begun.
        let left = left.filter(|_| per_second > 0.0 && self.stops_at.is_none());
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = left.map(|left| left as f64 / per_second);
        Inputs {
            ended,
            failed: progress.inputs_failed as u64,
            stopped: progress.inputs_cancelled as u64,
            from_journal: progress.inputs_from_journal as u64,
            in_flight: progress.inputs_in_flight as u64,
            total,
            per_second,
            time_left: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        }
    }

    /// What one endpoint does; `progress` if it is the first of its alias.
    fn endpoint(
        &mut self,
        place: usize,
        report: &EndpointReport,
        progress: Option<&Progress>,
    ) -> EndpointFigures {
        let metrics = &report.metrics;
        let configured = self.configured.entry(report.name.clone()).or_default();
        *configured = metrics.limit.max(*configured);
        let mut aliases = progress
            .into_iter()
            .flat_map(|progress| &progress.endpoints);
        let alias = aliases.find(|endpoint| endpoint.alias == report.alias);
        let latency = metrics.latency();
        EndpointFigures {
            name: report.name.clone(),
            in_flight: metrics.in_flight,
            limit: metrics.limit,
            configured: *configured,
            waiting: alias.map(|endpoint| endpoint.waiting),
            calls_per_second: self.pace.answers_per_second(place),
            tokens_per_second: self.pace.tokens_per_second(place),
            refused: metrics.rate_limited,
            retries: metrics.retries,
            failed: metrics.failures,
            latency: (metrics.successes > 0).then_some((latency.p50, latency.p95)),
            cost: metrics.cost,
        }
    }

    /// What the run costs, of which `run` inputs were paid for.
    fn spending(&self, progress: &Progress, run: u64, inputs: &Inputs) -> Spending {
        /// Fewer inputs say little of what the others cost.
        const ENOUGH: u64 = 20;
        let known = progress.cost.known;
        let is_known = !known.is_zero() && progress.cost.unknown == 0;
        let left = inputs.total.map(|total| total.saturating_sub(inputs.ended));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let at_the_end = left
            .filter(|left| is_known && run >= ENOUGH && *left > 0 && self.stops_at.is_none())
            .map(|left| known.as_f64() * (1.0 + left as f64 / run as f64));
        Spending {
            cost: progress.cost,
            at_the_end,
            budgets: self.budget.as_ref().map_or_else(Vec::new, budgets),
        }
    }
}

fn tokens(metrics: &ResourceMetrics) -> u64 {
    let usage = metrics.usage;
    usage.input_tokens.saturating_add(usage.output_tokens)
}

/// What is left of each limit of a budget, with the share that is spent.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn budgets(budget: &Budget) -> Vec<(String, f64)> {
    let (limits, left) = (budget.limits(), budget.remaining());
    let share = |left: f64, most: f64| 1.0 - left / most.max(f64::MIN_POSITIVE);
    let dollars = limits.dollars.zip(left.dollars).map(|(most, left)| {
        (
            format!("{left} of {most} left"),
            share(left.as_f64(), most.as_f64()),
        )
    });
    let tokens = limits.tokens.zip(left.tokens).map(|(most, left)| {
        (
            format!("{} of {} tokens left", compact(left), compact(most)),
            share(left as f64, most as f64),
        )
    });
    let calls = limits.calls.zip(left.calls).map(|(most, left)| {
        (
            format!("{} of {} calls left", grouped(left), grouped(most)),
            share(left as f64, most as f64),
        )
    });
    [dollars, tokens, calls].into_iter().flatten().collect()
}
