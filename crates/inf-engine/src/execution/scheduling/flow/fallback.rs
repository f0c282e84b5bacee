//! [`Attempt`]: a fallback runs a region, and another one in its place if that
//! failed.

use super::{At, RegionStart, Step};
use crate::execution::ExecutionError;
use crate::execution::scheduling::evaluate::Failure;
use crate::graph::{FailureKind, Fallback, RegionRef};
use crate::value::Value;

/// A fallback that tries its body, or what takes its place.
pub(super) struct Attempt {
    body: RegionRef,
    otherwise: RegionRef,
    on: Vec<FailureKind>,
    /// What begins next.
    upcoming: Option<RegionRef>,
    has_failed: bool,
    value: Option<Value>,
}

impl Attempt {
    pub(super) fn new(fallback: &Fallback) -> Self {
        Self {
            body: fallback.body,
            otherwise: fallback.otherwise,
            on: fallback.on.clone(),
            upcoming: Some(fallback.body),
            has_failed: false,
            value: None,
        }
    }
}

impl Step for Attempt {
    fn upcoming(&self) -> Option<RegionRef> {
        self.upcoming
    }

    fn begin(&mut self) -> RegionStart {
        let region = self.upcoming.take().unwrap_or(self.body);
        RegionStart {
            region,
            at: At::Arm(region),
            arguments: [None, None],
        }
    }

    fn take(&mut self, _: At, value: Value) -> Result<(), Failure> {
        self.value = Some(value);
        Ok(())
    }

    fn catches(&self, at: At, error: &ExecutionError) -> bool {
        let kind = error.kind.as_str();
        let is_meant = self.on.is_empty() || self.on.iter().any(|on| on.as_str() == kind);
        at == At::Arm(self.body) && is_meant
    }

    fn caught(&mut self, _: At, _: &ExecutionError) {
        self.has_failed = true;
        self.upcoming = Some(self.otherwise);
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        Ok(self.value.take().unwrap_or_default())
    }

    fn chosen(&self) -> Option<RegionRef> {
        let is_known = self.value.is_some() && !self.has_failed;
        is_known.then_some(self.body)
    }
}
