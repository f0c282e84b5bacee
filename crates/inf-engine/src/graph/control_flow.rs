//! The operations of control flow: which of their regions run, how often, and
//! what becomes of what they give.

use super::compute::equal;
use super::region::RegionLabel;
use super::{FailureKind, RegionRef, Shape};
use crate::value::Value;

/// Runs one of several regions, its arms, and has its value.
///
/// No other arm runs. A value that has no arm, where there is no `otherwise`, is
/// an error of that input.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// What decides: a boolean, a text or a whole number.
    pub on: Shape,
    /// The arms.
    pub arms: Vec<Arm>,
    /// What runs for every other value.
    pub otherwise: Option<RegionRef>,
}

/// An arm of a [`Branch`].
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The value for which it runs.
    pub when: Value,
    /// What runs.
    pub region: RegionRef,
}

impl Branch {
    /// A branch with an arm for true and one for false.
    pub fn on_condition(on: Shape, then: RegionRef, otherwise: RegionRef) -> Self {
        let arm = |when: bool, region| Arm {
            when: when.into(),
            region,
        };
        Self {
            on,
            arms: vec![arm(true, then), arm(false, otherwise)],
            otherwise: None,
        }
    }

    /// The regions of true and false, if that is what it decides.
    pub fn as_condition(&self) -> Option<(RegionRef, RegionRef)> {
        match (&self.arms[..], self.otherwise) {
            (
                [
                    Arm {
                        when: Value::Bool(true),
                        region: then,
                    },
                    Arm {
                        when: Value::Bool(false),
                        region: otherwise,
                    },
                ],
                None,
            ) => Some((*then, *otherwise)),
            _ => None,
        }
    }

    /// The region that runs for `value`; 1.0 is 1, as models write it.
    pub fn chosen(&self, value: &Value) -> Option<RegionRef> {
        let arm = self.arms.iter().find(|arm| equal(&arm.when, value));
        arm.map(|arm| arm.region).or(self.otherwise)
    }

    pub(super) fn regions(&self) -> Vec<(RegionRef, RegionLabel)> {
        if let Some((then, otherwise)) = self.as_condition() {
            return vec![(then, RegionLabel::Then), (otherwise, RegionLabel::Else)];
        }
        let arms = self.arms.iter();
        let arms = arms.map(|arm| (arm.region, RegionLabel::Case(arm.when.clone())));
        let otherwise = self.otherwise.map(|region| (region, RegionLabel::Default));
        arms.chain(otherwise).collect()
    }

    /// What is wrong with it by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.arms.is_empty() {
            problems.push("it has no case: give it one, or use what its default does".to_owned());
        }
        for (place, Arm { when, .. }) in self.arms.iter().enumerate() {
            let is_whole = |number: &serde_json::Number| number.is_i64() || number.is_u64();
            match when {
                Value::String(_) | Value::Bool(_) => {}
                Value::Number(number) if is_whole(number) => {}
                other => problems.push(format!(
                    "the case {other:?} is {}: a case is a text, a whole number or a boolean",
                    other.kind()
                )),
            }
            if self.arms[..place].iter().any(|arm| arm.when == *when) {
                problems.push(format!("two cases are {when:?}: keep one of them"));
            }
        }
        problems
    }
}

/// Runs its body for each element of a list, all in parallel, and has a list in
/// the order of the elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// The list.
    pub list: Shape,
    /// What runs for each element, which is its argument.
    pub body: RegionRef,
    /// What becomes of what the body gives.
    pub keep: Keep,
}

/// What a [`Map`] makes of what its body gives for an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// It is an element of the value; a failure fails the input.
    Outputs,
    /// It is a boolean, and says whether the element is one of the value; a
    /// failure fails the input.
    Elements,
    /// It is an element of the value, as `{ok: …}`, and a failure is one, too:
    /// `{error: {kind, message, node}}`.
    Results,
}

/// Puts the elements of a list together, two at a time, to one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// The list. An empty one without an `initial` is an error of its input.
    pub list: Shape,
    /// What is there before the first element; that element itself if `None`.
    pub initial: Option<Shape>,
    /// What makes one of two: its arguments are what is there so far, and the
    /// next element.
    pub body: RegionRef,
    /// In which order.
    pub order: FoldOrder,
}

/// In which order a [`Fold`] puts elements together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FoldOrder {
    /// One after the other, from the first to the last.
    Sequential,
    /// Neighbours in parallel, and what they come to in the same way, level by
    /// level: as many levels as the list's length has binary digits. The last of
    /// an odd number goes to the next level as it is.
    Tree,
}

/// Runs its body again and again, each time on what it gave the last time.
///
/// The body gives `{state, done}`. The value is `{state, iterations, stopped}`,
/// where `stopped` is `condition` or `max`.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// The first state.
    pub state: Shape,
    /// What makes the next state of one, and says whether that was the last time.
    pub body: RegionRef,
    /// The most times that it runs; at least once.
    pub max: u32,
}

impl Repeat {
    /// The field of the body's output, and of the value, that is the state.
    pub const STATE: &str = "state";
    /// The field of the body's output that says whether it was the last time.
    pub const DONE: &str = "done";
    /// The field of the value that is how often the body ran.
    pub const ITERATIONS: &str = "iterations";
    /// The field of the value that says why it was the last time.
    pub const STOPPED: &str = "stopped";

    /// The two parts of what the body gives: the state, and whether it is done.
    pub(crate) fn parts(output: &Shape) -> Option<(&Shape, &Shape)> {
        match output {
            Shape::Map(fields) if fields.len() == 2 => {
                Some((fields.get(Self::STATE)?, fields.get(Self::DONE)?))
            }
            _ => None,
        }
    }
}

/// Runs a region, and another one in its place if it fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// What runs first.
    pub body: RegionRef,
    /// What runs if that failed.
    pub otherwise: RegionRef,
    /// The failures that it is for; all if there are none. What stops a run
    /// (cancellation, a budget) is no failure.
    pub on: Vec<FailureKind>,
}
