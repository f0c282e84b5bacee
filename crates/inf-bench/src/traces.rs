//! `inf-bench traces`: how fast a module becomes a graph.

use inf_engine::prelude::*;

use crate::Failure;
use crate::clock::{Stopwatch, micros_each};
use crate::extract_and_compare::ExtractAndCompare;
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each figure is measured.
    #[arg(long, default_value_t = 7, value_parser = crate::figure::count)]
    repeats: usize,
    /// Divides the number of traces.
    #[arg(long, default_value_t = 1, value_parser = crate::figure::count)]
    divide: usize,
}

/// Calls behind each other, each of its own module.
#[derive(Module)]
struct Layers {
    layers: Vec<LlmInference>,
}

impl Forward for Layers {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        self.layers.iter().fold(text, |text, layer| {
            layer.call(prompt!("Improve this:\n{text}"))
        })
    }
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let layers = (0..1_000).map(|_| LlmInference::new("fast").system_prompt("Be brief."));
    let layers = Layers {
        layers: layers.collect(),
    };
    Ok([
        measure(
            "traces.extract_and_compare",
            &ExtractAndCompare::new("fast", "smart"),
            10_000,
            options,
        )?,
        measure("traces.layers_1000", &layers, 100, options)?,
    ]
    .concat())
}

fn measure(
    name: &'static str,
    module: &impl Forward,
    count: usize,
    options: &Options,
) -> Result<Vec<Figure>, Failure> {
    let count = count.div_ceil(options.divide);
    // The first trace is not measured; it says how large the graph is.
    let nodes = module.trace()?.nodes().len() - 1;
    let mut repeats = Vec::with_capacity(options.repeats);
    for _ in 0..options.repeats {
        let stopwatch = Stopwatch::start();
        for _ in 0..count {
            std::hint::black_box(module.trace()?);
        }
        repeats.push(1e6 / micros_each(stopwatch.stop().cpu, count));
    }
    let figure = Figure::new(name, "traces/s", repeats);
    Ok(vec![figure.with("nodes", nodes).with("traces", count)])
}
