//! [`IntoProxy`]: what a module can be called with.

use super::context::{Step, record};
use super::prompt::PromptBuilder;
use super::{Proxy, constant};
use crate::graph::SourceLocation;
use crate::parameter::Parameter;
use crate::value::Data;

/// What can stand where a module wants a `T`: a proxy, or a plain value that
/// is then the same in every run.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let ask = LlmInference::new("fast");
/// let tone = Parameter::new("kindly").described("How to answer.");
/// let graph = Tracer::new("four").with_parameter("tone", &tone).trace(|question: Proxy<String>| {
///     let given = ask.call(question);
///     let fixed = ask.call("What is the time?");
///     let learnt = ask.call(&tone);
///     let made = ask.call(prompt!("Answer {tone}: {question}"));
///     [given, fixed, learnt, made].pack()
/// })?;
/// assert_eq!(graph.nodes().len(), 5);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as a value of type `{T}`",
    label = "neither a `Proxy<{T}>` nor a `{T}`",
    note = "turn proxies into one text with `prompt!(\"…{{name}}…\")`, and several proxies into one value with `.pack()`"
)]
pub trait IntoProxy<T> {
    /// The proxy of this value.
    #[track_caller]
    fn into_proxy(self) -> Proxy<T>;
}

impl<T> IntoProxy<T> for Proxy<T> {
    fn into_proxy(self) -> Proxy<T> {
        self
    }
}

impl<T> IntoProxy<T> for &Proxy<T> {
    fn into_proxy(self) -> Proxy<T> {
        *self
    }
}

impl<T: Data> IntoProxy<T> for T {
    #[track_caller]
    fn into_proxy(self) -> Proxy<T> {
        constant(self)
    }
}

impl IntoProxy<String> for &str {
    #[track_caller]
    fn into_proxy(self) -> Proxy<String> {
        let location = SourceLocation::caller();
        record("a text", location, |_| Step::Constant(self.into()))
    }
}

impl IntoProxy<String> for &Parameter {
    #[track_caller]
    fn into_proxy(self) -> Proxy<String> {
        PromptBuilder::new().value("parameter", self).finish()
    }
}
