//! [`Bound`]: a graph joined with resources.

use std::sync::{Arc, OnceLock};

use crate::execution::{ExecutionSettings, Plan};
use crate::graph::{LlmCall, NodeRef, Operation, Region};
use crate::journal::GraphFingerprint;
use crate::resources::{EndpointGroup, ResourceManager};

/// A graph joined with resources: what all runs of a pipeline share.
pub(crate) struct Bound {
    pub(crate) plan: Arc<Plan>,
    pub(crate) resources: Arc<ResourceManager>,
    /// For each node the place of its endpoint in `endpoints`; 0 for a node
    /// that calls none.
    pub(crate) endpoint_of: Vec<usize>,
    pub(crate) endpoints: Vec<Arc<EndpointGroup>>,
    /// By region, the endpoints of the calls in it that need no other call of it
    /// first.
    pub(crate) entries: Vec<Vec<usize>>,
    /// Whether inputs are checked against the graph's input schema; a typed
    /// pipeline's inputs fit by their type.
    pub(crate) checks_inputs: bool,
    fingerprint: OnceLock<GraphFingerprint>,
}

impl Bound {
    pub(crate) fn new(
        plan: Arc<Plan>,
        resources: Arc<ResourceManager>,
        (endpoint_of, endpoints): (Vec<usize>, Vec<Arc<EndpointGroup>>),
        checks_inputs: bool,
    ) -> Self {
        let regions = plan.graph().regions().iter();
        let entries = regions.map(|region| entries_of(&plan, region, &endpoint_of));
        Self {
            entries: entries.collect(),
            plan,
            resources,
            endpoint_of,
            endpoints,
            checks_inputs,
            fingerprint: OnceLock::new(),
        }
    }

    /// What its graph does, for journals.
    pub(crate) fn fingerprint(&self) -> &GraphFingerprint {
        self.fingerprint
            .get_or_init(|| GraphFingerprint::of(self.plan.graph()))
    }

    /// The most calls that all endpoints take at once.
    pub(crate) fn most_calls(&self) -> usize {
        let capacity = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.max_concurrent());
        capacity.fold(0, usize::saturating_add)
    }

    /// The inputs under way that keep all endpoints busy.
    pub(crate) fn enough_inputs(&self) -> usize {
        let capacity = self.most_calls();
        ExecutionSettings::DEFAULT_MAX_INPUTS_IN_FLIGHT.max(capacity.saturating_mul(2))
    }

    pub(crate) fn call_of(&self, node: NodeRef) -> Option<&LlmCall> {
        match self.plan.graph().node(node).operation() {
            Operation::Llm(call) => Some(call),
            _ => None,
        }
    }
}

/// The endpoints of the calls in `region` that need no other call of it first.
fn entries_of(plan: &Plan, region: &Region, endpoint_of: &[usize]) -> Vec<usize> {
    let nodes = region.nodes();
    let graph = plan.graph();
    let is_call = |node: usize| matches!(graph.nodes()[node].operation(), Operation::Llm(_));
    // By node of the region: whether a call comes before it, and before its end.
    let mut is_later = vec![false; nodes.len()];
    let mut has_call = vec![false; nodes.len()];
    let mut entries = Vec::new();
    // Nodes come after those that they wait for, and after their owners.
    for index in nodes.clone() {
        let node = NodeRef::new(index);
        let inside = graph.region(plan.region_of(node)).owner();
        let inside = inside.filter(|owner| nodes.contains(&owner.index()));
        let mut reads = plan.dependencies(node).iter();
        let later = inside.is_some_and(|owner| is_later[owner.index() - nodes.start])
            || reads.any(|read| has_call[read.index() - nodes.start]);
        let mut runs = graph.nodes()[index].operation().regions().into_iter();
        let calls = is_call(index) || runs.any(|inner| graph.region(inner).nodes().any(is_call));
        is_later[index - nodes.start] = later;
        has_call[index - nodes.start] = later || calls;
        if is_call(index) && !later {
            entries.push(endpoint_of[index]);
        }
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}
