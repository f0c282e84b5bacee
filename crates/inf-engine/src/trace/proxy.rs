//! [`Proxy`]: what a value will be.

use std::fmt;
use std::marker::PhantomData;

use super::written_out::write_out;
use crate::graph::NodeRef;

/// A value of type `T` that a run will have: what `forward` works on.
///
/// A proxy is a small handle and is copied freely. It has no `Display`, no
/// `PartialEq` and no iterator, so that it can't turn into text or a decision
/// while there is no value yet: use `prompt!` to put it into a text, and
/// [`then`](Proxy::then) to work on it with Rust code.
///
/// It belongs to the trace that made it. Using it in another one is an error
/// of that trace; using it where nothing is traced panics.
pub struct Proxy<T> {
    trace: u32,
    node: NodeRef,
    value: PhantomData<fn() -> T>,
}

impl<T> Proxy<T> {
    pub(super) fn new(trace: u32, node: NodeRef) -> Self {
        Self {
            trace,
            node,
            value: PhantomData,
        }
    }

    /// Which trace this proxy belongs to.
    pub(super) fn trace(self) -> u32 {
        self.trace
    }

    /// Its place among what that trace recorded.
    pub(super) fn node(self) -> NodeRef {
        self.node
    }

    /// The same value under another type; the caller knows that it fits.
    pub(crate) fn retyped<U>(self) -> Proxy<U> {
        Proxy::new(self.trace, self.node)
    }
}

impl<T> Clone for Proxy<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Proxy<T> {}

impl<T> fmt::Debug for Proxy<T> {
    /// For debugging. Where this text goes into a prompt or a constant, it is an
    /// error of the trace, because the value was meant.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_out(formatter, std::any::type_name::<T>(), self.trace, self.node)
    }
}
