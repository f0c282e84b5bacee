//! Loops: `repeat_until`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::access;
use super::context::{Step, record};
use super::trace_region::{Control, record_argument, record_control, record_region};
use super::{IntoProxy, Proxy};
use crate::graph::{Accessor, Reference, Repeat, Shape, SourceLocation};

/// Runs `body` on `state`, then on what that gave, and so on, until `until` is
/// true of what it gave, or it ran `max` times; at least once.
///
/// Both closures run once, when the module is traced, and `until` after `body`.
/// What the loop ends with is the [`state`](Proxy::state); why it ended is
/// [`stopped`](Proxy::stopped).
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Serialize, Deserialize, JsonSchema, Record)]
/// struct Critique { accepted: bool, advice: String }
///
/// let critic = LlmInference::<Critique>::typed("smart");
/// let write = LlmInference::new("fast");
/// let graph = Tracer::new("revise").trace(|draft: Proxy<String>| {
///     let first = (draft, critic.call(draft)).pack();
///     let revised = repeat_until(
///         first,
///         |state| {
///             let (text, critique) = state.split();
///             let text = write.call(prompt!("{text}\n\nBetter, please: {critique}"));
///             (text, critic.call(text)).pack()
///         },
///         |state| state.split().1.accepted(),
///         3,
///     );
///     revised.state().split().0
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[track_caller]
pub fn repeat_until<S>(
    state: impl IntoProxy<S>,
    body: impl FnOnce(Proxy<S>) -> Proxy<S>,
    until: impl FnOnce(Proxy<S>) -> Proxy<bool>,
    max: u32,
) -> Proxy<Repeated<S>> {
    const FUNCTION: &str = "repeat_until";
    let location = SourceLocation::caller();
    let state = state.into_proxy();
    let part = (FUNCTION, "body".to_owned());
    let body = record_region(part, location, || {
        let next = body(record_argument("state", location));
        let done = until(next);
        record::<()>(FUNCTION, location, |recorder| {
            let parts = [
                (Repeat::STATE, recorder.node(next)),
                (Repeat::DONE, recorder.node(done)),
            ];
            let parts = parts.map(|(key, node)| {
                let part = Shape::Reference(Reference::from(node));
                (key.to_owned(), part)
            });
            Step::Pack(Shape::Map(parts.into()))
        })
    });
    let control = Control::Repeat { body, max };
    record_control(FUNCTION, location, control, &[state.retyped()])
}

/// What a [`repeat_until`] ends with.
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::trace::{Repeated, Stopped};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = Tracer::new("double").trace(|start: Proxy<u64>| {
///     repeat_until(start, |number| number + number, |number| number.at_least(1_000_u64), 20)
/// })?;
/// let pipeline = graph.bind_as::<u64, Repeated<u64>>(ResourceConfig::new())?;
/// let doubled = pipeline.run_blocking(3)?;
/// assert_eq!((doubled.state, doubled.iterations), (1_536, 9));
/// assert_eq!(doubled.stopped, Stopped::Condition);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repeated<S> {
    /// What the body gave the last time.
    pub state: S,
    /// How often it ran.
    pub iterations: u32,
    /// Why it did not run again.
    pub stopped: Stopped,
}

/// Why a [`repeat_until`] did not run again.
///
/// [`Repeated`] has it, and shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Its condition was true.
    Condition,
    /// It had run as often as it may.
    Max,
}

impl<S> Proxy<Repeated<S>> {
    /// What the body gave the last time.
    #[track_caller]
    pub fn state(self) -> Proxy<S> {
        access(self, Accessor::Key(Repeat::STATE.into()))
    }

    /// How often the body ran.
    #[track_caller]
    pub fn iterations(self) -> Proxy<u32> {
        access(self, Accessor::Key(Repeat::ITERATIONS.into()))
    }

    /// Why it did not run again.
    #[track_caller]
    pub fn stopped(self) -> Proxy<Stopped> {
        access(self, Accessor::Key(Repeat::STOPPED.into()))
    }
}
