//! `inf-bench profile`: what it costs to have a profile.
//!
//! The same calls are made with and without a profile, taking turns, on one
//! thread and by a client in this process: at the most that the engine can do
//! where every answer is there at once, and at a load that a fast provider
//! could bear, where answers take a while and the engine has time to spare.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse};
use inf_engine::execution::{Bind, ExecutionSettings, Pipeline, Profile};
use inf_engine::module::LlmInference;
use inf_engine::resources::{ResourceConfig, ResourceManager};
use tokio::runtime::{Builder, Runtime};

use crate::Failure;
use crate::clock::{Stopwatch, Took};
use crate::figure::Figure;
use crate::turns::Turns;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Calls with and without a profile, in each repeat.
    #[arg(long, default_value_t = 50_000, value_parser = crate::figure::count)]
    calls: usize,
    /// Calls in flight at once.
    #[arg(long, default_value_t = 64, value_parser = crate::figure::count)]
    in_flight: usize,
    /// Milliseconds until an answer, at the load with time to spare.
    #[arg(long, default_value_t = 4, value_parser = crate::figure::count)]
    latency: usize,
    /// How often both are measured, in alternating order.
    #[arg(long, default_value_t = 9, value_parser = crate::figure::count)]
    repeats: usize,
}

/// Answers every call after the same time.
struct Answers(Duration);

impl LlmClient for Answers {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            if !self.0.is_zero() {
                tokio::time::sleep(self.0).await;
            }
            Ok(LlmResponse::from_text(request.prompt()))
        })
    }
}

/// A load, and how its figures are called.
struct Load {
    latency: Duration,
    /// Calls per second without a profile and with one.
    rates: [&'static str; 2],
    /// CPU per call without a profile and with one.
    cpu: [&'static str; 2],
    /// With ÷ without, of the time on the wall and of CPU.
    ratios: [&'static str; 2],
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let paced = Load {
        latency: Duration::from_millis(options.latency as u64),
        rates: ["profile.paced.off", "profile.paced.on"],
        cpu: ["profile.paced.off.cpu", "profile.paced.on.cpu"],
        ratios: ["profile.paced.ratio", "profile.paced.ratio.cpu"],
    };
    let most = Load {
        latency: Duration::ZERO,
        rates: ["profile.most.off", "profile.most.on"],
        cpu: ["profile.most.off.cpu", "profile.most.on.cpu"],
        ratios: ["profile.most.ratio", "profile.most.ratio.cpu"],
    };
    let mut figures = measure(&paced, options, &runtime)?;
    figures.extend(measure(&most, options, &runtime)?);
    Ok(figures)
}

fn measure(load: &Load, options: &Options, runtime: &Runtime) -> Result<Vec<Figure>, Failure> {
    let client = Arc::new(Answers(load.latency));
    let resources = ResourceManager::new(&ResourceConfig::new())?;
    let resources = resources.with_client("fast", client, options.in_flight);
    let pipeline: Pipeline<String, String> = LlmInference::new("fast").bind(resources)?;
    let run = |is_on: bool, calls: usize| {
        let profile = Profile::new();
        let pipeline = if is_on {
            pipeline.with_settings(ExecutionSettings::default().with_profile(&profile))
        } else {
            pipeline.clone()
        };
        let stopwatch = Stopwatch::start();
        runtime.block_on(make_calls(&pipeline, calls))?;
        let took = stopwatch.stop();
        let seen = profile.summary().calls;
        assert_eq!(seen, if is_on { calls as u64 } else { 0 });
        Ok::<Took, Failure>(took)
    };
    let turns = Turns::take(options.calls, options.repeats, run)?;
    let mut figures = turns.figures(load.rates, load.cpu);
    let [of_wall, of_cpu] = load.ratios;
    figures.push(Figure::new(of_wall, "x", turns.ratios(|took| took.wall)));
    figures.push(Figure::new(of_cpu, "x", turns.ratios(|took| took.cpu)));
    let with_settings = |figure: Figure| {
        figure
            .with("calls", options.calls)
            .with("in_flight", options.in_flight)
    };
    Ok(figures.into_iter().map(with_settings).collect())
}

async fn make_calls(pipeline: &Pipeline<String, String>, calls: usize) -> Result<(), Failure> {
    let mut results = pipeline.stream((0..calls).map(|index| index.to_string()));
    let mut ended = 0;
    while let Some(result) = results.next().await {
        result.output?;
        ended += 1;
    }
    assert_eq!(ended, calls, "every input has one result");
    Ok(())
}
