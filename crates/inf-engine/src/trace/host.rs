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
    /// The code holds up nothing for long: it runs on the runtime's pool for
    /// blocking code until some calls have shown that it is quick (50 µs), then
    /// where the run is scheduled, and goes back to the pool when it turns out
    /// slow. For code that is known to wait or to compute for long use
    /// [`then_blocking`](Self::then_blocking); for code that is known to be
    /// quick [`apply`](super::apply) a [`HostFunction::quick`].
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

    /// Like [`then`](Self::then), for code that waits or computes for long: it
    /// always runs on the runtime's pool for blocking code.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let ask = LlmInference::new("fast");
    /// let graph = Tracer::new("review").trace(|path: Proxy<String>| {
    ///     ask.call(path.try_then_blocking("read", |path: String| std::fs::read_to_string(path)))
    /// })?;
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    #[track_caller]
    pub fn then_blocking<U: Data>(
        self,
        name: &str,
        function: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Proxy<U> {
        refuse_result::<U>("try_then_blocking");
        apply(&HostFunction::new(name, function).blocking(), self)
    }

    /// Like [`then_blocking`](Self::then_blocking), for code that can fail: the
    /// error fails the input that caused it.
    #[track_caller]
    pub fn try_then_blocking<U: Data, E: fmt::Display>(
        self,
        name: &str,
        function: impl Fn(T) -> Result<U, E> + Send + Sync + 'static,
    ) -> Proxy<U> {
        apply(&HostFunction::fallible(name, function).blocking(), self)
    }

    /// Like [`then`](Self::then), for async code, which must not block: a thread
    /// of the runtime stands still while it does. Code that blocks belongs into
    /// [`then_blocking`](Self::then_blocking).
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
///
/// ```
/// use inf_engine::graph::HostFunction;
/// use inf_engine::prelude::*;
/// use inf_engine::trace::apply;
///
/// let trim = HostFunction::new("trim", |text: String| text.trim().to_owned()).quick();
/// let ask = LlmInference::new("fast");
/// let graph = Tracer::new("trimmed").trace(|text: Proxy<String>| -> Proxy<String> {
///     apply(&trim, ask.call(text))
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[track_caller]
pub fn apply<T, U>(function: &HostFunction, input: Proxy<T>) -> Proxy<U> {
    let location = SourceLocation::caller();
    record(input, location, |recorder| Step::Host {
        function: function.clone(),
        input: recorder.node(input),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::op;
    use crate::trace::{Pack, Proxy, Tracer};

    #[op]
    fn plain(text: String) -> String {
        text
    }

    #[op(blocking)]
    fn waits(text: String) -> Result<u8, std::num::ParseIntError> {
        text.parse()
    }

    #[op(quick)]
    fn trims(text: String, _count: u32) -> String {
        text
    }

    #[op]
    async fn asks(text: String) -> String {
        text
    }

    #[test]
    fn host_functions_run_where_the_program_says() {
        let graph = Tracer::new("test").trace(|text: Proxy<String>| {
            let nodes = (
                text.then("then", |text: String| text),
                text.try_then("try_then", Ok::<String, String>),
                text.then_blocking("then_blocking", |text: String| text),
                text.try_then_blocking("try_then_blocking", Ok::<String, String>),
                plain(text),
                waits(text),
                trims(text, 3),
                asks(text),
            );
            nodes.pack()
        });
        let graph = graph.expect("a graph");
        let functions = graph.enumerate().skip(1).map(|(node, found)| {
            let function = graph.host_function(node).expect("a function");
            let at_first = function.runs_inline();
            (0..3).for_each(|_| function.note_took(Duration::ZERO));
            let when_quick = function.runs_inline();
            (found.name(), at_first, when_quick)
        });
        assert_eq!(
            functions.collect::<Vec<_>>(),
            [
                ("then", false, true),
                ("try_then", false, true),
                ("then_blocking", false, false),
                ("try_then_blocking", false, false),
                ("plain", false, true),
                ("waits", false, false),
                ("trims", true, true),
                ("asks", true, true),
            ]
        );
    }

    #[test]
    fn a_result_is_refused_with_the_method_that_takes_it() {
        let error = Tracer::new("test")
            .trace(|text: Proxy<String>| {
                text.then_blocking("parse", |_: String| Ok::<u8, String>(1))
            })
            .expect_err("a result is no value")
            .to_string();
        assert!(
            error.ends_with("use `try_then_blocking`, so that an error fails the input"),
            "{error}"
        );
    }
}
