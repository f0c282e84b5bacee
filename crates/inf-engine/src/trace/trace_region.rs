//! The regions of a trace: what was recorded inside of an arm or a body.

use std::fmt;

use super::Proxy;
use super::context::{Context, Step, record, try_current, with_current};
use crate::graph::{
    Arm, Branch, FailureKind, Fallback, Fold, FoldOrder, Keep, Map, NodeRef, Operation, RegionRef,
    Repeat, Shape, SourceLocation,
};
use crate::value::Value;

/// A region of the running trace, by its place in the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceRegionRef(usize);

impl TraceRegionRef {
    /// The whole trace.
    pub(super) const WHOLE: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// A part of a trace that a step of control flow runs.
pub(super) struct TraceRegion {
    /// The function of the program that made it, and which part of it this is.
    function: &'static str,
    part: String,
    pub(super) location: SourceLocation,
    /// What it gives.
    pub(super) output: Option<NodeRef>,
    /// Whether a step runs it.
    pub(super) is_owned: bool,
}

impl TraceRegion {
    pub(super) fn whole() -> Self {
        Self {
            function: "forward",
            part: "all".to_owned(),
            location: SourceLocation::caller(),
            output: None,
            is_owned: true,
        }
    }

    /// The function that made it.
    pub(super) fn function(&self) -> &'static str {
        self.function
    }
}

impl fmt::Display for TraceRegion {
    /// `` the then of the `branch` at src/main.rs:10 ``.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            function,
            part,
            location,
            ..
        } = self;
        write!(formatter, "the {part} of the `{function}` at {location}")
    }
}

/// A step of control flow; what it reads is apart.
pub(super) enum Control {
    Branch {
        arms: Vec<(Value, TraceRegionRef)>,
        otherwise: Option<TraceRegionRef>,
    },
    Map {
        body: TraceRegionRef,
        keep: Keep,
    },
    /// Reads the list and, if there is one, what is there at first.
    Fold {
        body: TraceRegionRef,
        order: FoldOrder,
    },
    Repeat {
        body: TraceRegionRef,
        max: u32,
    },
    Fallback {
        body: TraceRegionRef,
        otherwise: TraceRegionRef,
        on: Vec<FailureKind>,
    },
}

impl Control {
    fn regions(&self) -> Vec<TraceRegionRef> {
        match self {
            Self::Branch { arms, otherwise } => {
                let arms = arms.iter().map(|(_, region)| *region);
                arms.chain(*otherwise).collect()
            }
            Self::Map { body, .. } | Self::Fold { body, .. } | Self::Repeat { body, .. } => {
                vec![*body]
            }
            Self::Fallback {
                body, otherwise, ..
            } => vec![*body, *otherwise],
        }
    }

    /// What the node is called if it has no other name.
    pub(super) fn base_name(&self) -> &'static str {
        match self {
            Self::Branch { .. } => "branch",
            Self::Map {
                keep: Keep::Elements,
                ..
            } => "filter",
            Self::Map { .. } => "map",
            Self::Fold { .. } => "fold",
            Self::Repeat { .. } => "repeat",
            Self::Fallback { .. } => "fallback",
        }
    }

    /// The operation, where `region` gives the region of the graph.
    pub(super) fn lowered(
        &self,
        input: Vec<Shape>,
        region: impl Fn(TraceRegionRef) -> RegionRef,
    ) -> Operation {
        let mut input = input.into_iter();
        let mut next = || input.next().unwrap_or(Shape::Constant(Value::Null));
        match self {
            Self::Branch { arms, otherwise } => Operation::Branch(Branch {
                on: next(),
                arms: arms
                    .iter()
                    .map(|(when, arm)| Arm {
                        when: when.clone(),
                        region: region(*arm),
                    })
                    .collect(),
                otherwise: otherwise.map(region),
            }),
            Self::Map { body, keep } => Operation::Map(Map {
                list: next(),
                body: region(*body),
                keep: *keep,
            }),
            Self::Fold { body, order } => Operation::Fold(Fold {
                list: next(),
                initial: input.next(),
                body: region(*body),
                order: *order,
            }),
            Self::Repeat { body, max } => Operation::Repeat(Repeat {
                state: next(),
                body: region(*body),
                max: *max,
            }),
            Self::Fallback {
                body,
                otherwise,
                on,
            } => Operation::Fallback(Fallback {
                body: region(*body),
                otherwise: region(*otherwise),
                on: on.clone(),
            }),
        }
    }
}

impl Context {
    /// The region in which steps are recorded now.
    pub(super) fn current_region(&self) -> TraceRegionRef {
        self.open.last().copied().unwrap_or(TraceRegionRef::WHOLE)
    }
}

/// Records what `body` does as the `part` of a call of `function`. What it
/// returns is what the region gives.
#[track_caller]
pub(super) fn record_region<T>(
    (function, part): (&'static str, String),
    location: SourceLocation,
    body: impl FnOnce() -> Proxy<T>,
) -> TraceRegionRef {
    struct Close;
    impl Drop for Close {
        fn drop(&mut self) {
            try_current(|context| context.open.pop());
        }
    }
    let region = with_current(function, |context, _| {
        context.regions.push(TraceRegion {
            function,
            part,
            location,
            output: None,
            is_owned: false,
        });
        let region = TraceRegionRef(context.regions.len() - 1);
        context.open.push(region);
        region
    });
    let close = Close;
    let output = body();
    // It may be a proxy of elsewhere: let this region look at it.
    let output = record::<T>(function, location, |recorder| {
        Step::Pack(recorder.node(output).into())
    });
    drop(close);
    with_current(function, |context, _| {
        context.regions[region.index()].output = Some(output.node());
    });
    region
}

/// Records what the region that is being recorded is given.
#[track_caller]
pub(super) fn record_argument<T>(name: &'static str, location: SourceLocation) -> Proxy<T> {
    record(name, location, |_| Step::Argument(name))
}

/// Records a step of control flow that reads `input`.
#[track_caller]
pub(super) fn record_control<T>(
    function: &'static str,
    location: SourceLocation,
    control: Control,
    input: &[Proxy<()>],
) -> Proxy<T> {
    with_current(function, |context, _| {
        for region in control.regions() {
            context.regions[region.index()].is_owned = true;
        }
    });
    record(function, location, |recorder| Step::Control {
        input: input.iter().map(|proxy| recorder.node(*proxy)).collect(),
        control,
    })
}
