//! [`Region`]: a part of a graph that a node of control flow runs by itself.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{NodeRef, Shape};
use crate::value::Value;

/// A region of one graph, by its place in the graph's list.
///
/// [`GraphBuilder::add_region`](super::GraphBuilder::add_region) gives one, and shows what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionRef(u32);

impl RegionRef {
    /// The whole graph; every graph has it.
    pub const ROOT: Self = Self(0);

    /// The region at `index`.
    ///
    /// # Panics
    /// If a graph has more than 2³² regions.
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("a graph has fewer than 2^32 regions"))
    }

    /// The region's place in the graph's list; the whole graph is at 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of a graph that its owner, a node of control flow, runs by itself:
/// an arm of a branch, the body of a map or of a loop. The whole graph is one,
/// too, which no node owns.
///
/// Its nodes read each other, and values of the regions around it (*captures*),
/// which are there before it begins. Nothing outside reads into it: what leaves
/// is its output, by way of its owner.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let (smart, fast) = (LlmInference::new("smart"), LlmInference::new("fast"));
/// let graph = Tracer::new("answer").trace(|question: Proxy<String>| {
///     fallback(|| smart.call(question), || fast.call(question))
/// })?;
/// // The whole graph comes first; regions stand where their owners are.
/// let labels: Vec<String> = graph.regions().iter().map(|region| region.label().to_string()).collect();
/// assert_eq!(labels, ["pipeline", "try", "fallback"]);
/// for region in &graph.regions()[1..] {
///     let names = region.nodes().map(|place| graph.nodes()[place].name());
///     println!("{}: {:?}", region.label(), names.collect::<Vec<_>>());
/// }
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    pub(super) owner: Option<NodeRef>,
    pub(super) label: RegionLabel,
    /// The label as paths have it.
    pub(super) arm: Arc<str>,
    pub(super) nodes: Range<usize>,
    pub(super) arguments: usize,
    pub(super) output: Shape,
}

impl Region {
    /// The node that runs it; `None` for the whole graph.
    pub fn owner(&self) -> Option<NodeRef> {
        self.owner
    }

    /// What it is for its owner.
    pub fn label(&self) -> &RegionLabel {
        &self.label
    }

    /// What a [`Place::Arm`](super::Place::Arm) of a
    /// [`NodePath`](super::NodePath) calls it: `then`, `bug`, `default`. A text
    /// that could be mistaken for something else stands in JSON's quotes.
    pub fn arm(&self) -> &Arc<str> {
        &self.arm
    }

    /// The places of its nodes, those of the regions inside of it included.
    /// They stand right after the owner, or after its region before this one.
    pub fn nodes(&self) -> Range<usize> {
        self.nodes.clone()
    }

    /// Whether `node` is in it, or in a region inside of it.
    pub fn contains(&self, node: NodeRef) -> bool {
        self.nodes.contains(&node.index())
    }

    /// Its first nodes, which have their values from the owner: the element of a
    /// map, what a fold has so far and its next element, the state of a loop.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = NodeRef> + use<> {
        let first = self.nodes.start;
        (first..first + self.arguments).map(NodeRef::new)
    }

    /// What it gives to its owner.
    pub fn output(&self) -> &Shape {
        &self.output
    }
}

/// What a region is for its owner.
///
/// [`Region`] shows those of a fallback; as text it is what drawings say.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RegionLabel {
    /// The whole graph.
    Root,
    /// What runs where a condition is true.
    Then,
    /// What runs where a condition is false.
    Else,
    /// What runs for this value.
    Case(Value),
    /// What runs where no case does.
    Default,
    /// What a map, a fold or a loop repeats.
    Body,
    /// What a fallback tries first.
    Try,
    /// What runs where that failed.
    Fallback,
}

impl RegionLabel {
    /// How paths name this arm.
    pub(crate) fn path_text(&self) -> String {
        match self {
            Self::Case(when) => Self::case_text(when),
            other => other.to_string(),
        }
    }

    /// A case as a key of a pipeline file and in paths: texts as they are, but
    /// in quotes where they would be read as another value.
    pub(crate) fn case_text(when: &Value) -> String {
        match when {
            Value::String(text) if is_plain_case(text) => text.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// Reads what [`case_text`](Self::case_text) wrote.
    pub(crate) fn case_of_text(text: &str) -> Value {
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(
                json @ (serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::String(_)),
            ) => json.into(),
            _ => text.into(),
        }
    }
}

/// Whether a text can stand without quotes where a case stands.
fn is_plain_case(text: &str) -> bool {
    let is_delimiter = |character: char| matches!(character, '/' | '[' | ']' | '"');
    !text.is_empty()
        && text != "default"
        && !text.contains(is_delimiter)
        && !text.chars().any(char::is_control)
        && RegionLabel::case_of_text(text).as_str() == Some(text)
}

impl fmt::Display for RegionLabel {
    /// `then`, `case "bug"`, `default`, `body`, ….
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(when) => write!(formatter, "case {when:?}"),
            Self::Root => formatter.write_str("pipeline"),
            Self::Then => formatter.write_str("then"),
            Self::Else => formatter.write_str("else"),
            Self::Default => formatter.write_str("default"),
            Self::Body => formatter.write_str("body"),
            Self::Try => formatter.write_str("try"),
            Self::Fallback => formatter.write_str("fallback"),
        }
    }
}

/// Where a node stands: it runs as a part of `owner` only, in the arm or body
/// `label`.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let long = LlmInference::new("smart");
/// let graph = Tracer::new("answer").trace(|question: Proxy<String>| {
///     branch(
///         question.length().at_least(100_u64),
///         || long.call(question).named("reply"),
///         || prompt!("Too short."),
///     )
/// })?;
/// let call = graph.node_named("reply").expect("it is there");
/// let conditions: Vec<String> = graph.conditions(call).map(|found| found.to_string()).collect();
/// assert_eq!(conditions, ["then of `branch`"]); // it runs in one arm only
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Condition<'g> {
    /// The node of control flow.
    pub owner: NodeRef,
    /// Its name.
    pub owner_name: &'g str,
    /// Which part of it.
    pub label: &'g RegionLabel,
}

impl fmt::Display for Condition<'_> {
    /// ``case "bug" of `reply` ``.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of `{}`", self.label, self.owner_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cases_are_read_as_they_are_written() {
        let check = |when: serde_json::Value, text: &str| {
            let when = Value::from(when);
            assert_eq!(RegionLabel::case_text(&when), text);
            assert_eq!(RegionLabel::case_of_text(text), when);
        };
        check(json!("bug"), "bug");
        check(json!("a feature"), "a feature");
        check(json!(1), "1");
        check(json!(-1), "-1");
        check(json!(true), "true");
        check(json!("1"), r#""1""#);
        check(json!("true"), r#""true""#);
        check(json!("null"), "null");
        check(json!(""), r#""""#);
        check(json!("default"), r#""default""#);
        check(json!("a/b[0]"), r#""a/b[0]""#);
        check(json!("a \"b\""), r#""a \"b\"""#);
    }
}
