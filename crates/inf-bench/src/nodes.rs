//! `inf-bench nodes`: what a node costs that does nothing.
//!
//! Host functions that return what they are given, on one thread. The CPU time
//! of a whole run is divided by nodes × inputs: taking an input, its state, its
//! result are all in it, and so is turning values into Rust types and back.
//!
//! The `flow` cases are control flow: what is divided by is the number of branches
//! behind each other, of elements, of iterations. Each has one node that does
//! nothing in its arm or body, so that control flow itself is what is left after
//! the cost of a node; `flow.branch_empty` has arms without nodes.

use inf_engine::Value;
use inf_engine::execution::{BatchResult, ExecutionError, Pipeline};
use inf_engine::graph::{HostFunction, HostFunctions, InferenceGraph};
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
type Trace = fn() -> Result<InferenceGraph, Failure>;

/// How its input is made: not before it is measured, because a long list changes
/// what the allocator does for the others.
type Make = fn() -> Value;

fn number() -> Value {
    7i64.into()
}

fn text() -> Value {
    "x".repeat(1_000).into()
}

fn list<const LENGTH: i64>() -> Value {
    (0..LENGTH).map(Value::from).collect()
}

/// A graph, how many of its nodes do nothing or are control flow, and the inputs
/// it is run over.
struct Case {
    name: &'static str,
    unit: &'static str,
    trace: Trace,
    nodes: usize,
    input: Value,
    inputs: usize,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cases: [(_, Trace, _, Make, usize); 8] = [
        ("nodes.chain_10", chain::<Value>, 10, number, 1_000),
        ("nodes.chain_10", chain::<Value>, 10, number, 10_000),
        ("nodes.chain_10_typed", chain::<i64>, 10, number, 10_000),
        ("nodes.chain_10_text", chain::<String>, 10, text, 10_000),
        ("nodes.fan_1000", fan::<1_000>, 1_002, number, 10),
        ("nodes.fan_1000", fan::<1_000>, 1_002, number, 100),
        ("nodes.diamond_5", fan::<3>, 5, number, 10_000),
        ("nodes.diamond_5", fan::<3>, 5, number, 100_000),
    ];
    let flows: [(_, Trace, _, Make, usize); 8] = [
        ("flow.branch_empty", branches::<false>, 10, number, 10_000),
        ("flow.branch", branches::<true>, 10, number, 10_000),
        ("flow.map", map, 100, list::<100>, 1_000),
        ("flow.map", map, 100_000, list::<100_000>, 1),
        ("flow.fold", fold, 100, list::<100>, 1_000),
        ("flow.fold_tree", fold_tree, 100, list::<100>, 1_000),
        ("flow.repeat", repeat, 100, number, 1_000),
        ("flow.fallback", fallbacks, 10, number, 10_000),
    ];
    let cases = cases.into_iter().map(|case| ("us/node", case));
    let flows = flows.into_iter().map(|case| ("us/run", case));
    let mut figures = Vec::new();
    for (unit, (name, trace, nodes, input, inputs)) in cases.chain(flows) {
        if options
            .only
            .as_deref()
            .is_none_or(|only| name.contains(only))
        {
            let inputs = inputs.div_ceil(options.divide);
            let case = Case {
                name,
                unit,
                trace,
                nodes,
                input: input(),
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
    let figure = Figure::new(case.name, case.unit, each);
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
fn chain<T: Data>() -> Result<InferenceGraph, Failure> {
    let trace = |input: Proxy<T>| (0..10).fold(input, |value, _| no_op(value));
    Ok(Tracer::new("chain").trace(trace)?)
}

/// One node, `WIDTH` nodes that read it, and one that reads them all.
fn fan<const WIDTH: usize>() -> Result<InferenceGraph, Failure> {
    let graph = Tracer::new("fan").trace(|input: Proxy<Value>| {
        let first = no_op(input);
        let middle: Vec<Proxy<Value>> = (0..WIDTH).map(|_| no_op(first)).collect();
        apply::<Vec<Value>, Value>(
            &HostFunction::new("collect", |value: Value| value),
            middle.pack(),
        )
    });
    Ok(graph?)
}

/// Ten branches behind each other, each with or without a node in its arms.
fn branches<const HAS_NODE: bool>() -> Result<InferenceGraph, Failure> {
    let mut nodes = Vec::new();
    let mut last = "input".to_owned();
    for number in 0..10 {
        let arm = |name: &str| {
            if HAS_NODE {
                let node = format!("{name}{number}");
                format!(
                    "{{ nodes: {{ {node}: {{ host: no_op, input: {last} }} }}, output: {node} }}"
                )
            } else {
                format!("{{ output: {last} }}")
            }
        };
        let (seven, default) = (arm("seven"), arm("other"));
        nodes.push(format!(
            "  b{number}: {{ match: input, cases: {{ 7: {seven} }}, default: {default} }}"
        ));
        last = format!("b{number}");
    }
    flow(&nodes.join("\n"), &last)
}

fn map() -> Result<InferenceGraph, Failure> {
    let body = "nodes: { one: { host: no_op, input: element } }, output: one";
    flow(
        &format!("  all: {{ map: input, as: element, {body} }}"),
        "all",
    )
}

const BODY_OF_FOLD: &str = "nodes: { one: { host: no_op, input: right } }, output: one";

fn fold() -> Result<InferenceGraph, Failure> {
    flow(
        &format!("  all: {{ fold: input, as: [left, right], {BODY_OF_FOLD} }}"),
        "all",
    )
}

fn fold_tree() -> Result<InferenceGraph, Failure> {
    flow(
        &format!("  all: {{ fold: input, tree: true, as: [left, right], {BODY_OF_FOLD} }}"),
        "all",
    )
}

fn repeat() -> Result<InferenceGraph, Failure> {
    let body =
        "nodes: { one: { host: no_op, input: state } }, until: { $value: false }, output: one";
    flow(
        &format!("  all: {{ repeat: input, as: state, max: 100, {body} }}"),
        "all",
    )
}

fn fallbacks() -> Result<InferenceGraph, Failure> {
    let mut nodes = Vec::new();
    let mut last = "input".to_owned();
    for number in 0..10 {
        let tried = format!(
            "nodes: {{ one{number}: {{ host: no_op, input: {last} }} }}, output: one{number}"
        );
        nodes.push(format!(
            "  f{number}: {{ try: {{ {tried} }}, fallback: {{ output: input }} }}"
        ));
        last = format!("f{number}");
    }
    flow(&nodes.join("\n"), &last)
}

/// A graph of a file, with the function that does nothing.
fn flow(nodes: &str, output: &str) -> Result<InferenceGraph, Failure> {
    let text = format!("version: 1\nname: flow\nnodes:\n{nodes}\noutput: {output}\n");
    let no_op = HostFunction::new("no_op", |value: Value| value);
    let functions = HostFunctions::new().with(no_op);
    Ok(InferenceGraph::from_text(&text)?.with_host_functions(&functions))
}

fn no_op<T: Data>(value: Proxy<T>) -> Proxy<T> {
    value.then("no_op", |value: T| value)
}
