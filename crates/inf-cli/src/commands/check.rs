//! `inf check`: validate everything and estimate the calls; calls nothing.

use std::fmt::Write;

use inf_engine::graph::{InferenceGraph, NodeRef, Operation};
use inf_engine::value::Schema;

use super::preparation::{bind, load, problems_of_resources};
use crate::arguments::CheckArguments;
use crate::command_error::CommandError;
use crate::console::{counted, grouped, tell};
use crate::estimate::{CHARACTERS_PER_TOKEN, Estimate, TOKENS_PER_ANSWER};
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
            let mut estimate = Estimate::new(&graph);
            let inputs = check_inputs(arguments, graph.input(), Some(&mut estimate), &mut problems);
            report = write_report(arguments, &graph, &estimate, inputs);
            let bound = bind(
                graph.clone(),
                &arguments.pipeline,
                arguments.resources.as_deref(),
            );
            // Before the inputs, as they come last in the command as well.
            problems.splice(0..0, bound.err().unwrap_or_default());
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

/// Says what is allowed and probably not meant.
fn warn(graph: &InferenceGraph) {
    if ignores_input(graph) {
        let properties = graph.input().as_json()["properties"].as_object();
        let field = properties.and_then(|properties| properties.keys().next());
        let reference = field.map_or_else(|| "input".to_owned(), |field| format!("input.{field}"));
        tell(format_args!(
            "warning: no call reads the input: every input makes the same calls; use it in a prompt, as in `{{{reference}}}`"
        ));
    }
    for node in graph.unused_nodes() {
        let node = graph.node(node);
        let name = node.name();
        let cost = match node.operation() {
            Operation::Llm(_) => ", and is paid for",
            _ => "",
        };
        tell(format_args!(
            "warning: nothing uses node `{name}`: it runs all the same{cost}; use it in `output` or remove it"
        ));
    }
}

/// Whether there are calls, and none of them depends on the input.
fn ignores_input(graph: &InferenceGraph) -> bool {
    let is_call = |node: &NodeRef| matches!(graph.node(*node).operation(), Operation::Llm(_));
    let calls = graph.enumerate().any(|(node, _)| is_call(&node));
    calls && !graph.descendants(NodeRef::INPUT).iter().any(is_call)
}

/// The number of inputs and of those that are as they should be; `None` if
/// there are none to check.
fn check_inputs(
    arguments: &CheckArguments,
    schema: &Schema,
    mut estimate: Option<&mut Estimate<'_>>,
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
    // The input is not a node that anyone wrote.
    let nodes = counted(graph.nodes().len() as u64 - 1, "node", "nodes");
    if kinds.is_empty() {
        nodes
    } else {
        format!("{nodes}: {}", kinds.join(", "))
    }
}

fn write_report(
    arguments: &CheckArguments,
    graph: &InferenceGraph,
    estimate: &Estimate<'_>,
    inputs: Option<(u64, u64)>,
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
    let mut table = vec![["alias", "calls per input", "calls", "input tokens"].map(str::to_owned)];
    table.extend(estimate.aliases().iter().map(|alias| {
        let per_input = grouped(alias.calls_per_input);
        let tokens = format!("~{}", grouped(alias.input_tokens()));
        [
            alias.alias.to_owned(),
            per_input,
            grouped(alias.calls),
            tokens,
        ]
    }));
    let columns = if inputs.is_some() { 4 } else { 2 };
    let width = |column: usize| {
        let widths = table.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, &width))| {
                if column == 0 {
                    format!("{cell:width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        line(cells.join("  ").trim_end());
    }
    if inputs.is_some() {
        line(&format!(
            "\nTokens are an estimate: about {CHARACTERS_PER_TOKEN} characters each. An answer that goes into a \
             later prompt counts as the\n`max_tokens` of its call, or as {TOKENS_PER_ANSWER}."
        ));
    }
    report
}
