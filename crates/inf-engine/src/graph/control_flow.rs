//! The operations of control flow: which of their regions run, how often, and
//! what becomes of what they give.

use super::compute::equal;
use super::region::RegionLabel;
use super::{FailureKind, RegionRef, Shape};
use crate::value::Value;

/// Runs one of several regions, its arms, and has its value.
///
/// No other arm runs. A value that has no arm, where there is no `otherwise`, is
/// an error of that input.
///
/// What is traced makes it with [`branch`](crate::trace::branch) and
/// [`match_branch`](crate::trace::match_branch); by hand:
///
/// ```
/// use inf_engine::graph::{
///     Arm, Branch, GraphBuilder, GraphNode, LlmCall, NodeRef, Operation, Template,
/// };
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("reply", Schema::of::<String>());
/// let mut arm = |alias: &str, name: &str| {
///     let region = builder.add_region();
///     let call = LlmCall::new(alias, Template::of(NodeRef::INPUT));
///     let reply = builder.add_to(region, GraphNode::new(name, Operation::Llm(call)));
///     builder.set_region_output(region, reply.into());
///     region
/// };
/// let (short, long) = (arm("fast", "short"), arm("smart", "long"));
/// let branch = Branch::new(NodeRef::INPUT, [Arm::new("hello", short)]).with_otherwise(long);
/// let reply = builder.add(GraphNode::new("reply", Operation::Branch(branch)));
/// let graph = builder.finish(reply.into())?;
/// assert_eq!(graph.regions().len(), 3);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Branch {
    /// What decides: a boolean, a text or a whole number.
    pub on: Shape,
    /// The arms.
    pub arms: Vec<Arm>,
    /// What runs for every other value.
    pub otherwise: Option<RegionRef>,
}

/// An arm of a [`Branch`].
///
/// [`Branch`] shows one.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The value for which it runs.
    pub when: Value,
    /// What runs.
    pub region: RegionRef,
}

impl Arm {
    /// Runs `region` for `when`: a text, a whole number or a boolean.
    pub fn new(when: impl Into<Value>, region: RegionRef) -> Self {
        Self {
            when: when.into(),
            region,
        }
    }
}

impl Branch {
    /// A branch on `on` with these arms, and an error for every other value.
    pub fn new(on: impl Into<Shape>, arms: impl IntoIterator<Item = Arm>) -> Self {
        Self {
            on: on.into(),
            arms: arms.into_iter().collect(),
            otherwise: None,
        }
    }

    /// Runs `region` for every value that has no arm.
    #[must_use]
    pub fn with_otherwise(mut self, region: RegionRef) -> Self {
        self.otherwise = Some(region);
        self
    }

    /// A branch with an arm for true and one for false.
    pub fn on_condition(on: impl Into<Shape>, then: RegionRef, otherwise: RegionRef) -> Self {
        Self::new(on, [Arm::new(true, then), Arm::new(false, otherwise)])
    }

    /// The regions of true and false, if that is what it decides.
    pub fn as_condition(&self) -> Option<(RegionRef, RegionRef)> {
        match (&self.arms[..], self.otherwise) {
            (
                [
                    Arm {
                        when: Value::Bool(true),
                        region: then,
                    },
                    Arm {
                        when: Value::Bool(false),
                        region: otherwise,
                    },
                ],
                None,
            ) => Some((*then, *otherwise)),
            _ => None,
        }
    }

    /// The region that runs for `value`; 1.0 is 1, as models write it.
    pub fn chosen(&self, value: &Value) -> Option<RegionRef> {
        let arm = self.arms.iter().find(|arm| equal(&arm.when, value));
        arm.map(|arm| arm.region).or(self.otherwise)
    }

    pub(super) fn regions(&self) -> Vec<(RegionRef, RegionLabel)> {
        if let Some((then, otherwise)) = self.as_condition() {
            return vec![(then, RegionLabel::Then), (otherwise, RegionLabel::Else)];
        }
        let arms = self.arms.iter();
        let arms = arms.map(|arm| (arm.region, RegionLabel::Case(arm.when.clone())));
        let otherwise = self.otherwise.map(|region| (region, RegionLabel::Default));
        arms.chain(otherwise).collect()
    }

    /// What is wrong with it by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.arms.is_empty() {
            problems.push("it has no case: give it one, or use what its default does".to_owned());
        }
        for (place, Arm { when, .. }) in self.arms.iter().enumerate() {
            let is_whole = |number: &serde_json::Number| number.is_i64() || number.is_u64();
            match when {
                Value::String(_) | Value::Bool(_) => {}
                Value::Number(number) if is_whole(number) => {}
                other => problems.push(format!(
                    "the case {other:?} is {}: a case is a text, a whole number or a boolean",
                    other.kind()
                )),
            }
            if self.arms[..place].iter().any(|arm| arm.when == *when) {
                problems.push(format!("two cases are {when:?}: keep one of them"));
            }
        }
        problems
    }
}

/// Runs its body for each element of a list, all in parallel, and has a list in
/// the order of the elements.
///
/// What is traced makes it with [`map`](crate::trace::map) and its siblings; by hand:
///
/// ```
/// use inf_engine::graph::{
///     GraphBuilder, GraphNode, Keep, LlmCall, Map, NodeRef, Operation, Template,
/// };
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("summaries", Schema::of::<Vec<String>>());
/// let body = builder.add_region();
/// let text = builder.add_to(body, GraphNode::new("text", Operation::Argument));
/// let call = LlmCall::new("fast", Template::of(text));
/// let summary = builder.add_to(body, GraphNode::new("summary", Operation::Llm(call)));
/// builder.set_region_output(body, summary.into());
/// // A text that can't be summarized is told apart and fails nothing.
/// let map = Map::new(NodeRef::INPUT, body).with_keep(Keep::Results);
/// let all = builder.add(GraphNode::new("all", Operation::Map(map)));
/// let graph = builder.finish(all.into())?;
/// assert_eq!(graph.nodes().len(), 4);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Map {
    /// The list.
    pub list: Shape,
    /// What runs for each element, which is its argument.
    pub body: RegionRef,
    /// What becomes of what the body gives.
    pub keep: Keep,
}

impl Map {
    /// The outputs of `body` for each element of `list`.
    pub fn new(list: impl Into<Shape>, body: RegionRef) -> Self {
        Self {
            list: list.into(),
            body,
            keep: Keep::Outputs,
        }
    }

    /// Makes something else of what the body gives.
    #[must_use]
    pub fn with_keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }
}

/// What a [`Map`] makes of what its body gives for an element.
///
/// [`Map`] shows one that keeps results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// It is an element of the value; a failure fails the input.
    Outputs,
    /// It is a boolean, and says whether the element is one of the value; a
    /// failure fails the input.
    Elements,
    /// It is an element of the value, as `{ok: …}`, and a failure is one, too:
    /// `{error: {kind, message, node}}`.
    Results,
}

/// Puts the elements of a list together, two at a time, to one value.
///
/// ```
/// use inf_engine::graph::{Fold, FoldOrder, InferenceGraph, Operation};
///
/// let graph = InferenceGraph::from_text(r#"
/// version: 1
/// name: merge
/// input: [string]
/// nodes:
///   merged:
///     fold: input
///     tree: true
///     as: [left, right]
///     nodes: { both: { llm: fast, prompt: "Merge:\n{left}\n{right}" } }
///     output: both
/// output: merged
/// "#)?;
/// let merged = graph.node_named("merged").expect("it is there");
/// let Operation::Fold(fold) = graph.node(merged).operation() else { panic!("it folds") };
/// assert_eq!((fold.order, fold.initial.is_none()), (FoldOrder::Tree, true));
/// # let _: &Fold = fold;
/// # Ok::<(), inf_engine::graph::PipelineFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fold {
    /// The list. An empty one without an `initial` is an error of its input.
    pub list: Shape,
    /// What is there before the first element; that element itself if `None`.
    pub initial: Option<Shape>,
    /// What makes one of two: its arguments are what is there so far, and the
    /// next element.
    pub body: RegionRef,
    /// In which order.
    pub order: FoldOrder,
}

impl Fold {
    /// Puts the elements of `list` together with `body`, from the first to the
    /// last.
    pub fn new(list: impl Into<Shape>, body: RegionRef) -> Self {
        Self {
            list: list.into(),
            initial: None,
            body,
            order: FoldOrder::Sequential,
        }
    }

    /// Begins with `initial`.
    #[must_use]
    pub fn with_initial(mut self, initial: impl Into<Shape>) -> Self {
        self.initial = Some(initial.into());
        self
    }

    /// Puts them together in another order.
    #[must_use]
    pub fn with_order(mut self, order: FoldOrder) -> Self {
        self.order = order;
        self
    }
}

/// In which order a [`Fold`] puts elements together.
///
/// [`Fold`] shows how a file says it; code says it with [`Fold::with_order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoldOrder {
    /// One after the other, from the first to the last.
    Sequential,
    /// Neighbours in parallel, and what they come to in the same way, level by
    /// level: as many levels as the list's length has binary digits. The last of
    /// an odd number goes to the next level as it is.
    Tree,
}

/// Runs its body again and again, each time on what it gave the last time.
///
/// The body gives `{state, done}`. The value is `{state, iterations, stopped}`,
/// where `stopped` is `condition` or `max`.
///
/// ```
/// use inf_engine::graph::{InferenceGraph, Operation};
///
/// let graph = InferenceGraph::from_text(r#"
/// version: 1
/// name: polish
/// nodes:
///   polished:
///     repeat: input
///     as: text
///     max: 3
///     nodes:
///       better: { llm: fast, prompt: "Improve: {text}" }
///       done: { compute: contains, input: [better, { $value: "at last" }] }
///     until: done
///     output: better
/// output: polished.state
/// "#)?;
/// let polished = graph.node_named("polished").expect("it is there");
/// let Operation::Repeat(repeat) = graph.node(polished).operation() else { panic!("it repeats") };
/// assert_eq!(repeat.max, 3);
/// assert_eq!(graph.regions()[repeat.body.index()].owner(), Some(polished));
/// # Ok::<(), inf_engine::graph::PipelineFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Repeat {
    /// The first state.
    pub state: Shape,
    /// What makes the next state of one, and says whether that was the last time.
    pub body: RegionRef,
    /// The most times that it runs; at least once.
    pub max: u32,
}

impl Repeat {
    /// The field of the body's output, and of the value, that is the state.
    pub const STATE: &str = "state";
    /// The field of the body's output that says whether it was the last time.
    pub const DONE: &str = "done";
    /// The field of the value that is how often the body ran.
    pub const ITERATIONS: &str = "iterations";
    /// The field of the value that says why it was the last time.
    pub const STOPPED: &str = "stopped";

    /// Runs `body`, first on `state`, at most `max` times.
    pub fn new(state: impl Into<Shape>, body: RegionRef, max: u32) -> Self {
        Self {
            state: state.into(),
            body,
            max,
        }
    }

    /// The two parts of what the body gives: the state, and whether it is done.
    pub(crate) fn parts(output: &Shape) -> Option<(&Shape, &Shape)> {
        match output {
            Shape::Map(fields) if fields.len() == 2 => {
                Some((fields.get(Self::STATE)?, fields.get(Self::DONE)?))
            }
            _ => None,
        }
    }
}

/// Runs a region, and another one in its place if it fails.
///
/// ```
/// use inf_engine::graph::{
///     FailureKind, Fallback, GraphBuilder, GraphNode, LlmCall, NodeRef, Operation, Template,
/// };
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("answer", Schema::of::<String>());
/// let mut region = |alias: &str| {
///     let region = builder.add_region();
///     let call = LlmCall::new(alias, Template::of(NodeRef::INPUT));
///     let node = builder.add_to(region, GraphNode::new(alias, Operation::Llm(call)));
///     builder.set_region_output(region, node.into());
///     region
/// };
/// let (smart, fast) = (region("smart"), region("fast"));
/// let fallback = Fallback::new(smart, fast).with_kinds([FailureKind::Timeout]);
/// let answer = builder.add(GraphNode::new("answer", Operation::Fallback(fallback)));
/// let graph = builder.finish(answer.into())?;
/// assert_eq!(graph.regions().len(), 3);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fallback {
    /// What runs first.
    pub body: RegionRef,
    /// What runs if that failed.
    pub otherwise: RegionRef,
    /// The failures that it is for; all if there are none. What stops a run
    /// (cancellation, a budget) is no failure.
    pub on: Vec<FailureKind>,
}

impl Fallback {
    /// Runs `body`, and `otherwise` if that fails, whatever the failure.
    pub fn new(body: RegionRef, otherwise: RegionRef) -> Self {
        Self {
            body,
            otherwise,
            on: Vec::new(),
        }
    }

    /// Is for failures of these kinds alone.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = FailureKind>) -> Self {
        self.on = kinds.into_iter().collect();
        self
    }
}
