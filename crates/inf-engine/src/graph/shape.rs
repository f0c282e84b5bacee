//! [`Shape`]: a value put together from other values.

use indexmap::IndexMap;

use super::{NodeRef, Reference};
use crate::value::Value;

/// A value put together from references, constants, lists and maps, nested as
/// the user wrote them. A graph's output is one, and so is the input of a host
/// function.
///
/// ```
/// use inf_engine::graph::Shape;
/// use inf_engine::prelude::*;
///
/// let graph = Tracer::new("both").trace(|text: Proxy<String>| (text, "fixed".to_owned().into_proxy()).pack());
/// # use inf_engine::trace::IntoProxy;
/// assert!(matches!(graph?.output(), Shape::List(parts) if parts.len() == 2));
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A node's value or a part of it.
    Reference(Reference),
    /// A value that is the same in every run.
    Constant(Value),
    /// A list.
    List(Vec<Shape>),
    /// A map, under the user's own keys.
    Map(IndexMap<String, Shape>),
}

impl Shape {
    /// Calls `visit` on every reference in this shape.
    pub(crate) fn visit_references<'s>(&'s self, visit: &mut dyn FnMut(&'s Reference)) {
        match self {
            Self::Reference(reference) => visit(reference),
            Self::Constant(_) => {}
            Self::List(elements) => {
                for element in elements {
                    element.visit_references(visit);
                }
            }
            Self::Map(entries) => {
                for element in entries.values() {
                    element.visit_references(visit);
                }
            }
        }
    }

    pub(crate) fn renumber(&mut self, new: &dyn Fn(NodeRef) -> NodeRef) {
        match self {
            Self::Reference(reference) => reference.node = new(reference.node),
            Self::Constant(_) => {}
            Self::List(elements) => elements.iter_mut().for_each(|shape| shape.renumber(new)),
            Self::Map(entries) => entries.values_mut().for_each(|shape| shape.renumber(new)),
        }
    }

    /// The value, where `read` gives the value of a reference.
    pub(crate) fn build<E>(
        &self,
        read: &mut dyn FnMut(&Reference) -> Result<Value, E>,
    ) -> Result<Value, E> {
        match self {
            Self::Reference(reference) => read(reference),
            Self::Constant(value) => Ok(value.clone()),
            Self::List(elements) => elements.iter().map(|shape| shape.build(read)).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, shape)| Ok((key.as_str(), shape.build(read)?)))
                .collect(),
        }
    }
}

impl From<NodeRef> for Shape {
    fn from(node: NodeRef) -> Self {
        Self::Reference(node.into())
    }
}
