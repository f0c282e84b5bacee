//! [`InOrder`]: a fold puts the elements of a list together one after the other.

use std::sync::Arc;

use super::{At, RegionStart, Step};
use crate::execution::scheduling::evaluate::Failure;
use crate::graph::{Fold, RegionRef};
use crate::value::Value;

/// A fold over its list, from the first element to the last.
pub(super) struct InOrder {
    body: RegionRef,
    list: Arc<[Value]>,
    /// The element that is put to the others next.
    next: usize,
    /// What the others came to; nothing while the next one is put to them.
    so_far: Option<Value>,
}

impl InOrder {
    pub(super) fn new(
        fold: &Fold,
        list: Arc<[Value]>,
        initial: Option<Value>,
    ) -> Result<Self, Failure> {
        let next = usize::from(initial.is_none());
        let so_far = initial.or_else(|| list.first().cloned());
        Ok(Self {
            body: fold.body,
            list,
            next,
            so_far: Some(so_far.ok_or_else(nothing)?),
        })
    }
}

impl Step for InOrder {
    fn upcoming(&self) -> Option<RegionRef> {
        (self.so_far.is_some() && self.next < self.list.len()).then_some(self.body)
    }

    fn begin(&mut self) -> RegionStart {
        let index = self.next;
        self.next += 1;
        RegionStart {
            region: self.body,
            at: At::Element(index),
            arguments: [self.so_far.take(), Some(self.list[index].clone())],
        }
    }

    fn take(&mut self, _: At, value: Value) -> Result<(), Failure> {
        self.so_far = Some(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        Ok(self.so_far.take().unwrap_or_default())
    }
}

/// Says that there is nothing to be put together.
pub(super) fn nothing() -> Failure {
    Failure::missing(
        "the list of a fold is empty, and it has no initial value to give in its place".to_owned(),
    )
}
