//! `inf-bench nodes`: what a node costs that does nothing.
//!
//! Host functions that return what they are given, on one thread. The CPU time
//! of a whole run is divided by nodes × inputs: taking an input, its state, its
//! result are all in it, and so is turning values into Rust types and back.

use inf_engine::Value;
use inf_engine::execution::{BatchResult, ExecutionError, Pipeline};
use inf_engine::graph::{GraphError, HostFunction, InferenceGraph};
use inf_engine::resources::ResourceConfig;
use inf_engine::trace::{Pack, Proxy, Tracer, apply};
use inf_engine::value::Data;
use tokio::runtime::{Builder, Runtime};

use crate::Failure;
use crate::clock::{Stopwatch, micros_each};
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each figure is measured.
    #[arg(long, default_value_t = 7, value_parser = crate::figure::count)]
    repeats: usize,
    /// Divides the number of inputs.
    #[arg(long, default_value_t = 1, value_parser = crate::figure::count)]
    divide: usize,
    /// Measures only the cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

/// A graph, how many of its nodes do nothing, and the inputs it is run over.
struct Case {
    name: &'static str,
    graph: InferenceGraph,
    nodes: usize,
    input: Value,
    inputs: usize,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let number = || Value::from(7i64);
    let text = || Value::from("x".repeat(1_000));
    let case = |name, graph, nodes, input, inputs| Case {
        name,
        graph,
        nodes,
        input,
        inputs,
    };
    let cases = [
        case("nodes.chain_10", chain::<Value>()?, 10, number(), 1_000),
        case("nodes.chain_10", chain::<Value>()?, 10, number(), 10_000),
        case(
            "nodes.chain_10_typed",
            chain::<i64>()?,
            10,
            number(),
            10_000,
        ),
        case(
            "nodes.chain_10_text",
            chain::<String>()?,
            10,
            text(),
            10_000,
        ),
        case("nodes.fan_1000", fan(1_000)?, 1_002, number(), 10),
        case("nodes.fan_1000", fan(1_000)?, 1_002, number(), 100),
        case("nodes.diamond_5", fan(3)?, 5, number(), 10_000),
        case("nodes.diamond_5", fan(3)?, 5, number(), 100_000),
    ];
    let is_asked = |case: &Case| {
        options
            .only
            .as_deref()
            .is_none_or(|only| case.name.contains(only))
    };
    cases
        .into_iter()
        .filter(is_asked)
        .map(|case| measure(case, options, &runtime))
        .collect()
}

fn measure(case: Case, options: &Options, runtime: &Runtime) -> Result<Figure, Failure> {
    let pipeline = case.graph.bind(ResourceConfig::new())?;
    let inputs = case.inputs.div_ceil(options.divide);
    // Once unmeasured, so that caches and the allocator are warm.
    runtime.block_on(run_over(&pipeline, &case.input, inputs.div_ceil(10)))?;
    let mut repeats = Vec::with_capacity(options.repeats);
    for _ in 0..options.repeats {
        let stopwatch = Stopwatch::start();
        runtime.block_on(run_over(&pipeline, &case.input, inputs))?;
        repeats.push(micros_each(stopwatch.stop().cpu, inputs * case.nodes));
    }
    let figure = Figure::new(case.name, "us/node", repeats);
    Ok(figure.with("nodes", case.nodes).with("inputs", inputs))
}

async fn run_over(pipeline: &Pipeline, input: &Value, count: usize) -> Result<(), ExecutionError> {
    let inputs = std::iter::repeat_n(input.clone(), count);
    let mut results = pipeline.stream(inputs);
    let mut ended = 0;
    while let Some(BatchResult { output, .. }) = results.next().await {
        output?;
        ended += 1;
    }
    assert_eq!(ended, count, "every input has one result");
    Ok(())
}

/// Ten nodes behind each other.
fn chain<T: Data>() -> Result<InferenceGraph, GraphError> {
    Tracer::new("chain").trace(|input: Proxy<T>| (0..10).fold(input, |value, _| no_op(value)))
}

/// One node, `width` nodes that read it, and one that reads them all.
fn fan(width: usize) -> Result<InferenceGraph, GraphError> {
    Tracer::new("fan").trace(|input: Proxy<Value>| {
        let first = no_op(input);
        let middle: Vec<Proxy<Value>> = (0..width).map(|_| no_op(first)).collect();
        apply::<Vec<Value>, Value>(
            &HostFunction::new("no_op", |value: Value| value),
            middle.pack(),
        )
    })
}

fn no_op<T: Data>(value: Proxy<T>) -> Proxy<T> {
    value.then("no_op", |value: T| value)
}
