//! [`NodeRef`] and [`Reference`]: how a node names the values it reads.

use std::fmt;
use std::sync::Arc;

use crate::value::Value;

/// A node of one graph, by its place in topological order.
///
/// A type of its own, so that a text or a number can never be mistaken for a
/// reference.
///
/// ```
/// use inf_engine::graph::NodeRef;
/// use inf_engine::prelude::*;
///
/// let graph = LlmInference::new("fast").trace()?;
/// let call = graph.node_named("llm").expect("it is there");
/// assert_eq!(graph.dependencies(call), [NodeRef::INPUT]);
/// assert_eq!(graph.node(call).name(), "llm");
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeRef(u32);

impl NodeRef {
    /// The node that stands for the input of the graph; every graph has it.
    pub const INPUT: Self = Self(0);

    /// The node at `index`.
    ///
    /// # Panics
    /// If a graph has more than 2³² nodes.
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("a graph has fewer than 2^32 nodes"))
    }

    /// The node's place in topological order; the input is at 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A parameter of one graph, by its place in the graph's table.
///
/// ```
/// use inf_engine::Parameter;
/// use inf_engine::graph::{
///     GraphBuilder, GraphNode, LlmCall, NodeRef, Operation, Template, TemplatePart,
/// };
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("ask", Schema::of::<String>());
/// let tone = builder.add_parameter("tone", Parameter::new("Be brief.").described("The tone."));
/// let mut system = Template::text("You answer questions. ");
/// system.push(TemplatePart::Parameter(tone));
/// let mut call = LlmCall::new("fast", Template::of(NodeRef::INPUT));
/// call.system = Some(system);
/// let answer = builder.add(GraphNode::new("answer", Operation::Llm(call)));
/// let graph = builder.finish(answer.into())?;
/// assert_eq!(graph.parameters()[tone.index()].path.as_str(), "tone");
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterRef(u32);

impl ParameterRef {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("a graph has fewer than 2^32 parameters"))
    }

    /// The parameter's place in the graph's table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One step into a value.
///
/// [`Reference`] shows a way of three.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Accessor {
    /// The element of a map under a key.
    Key(Arc<str>),
    /// The element of a list at an index, from 0.
    Index(usize),
}

/// A value that a node reads: another node's value, or a part of it.
///
/// ```
/// use inf_engine::graph::{Accessor, InferenceGraph, NodeRef, Reference, Shape};
///
/// let graph = InferenceGraph::from_text(
///     "{version: 1, name: first_title, nodes: {}, output: input.papers.0.title}",
/// )?;
/// let title = Reference {
///     node: NodeRef::INPUT,
///     path: vec![
///         Accessor::Key("papers".into()),
///         Accessor::Index(0),
///         Accessor::Key("title".into()),
///     ],
/// };
/// assert_eq!(graph.output(), &Shape::Reference(title));
/// # Ok::<(), inf_engine::graph::PipelineFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The node whose value is read.
    pub node: NodeRef,
    /// The way into that value; empty for the whole of it.
    pub path: Vec<Accessor>,
}

impl Reference {
    /// The part of `value` that this reference means.
    pub(crate) fn resolve<'v>(&self, value: &'v Value) -> Result<&'v Value, MissingPart> {
        let mut part = value;
        for (depth, accessor) in self.path.iter().enumerate() {
            let next = match accessor {
                Accessor::Key(key) => part.get(key),
                Accessor::Index(index) => part.at(*index),
            };
            part = next.ok_or_else(|| MissingPart {
                path: self.path[..depth].to_vec(),
                accessor: accessor.clone(),
                found: describe(part),
            })?;
        }
        Ok(part)
    }

    /// The reference as it is written in a pipeline file: `facts.tags.0`.
    pub(crate) fn display<'a>(&'a self, node_name: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |formatter| {
            formatter.write_str(node_name)?;
            write!(formatter, "{}", display_path(&self.path))
        })
    }
}

impl From<NodeRef> for Reference {
    fn from(node: NodeRef) -> Self {
        Self {
            node,
            path: Vec::new(),
        }
    }
}

/// `.tags.0."a key"`; keys that are no identifiers stand in JSON's quotes.
fn display_path(path: &[Accessor]) -> impl fmt::Display + '_ {
    fmt::from_fn(move |formatter| {
        for accessor in path {
            match accessor {
                Accessor::Index(index) => write!(formatter, ".{index}")?,
                Accessor::Key(key) if is_identifier(key) => write!(formatter, ".{key}")?,
                Accessor::Key(key) => {
                    write!(formatter, ".{}", serde_json::Value::from(&**key))?;
                }
            }
        }
        Ok(())
    })
}

/// Whether `text` can stand unquoted in a reference.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|other| other.is_alphanumeric() || other == '_' || other == '-')
}

/// Says that a value has no such part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingPart {
    path: Vec<Accessor>,
    accessor: Accessor,
    found: String,
}

impl MissingPart {
    /// The sentence, where `node_name` is the node whose value was read.
    pub(crate) fn sentence(&self, node_name: &str) -> String {
        let whole = format!("{node_name}{}", display_path(&self.path));
        let found = &self.found;
        match &self.accessor {
            Accessor::Key(key) => format!("`{whole}` has no field `{key}`: it is {found}"),
            Accessor::Index(index) => format!("`{whole}` has no element {index}: it is {found}"),
        }
    }
}

fn describe(value: &Value) -> String {
    const SHOWN: usize = 8;
    match value {
        Value::Map(map) if map.is_empty() => "an empty map".to_owned(),
        Value::Map(map) => {
            let keys: Vec<String> = map
                .keys()
                .take(SHOWN)
                .map(|key| format!("`{key}`"))
                .collect();
            let rest = if map.len() > SHOWN { ", …" } else { "" };
            format!("a map with {}{rest}", keys.join(", "))
        }
        Value::List(list) => format!("a list of {}", list.len()),
        other => other.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &[Accessor]) -> Result<String, String> {
        let value = Value::from(serde_json::json!({"tags": ["a", {"x y": true}]}));
        let reference = Reference {
            node: NodeRef::INPUT,
            path: path.to_vec(),
        };
        match reference.resolve(&value) {
            Ok(part) => Ok(format!("{} = {part}", reference.display("input"))),
            Err(missing) => Err(missing.sentence("input")),
        }
    }

    #[test]
    fn resolves_parts_and_says_what_is_missing() {
        let key = |key: &str| Accessor::Key(key.into());
        let index = Accessor::Index;
        let check = |path: &[Accessor], expected: Result<&str, &str>| {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(resolve(path), expected);
        };
        check(&[key("tags"), index(0)], Ok("input.tags.0 = a"));
        check(
            &[key("tags"), index(1), key("x y")],
            Ok(r#"input.tags.1."x y" = true"#),
        );
        check(
            &[key("tag")],
            Err("`input` has no field `tag`: it is a map with `tags`"),
        );
        check(
            &[key("tags"), index(5)],
            Err("`input.tags` has no element 5: it is a list of 2"),
        );
        check(
            &[key("tags"), index(0), key("b")],
            Err("`input.tags.0` has no field `b`: it is a string"),
        );
    }
}
