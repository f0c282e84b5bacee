//! `inf journal DIR calls`: the calls, one a line.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use inf_engine::journal::{CallRecord, Record};

use super::table::{Side, Table, moment};
use crate::arguments::CallFilter;
use crate::command_error::CommandError;
use crate::console::{compact, shorten};
use crate::exit_code::Exit;
use crate::node_path::without_places;

pub(super) fn execute(folder: &Path, filter: &CallFilter) -> Result<Exit, CommandError> {
    let most = filter.limit.get();
    let mut calls: VecDeque<[String; 9]> = VecDeque::new();
    let mut nodes = BTreeSet::new();
    let mut has_node = filter.node.is_none();
    super::read(super::open(folder)?, |record| {
        let Record::Call(call) = record else { return };
        if !is_of_node(filter, &call) {
            nodes.insert(without_places(&call.path));
            return;
        }
        has_node = true;
        if filter.failed && call.outcome.is_ok() {
            return;
        }
        // The newest are shown.
        if calls.len() == most {
            calls.pop_front();
        }
        calls.push_back(cells(&call));
    })?;
    if let Some(node) = filter.node.as_ref().filter(|_| !has_node) {
        return Err(no_such_node(folder, node, &nodes));
    }
    if calls.is_empty() {
        let none = if filter.failed {
            "no call failed\n"
        } else {
            "no calls\n"
        };
        return crate::commands::print(none);
    }
    let mut table = Table::new([
        ("began (UTC)", Side::Left),
        ("run", Side::Right),
        ("input", Side::Left),
        ("node", Side::Left),
        ("model", Side::Left),
        ("took", Side::Right),
        ("tokens", Side::Right),
        ("cost", Side::Right),
        ("answer", Side::Left),
    ]);
    for call in calls {
        table.row(call);
    }
    crate::commands::print(&table.shown(""))
}

fn is_of_node(filter: &CallFilter, call: &CallRecord) -> bool {
    let is_it = |node: &String| {
        let mut parts = call.path.split('/');
        call.path.as_ref() == node
            || parts.any(|part| part.split('[').next() == Some(node.as_str()))
    };
    filter.node.as_ref().is_none_or(is_it)
}

fn no_such_node(folder: &Path, node: &str, nodes: &BTreeSet<String>) -> CommandError {
    let nodes: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
    let instead = if nodes.is_empty() {
        "there are no calls at all".to_owned()
    } else {
        format!("there are calls of {}", nodes.join(", "))
    };
    let folder = folder.display();
    CommandError::new(format!(
        "{folder} has no call of a node `{node}`; {instead}"
    ))
}

fn cells(call: &CallRecord) -> [String; 9] {
    let (tokens, answer) = match &call.outcome {
        Ok(response) => {
            let usage = response.usage;
            let tokens = format!(
                "{} + {}",
                compact(usage.input_tokens),
                compact(usage.output_tokens)
            );
            let answer = match response.tool_calls.first() {
                Some(tool) if response.text.is_empty() => format!("calls `{}`", tool.name),
                _ => shorten(&response.text, 40),
            };
            (tokens, answer)
        }
        Err(failure) => {
            let message = shorten(&failure.message, 60);
            (String::new(), format!("{}: {message}", failure.kind))
        }
    };
    let input = call.input.to_string();
    let node = if call.turn > 1 {
        format!("{} (turn {})", call.path, call.turn)
    } else {
        call.path.to_string()
    };
    [
        moment(call.began_at.as_millis()),
        call.run.to_string(),
        input[..8].to_owned(),
        node,
        call.model.to_string(),
        format!("{:.2} s", call.took.as_secs_f64()),
        tokens,
        call.cost.to_string(),
        answer,
    ]
}
