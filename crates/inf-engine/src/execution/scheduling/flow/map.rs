//! [`Elements`]: a map runs its body for each element of a list, all at once as
//! far as there is room, and has a list in the order of the elements.

use std::sync::Arc;

use super::{At, RegionStart, Step, condition};
use crate::execution::ExecutionError;
use crate::execution::scheduling::evaluate::Failure;
use crate::graph::{Keep, Map, RegionRef};
use crate::value::Value;

/// A map over its list.
pub(super) struct Elements {
    body: RegionRef,
    keep: Keep,
    list: Arc<[Value]>,
    /// The element that begins next.
    next: usize,
    /// What became of each, once it has ended.
    results: Vec<Value>,
}

impl Elements {
    pub(super) fn new(map: &Map, list: Arc<[Value]>) -> Self {
        Self {
            body: map.body,
            keep: map.keep,
            next: 0,
            results: vec![Value::Null; list.len()],
            list,
        }
    }

    fn put(&mut self, at: At, value: Value) {
        if let At::Element(index) = at {
            self.results[index] = value;
        }
    }
}

impl Step for Elements {
    fn upcoming(&self) -> Option<RegionRef> {
        (self.next < self.list.len()).then_some(self.body)
    }

    fn begin(&mut self) -> RegionStart {
        let index = self.next;
        self.next += 1;
        RegionStart {
            region: self.body,
            at: At::Element(index),
            arguments: [Some(self.list[index].clone()), None],
        }
    }

    fn take(&mut self, at: At, value: Value) -> Result<(), Failure> {
        let value = match self.keep {
            Keep::Outputs => value,
            Keep::Elements => {
                let what = || match at {
                    At::Element(index) => format!("what a filter says of element {index}"),
                    _ => "what a filter says".to_owned(),
                };
                condition(&value, what)?.into()
            }
            Keep::Results => [("ok", value)].into_iter().collect(),
        };
        self.put(at, value);
        Ok(())
    }

    fn catches(&self, _: At, _: &ExecutionError) -> bool {
        self.keep == Keep::Results
    }

    fn caught(&mut self, at: At, error: &ExecutionError) {
        let node = error.node.as_deref().map_or(Value::Null, Value::from);
        let failure = [
            ("kind", Value::from(error.kind.as_str())),
            ("message", Value::from(error.message.as_str())),
            ("node", node),
        ];
        let failure: Value = failure.into_iter().collect();
        self.put(at, [("error", failure)].into_iter().collect());
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        let results = std::mem::take(&mut self.results);
        if self.keep != Keep::Elements {
            return Ok(Value::List(results.into()));
        }
        let elements = self.list.iter().zip(results);
        let kept = elements.filter(|(_, says)| *says == Value::Bool(true));
        Ok(kept.map(|(element, _)| element.clone()).collect())
    }

    fn is_parallel(&self) -> bool {
        true
    }
}
