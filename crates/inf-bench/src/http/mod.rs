//! `inf-bench http`: what the engine adds to an HTTP call.
//!
//! Two sides make the same calls of the same server (`serve`, in a process
//! of its own): the engine, and a loop that anyone would write with reqwest
//! ([`bare_loop`]). They take turns, so that what disturbs this machine
//! disturbs both, and what counts is the ratio.

mod bare_loop;
mod engine;
mod open_files;
#[cfg(test)]
mod same_bytes;
mod serve;

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

pub(crate) use serve::{ServeOptions, reply, request_length, serve};

use self::bare_loop::BareLoop;
use self::engine::Engine;
use self::serve::Server;
use crate::Failure;
use crate::clock::{Stopwatch, Took, micros_each};
use crate::extract_and_compare::ExtractAndCompare;
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What is done with an input.
    #[arg(long, value_enum, default_value = "three")]
    pipeline: PipelineName,
    /// Inputs of each side in each repeat.
    #[arg(long, default_value_t = 20_000, value_parser = crate::figure::count)]
    inputs: usize,
    /// Calls in flight at once; each is measured.
    #[arg(long, default_value = "64,256,1000", value_delimiter = ',', value_parser = crate::figure::count)]
    in_flight: Vec<usize>,
    /// How often both sides are measured, in alternating order.
    #[arg(long, default_value_t = 5, value_parser = crate::figure::count)]
    repeats: usize,
    /// Threads of the client's runtime; 1 is tokio's current-thread runtime.
    #[arg(long, default_value_t = 2, value_parser = crate::figure::count)]
    threads: usize,
    /// Milliseconds after which the server answers.
    #[arg(long, default_value_t = 0)]
    answer_after: usize,
    /// Inputs that the engine has under way at once; its own default unless set.
    #[arg(long)]
    inputs_in_flight: Option<usize>,
    /// Measures one side alone, for a profiler.
    #[arg(long, value_enum)]
    only: Option<SideName>,
}

/// What is done with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PipelineName {
    /// One call.
    One,
    /// Two calls in parallel, and a third that reads their answers.
    Three,
}

impl PipelineName {
    /// The calls for an input.
    fn calls(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => ExtractAndCompare::CALLS,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SideName {
    Engine,
    Bare,
}

/// What both sides are asked to do.
#[derive(Debug, Clone, Copy)]
struct Load {
    inputs: usize,
    /// Latencies are noted for each round: 0 is the warm-up, the others are
    /// the repeats.
    round: usize,
}

/// What one side took in one repeat.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    took: Took,
    /// 99 of 100 calls took no longer.
    p99: Duration,
}

/// The model that both sides ask for.
const MODEL: &str = "bench";

/// The message of a single call: a short question, different for each.
fn prompt(index: usize) -> String {
    format!("Package {index}: list the main facts of its description in one line each.")
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    open_files::check(&options.in_flight)?;
    let runtime = runtime(options.threads)?;
    let mut figures = Vec::new();
    for &in_flight in &options.in_flight {
        let measured = measure(options, in_flight, &runtime)?;
        let with_settings = |figure: Figure| {
            figure
                .with("answer_after", options.answer_after)
                .with("calls_an_input", options.pipeline.calls())
                .with("in_flight", in_flight)
                .with("inputs", options.inputs)
                .with("threads", options.threads)
        };
        figures.extend(measured.into_iter().map(with_settings));
    }
    Ok(figures)
}

/// Measures both sides with one number of calls in flight.
fn measure(options: &Options, in_flight: usize, runtime: &Runtime) -> Result<Vec<Figure>, Failure> {
    let server = Server::start(options.answer_after)?;
    // Pools of their own, each with as many connections as it needs.
    let engine = Engine::new(
        server.base_url(),
        options.pipeline,
        in_flight,
        options.inputs_in_flight,
        1 + options.repeats,
    )?;
    let bare_loop = BareLoop::new(server.base_url(), options.pipeline, in_flight)?;
    let run = |side, load| {
        runtime.block_on(async {
            let stopwatch = Stopwatch::start();
            match side {
                SideName::Engine => engine.run(load).await?,
                SideName::Bare => bare_loop.run(load).await?,
            }
            Ok::<Took, Failure>(stopwatch.stop())
        })
    };
    let sides = match options.only {
        Some(side) => vec![side],
        None => vec![SideName::Engine, SideName::Bare],
    };

    // Once unmeasured: connections are opened here.
    let warm_up = Load {
        inputs: (options.inputs / 10).max(2 * in_flight),
        round: 0,
    };
    for &side in &sides {
        run(side, warm_up)?;
    }
    let _ = bare_loop.take_p99();
    let mut all: [Vec<Measured>; 2] = Default::default();
    for round in 1..=options.repeats {
        let mut sums = [Took::default(); 2];
        let slices = slices(options.inputs, in_flight, options.pipeline.calls());
        for (slice, inputs) in slices.into_iter().enumerate() {
            // Who goes first has no advantage over all slices.
            let mut turn = sides.clone();
            if slice % 2 == 1 {
                turn.reverse();
            }
            for side in turn {
                sums[side as usize] += run(side, Load { inputs, round })?;
            }
        }
        for &side in &sides {
            let p99 = match side {
                SideName::Engine => engine.p99(round),
                SideName::Bare => bare_loop.take_p99(),
            };
            let took = sums[side as usize];
            all[side as usize].push(Measured { took, p99 });
        }
    }
    Ok(figures(
        &sides,
        &all,
        options.inputs * options.pipeline.calls(),
    ))
}

/// The figures of the sides that were measured, with `calls` calls a repeat.
fn figures(sides: &[SideName], all: &[Vec<Measured>; 2], calls: usize) -> Vec<Figure> {
    let names = [
        ["http.engine.cpu", "http.engine.wall", "http.engine.p99"],
        ["http.bare.cpu", "http.bare.wall", "http.bare.p99"],
    ];
    let mut figures = Vec::new();
    for &side in sides {
        let [cpu, wall, p99] = names[side as usize];
        let each = |time: fn(&Measured) -> f64| all[side as usize].iter().map(time).collect();
        let per_call = |time: fn(&Took) -> Duration| {
            let repeats = all[side as usize].iter();
            repeats
                .map(|repeat| micros_each(time(&repeat.took), calls))
                .collect()
        };
        figures.push(Figure::new(cpu, "us/call", per_call(|took| took.cpu)));
        figures.push(Figure::new(wall, "us/call", per_call(|took| took.wall)));
        figures.push(Figure::new(p99, "us", each(|one| micros_each(one.p99, 1))));
    }
    if sides.len() == 2 {
        let compare = |compare: fn(&Measured, &Measured) -> f64| {
            let pairs = all[0].iter().zip(&all[1]);
            pairs.map(|(engine, bare)| compare(engine, bare)).collect()
        };
        let cpu = compare(|engine, bare| engine.took.cpu.div_duration_f64(bare.took.cpu));
        let wall = compare(|engine, bare| engine.took.wall.div_duration_f64(bare.took.wall));
        let excess = compare(|engine, bare| micros_each(engine.p99, 1) - micros_each(bare.p99, 1));
        figures.push(Figure::new("http.ratio.cpu", "x", cpu));
        figures.push(Figure::new("http.ratio.wall", "x", wall));
        figures.push(Figure::new("http.excess.p99", "us", excess));
    }
    figures
}

/// The inputs of a repeat, in an even number of slices of nearly the same size:
/// a disturbance that is longer than a slice meets both sides. A slice has at
/// least ten times the calls in flight, so that its beginning and its end are a
/// small part of it.
fn slices(inputs: usize, in_flight: usize, calls_an_input: usize) -> Vec<usize> {
    const CALLS_A_SLICE: usize = 2_000;
    let inputs_a_slice = CALLS_A_SLICE.max(10 * in_flight).div_ceil(calls_an_input);
    let count = inputs.div_ceil(inputs_a_slice);
    let count = count.next_multiple_of(2).min(inputs);
    (0..count)
        .map(|slice| inputs * (slice + 1) / count - inputs * slice / count)
        .collect()
}

fn runtime(threads: usize) -> Result<Runtime, Failure> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    Ok(builder.worker_threads(threads).enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_add_up() {
        let check = |inputs, in_flight, calls, expected: &[usize]| {
            assert_eq!(slices(inputs, in_flight, calls), expected);
        };
        check(1, 64, 1, &[1]);
        check(5, 64, 1, &[2, 3]);
        check(6_001, 64, 1, &[1_500, 1_500, 1_500, 1_501]);
        check(20_000, 64, 1, &[2_000; 10]);
        check(
            20_000,
            1_000,
            3,
            &[3_333, 3_333, 3_334, 3_333, 3_333, 3_334],
        );
    }
}
