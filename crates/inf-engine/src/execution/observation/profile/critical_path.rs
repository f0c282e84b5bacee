//! [`CriticalPath`]: the nodes that decided when an input ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::call_record::{CallRecord, Ending};
use super::recording::{Recording, SlowInput};
use super::spans::{Micros, Spans};
use super::summary::seconds;
use super::waits::{Waits, WaitsFor, visit_waits};
use crate::graph::{InferenceGraph, NodeRef};

/// The chain of nodes that decided when an input ended: the one that ended
/// last, before it the one of those it reads that ended last, and so on. Had one
/// of these been quicker, the input might have ended sooner; had another one
/// been, it would not.
///
/// [`ProfileSummary`](crate::execution::ProfileSummary) has those of the slowest inputs, and shows one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CriticalPath {
    /// The name of the graph.
    pub graph: String,
    /// The place of the run among those of the profile, from 0.
    pub run: usize,
    /// The place of the input among those of the run, from 0.
    pub input: usize,
    /// Whether it has no output.
    pub has_failed: bool,
    /// From taking the input to its end.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// The chain, from the input to the end. Nodes that are done on the spot
    /// are left out.
    pub steps: Vec<CriticalStep>,
    /// The rest of `took`: what is done on the spot, and nodes that were given
    /// up before they started.
    #[serde(serialize_with = "seconds")]
    pub elsewhere: Duration,
}

/// A node of a [`CriticalPath`].
///
/// [`ProfileSummary`](crate::execution::ProfileSummary) shows a path of two.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CriticalStep {
    /// The name of the node.
    pub node: String,
    /// What it calls, if it calls a model.
    pub alias: Option<String>,
    /// How often it was started: retries, refusals and second requests count.
    pub attempts: usize,
    /// What it waited for while no call of it was under way.
    pub waits: Waits,
    /// The time in which a call of it, or a tool that it called, was under way.
    #[serde(serialize_with = "seconds")]
    pub calling: Duration,
}

/// The attempts of one input, by node.
type ByNode<'r> = BTreeMap<NodeRef, Vec<&'r CallRecord>>;

/// The ways of the slowest inputs, the slowest first.
pub(super) fn of_slowest(recording: &Recording) -> Vec<CriticalPath> {
    let slowest = &recording.slowest_inputs;
    let mut attempts: Vec<ByNode<'_>> = vec![ByNode::new(); slowest.len()];
    for call in recording.calls.iter() {
        let is_of = |slow: &SlowInput| slow.run == call.run && slow.input as u64 == call.input;
        if let Some(place) = slowest.iter().position(is_of) {
            attempts[place].entry(call.node).or_default().push(call);
        }
    }
    let ways = slowest.iter().zip(&attempts);
    ways.map(|(slow, by_node)| way_of(recording, slow, by_node))
        .collect()
}

fn way_of(recording: &Recording, slow: &SlowInput, by_node: &ByNode<'_>) -> CriticalPath {
    let graph = &recording.graphs[slow.graph as usize].graph;
    let mut steps = Vec::new();
    let mut next = last_of(by_node.keys().copied(), by_node);
    while let Some(node) = next {
        steps.push(step_of(recording, graph, node, &by_node[&node]));
        next = last_of(reads(graph, node, by_node), by_node);
    }
    steps.reverse();
    let took = Duration::from_micros(slow.ended - slow.started);
    let on_the_way = steps.iter().map(|step| step.waits.total() + step.calling);
    CriticalPath {
        graph: graph.name().to_owned(),
        run: slow.run as usize,
        input: slow.input,
        has_failed: slow.has_failed,
        took,
        elsewhere: took.saturating_sub(on_the_way.sum()),
        steps,
    }
}

/// The node that ended last.
fn last_of(nodes: impl IntoIterator<Item = NodeRef>, by_node: &ByNode<'_>) -> Option<NodeRef> {
    let nodes = nodes.into_iter();
    nodes.max_by_key(|node| (end_of(&by_node[node]), *node))
}

/// When a node had its value, or was given up.
fn end_of(attempts: &[&CallRecord]) -> Micros {
    // One that a node of control flow runs may have had several.
    let completed = attempts
        .iter()
        .filter(|call| call.ending == Ending::Completed && !call.is_tool());
    let completed = completed.map(|call| call.ended).max();
    let last = attempts.iter().map(|call| call.ended).max();
    completed.or(last).unwrap_or(0)
}

/// The nodes with attempts that `node` reads, directly or through what is done
/// on the spot.
fn reads(graph: &InferenceGraph, node: NodeRef, by_node: &ByNode<'_>) -> Vec<NodeRef> {
    let mut found = Vec::new();
    let mut seen = vec![false; graph.nodes().len()];
    let mut open = waited_for(graph, node);
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node.index()], true) {
            continue;
        }
        if by_node.contains_key(&node) {
            found.push(node);
        } else {
            open.extend(waited_for(graph, node));
        }
    }
    found
}

/// What `node` waited for: what it reads, what it runs, and what those waited for
/// that run it.
fn waited_for(graph: &InferenceGraph, node: NodeRef) -> Vec<NodeRef> {
    let found = graph.node(node);
    let mut nodes = graph.dependencies(node);
    for region in found.operation().regions() {
        nodes.extend(graph.region(region).nodes().map(NodeRef::new));
    }
    for around in graph.conditions(node) {
        nodes.extend(graph.dependencies(around.owner));
    }
    nodes
}

/// What was waited for, each moment once, while nothing was under way.
fn waits_beside(
    calling: &Spans,
    visit_all: impl FnOnce(&mut dyn FnMut(WaitsFor, Micros, Micros)),
) -> Waits {
    let mut pieces = Vec::new();
    visit_all(&mut |waits_for, from, until| pieces.push((from, until, waits_for)));
    pieces.sort_unstable_by_key(|(from, until, _)| (*from, *until));
    let mut waits = Waits::default();
    let mut counted = 0;
    for (from, until, waits_for) in pieces {
        let from = from.max(counted);
        if from < until {
            let alone = until - from - calling.covered(from, until);
            waits.add(waits_for, Duration::from_micros(alone));
            counted = until;
        }
    }
    waits
}

fn step_of(
    recording: &Recording,
    graph: &InferenceGraph,
    node: NodeRef,
    attempts: &[&CallRecord],
) -> CriticalStep {
    let end = end_of(attempts);
    // A second request runs beside the first one, and what a node of control flow
    // runs often waits beside what of it is under way.
    let mut calling = Spans::default();
    for call in attempts {
        calling.add(call.started, call.ended.min(end));
    }
    let waits = waits_beside(&calling, |visit| {
        for call in attempts {
            visit_waits(call, recording.pauses_for(call), &mut *visit);
        }
    });
    let endpoint = attempts
        .first()
        .and_then(|call| recording.endpoint_of(call));
    CriticalStep {
        node: graph.node(node).name().to_owned(),
        alias: endpoint.map(|place| recording.endpoints[place].alias.to_string()),
        attempts: attempts.iter().filter(|call| !call.is_tool()).count(),
        waits,
        calling: Duration::from_micros(calling.total()),
    }
}
