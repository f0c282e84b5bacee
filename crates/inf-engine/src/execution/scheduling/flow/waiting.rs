//! [`WaitingFlows`]: nodes of control flow that begin more when there is room.

use std::collections::{BTreeMap, BTreeSet};

use crate::execution::scheduling::task::ExecutionId;
use crate::graph::{NodeRef, RegionRef};

/// A node of control flow in progress, those of older inputs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    /// The execution of its input.
    pub(crate) input: ExecutionId,
    pub(crate) execution: ExecutionId,
    pub(crate) node: NodeRef,
}

/// The nodes of control flow of a run that begin more when there is room: lists
/// of any length, of which so many elements are under way at a time.
#[derive(Debug)]
pub(crate) struct WaitingFlows {
    /// By the region that they begin next: whether there is room is the same for
    /// all of them.
    for_room: BTreeMap<RegionRef, BTreeSet<FlowKey>>,
    /// Those that go on in the next turn, whether or not there is room.
    for_turn: BTreeSet<FlowKey>,
    /// Elements that have begun and not ended.
    elements: usize,
    most: usize,
    /// The region runs that may still begin in this turn.
    left: usize,
}

/// The region runs that begin in a turn: a loop over what is done on the spot
/// would otherwise keep the thread until it is through.
const REGIONS_A_TURN: usize = 128;

impl WaitingFlows {
    /// None yet, where up to `most` elements may be under way.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            for_room: BTreeMap::new(),
            for_turn: BTreeSet::new(),
            elements: 0,
            most,
            left: REGIONS_A_TURN,
        }
    }

    pub(crate) fn begin_turn(&mut self) {
        self.left = REGIONS_A_TURN;
    }

    /// Whether no more region runs may begin in this turn.
    pub(crate) fn is_turn_over(&self) -> bool {
        self.left == 0
    }

    /// Counts a region run that begins in this turn.
    pub(crate) fn region_begins(&mut self) {
        self.left -= 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.elements >= self.most
    }

    pub(crate) fn element_began(&mut self) {
        self.elements += 1;
    }

    pub(crate) fn element_ended(&mut self) {
        self.elements -= 1;
    }

    pub(crate) fn wait_for_turn(&mut self, flow: FlowKey) {
        self.for_turn.insert(flow);
    }

    pub(crate) fn wait_for_room(&mut self, region: RegionRef, flow: FlowKey) {
        self.for_room.entry(region).or_default().insert(flow);
    }

    /// Whether no older one waits to begin the same.
    pub(crate) fn is_first(&self, region: RegionRef, flow: FlowKey) -> bool {
        let first = self.for_room.get(&region).and_then(BTreeSet::first);
        first.is_none_or(|first| flow <= *first)
    }

    /// `flow` waits no more.
    pub(crate) fn forget(&mut self, flow: FlowKey) {
        self.for_turn.remove(&flow);
        for waiting in self.for_room.values_mut() {
            waiting.remove(&flow);
        }
    }

    /// Forgets all of them, because everything has ended.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.most);
    }

    /// The one that goes on next, where `has_need` says of which regions more is
    /// wanted.
    pub(crate) fn next(&self, has_need: impl Fn(RegionRef) -> bool) -> Option<FlowKey> {
        if let Some(flow) = self.for_turn.first() {
            return Some(*flow);
        }
        if self.for_room.is_empty() || self.is_full() {
            return None;
        }
        let waiting = self.for_room.iter();
        let waiting = waiting.filter_map(|(region, flows)| Some((*flows.first()?, *region)));
        let waiting = waiting.filter(|(_, region)| has_need(*region));
        waiting.min().map(|(flow, _)| flow)
    }
}
