//! Control flow while it runs: which region a node begins next, and what becomes
//! of what it gives.
//!
//! A [`Flow`] is a node of control flow in progress. It is the same for all of
//! them: it says what is to begin ([`Flow::upcoming`], [`Flow::begin`]), takes
//! what came of it, and has a value in the end. The operations are files of their
//! own, each a [`Step`]. [`run::regions`](super::run) runs them: every run of a
//! region is an execution like that of an input, with the node's execution as
//! its parent.

mod branch;
mod fallback;
mod fold;
mod fold_tree;
mod map;
mod repeat;
mod waiting;

use std::sync::Arc;

use branch::OneArm;
use fallback::Attempt;
use fold::InOrder;
use fold_tree::Pairs;
use map::Elements;
use repeat::Iterations;
pub(crate) use waiting::{FlowKey, WaitingFlows};

use super::evaluate::{Failure, build};
use crate::execution::execution_state::Captured;
use crate::execution::{ExecutionError, ExecutionState, Plan};
use crate::graph::{FailureKind, FoldOrder, NodeRef, Operation, Place, RegionRef, Shape};
use crate::value::Value;

/// A node of control flow that is in progress.
pub(crate) struct Flow {
    pub(crate) node: NodeRef,
    /// Its region runs that have not ended.
    pub(crate) running: usize,
    /// Why it has no value and will have none: its own fault, or that of what it
    /// runs.
    pub(crate) error: Option<Box<ExecutionError>>,
    /// Whether it is among those that begin more when there is room.
    pub(crate) is_waiting: bool,
    /// What its region reads from outside, once that was asked for.
    captured: Option<(RegionRef, Captured)>,
    steps: Steps,
}

/// The operation of a [`Flow`].
enum Steps {
    Branch(OneArm),
    Map(Elements),
    Fold(InOrder),
    FoldTree(Pairs),
    Repeat(Iterations),
    Fallback(Attempt),
}

/// A run of a region that is to begin.
pub(crate) struct RegionStart {
    pub(crate) region: RegionRef,
    pub(crate) at: At,
    pub(crate) arguments: [Option<Value>; 2],
}

/// Which of the runs of its regions one is, for the node that runs it: a
/// [`Place`] that costs nothing until its text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Arm(RegionRef),
    Element(usize),
    Iteration(u32),
    Pair(u32, usize),
}

impl At {
    pub(crate) fn place(self, plan: &Plan) -> Place {
        match self {
            Self::Arm(region) => Place::Arm(Arc::clone(plan.graph().region(region).arm())),
            Self::Element(index) => Place::Element(index),
            Self::Iteration(index) => Place::Iteration(index),
            Self::Pair(level, pair) => Place::Pair(level, pair),
        }
    }

    /// A number for draws that are the same every time.
    pub(crate) fn seed(self) -> u64 {
        match self {
            Self::Arm(region) => region.index() as u64,
            Self::Element(index) => index as u64,
            Self::Iteration(index) => u64::from(index),
            Self::Pair(level, pair) => (u64::from(level) << 40) ^ pair as u64,
        }
    }
}

/// What all operations do, each in its way.
trait Step {
    /// The region that is to begin next, if one can begin now.
    fn upcoming(&self) -> Option<RegionRef>;

    /// Begins it.
    fn begin(&mut self) -> RegionStart;

    /// Takes what a region run gave.
    fn take(&mut self, at: At, value: Value) -> Result<(), Failure>;

    /// Whether a failure of a region run is handled here. One that is no fault of
    /// the input never is.
    fn catches(&self, at: At, error: &ExecutionError) -> bool {
        let _ = (at, error);
        false
    }

    /// Handles it.
    fn caught(&mut self, at: At, error: &ExecutionError) {
        let _ = (at, error);
    }

    /// The value, when nothing is left to begin and nothing runs.
    fn finish(&mut self) -> Result<Value, Failure>;

    /// Whether several of its region runs may be under way at once.
    fn is_parallel(&self) -> bool {
        false
    }

    /// The only one of its regions that runs, if it has several and that is known.
    fn chosen(&self) -> Option<RegionRef> {
        None
    }
}

impl Flow {
    /// Begins `node`, which has all that it reads.
    pub(crate) fn new(plan: &Plan, state: &ExecutionState, node: NodeRef) -> Result<Self, Failure> {
        let steps = match plan.graph().node(node).operation() {
            Operation::Branch(branch) => {
                let value = build(state, &branch.on)?;
                Steps::Branch(OneArm::new(branch, &value)?)
            }
            Operation::Map(map) => {
                let list = list_of(state, &map.list, "a map")?;
                Steps::Map(Elements::new(map, list))
            }
            Operation::Fold(fold) => {
                let list = list_of(state, &fold.list, "a fold")?;
                match fold.order {
                    FoldOrder::Sequential => {
                        let initial = fold.initial.as_ref();
                        let initial = initial.map(|initial| build(state, initial));
                        Steps::Fold(InOrder::new(fold, list, initial.transpose()?)?)
                    }
                    FoldOrder::Tree => Steps::FoldTree(Pairs::new(fold, list)?),
                }
            }
            Operation::Repeat(repeat) => {
                let state = build(state, &repeat.state)?;
                Steps::Repeat(Iterations::new(repeat, state))
            }
            Operation::Fallback(fallback) => Steps::Fallback(Attempt::new(fallback)),
            _ => unreachable!("only control flow runs regions"),
        };
        Ok(Self {
            node,
            running: 0,
            error: None,
            is_waiting: false,
            captured: None,
            steps,
        })
    }

    fn step(&self) -> &dyn Step {
        match &self.steps {
            Steps::Branch(step) => step,
            Steps::Map(step) => step,
            Steps::Fold(step) => step,
            Steps::FoldTree(step) => step,
            Steps::Repeat(step) => step,
            Steps::Fallback(step) => step,
        }
    }

    fn step_mut(&mut self) -> &mut dyn Step {
        match &mut self.steps {
            Steps::Branch(step) => step,
            Steps::Map(step) => step,
            Steps::Fold(step) => step,
            Steps::FoldTree(step) => step,
            Steps::Repeat(step) => step,
            Steps::Fallback(step) => step,
        }
    }

    /// The region that is to begin next, if one can begin now.
    pub(crate) fn upcoming(&self) -> Option<RegionRef> {
        self.step().upcoming()
    }

    /// Begins it, with what it reads from outside.
    pub(crate) fn begin(&mut self, state: &ExecutionState) -> (RegionStart, Captured) {
        let start = self.step_mut().begin();
        let captured = match &self.captured {
            Some((known, captured)) if *known == start.region => captured.clone(),
            _ => {
                let captured = state.capture(start.region);
                self.captured = Some((start.region, captured.clone()));
                captured
            }
        };
        (start, captured)
    }

    /// Takes what a region run gave.
    pub(crate) fn take(&mut self, at: At, value: Value) -> Result<(), Failure> {
        self.step_mut().take(at, value)
    }

    /// Whether a failure of a region run stays inside of this node. What no
    /// pipeline handles never does: it was stopped, or a replay has no answer.
    pub(crate) fn catches(&self, at: At, error: &ExecutionError) -> bool {
        let is_failure = FailureKind::from_name(error.kind.as_str()).is_some();
        is_failure && self.step().catches(at, error)
    }

    /// Handles a failure that stays inside of this node.
    pub(crate) fn caught(&mut self, at: At, error: &ExecutionError) {
        self.step_mut().caught(at, error);
    }

    /// The value, when nothing is left to begin and nothing runs.
    pub(crate) fn finish(&mut self) -> Result<Value, Failure> {
        self.step_mut().finish()
    }

    /// Whether several of its region runs may be under way at once.
    pub(crate) fn is_parallel(&self) -> bool {
        self.step().is_parallel()
    }

    /// The only one of its regions that runs, if it has several and that is known.
    pub(crate) fn chosen(&self) -> Option<RegionRef> {
        self.step().chosen()
    }
}

/// The elements of a list that `what` goes over.
fn list_of(state: &ExecutionState, shape: &Shape, what: &str) -> Result<Arc<[Value]>, Failure> {
    match build(state, shape)? {
        Value::List(list) => Ok(list),
        other => Err(Failure::invalid_value(format!(
            "{what} goes over a list, and this is {}",
            other.kind()
        ))),
    }
}

/// A condition that a region gives, where `what` says whose it is.
fn condition(value: &Value, what: impl FnOnce() -> String) -> Result<bool, Failure> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        other => Err(Failure::invalid_value(format!(
            "{} has to be true or false, and is {}",
            what(),
            other.kind()
        ))),
    }
}
