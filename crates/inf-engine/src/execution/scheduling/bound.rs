//! [`Bound`]: a graph joined with resources.

use std::sync::{Arc, OnceLock};

use crate::execution::{ExecutionSettings, Plan};
use crate::graph::{LlmCall, NodeRef, Operation};
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
    /// The endpoints of the calls that need no other call first.
    pub(crate) entries: Vec<usize>,
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
        let mut needs_call = Vec::new();
        let mut entries = Vec::new();
        // Nodes come after those that they read.
        for (node, found) in plan.graph().enumerate() {
            let is_call = matches!(found.operation(), Operation::Llm(_));
            let mut dependencies = plan.dependencies(node).iter();
            let is_later = dependencies.any(|read| needs_call[read.index()]);
            needs_call.push(is_call || is_later);
            if is_call && !is_later {
                entries.push(endpoint_of[node.index()]);
            }
        }
        entries.sort_unstable();
        entries.dedup();
        Self {
            plan,
            resources,
            endpoint_of,
            endpoints,
            entries,
            checks_inputs,
            fingerprint: OnceLock::new(),
        }
    }

    /// What its graph does, for journals.
    pub(crate) fn fingerprint(&self) -> &GraphFingerprint {
        self.fingerprint
            .get_or_init(|| GraphFingerprint::of(self.plan.graph()))
    }

    /// The inputs under way that keep all endpoints busy.
    pub(crate) fn enough_inputs(&self) -> usize {
        let capacity = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.max_concurrent());
        let capacity = capacity.fold(0, usize::saturating_add);
        ExecutionSettings::DEFAULT_MAX_INPUTS_IN_FLIGHT.max(capacity.saturating_mul(2))
    }

    pub(crate) fn call_of(&self, node: NodeRef) -> Option<&LlmCall> {
        match self.plan.graph().node(node).operation() {
            Operation::Llm(call) => Some(call),
            _ => None,
        }
    }
}
