//! [`Pairs`]: a fold by tree puts neighbours together in parallel, and what they
//! come to in the same way.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::fold::nothing;
use super::{At, RegionStart, Step};
use crate::execution::scheduling::evaluate::Failure;
use crate::graph::{Fold, RegionRef};
use crate::value::Value;

/// A fold over its list, level by level; the list is level 0. A pair begins when
/// both of its values are there, whatever the rest of its level does.
pub(super) struct Pairs {
    body: RegionRef,
    list: Arc<[Value]>,
    /// The pair of the list that begins next.
    next: usize,
    /// Pairs of other levels that have both values.
    ready: Vec<(At, [Value; 2])>,
    /// Values that wait for their neighbour, by level and place.
    waiting: FxHashMap<(u32, usize), Value>,
    result: Option<Value>,
}

impl Pairs {
    pub(super) fn new(fold: &Fold, list: Arc<[Value]>) -> Result<Self, Failure> {
        let last = list.last().cloned().ok_or_else(nothing)?;
        let mut pairs = Self {
            body: fold.body,
            next: 0,
            ready: Vec::new(),
            waiting: FxHashMap::default(),
            result: None,
            list,
        };
        if !pairs.list.len().is_multiple_of(2) {
            pairs.put(0, pairs.list.len() - 1, last);
        }
        Ok(pairs)
    }

    /// Puts in value `place` of `level`.
    fn put(&mut self, mut level: u32, mut place: usize, value: Value) {
        let values = |level: u32| self.list.len().div_ceil(1 << level);
        // The last of an odd number has no neighbour, and goes on as it is.
        while place + 1 == values(level) && place.is_multiple_of(2) {
            if place == 0 {
                self.result = Some(value);
                return;
            }
            (level, place) = (level + 1, place / 2);
        }
        match self.waiting.remove(&(level, place ^ 1)) {
            Some(other) => {
                let both = if place.is_multiple_of(2) {
                    [value, other]
                } else {
                    [other, value]
                };
                self.ready.push((At::Pair(level, place / 2), both));
            }
            None => {
                self.waiting.insert((level, place), value);
            }
        }
    }
}

impl Step for Pairs {
    fn upcoming(&self) -> Option<RegionRef> {
        let is_left = !self.ready.is_empty() || self.next < self.list.len() / 2;
        is_left.then_some(self.body)
    }

    fn begin(&mut self) -> RegionStart {
        // What is there already first: fewer values wait then.
        let (at, [left, right]) = self.ready.pop().unwrap_or_else(|| {
            let pair = self.next;
            self.next += 1;
            let value = |place: usize| self.list[2 * pair + place].clone();
            (At::Pair(0, pair), [value(0), value(1)])
        });
        RegionStart {
            region: self.body,
            at,
            arguments: [Some(left), Some(right)],
        }
    }

    fn take(&mut self, at: At, value: Value) -> Result<(), Failure> {
        if let At::Pair(level, pair) = at {
            self.put(level + 1, pair, value);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        Ok(self.result.take().unwrap_or_default())
    }

    fn is_parallel(&self) -> bool {
        true
    }
}
