//! [`OneArm`]: a branch runs one of its arms and has its value.

use super::{At, RegionStart, Step};
use crate::document::shorten;
use crate::execution::ErrorKind;
use crate::execution::scheduling::evaluate::Failure;
use crate::graph::{Branch, RegionRef};
use crate::value::Value;

/// A branch that has chosen.
pub(super) struct OneArm {
    region: RegionRef,
    has_begun: bool,
    value: Option<Value>,
}

impl OneArm {
    pub(super) fn new(branch: &Branch, value: &Value) -> Result<Self, Failure> {
        let region = branch.chosen(value).ok_or_else(|| no_arm(branch, value))?;
        Ok(Self {
            region,
            has_begun: false,
            value: None,
        })
    }
}

impl Step for OneArm {
    fn upcoming(&self) -> Option<RegionRef> {
        (!self.has_begun).then_some(self.region)
    }

    fn begin(&mut self) -> RegionStart {
        self.has_begun = true;
        RegionStart {
            region: self.region,
            at: At::Arm(self.region),
            arguments: [None, None],
        }
    }

    fn take(&mut self, _: At, value: Value) -> Result<(), Failure> {
        self.value = Some(value);
        Ok(())
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        Ok(self.value.take().unwrap_or_default())
    }

    fn chosen(&self) -> Option<RegionRef> {
        Some(self.region)
    }
}

/// Says that there is no arm for `value`, and which there are.
fn no_arm(branch: &Branch, value: &Value) -> Failure {
    const SHOWN: usize = 16;
    const LONGEST: usize = 100;
    let text = |value: &Value| shorten(&format!("{value:?}"), LONGEST);
    if branch.as_condition().is_some() {
        let message = format!(
            "the condition is `{}`, which is neither true nor false: compare it with something",
            text(value)
        );
        return Failure::new(ErrorKind::NoMatch, message);
    }
    let known = branch.arms.iter().take(SHOWN).map(|arm| text(&arm.when));
    let known = known.collect::<Vec<_>>().join("`, `");
    let rest = if branch.arms.len() > SHOWN {
        ", …"
    } else {
        ""
    };
    let message = format!(
        "there is no case for `{}`, and no default: the cases are `{known}`{rest}",
        text(value)
    );
    Failure::new(ErrorKind::NoMatch, message)
}
