//! [`Sequential`]: modules one after the other.

use std::fmt;
use std::marker::PhantomData;

use super::{Forward, ForwardExt, Members, Module};
use crate::trace::Proxy;
use crate::value::Data;

/// Modules one after the other, each given what the one before made. They are
/// the members `0`, `1`, ….
///
/// ```
/// use inf_engine::prelude::*;
///
/// let chain = Sequential::new(LlmInference::new("fast").system_prompt("Translate to French."))
///     .then(LlmInference::new("fast").system_prompt("Count the words."));
/// assert_eq!(chain.named_children()[1].0, "1");
/// assert_eq!(chain.trace()?.nodes().len(), 3);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub struct Sequential<I, O> {
    stages: Vec<Box<dyn Stage>>,
    ends: PhantomData<fn(I) -> O>,
}

/// A module whose input and output types were checked when it was added.
trait Stage: Send + Sync {
    fn call(&self, input: Proxy<()>) -> Proxy<()>;
    fn module(&self) -> &dyn Module;
}

impl<F: Forward> Stage for F {
    #[track_caller]
    fn call(&self, input: Proxy<()>) -> Proxy<()> {
        ForwardExt::call(self, input.retyped::<F::Input>()).retyped()
    }

    fn module(&self) -> &dyn Module {
        self.as_module()
    }
}

impl<I: Data, O: Data> Sequential<I, O> {
    /// One module.
    pub fn new(first: impl Forward<Input = I, Output = O> + 'static) -> Self {
        Self {
            stages: vec![Box::new(first)],
            ends: PhantomData,
        }
    }

    /// The same and one more, which is given what the last one made.
    #[must_use]
    pub fn then<N: Data>(
        mut self,
        next: impl Forward<Input = O, Output = N> + 'static,
    ) -> Sequential<I, N> {
        self.stages.push(Box::new(next));
        Sequential {
            stages: self.stages,
            ends: PhantomData,
        }
    }
}

impl<I, O> fmt::Debug for Sequential<I, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = self.stages.iter().map(|stage| stage.module().type_name());
        formatter.write_str("Sequential ")?;
        formatter.debug_list().entries(stages).finish()
    }
}

impl<I: Data, O: Data> Module for Sequential<I, O> {
    fn members<'m>(&'m self, members: &mut Members<'m>) {
        for (index, stage) in self.stages.iter().enumerate() {
            members.module(index.to_string(), stage.module());
        }
    }

    fn as_module(&self) -> &dyn Module {
        self
    }
}

impl<I: Data, O: Data> Forward for Sequential<I, O> {
    type Input = I;
    type Output = O;

    #[track_caller]
    fn forward(&self, input: Proxy<I>) -> Proxy<O> {
        let mut value = input.retyped();
        for stage in &self.stages {
            value = stage.call(value);
        }
        value.retyped()
    }
}
