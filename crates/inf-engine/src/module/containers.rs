//! Modules that hold or stand for others.

use std::marker::PhantomData;

use super::{Forward, Members, Module};
use crate::trace::Proxy;
use crate::value::Data;

/// Returns its input: a place holder where a module is optional.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let polish = false;
/// let last: Box<dyn Forward<Input = String, Output = String>> =
///     if polish { Box::new(LlmInference::new("smart")) } else { Box::new(Identity::new()) };
/// # let _ = last;
/// ```
#[derive(Debug)]
pub struct Identity<T>(PhantomData<fn(T) -> T>);

impl<T> Identity<T> {
    /// A module that returns its input.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Identity<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Data> Module for Identity<T> {
    fn members<'m>(&'m self, _: &mut Members<'m>) {}

    fn as_module(&self) -> &dyn Module {
        self
    }
}

impl<T: Data> Forward for Identity<T> {
    type Input = T;
    type Output = T;

    fn forward(&self, input: Proxy<T>) -> Proxy<T> {
        input
    }
}
