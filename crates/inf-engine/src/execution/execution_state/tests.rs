//! The state machine of one execution, by properties: whatever the order in
//! which nodes of random graphs complete and fail, its invariants hold.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{ExecutionState, TaskStatus};
use crate::execution::Plan;
use crate::graph::{GraphBuilder, GraphNode, InferenceGraph, NodeRef, Operation, Reference, Shape};
use crate::value::{Schema, Value};

/// A random graph: node `n` reads a random set of earlier ones.
fn graphs() -> impl Strategy<Value = Arc<InferenceGraph>> {
    vec(vec(any::<prop::sample::Index>(), 0..4), 1..24).prop_map(|reads| {
        let mut builder = GraphBuilder::new("random", Schema::any());
        let mut nodes = vec![NodeRef::INPUT];
        for (number, reads) in reads.iter().enumerate() {
            let parts = reads.iter().map(|index| {
                let node = nodes[index.index(nodes.len())];
                Shape::Reference(Reference::from(node))
            });
            let pack = Operation::Pack(Shape::List(parts.collect()));
            nodes.push(builder.add(GraphNode::new(format!("n{number}"), pack)));
        }
        let output = nodes
            .iter()
            .rev()
            .take(2)
            .map(|&node| Shape::from(node))
            .collect();
        Arc::new(builder.finish(Shape::List(output)).unwrap())
    })
}

/// What may happen to a node that was started.
#[derive(Debug, Clone, Copy)]
enum Event {
    Complete,
    Fail,
    Requeue,
}

fn events() -> impl Strategy<Value = Vec<(prop::sample::Index, Event)>> {
    let event = prop_oneof![
        6 => Just(Event::Complete),
        1 => Just(Event::Fail),
        1 => Just(Event::Requeue),
    ];
    vec((any::<prop::sample::Index>(), event), 200)
}

struct Simulation {
    graph: Arc<InferenceGraph>,
    state: ExecutionState,
    pending: Vec<NodeRef>,
    running: Vec<NodeRef>,
    started: Vec<u32>,
}

impl Simulation {
    fn new(graph: Arc<InferenceGraph>) -> Self {
        let plan = Arc::new(Plan::new(Arc::clone(&graph)));
        let mut pending = Vec::new();
        let state = ExecutionState::new(plan, Value::from("input"), &mut pending);
        Self {
            started: vec![0; graph.nodes().len()],
            running: Vec::new(),
            graph,
            state,
            pending,
        }
    }

    fn nodes(&self) -> impl Iterator<Item = NodeRef> + use<> {
        let nodes: Vec<NodeRef> = self.graph.enumerate().map(|(node, _)| node).collect();
        nodes.into_iter()
    }

    fn check(&self) {
        for node in self.nodes() {
            let dependencies = self.graph.node(node).operation().dependencies();
            let status_of = |node: &NodeRef| self.state.status(*node);
            let all_there = dependencies
                .iter()
                .all(|node| status_of(node) == TaskStatus::Completed);
            let hopeless = dependencies
                .iter()
                .any(|node| matches!(status_of(node), TaskStatus::Failed | TaskStatus::Cancelled));
            match self.state.status(node) {
                TaskStatus::Blocked => assert!(!all_there && !hopeless, "{node:?} waits in vain"),
                TaskStatus::Cancelled => assert!(hopeless, "{node:?} was cancelled without cause"),
                status => assert!(
                    all_there,
                    "{node:?} is {status:?} before its inputs are there"
                ),
            }
            // Whoever still has to read a value finds it.
            if matches!(
                self.state.status(node),
                TaskStatus::Pending | TaskStatus::InProgress
            ) {
                for dependency in dependencies {
                    assert!(
                        self.state.value(dependency).is_some(),
                        "{node:?} lost an input"
                    );
                }
            }
        }
        let open = self
            .nodes()
            .filter(|&node| !self.state.status(node).is_final())
            .count();
        assert_eq!(self.state.is_finished(), open == 0);
        assert_eq!(
            open > 0,
            !self.pending.is_empty() || !self.running.is_empty()
        );
    }

    /// How many nodes something can happen to.
    fn choices(&self) -> usize {
        self.pending.len() + self.running.len()
    }

    /// Starts the pending node at `at`, or lets `event` happen to the running
    /// one at what is left of it.
    fn step(&mut self, at: usize, event: Event) {
        if at < self.pending.len() {
            let node = self.pending.swap_remove(at);
            self.state.start(node);
            self.started[node.index()] += 1;
            self.running.push(node);
            return;
        }
        let node = self.running.swap_remove(at - self.pending.len());
        match event {
            Event::Complete => {
                let value = Value::from(self.graph.node(node).name());
                self.state.complete(node, value, &mut self.pending);
            }
            Event::Fail => self.state.fail(node),
            Event::Requeue => {
                self.state.requeue(node);
                self.pending.push(node);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_ends_keeps_the_invariants(graph in graphs(), events in events()) {
        let mut simulation = Simulation::new(graph);
        simulation.check();
        for (index, event) in events {
            if simulation.state.is_finished() {
                break;
            }
            simulation.step(index.index(simulation.choices()), event);
            simulation.check();
        }
        // Whatever is left can always be brought to an end.
        while !simulation.state.is_finished() {
            simulation.step(0, Event::Complete);
            simulation.check();
        }
        for node in simulation.nodes() {
            let kept = simulation.state.value(node).is_some();
            let in_output = {
                let names = format!("{:?}", simulation.graph.output());
                names.contains(&format!("{node:?}"))
            };
            let completed = simulation.state.status(node) == TaskStatus::Completed;
            assert_eq!(kept, in_output && completed, "values live as long as they are needed");
        }
    }

    #[test]
    fn a_failure_cancels_its_descendants_and_nothing_else(graph in graphs(), which in any::<prop::sample::Index>()) {
        let mut simulation = Simulation::new(Arc::clone(&graph));
        let failing = 1 + which.index(graph.nodes().len() - 1);
        let failing = simulation.nodes().nth(failing).unwrap();
        while let Some(node) = simulation.pending.pop() {
            simulation.state.start(node);
            if node == failing {
                simulation.state.fail(node);
            } else {
                simulation.state.complete(node, Value::Null, &mut simulation.pending);
            }
        }
        let descendants = graph.descendants(failing);
        for node in simulation.nodes() {
            let expected = if node == failing {
                TaskStatus::Failed
            } else if descendants.contains(&node) {
                TaskStatus::Cancelled
            } else {
                TaskStatus::Completed
            };
            assert_eq!(simulation.state.status(node), expected);
        }
    }

    #[test]
    fn a_cancelled_execution_is_finished(graph in graphs(), events in events(), steps in 0usize..40) {
        let mut simulation = Simulation::new(graph);
        for (index, event) in events.into_iter().take(steps) {
            if !simulation.state.is_finished() {
                simulation.step(index.index(simulation.choices()), event);
            }
        }
        simulation.state.cancel();
        assert!(simulation.state.is_finished());
    }
}

#[test]
#[should_panic(expected = "is Completed and can't become InProgress")]
fn a_finished_node_is_never_started_again() {
    let graph = GraphBuilder::new("nothing", Schema::any());
    let graph = Arc::new(graph.finish(NodeRef::INPUT.into()).unwrap());
    let plan = Arc::new(Plan::new(graph));
    let mut state = ExecutionState::new(plan, Value::Null, &mut Vec::new());
    state.start(NodeRef::INPUT);
}

// Regions.

/// A branch with a map in one of its arms.
fn branched() -> InferenceGraph {
    InferenceGraph::from_text(
        "{version: 1, name: g, nodes: {
            first: {host: list, input: input},
            reply: {
                if: input,
                then: {
                    nodes: {all: {map: first, as: one, nodes: {text: {prompt: '{one}'}}, output: text}},
                    output: all
                },
                else: {nodes: {other: {prompt: '{first}'}}, output: other}
            },
            last: {prompt: '{reply}'}
        }, output: last}",
    )
    .unwrap()
}

#[test]
fn nodes_of_regions_are_where_their_owner_is_or_skipped() {
    let graph = Arc::new(branched());
    let plan = Arc::new(Plan::new(Arc::clone(&graph)));
    let at = |name: &str| graph.node_named(name).unwrap();
    let [first, reply, last] = ["first", "reply", "last"].map(at);
    let mut ready = Vec::new();
    let mut state = ExecutionState::new(plan, Value::from(true), &mut ready);
    let check = |state: &ExecutionState, expected: [TaskStatus; 4]| {
        let names = ["reply", "text", "other", "last"];
        assert_eq!(names.map(|name| state.status(at(name))), expected);
    };
    // What an arm reads from outside is waited for, and nothing in the arm is.
    assert_eq!(ready, [first]);
    check(&state, [TaskStatus::Blocked; 4]);
    state.start(first);
    state.complete(first, Value::from("x"), &mut ready);
    assert_eq!(ready, [first, reply]);
    state.start(reply);
    state.choose(reply, graph.node(at("all")).region());
    let (running, waiting) = (TaskStatus::InProgress, TaskStatus::Blocked);
    check(&state, [running, running, TaskStatus::Skipped, waiting]);
    // It can be read until the branch has its value.
    assert!(state.value(first).is_some());
    state.complete(reply, Value::from("y"), &mut ready);
    assert!(state.value(first).is_none());
    let (done, pending) = (TaskStatus::Completed, TaskStatus::Pending);
    check(&state, [done, done, TaskStatus::Skipped, pending]);
    state.start(last);
    state.complete(last, Value::Null, &mut ready);
    assert!(state.is_finished());
}

#[test]
fn what_is_cancelled_is_cancelled_in_regions_too() {
    let graph = Arc::new(branched());
    let plan = Arc::new(Plan::new(Arc::clone(&graph)));
    let mut state = ExecutionState::new(plan, Value::from(true), &mut Vec::new());
    state.cancel();
    assert!(state.is_finished());
    for (node, _) in graph.enumerate().skip(1) {
        assert_eq!(state.status(node), TaskStatus::Cancelled, "{node:?}");
    }
}
