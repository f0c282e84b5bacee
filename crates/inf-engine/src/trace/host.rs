//! Rust code as nodes: `then` and its siblings.

use std::fmt;

use super::Proxy;
use super::context::{Step, note_problem, record};
use crate::graph::{HostFunction, SourceLocation};
use crate::value::Data;

impl<T: Data> Proxy<T> {
    /// Works on the value with Rust code, as a node that runs `function`.
    ///
    /// `name` is what a saved graph calls the function by; give the same name
    /// to the same code only. A panic fails the input that caused it.
    ///
    /// The code runs where the run is scheduled, so it should be quick (a
    /// millisecond at most): while it runs no call is started. For longer work
    /// use [`then_async`](Self::then_async) with `tokio::task::spawn_blocking`.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let ask = LlmInference::new("fast");
    /// let graph = Tracer::new("length").trace(|text: Proxy<String>| {
    ///     ask.call(text).then("count_words", |answer: String| answer.split(' ').count())
    /// })?;
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    #[track_caller]
    pub fn then<U: Data>(
        self,
        name: &str,
        function: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Proxy<U> {
        refuse_result::<U>("try_then");
        apply(&HostFunction::new(name, function), self)
    }

    /// Like [`then`](Self::then), for code that can fail: the error fails the
    /// input that caused it.
    #[track_caller]
    pub fn try_then<U: Data, E: fmt::Display>(
        self,
        name: &str,
        function: impl Fn(T) -> Result<U, E> + Send + Sync + 'static,
    ) -> Proxy<U> {
        apply(&HostFunction::fallible(name, function), self)
    }

    /// Like [`then`](Self::then), for async code.
    #[track_caller]
    pub fn then_async<U: Data, F: Future<Output = U> + Send + 'static>(
        self,
        name: &str,
        function: impl Fn(T) -> F + Send + Sync + 'static,
    ) -> Proxy<U> {
        refuse_result::<U>("try_then_async");
        apply(&HostFunction::new_async(name, function), self)
    }

    /// Like [`try_then`](Self::try_then), for async code.
    #[track_caller]
    pub fn try_then_async<U, E, F>(
        self,
        name: &str,
        function: impl Fn(T) -> F + Send + Sync + 'static,
    ) -> Proxy<U>
    where
        U: Data,
        E: fmt::Display,
        F: Future<Output = Result<U, E>> + Send + 'static,
    {
        apply(&HostFunction::fallible_async(name, function), self)
    }
}

/// A `Result` can be data like any other enum, but nobody means that here: its
/// errors would flow on as values. The compiler can't be asked for "any type
/// but that one".
#[track_caller]
fn refuse_result<U>(instead: &str) {
    if std::any::type_name::<U>().starts_with("core::result::Result<") {
        note_problem(
            SourceLocation::caller(),
            format!(
                "the function returns a `Result`: use `{instead}`, so that an error fails the input"
            ),
        );
    }
}

/// Applies a host function, as a node. The caller knows that it takes a `T`
/// and returns a `U`; where it does not, the inputs fail with an error that
/// says so.
#[track_caller]
pub fn apply<T, U>(function: &HostFunction, input: Proxy<T>) -> Proxy<U> {
    let location = SourceLocation::caller();
    record(input, location, |recorder| Step::Host {
        function: function.clone(),
        input: recorder.node(input),
    })
}
