//! [`sources`]: what the value of a node was made of, through the regions of control
//! flow as they ran.

use indexmap::IndexSet;

use crate::execution::ForwardRecord;
use crate::graph::{
    Fold, FoldOrder, Keep, Map, NodeRef, Operation, Place, RegionPath, Repeat, Shape,
};

/// A node at one of the places where it ran.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct NodeRun {
    pub(super) node: NodeRef,
    pub(super) region: RegionPath,
}

impl NodeRun {
    /// What comes first in an order that is the same every time: by node, and by
    /// element or iteration.
    pub(super) fn order(&self) -> (NodeRef, Vec<(u32, usize)>) {
        let places = self.region.steps().map(|(_, place)| match place {
            // Only one of several arms of a node ran, or a later one after an earlier
            // one; which one of them has the node is known by the node.
            Place::Arm(_) => (0, 0),
            Place::Element(index) => (0, *index),
            Place::Iteration(index) => (*index, 0),
            Place::Pair(level, pair) => (*level, *pair),
        });
        let mut places: Vec<(u32, usize)> = places.collect();
        places.reverse();
        (self.node, places)
    }

    /// Its path as text; its name if it is of no region.
    pub(super) fn path(&self, record: &ForwardRecord) -> String {
        let name = record.graph().node(self.node).shared_name();
        self.region.node(std::sync::Arc::clone(name)).to_string()
    }
}

/// What the value of `run` was made of: what gets what is said of it, once each, in
/// an order that is the same every time.
///
/// * A branch has its value from the arm that was chosen, and has that from what
///   decided.
/// * A map has it from its body for each element, and a filter from its elements, too.
/// * A fold has it from the last time that its body ran, and that from the time
///   before, or from the two of its pair.
/// * A loop has it from its last iteration: from the state and from what said that
///   it is done; each iteration has its state from the one before.
/// * A fallback has it from what ran last, and from what failed before: the value is not
///   what that would have given.
///
/// What failed is only meant where it failed by itself: of a call that an endpoint
/// refused nothing can be learnt.
pub(super) fn sources(record: &ForwardRecord, run: &NodeRun) -> Vec<NodeRun> {
    let mut sources = Sources {
        record,
        found: IndexSet::new(),
    };
    match record.graph().node(run.node).operation() {
        Operation::Argument => sources.of_argument(run),
        operation if operation.regions().is_empty() => sources.read_by(operation, &run.region),
        operation => sources.of_owner(operation, run),
    }
    let mut found: Vec<NodeRun> = sources.found.into_iter().collect();
    found.sort_by_cached_key(NodeRun::order);
    found
}

struct Sources<'r> {
    record: &'r ForwardRecord,
    found: IndexSet<NodeRun>,
}

impl Sources<'_> {
    /// Adds what `node` is as `region` sees it, if it came to anything.
    fn add(&mut self, node: NodeRef, region: &RegionPath) {
        let view = self.record.at(region);
        if view.value(node).is_some()
            && let Some(region) = view.place_of(node)
        {
            self.found.insert(NodeRun { node, region });
        }
    }

    fn shape(&mut self, shape: &Shape, region: &RegionPath) {
        shape.visit_references(&mut |reference| self.add(reference.node, region));
    }

    /// Adds what an operation at `region` reads itself.
    fn read_by(&mut self, operation: &Operation, region: &RegionPath) {
        for node in operation.dependencies() {
            self.add(node, region);
        }
    }

    /// Adds what failed in a region by its own fault.
    fn failed(&mut self, path: &RegionPath) {
        let failed = self.record.failed().iter();
        let failed =
            failed.filter(|failed| failed.region == *path && failed.error.kind.is_own_fault());
        let failed = failed.map(|failed| NodeRun {
            node: failed.node,
            region: failed.region.clone(),
        });
        self.found.extend(failed);
    }

    /// Adds what the body of a fold gave at `place`, and says whether it ran there.
    fn output(&mut self, owner: &NodeRun, fold: &Fold, place: Place) -> bool {
        let graph = self.record.graph();
        let body = graph.region(fold.body);
        let path = owner
            .region
            .within(graph.node(owner.node).shared_name(), place);
        // What ran has arguments.
        let mut arguments = body.arguments();
        let has_run = arguments.any(|node| self.record.at(&path).value(node).is_some());
        if has_run {
            self.shape(body.output(), &path);
        }
        has_run
    }

    fn of_owner(&mut self, operation: &Operation, run: &NodeRun) {
        let graph = self.record.graph();
        let runs = self.record.regions_of(run.node, &run.region);
        let is_read = match operation {
            Operation::Branch(_)
            | Operation::Map(Map {
                keep: Keep::Elements,
                ..
            }) => true,
            // There is nothing else that it could be made of.
            _ => runs.is_empty(),
        };
        if is_read {
            self.read_by(operation, &run.region);
        }
        match operation {
            Operation::Map(_) => {
                for (region, path) in runs {
                    self.shape(graph.region(*region).output(), path);
                    // An element may be a failure.
                    self.failed(path);
                }
            }
            Operation::Fold(fold) if fold.order == FoldOrder::Tree => {
                let levels = runs.iter().filter_map(|(_, path)| match path.innermost() {
                    Some((_, Place::Pair(level, _))) => Some(*level),
                    _ => None,
                });
                if let Some(last) = levels.max() {
                    self.output(run, fold, Place::Pair(last, 0));
                }
            }
            _ => {
                if let Operation::Fallback(_) = operation {
                    for (_, path) in runs {
                        self.failed(path);
                    }
                }
                if let Some((region, path)) = runs.last() {
                    self.shape(graph.region(*region).output(), path);
                }
            }
        }
    }

    fn of_argument(&mut self, run: &NodeRun) {
        let graph = self.record.graph();
        let region = graph.region(graph.node(run.node).region());
        let (Some(owner), Some((around, place))) = (region.owner(), run.region.innermost()) else {
            return;
        };
        let is_first = run.node.index() == region.nodes().start;
        let operation = graph.node(owner).operation();
        let owner = NodeRun {
            node: owner,
            region: around.clone(),
        };
        match (operation, place) {
            (Operation::Repeat(repeat), Place::Iteration(index)) => {
                let Some(before) = index.checked_sub(1) else {
                    self.shape(&repeat.state, around);
                    return;
                };
                let name = graph.node(owner.node).shared_name();
                let before = around.within(name, Place::Iteration(before));
                match Repeat::parts(region.output()) {
                    Some((state, _)) => self.shape(state, &before),
                    None => self.shape(region.output(), &before),
                }
            }
            (Operation::Fold(fold), Place::Element(index)) if is_first => {
                let before = index.checked_sub(1).map(Place::Element);
                if before.is_none_or(|before| !self.output(&owner, fold, before)) {
                    self.shape(fold.initial.as_ref().unwrap_or(&fold.list), around);
                }
            }
            (Operation::Fold(fold), Place::Pair(level, pair)) => {
                let value = 2 * pair + usize::from(!is_first);
                self.value_of_level(&owner, fold, (*level, value));
            }
            (Operation::Map(Map { list, .. }) | Operation::Fold(Fold { list, .. }), _) => {
                self.shape(list, around);
            }
            _ => {}
        }
    }

    /// Adds what a value is made of that a fold by tree has at a level: a pair of the
    /// level before, or what was the last of an odd number there.
    fn value_of_level(&mut self, owner: &NodeRun, fold: &Fold, value: (u32, usize)) {
        let (mut level, mut place) = value;
        while let Some(before) = level.checked_sub(1) {
            if self.output(owner, fold, Place::Pair(before, place)) {
                return;
            }
            (level, place) = (before, 2 * place);
        }
        self.shape(&fold.list, &owner.region);
    }
}
