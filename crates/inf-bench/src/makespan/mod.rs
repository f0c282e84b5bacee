//! `inf-bench makespan`: how close a batch comes to the shortest time possible.
//!
//! Calls take times from a heavy tail, drawn in advance, so that the shortest
//! time possible can be computed and every program meets the same. tokio's
//! clock is paused: it jumps to the next event when nothing is left to do, so
//! what is measured is who waits for what, and not this machine.

mod engine;
mod hand_written;
mod latencies;
mod provider;
mod shape;

use std::sync::Arc;
use std::time::Duration;

use inf_engine::execution::ExecutionSettings;
use tokio::runtime::Builder;
use tokio::time::Instant;

use self::latencies::{Latencies, Tail};
use self::provider::Provider;
use self::shape::{DAG_16, DIAMOND, Shape};
use crate::Failure;
use crate::clock::{Stopwatch, micros_each};
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Inputs of a batch.
    #[arg(long, default_value_t = 10_000, value_parser = crate::figure::count)]
    inputs: usize,
    /// Calls in flight at most; each is measured.
    #[arg(long, default_value = "64,256", value_delimiter = ',', value_parser = crate::figure::count)]
    in_flight: Vec<usize>,
    /// How often each figure is measured, with other latencies each time.
    #[arg(long, default_value_t = 5, value_parser = crate::figure::count)]
    repeats: usize,
    /// Inputs under way at once at most; unless set, the engine's default for
    /// both: twice the calls in flight, and at least 1,024.
    #[arg(long, value_parser = crate::figure::count)]
    inputs_in_flight: Option<usize>,
    /// Measures only the cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

impl Options {
    /// The inputs under way at once at most.
    fn window(&self, in_flight: usize) -> usize {
        let least = ExecutionSettings::DEFAULT_MAX_INPUTS_IN_FLIGHT;
        self.inputs_in_flight
            .unwrap_or_else(|| least.max(2 * in_flight))
    }
}

/// Who makes the calls.
#[derive(Debug, Clone, Copy)]
enum Program {
    Engine,
    ByInput,
    ByLevel,
}

impl Program {
    const ALL: [Self; 3] = [Self::Engine, Self::ByInput, Self::ByLevel];

    /// Stands in the names of figures.
    fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::ByInput => "by_input",
            Self::ByLevel => "by_level",
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for shape in [DIAMOND, DAG_16] {
        for tail in [Tail::LogNormal, Tail::Pareto] {
            let case = format!("makespan.{}.{}", shape.name, tail.name());
            if options
                .only
                .as_deref()
                .is_some_and(|only| !case.contains(only))
            {
                continue;
            }
            for &in_flight in &options.in_flight {
                let measured = measure(&case, shape, tail, in_flight, options)?;
                let with_settings = |figure: Figure| {
                    figure
                        .with("in_flight", in_flight)
                        .with("inputs", options.inputs)
                        .with("inputs_in_flight", options.window(in_flight))
                };
                figures.extend(measured.into_iter().map(with_settings));
            }
        }
    }
    Ok(figures)
}

fn measure(
    case: &str,
    shape: Shape,
    tail: Tail,
    in_flight: usize,
    options: &Options,
) -> Result<Vec<Figure>, Failure> {
    let mut ratios: [Vec<f64>; Program::ALL.len()] = Default::default();
    let mut cpu = Vec::new();
    let window = options.window(in_flight);
    for seed in 0..options.repeats as u64 {
        let latencies = Arc::new(Latencies::draw(shape, tail, options.inputs, seed));
        let bound = latencies.lower_bound(in_flight);
        for (program, ratios) in Program::ALL.into_iter().zip(&mut ratios) {
            let provider = Arc::new(Provider::new(Arc::clone(&latencies)));
            let stopwatch = Stopwatch::start();
            let makespan = makespan(program, &provider, in_flight, window)?;
            if let Program::Engine = program {
                let calls = options.inputs * shape.calls();
                cpu.push(micros_each(stopwatch.stop().cpu, calls));
            }
            provider.check(program.name(), in_flight);
            ratios.push(makespan.div_duration_f64(bound));
        }
    }
    let mut figures: Vec<Figure> = Program::ALL
        .into_iter()
        .zip(ratios)
        .map(|(program, ratios)| Figure::new(format!("{case}.{}", program.name()), "x", ratios))
        .collect();
    figures.push(Figure::new(format!("{case}.cpu"), "us/call", cpu));
    Ok(figures)
}

/// The time from the first call to the end of the last, on the paused clock.
fn makespan(
    program: Program,
    provider: &Arc<Provider>,
    in_flight: usize,
    inputs_in_flight: usize,
) -> Result<Duration, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let start = Instant::now();
        match program {
            Program::Engine => {
                engine::run(Arc::clone(provider), in_flight, inputs_in_flight).await?;
            }
            Program::ByInput => hand_written::by_input(provider, in_flight, inputs_in_flight).await,
            Program::ByLevel => hand_written::by_level(provider, in_flight).await,
        }
        Ok(start.elapsed())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_waiting_takes_time_on_the_paused_clock() {
        for shape in [DIAMOND, DAG_16] {
            let latencies = Latencies::draw(shape, Tail::LogNormal, 20, 7);
            let latencies = Arc::new(latencies);
            let check = |program, in_flight| {
                let provider = Arc::new(Provider::new(Arc::clone(&latencies)));
                let makespan = makespan(program, &provider, in_flight, 1_024).expect("a makespan");
                provider.check(program.name(), in_flight);
                (makespan, latencies.lower_bound(in_flight))
            };
            for program in Program::ALL {
                // One call at a time: every order is as long as all the work.
                let (makespan, bound) = check(program, 1);
                assert_eq!(makespan, bound, "{program:?}");
                let (makespan, bound) = check(program, 8);
                assert!(makespan >= bound, "{program:?}");
            }
            // Room for all: as long as the slowest input.
            let (makespan, bound) = check(Program::Engine, 1_000);
            assert_eq!(makespan, bound);
        }
    }
}
