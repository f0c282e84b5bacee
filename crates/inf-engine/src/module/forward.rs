//! [`Forward`]: what a module does.

use super::{Module, Prioritized};
use crate::graph::{GraphError, InferenceGraph, SourceLocation};
use crate::trace::{IntoProxy, Proxy, Tracer, context};
use crate::value::Data;

/// What a module does, written over proxies.
///
/// `forward` is run when a graph is needed, not once an input: it is not
/// async, has no values to look at, and decides nothing by them. Inside it,
/// use other modules with [`call`](ForwardExt::call).
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Module)]
/// struct Answer { think: LlmInference, write: LlmInference }
///
/// impl Forward for Answer {
///     type Input = String;
///     type Output = String;
///     fn forward(&self, question: Proxy<String>) -> Proxy<String> {
///         let thoughts = self.think.call(question);
///         self.write.call(prompt!("Answer {question}\nThoughts: {thoughts}"))
///     }
/// }
///
/// let answer = Answer { think: LlmInference::new("fast"), write: LlmInference::new("smart") };
/// let graph = answer.trace()?;
/// assert!(graph.node_named("thoughts").is_some());
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub trait Forward: Module {
    /// What the module is given.
    type Input: Data;
    /// What it makes of it.
    type Output: Data;

    /// Says what is done with the input.
    fn forward(&self, input: Proxy<Self::Input>) -> Proxy<Self::Output>;
}

/// What every module with a [`Forward`] can do, also as a trait object.
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Module)]
/// struct Twice { ask: LlmInference }
///
/// impl Forward for Twice {
///     type Input = String;
///     type Output = String;
///     fn forward(&self, question: Proxy<String>) -> Proxy<String> {
///         let first = self.ask.call(question);
///         self.ask.call(prompt!("{question}\nA first answer: {first}"))
///     }
/// }
///
/// let graph = Twice { ask: LlmInference::new("fast") }.trace()?;
/// // The input and two calls; the prompt is part of the second.
/// assert_eq!(graph.nodes().len(), 3);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub trait ForwardExt: Forward {
    /// Uses this module inside another one's `forward`. Two calls are two
    /// nodes of the graph.
    ///
    /// # Panics
    /// If nothing is being traced on this thread; to run a module, `bind` it.
    #[track_caller]
    fn call(&self, input: impl IntoProxy<Self::Input>) -> Proxy<Self::Output> {
        let input = input.into_proxy();
        context::enter(key(self), SourceLocation::caller(), || self.forward(input))
    }

    /// This module with a priority, which is added to that of every call and
    /// host function inside it: among those that are ready the lowest number
    /// goes first.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// // Inputs that have been drafted are finished before others are begun.
    /// let chain = Sequential::new(LlmInference::new("fast").system_prompt("Draft an answer."))
    ///     .then(LlmInference::new("fast").system_prompt("Polish it.").with_priority(-1));
    /// assert_eq!(chain.trace()?.nodes()[2].priority(), -1);
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    fn with_priority(self, priority: i32) -> Prioritized<Self>
    where
        Self: Sized,
    {
        Prioritized::new(self, priority)
    }

    /// The graph of this module.
    #[track_caller]
    fn trace(&self) -> Result<InferenceGraph, GraphError> {
        let name = short_name(self.type_name());
        let mut tracer = Tracer::new(name);
        for (path, module) in self.named_modules() {
            tracer.add_module(key(module), path);
        }
        for (path, parameter) in self.named_parameters() {
            tracer = tracer.with_parameter(path, &parameter);
        }
        let location = SourceLocation::caller();
        tracer.trace(|input| context::enter(key(self), location, || self.forward(input)))
    }
}

impl<F: Forward + ?Sized> ForwardExt for F {}

/// Tells a module from all others of one tree: its address and its type,
/// because a struct has the address of its first field. A wrapper that shows
/// another module as itself has the key of that module.
fn key<M: Module + ?Sized>(module: &M) -> (usize, &'static str) {
    let module = module.as_module();
    let address = std::ptr::from_ref(module).cast::<()>().addr();
    (address, module.type_name())
}

/// `my_crate::Compare<T>` as `compare`, `ExtractAndCompare` as
/// `extract_and_compare`.
pub(crate) fn short_name(type_name: &str) -> String {
    let plain = type_name.split('<').next().unwrap_or(type_name);
    let plain = plain.rsplit("::").next().unwrap_or(plain);
    let mut name = String::new();
    for (at, character) in plain.char_indices() {
        if character.is_uppercase() && at > 0 {
            name.push('_');
        }
        name.extend(character.to_lowercase());
    }
    name
}
