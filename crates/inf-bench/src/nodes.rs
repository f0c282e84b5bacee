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

/// How a graph is made.
type Trace = fn() -> Result<InferenceGraph, GraphError>;

/// A graph, how many of its nodes do nothing, and the inputs it is run over.
struct Case {
    name: &'static str,
    trace: Trace,
    nodes: usize,
    input: Value,
    inputs: usize,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let number = || Value::from(7i64);
    let text = || Value::from("x".repeat(1_000));
    let cases: [(_, Trace, _, _, usize); 8] = [
        ("nodes.chain_10", chain::<Value>, 10, number(), 1_000),
        ("nodes.chain_10", chain::<Value>, 10, number(), 10_000),
        ("nodes.chain_10_typed", chain::<i64>, 10, number(), 10_000),
        ("nodes.chain_10_text", chain::<String>, 10, text(), 10_000),
        ("nodes.fan_1000", fan::<1_000>, 1_002, number(), 10),
        ("nodes.fan_1000", fan::<1_000>, 1_002, number(), 100),
        ("nodes.diamond_5", fan::<3>, 5, number(), 10_000),
        ("nodes.diamond_5", fan::<3>, 5, number(), 100_000),
    ];
    let mut figures = Vec::new();
    for (name, trace, nodes, input, inputs) in cases {
        if options
            .only
            .as_deref()
            .is_none_or(|only| name.contains(only))
        {
            let inputs = inputs.div_ceil(options.divide);
            let case = Case {
                name,
                trace,
                nodes,
                input,
                inputs,
            };
            figures.push(measure(&case, options.repeats, &runtime)?);
        }
    }
    Ok(figures)
}

fn measure(case: &Case, repeats: usize, runtime: &Runtime) -> Result<Figure, Failure> {
    let pipeline = (case.trace)()?.bind(ResourceConfig::new())?;
    // Once unmeasured, so that caches and the allocator are warm.
    runtime.block_on(run_over(&pipeline, &case.input, case.inputs.div_ceil(10)))?;
    let mut each = Vec::with_capacity(repeats);
    for _ in 0..repeats {
        let stopwatch = Stopwatch::start();
        runtime.block_on(run_over(&pipeline, &case.input, case.inputs))?;
        each.push(micros_each(stopwatch.stop().cpu, case.inputs * case.nodes));
    }
    let figure = Figure::new(case.name, "us/node", each);
    Ok(figure.with("nodes", case.nodes).with("inputs", case.inputs))
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

/// One node, `WIDTH` nodes that read it, and one that reads them all.
fn fan<const WIDTH: usize>() -> Result<InferenceGraph, GraphError> {
    Tracer::new("fan").trace(|input: Proxy<Value>| {
        let first = no_op(input);
        let middle: Vec<Proxy<Value>> = (0..WIDTH).map(|_| no_op(first)).collect();
        apply::<Vec<Value>, Value>(
            &HostFunction::new("collect", |value: Value| value),
            middle.pack(),
        )
    })
}

fn no_op<T: Data>(value: Proxy<T>) -> Proxy<T> {
    value.then("no_op", |value: T| value)
}
