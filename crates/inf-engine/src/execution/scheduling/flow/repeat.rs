//! [`Iterations`]: a loop runs its body on what that gave the last time.

use super::{At, RegionStart, Step, condition};
use crate::execution::scheduling::evaluate::Failure;
use crate::graph::{RegionRef, Repeat};
use crate::value::Value;

/// A loop that has run so many times.
pub(super) struct Iterations {
    body: RegionRef,
    max: u32,
    done: u32,
    is_over: bool,
    /// What the body gave the last time; nothing while it runs.
    state: Option<Value>,
}

impl Iterations {
    pub(super) fn new(repeat: &Repeat, state: Value) -> Self {
        Self {
            body: repeat.body,
            max: repeat.max,
            done: 0,
            is_over: false,
            state: Some(state),
        }
    }
}

impl Step for Iterations {
    fn upcoming(&self) -> Option<RegionRef> {
        let goes_on = self.state.is_some() && !self.is_over && self.done < self.max;
        goes_on.then_some(self.body)
    }

    fn begin(&mut self) -> RegionStart {
        RegionStart {
            region: self.body,
            at: At::Iteration(self.done),
            arguments: [self.state.take(), None],
        }
    }

    fn take(&mut self, _: At, value: Value) -> Result<(), Failure> {
        let part = |name: &str| value.get(name).cloned().unwrap_or_default();
        let what = || format!("whether a loop is done after iteration {}", self.done);
        self.is_over = condition(&part(Repeat::DONE), what)?;
        self.state = Some(part(Repeat::STATE));
        self.done += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        let stopped = if self.is_over { "condition" } else { "max" };
        let fields = [
            (Repeat::STATE, self.state.take().unwrap_or_default()),
            (Repeat::ITERATIONS, Value::from(i64::from(self.done))),
            (Repeat::STOPPED, Value::from(stopped)),
        ];
        Ok(fields.into_iter().collect())
    }
}
