//! [`Prioritized`]: a module whose calls go before or after others.

use std::ops::Deref;

use super::{BackwardContext, BackwardResult, Forward, Members, Mode, Module};
use crate::parameter::Feedback;
use crate::trace::{Proxy, context};

/// A module with a priority, as [`with_priority`] makes it.
///
/// The priority is added to that of every call and host function that is
/// recorded inside the module's `forward`; those of modules inside each other
/// add up, and stay within the numbers of an `i32`. In all else this is the
/// module itself: members, paths, names and modes are the same.
///
/// ```
/// use inf_engine::module::Prioritized;
/// use inf_engine::prelude::*;
///
/// #[derive(Module)]
/// struct Answer {
///     think: LlmInference,
///     write: Prioritized<LlmInference>,
/// }
///
/// impl Forward for Answer {
///     type Input = String;
///     type Output = String;
///     fn forward(&self, question: Proxy<String>) -> Proxy<String> {
///         let thoughts = self.think.call(question);
///         self.write.call(prompt!("{question}\n\nThoughts: {thoughts}"))
///     }
/// }
///
/// let answer = Answer {
///     think: LlmInference::new("fast"),
///     write: LlmInference::new("fast").with_priority(-1),
/// };
/// let urgent = answer.with_priority(-10).trace()?;
/// let priorities: Vec<i32> = urgent.nodes().iter().map(|node| node.priority()).collect();
/// assert_eq!(priorities, [0, -10, -11]);
/// assert_eq!(urgent.nodes()[2].module(), "write");
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
///
/// [`with_priority`]: super::ForwardExt::with_priority
#[derive(Debug)]
pub struct Prioritized<M> {
    module: M,
    priority: i32,
}

impl<M> Prioritized<M> {
    pub(super) fn new(module: M, priority: i32) -> Self {
        Self { module, priority }
    }
}

impl<M> Deref for Prioritized<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.module
    }
}

impl<M: Module> Module for Prioritized<M> {
    fn members<'m>(&'m self, members: &mut Members<'m>) {
        self.module.members(members);
    }

    /// The module itself, so that every tree shows it and not this wrapper.
    fn as_module(&self) -> &dyn Module {
        self.module.as_module()
    }

    fn mode(&self) -> Option<&Mode> {
        self.module.mode()
    }

    fn backward(&self, feedback: &Feedback, context: &BackwardContext<'_>) -> BackwardResult {
        self.module.backward(feedback, context)
    }

    fn type_name(&self) -> &'static str {
        self.module.type_name()
    }
}

impl<M: Forward> Forward for Prioritized<M> {
    type Input = M::Input;
    type Output = M::Output;

    #[track_caller]
    fn forward(&self, input: Proxy<M::Input>) -> Proxy<M::Output> {
        let _until_the_end = context::prioritize(self.priority);
        self.module.forward(input)
    }
}
