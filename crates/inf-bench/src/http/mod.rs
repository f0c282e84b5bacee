//! `inf-bench http`: what the engine adds to an HTTP call.
//!
//! Two sides make the same calls of the same server (`serve`, in a process
//! of its own): the engine, and a loop that anyone would write with reqwest
//! ([`bare_loop`]). They take turns, so that what disturbs this machine
//! disturbs both, and what counts is the ratio.

mod bare_loop;
mod engine;
#[cfg(test)]
mod same_bytes;
mod serve;

use tokio::runtime::{Builder, Runtime};

pub(crate) use serve::serve;

use self::bare_loop::BareLoop;
use self::engine::Engine;
use self::serve::Server;
use crate::Failure;
use crate::clock::{Stopwatch, Took, micros_each};
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Calls of each side in each repeat.
    #[arg(long, default_value_t = 20_000, value_parser = crate::figure::count)]
    calls: usize,
    /// Calls in flight at once.
    #[arg(long, default_value_t = 64, value_parser = crate::figure::count)]
    in_flight: usize,
    /// How often both sides are measured, in alternating order.
    #[arg(long, default_value_t = 7, value_parser = crate::figure::count)]
    repeats: usize,
    /// Threads of the client's runtime; 1 is tokio's current-thread runtime.
    #[arg(long, default_value_t = 2, value_parser = crate::figure::count)]
    threads: usize,
    /// Inputs that the engine has under way at once; its own default unless set.
    #[arg(long)]
    inputs_in_flight: Option<usize>,
    /// Measures one side alone, for a profiler.
    #[arg(long, value_enum)]
    only: Option<SideName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SideName {
    Engine,
    Bare,
}

/// What both sides are asked to do.
#[derive(Debug, Clone, Copy)]
struct Load {
    calls: usize,
    in_flight: usize,
}

/// The model that both sides ask for.
const MODEL: &str = "bench";

/// The message of a call: a short question, different for each.
fn prompt(index: usize) -> String {
    format!("Package {index}: list the main facts of its description in one line each.")
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let runtime = runtime(options.threads)?;
    let server = Server::start()?;
    let load = Load {
        calls: options.calls,
        in_flight: options.in_flight,
    };
    // Pools of their own, each with as many connections as it needs.
    let engine = Engine::new(server.base_url(), load, options.inputs_in_flight)?;
    let bare_loop = BareLoop::new(server.base_url())?;
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
        calls: (load.calls / 10).max(2 * load.in_flight),
        ..load
    };
    for &side in &sides {
        run(side, warm_up)?;
    }
    let mut all: [Vec<Took>; 2] = Default::default();
    for _ in 0..options.repeats {
        let mut sums = [Took::default(); 2];
        for (slice, calls) in slices(load.calls).into_iter().enumerate() {
            // Who goes first has no advantage over all slices.
            let mut turn = sides.clone();
            if slice % 2 == 1 {
                turn.reverse();
            }
            for side in turn {
                sums[side as usize] += run(side, Load { calls, ..load })?;
            }
        }
        for &side in &sides {
            all[side as usize].push(sums[side as usize]);
        }
    }

    let mut figures = Vec::new();
    let names = [
        ("http.engine.cpu", "http.engine.wall"),
        ("http.bare.cpu", "http.bare.wall"),
    ];
    for &side in &sides {
        let (cpu, wall) = names[side as usize];
        let took = &all[side as usize];
        let each = |time: fn(&Took) -> _| {
            took.iter()
                .map(|took| micros_each(time(took), load.calls))
                .collect()
        };
        figures.push(Figure::new(cpu, "us/call", each(|took| took.cpu)));
        figures.push(Figure::new(wall, "us/call", each(|took| took.wall)));
    }
    if options.only.is_none() {
        let ratio = |time: fn(&Took) -> std::time::Duration| {
            let pairs = all[0].iter().zip(&all[1]);
            pairs
                .map(|(engine, bare)| time(engine).div_duration_f64(time(bare)))
                .collect()
        };
        figures.push(Figure::new("http.ratio.cpu", "x", ratio(|took| took.cpu)));
        figures.push(Figure::new("http.ratio.wall", "x", ratio(|took| took.wall)));
    }
    let with_settings = |figure: Figure| {
        figure
            .with("calls", load.calls)
            .with("in_flight", load.in_flight)
            .with("threads", options.threads)
    };
    Ok(figures.into_iter().map(with_settings).collect())
}

/// The calls of a repeat, in an even number of slices of nearly the same size:
/// a disturbance that is longer than a slice meets both sides.
fn slices(calls: usize) -> Vec<usize> {
    const CALLS_A_SLICE: usize = 2_000;
    let count = calls.div_ceil(CALLS_A_SLICE).next_multiple_of(2).min(calls);
    (0..count)
        .map(|slice| calls * (slice + 1) / count - calls * slice / count)
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
        let check = |calls, expected: &[usize]| assert_eq!(slices(calls), expected);
        check(1, &[1]);
        check(5, &[2, 3]);
        check(6_001, &[1_500, 1_500, 1_500, 1_501]);
        assert_eq!(slices(20_000), [2_000; 10]);
    }
}
