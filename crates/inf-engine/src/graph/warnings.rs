//! What a graph may do and was probably not meant to.

use super::{GraphNode, InferenceGraph, NodeRef, Operation};

impl InferenceGraph {
    /// What is allowed and probably not meant, in sentences: calls that never read the
    /// input, and nodes whose value nothing uses, which run and are paid for all the
    /// same.
    ///
    /// `inf check`, `inf run` and `inf eval` say them, and binding tells each of them as an
    /// event of `tracing` ([`telemetry`](crate::telemetry)).
    ///
    /// ```
    /// use inf_engine::graph::InferenceGraph;
    ///
    /// let graph = InferenceGraph::from_text(r#"
    /// version: 1
    /// name: review
    /// input: string
    /// nodes:
    ///   draft: { llm: fast, prompt: "Write about {input}." }
    ///   review: { llm: fast, prompt: "Judge what there is about {input}." }
    /// output: review
    /// "#)?;
    /// assert_eq!(
    ///     graph.warnings(),
    ///     ["nothing uses node `draft`: it runs all the same, and is paid for; use it in the output or remove it"]
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.ignores_input() {
            let properties = self.input().as_json()["properties"].as_object();
            let field = properties.and_then(|properties| properties.keys().next());
            let reference =
                field.map_or_else(|| "input".to_owned(), |field| format!("input.{field}"));
            warnings.push(format!(
                "no call reads the input: every input makes the same calls; use it in a prompt, as in `{{{reference}}}`"
            ));
        }
        let unused = self.unused_nodes().into_iter();
        warnings.extend(unused.map(|node| self.unused_warning(self.node(node))));
        warnings
    }

    fn unused_warning(&self, node: &GraphNode) -> String {
        let name = node.name();
        let regions = node.operation().regions().into_iter();
        let mut inside = regions.flat_map(|region| &self.nodes()[self.region(region).nodes()]);
        let cost = if is_call(node) || inside.any(is_call) {
            ", and is paid for"
        } else {
            ""
        };
        let made_at = node
            .location()
            .map(|location| format!(" (made at {location})"));
        let made_at = made_at.unwrap_or_default();
        format!(
            "nothing uses node `{name}`{made_at}: it runs all the same{cost}; use it in the output or remove it"
        )
    }

    /// Whether there are calls, and none of them depends on the input.
    fn ignores_input(&self) -> bool {
        // Of which there is only one.
        let is_nothing = self.input().as_json()["type"] == "null";
        let calls = |node: &NodeRef| is_call(self.node(*node));
        !is_nothing
            && self.nodes().iter().any(is_call)
            && !self.descendants(NodeRef::INPUT).iter().any(calls)
    }
}

fn is_call(node: &GraphNode) -> bool {
    matches!(node.operation(), Operation::Llm(_))
}
