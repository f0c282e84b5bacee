//! `inf check`: validate everything and estimate the calls; calls nothing.

use std::fmt::Write;
use std::sync::Arc;

use inf_engine::execution::Estimate;
use inf_engine::graph::{GraphNode, InferenceGraph, Keep, Operation};
use inf_engine::resources::{Price, Tokenizer};
use inf_engine::value::Schema;

use super::preparation::{bind, load, problems_of_resources, warn};
use crate::arguments::CheckArguments;
use crate::command_error::CommandError;
use crate::console::{counted, grouped};
use crate::exit_code::Exit;
use crate::input::{InputSource, Records};

/// The bad inputs that are shown.
const SHOWN: u64 = 5;

pub(crate) fn execute(arguments: &CheckArguments) -> Result<Exit, CommandError> {
    let mut problems = Vec::new();
    let mut report = String::new();
    match load(&arguments.pipeline) {
        Ok(graph) => {
            warn(&graph);
            let resources = arguments.resources.as_deref();
            let bound = bind(graph.clone(), &arguments.pipeline, resources);
            let pipeline = bound.map_err(|more| problems.extend(more)).ok();
            let resources = pipeline.as_ref().map(|pipeline| &**pipeline.resources());
            let graph = Arc::new(graph);
            let mut estimate = Estimate::new(&graph, resources);
            let inputs = check_inputs(arguments, graph.input(), Some(&mut estimate), &mut problems);
            report = write_report(arguments, &graph, &estimate, inputs, pipeline.is_some());
        }
        // The other files can be checked all the same.
        Err(problem) => {
            problems.push(problem);
            problems.extend(problems_of_resources(arguments.resources.as_deref()));
            check_inputs(arguments, &Schema::any(), None, &mut problems);
        }
    }
    super::print(&report)?;
    if problems.is_empty() {
        Ok(Exit::Success)
    } else {
        Err(problems.into())
    }
}

/// The number of inputs and of those that are as they should be; `None` if
/// there are none to check.
fn check_inputs(
    arguments: &CheckArguments,
    schema: &Schema,
    mut estimate: Option<&mut Estimate>,
    problems: &mut Vec<String>,
) -> Option<(u64, u64)> {
    let source = InputSource::open(arguments.input.as_ref()?, arguments.input_format);
    let records = match source.and_then(|source| Records::new(source, schema)) {
        Ok(records) => records,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let (mut good, mut bad) = (0, 0);
    for record in records {
        match record {
            Ok(input) => {
                good += 1;
                if let Some(estimate) = &mut estimate {
                    estimate.add(&input);
                }
            }
            Err(problem) => {
                bad += 1;
                if bad <= SHOWN {
                    problems.push(problem);
                }
            }
        }
    }
    if bad > SHOWN {
        let more = counted(bad - SHOWN, "more input", "more inputs");
        problems.push(format!("{more} can't be run"));
    }
    Some((good + bad, good))
}

/// How many nodes there are, and of which kinds.
fn describe_nodes(graph: &InferenceGraph) -> String {
    let kind_of = |operation: &Operation| match operation {
        Operation::Llm(_) => Some(("call", "calls")),
        Operation::Prompt(_) => Some(("prompt", "prompts")),
        Operation::Host(_) => Some(("host function", "host functions")),
        Operation::Compute { .. } => Some(("computation", "computations")),
        Operation::Pack(_) => Some(("pack", "packs")),
        Operation::Branch(_) => Some(("branch", "branches")),
        Operation::Map(map) if map.keep == Keep::Elements => Some(("filter", "filters")),
        Operation::Map(_) => Some(("map", "maps")),
        Operation::Fold(_) => Some(("fold", "folds")),
        Operation::Repeat(_) => Some(("loop", "loops")),
        Operation::Fallback(_) => Some(("fallback", "fallbacks")),
        _ => None,
    };
    let mut kinds: Vec<((&str, &str), u64)> = Vec::new();
    for kind in graph
        .nodes()
        .iter()
        .filter_map(|node| kind_of(node.operation()))
    {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds.sort_unstable();
    let kinds = kinds
        .into_iter()
        .map(|((one, many), count)| counted(count, one, many));
    let kinds: Vec<String> = kinds.collect();
    // The input and arguments are not nodes that anyone wrote.
    let is_given = |operation| matches!(operation, &Operation::Input | &Operation::Argument);
    let written = graph.nodes().iter().map(GraphNode::operation);
    let written = written.filter(|operation| !is_given(*operation)).count();
    let nodes = counted(written as u64, "node", "nodes");
    if kinds.is_empty() {
        nodes
    } else {
        format!("{nodes}: {}", kinds.join(", "))
    }
}

fn write_report(
    arguments: &CheckArguments,
    graph: &InferenceGraph,
    estimate: &Estimate,
    inputs: Option<(u64, u64)>,
    is_bound: bool,
) -> String {
    let mut report = String::new();
    // Writing to a text can't fail.
    let mut line = |text: &str| {
        let _ = writeln!(report, "{text}");
    };
    line(&format!(
        "pipeline   {} ({})",
        graph.name(),
        describe_nodes(graph)
    ));
    match &arguments.resources {
        Some(path) => line(&format!("resources  {}", path.display())),
        None => line("resources  none: every alias is the built-in simulated provider"),
    }
    if let Some((all, good)) = inputs {
        line(&format!(
            "inputs     {}, of which {} can be run",
            grouped(all),
            grouped(good)
        ));
    }
    line("");
    let names = [
        "alias",
        "model",
        "calls per input",
        "calls",
        "input tokens",
        "output tokens",
        "cost",
    ];
    let mut table = vec![names.map(str::to_owned)];
    table.extend(estimate.aliases().iter().map(|alias| {
        let about = |tokens| format!("~{}", grouped(tokens));
        let cost = match alias.cost.total() {
            Some(dollars) => format!("~{dollars}"),
            None => "unknown".to_owned(),
        };
        [
            alias.alias.clone(),
            alias.model.clone().unwrap_or_else(|| "unknown".to_owned()),
            match inputs {
                Some((_, good)) if good > 0 => average(alias.calls, good),
                _ => grouped(alias.calls_per_input),
            },
            grouped(alias.calls),
            about(alias.input_tokens),
            about(alias.output_tokens),
            cost,
        ]
    }));
    // Of models that nobody could look up there is nothing to tell but the calls.
    let columns: &[usize] = match (is_bound, inputs.is_some()) {
        (true, true) => &[0, 1, 2, 3, 4, 5, 6],
        (true, false) => &[0, 1, 2],
        (false, true) => &[0, 2, 3],
        (false, false) => &[0, 2],
    };
    let width = |column: usize| {
        let widths = table.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(|column| width(*column)).collect();
    for row in &table {
        let cells = columns.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(&column, &width)| {
                let cell = &row[column];
                if column < 2 {
                    format!("{cell:width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        line(cells.join("  ").trim_end());
    }
    let assumptions = estimate.assumptions();
    if inputs.is_none() && !assumptions.is_empty() {
        line("");
        for assumption in assumptions {
            line(&format!("* {assumption}."));
        }
    }
    if is_bound && inputs.is_some_and(|(_, good)| good > 0) {
        line("");
        match estimate.cost() {
            cost if cost.known.is_zero() => line(&format!("cost       {cost}")),
            cost => line(&format!("cost       about {cost}")),
        }
        line("");
        for sentence in basis(estimate) {
            line(&sentence);
        }
    }
    report
}

/// How many calls an input makes, of which some may make more than others.
fn average(calls: u64, inputs: u64) -> String {
    if calls.is_multiple_of(inputs) {
        return grouped(calls / inputs);
    }
    let hundredths = calls.saturating_mul(100) / inputs;
    format!("{}.{:02}", grouped(hundredths / 100), hundredths % 100)
}

/// What the numbers of an estimate are based on.
fn basis(estimate: &Estimate) -> Vec<String> {
    let mut sentences = vec!["This is an estimate; nothing was called.".to_owned()];
    let mut tokenizers: Vec<(Tokenizer, Vec<String>)> = Vec::new();
    for alias in estimate.aliases() {
        let name = format!("`{}`", alias.alias);
        let known = tokenizers
            .iter_mut()
            .find(|(known, _)| *known == alias.tokenizer);
        match known {
            Some((_, names)) => names.push(name),
            None => tokenizers.push((alias.tokenizer, vec![name])),
        }
    }
    for (tokenizer, names) in tokenizers {
        sentences.push(format!(
            "* Requests to {} are counted by {tokenizer}.",
            names.join(", ")
        ));
    }
    let unbounded: u64 = estimate
        .aliases()
        .iter()
        .map(|alias| alias.unbounded_calls)
        .sum();
    let assumed = Estimate::ASSUMED_ANSWER;
    let answers = match (unbounded, estimate.calls()) {
        (0, _) => "as long as `max_tokens` allows".to_owned(),
        (some, all) if some == all => format!("{assumed} tokens long: no call has `max_tokens`"),
        (some, _) => format!(
            "as long as `max_tokens` allows, or {assumed} tokens, which is the case for {}",
            counted(some, "call", "calls")
        ),
    };
    sentences.push(format!("* Answers are taken to be {answers}."));
    let assumptions = estimate.assumptions().into_iter();
    sentences.extend(assumptions.map(|assumption| format!("* {assumption}.")));
    let is_priced = |is: bool| {
        let aliases = estimate.aliases().iter();
        let aliases = aliases.filter(move |alias| alias.price.is_some() == is);
        aliases
            .map(|alias| format!("`{}`", alias.alias))
            .collect::<Vec<_>>()
    };
    if !is_priced(true).is_empty() {
        sentences.push(format!(
            "* Prices are the `price` of the resources, or from the providers' lists of {}.",
            Price::LISTED_ON
        ));
    }
    let unpriced = is_priced(false);
    if !unpriced.is_empty() {
        sentences.push(format!(
            "* What calls of {} cost is not known: write `price: {{ input: …, output: … }}`, in dollars for a million tokens, in the resources.",
            unpriced.join(", ")
        ));
    }
    sentences
}
