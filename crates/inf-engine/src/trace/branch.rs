//! Which part of a pipeline runs: `branch`, `match_branch`, `fallback`.

use std::fmt;
use std::marker::PhantomData;

use super::context::note_problem;
use super::trace_region::{Control, TraceRegionRef, record_control, record_region};
use super::{IntoProxy, Proxy};
use crate::graph::{FailureKind, SourceLocation, missing_cases};
use crate::value::{Data, Value};

/// What a branch returns: the value of the arm that ran.
///
/// It is a [`Proxy`] and no type of its own: whatever takes a proxy takes it,
/// and an arm may give a plain proxy where another gives that of a branch in it.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let (short, long) = (LlmInference::new("fast"), LlmInference::new("smart"));
/// let reply = |text: Proxy<String>| -> ConditionalProxy<String> {
///     branch(text.length().less_than(200_u64), || short.call(text), || long.call(text))
/// };
/// // It goes on like any other proxy.
/// let graph = Tracer::new("reply").trace(|text: Proxy<String>| reply(text).trim())?;
/// assert_eq!(graph.regions().len(), 3);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub type ConditionalProxy<T> = Proxy<T>;

/// Runs `then` where `condition` is true and `otherwise` where it is false, and
/// has the value of the one that ran. Nothing of the other runs or costs
/// anything.
///
/// Both closures run once, when the module is traced. What is made inside of one
/// exists there only; what is made before is there for both. An arm that gives
/// the same always is a `prompt!` without holes, or a
/// [`constant`](super::constant).
///
/// ```
/// use inf_engine::prelude::*;
///
/// let (short, long) = (LlmInference::new("fast"), LlmInference::new("smart"));
/// let graph = Tracer::new("answer").trace(|question: Proxy<String>| {
///     branch(
///         question.length().less_than(200_u64),
///         || short.call(question),
///         || long.call(prompt!("Think step by step. {question}")),
///     )
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[track_caller]
pub fn branch<T>(
    condition: Proxy<bool>,
    then: impl FnOnce() -> Proxy<T>,
    otherwise: impl FnOnce() -> Proxy<T>,
) -> ConditionalProxy<T> {
    let location = SourceLocation::caller();
    let part = |part: &str| ("branch", part.to_owned());
    let then = record_region(part("`then`"), location, then);
    let otherwise = record_region(part("`else`"), location, otherwise);
    let control = Control::Branch {
        arms: vec![(true.into(), then), (false.into(), otherwise)],
        otherwise: None,
    };
    record_control("branch", location, control, &[condition.retyped()])
}

/// Runs one of several arms, depending on `value`: a text, an enum without
/// fields, a whole number or a boolean.
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "snake_case")]
/// enum Kind { Bug, Question, Praise }
///
/// let classify = LlmInference::<Kind>::typed("fast");
/// let (fix, answer) = (LlmInference::new("smart"), LlmInference::new("fast"));
/// let graph = Tracer::new("reply").trace(|mail: Proxy<String>| {
///     match_branch(classify.call(mail))
///         .case(Kind::Bug, || fix.call(mail))
///         .case(Kind::Question, || answer.call(mail))
///         .default(|| prompt!("Thank you!"))
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[track_caller]
pub fn match_branch<K: Data, T>(value: impl IntoProxy<K>) -> MatchBranch<K, T> {
    MatchBranch {
        value: value.into_proxy(),
        location: SourceLocation::caller(),
        arms: Vec::new(),
        result: PhantomData,
    }
}

/// The arms of a [`match_branch`]: [`case`](Self::case) adds one, and
/// [`default`](Self::default) or [`end`](Self::end) ends it.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "lowercase")]
/// enum Size { Small, Large }
///
/// let graph = Tracer::new("price").trace(|size: Proxy<Size>| {
///     match_branch(size)
///         .case(Size::Small, || prompt!("2 euros"))
///         .case(Size::Large, || prompt!("3 euros"))
///         .end() // checked: no name is without a case
/// })?;
/// let pipeline = graph.bind_as::<Size, String>(ResourceConfig::new())?;
/// assert_eq!(pipeline.run_blocking(Size::Large)?, "3 euros");
/// # Ok(())
/// # }
/// ```
#[must_use = "a `match_branch` needs an end: `.default(…)` or `.end()`"]
pub struct MatchBranch<K, T> {
    value: Proxy<K>,
    location: SourceLocation,
    arms: Vec<(Value, TraceRegionRef)>,
    result: PhantomData<fn() -> T>,
}

impl<K, T> fmt::Debug for MatchBranch<K, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cases = self.arms.iter().map(|(when, _)| when);
        formatter.write_str("MatchBranch ")?;
        formatter.debug_list().entries(cases).finish()
    }
}

impl<K: Data, T> MatchBranch<K, T> {
    /// Runs `arm` for this value.
    #[track_caller]
    pub fn case(mut self, when: impl IntoCase<K>, arm: impl FnOnce() -> Proxy<T>) -> Self {
        let location = SourceLocation::caller();
        let when = when.into_case().unwrap_or_else(|error| {
            note_problem(location, format!("the case has no JSON form: {error}"));
            Value::Null
        });
        if self.arms.iter().any(|(other, _)| *other == when) {
            note_problem(
                location,
                format!("two cases are {when:?}: keep one of them"),
            );
        }
        let region = record_region(("match_branch", format!("case {when:?}")), location, arm);
        self.arms.push((when, region));
        self
    }

    /// Ends the match: for every other value `arm` runs.
    #[track_caller]
    pub fn default(self, arm: impl FnOnce() -> Proxy<T>) -> ConditionalProxy<T> {
        let part = ("match_branch", "default".to_owned());
        let otherwise = record_region(part, SourceLocation::caller(), arm);
        self.finish(Some(otherwise))
    }

    /// Ends the match without a default. Of an enum every name must have a case,
    /// which is checked here; any other value that has none is an error of its
    /// input, which names the value and the cases.
    #[track_caller]
    pub fn end(self) -> ConditionalProxy<T> {
        let cases: Vec<&Value> = self.arms.iter().map(|(when, _)| when).collect();
        if let Some(problem) = missing_cases(&K::schema(), &cases) {
            note_problem(SourceLocation::caller(), problem);
        }
        self.finish(None)
    }

    #[track_caller]
    fn finish(self, otherwise: Option<TraceRegionRef>) -> ConditionalProxy<T> {
        let control = Control::Branch {
            arms: self.arms,
            otherwise,
        };
        let value = self.value.retyped();
        record_control("match_branch", self.location, control, &[value])
    }
}

/// What can be a case of a [`match_branch`] on a `K`: a `K`, or a text where it
/// is a `String`.
///
/// It is implemented for all that can be; nobody needs to write it.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let (fix, answer) = (LlmInference::new("smart"), LlmInference::new("fast"));
/// let graph = Tracer::new("reply").trace(|mail: Proxy<String>| {
///     match_branch(answer.call(prompt!("`bug` or `question`? {mail}")).trim().lowercase())
///         .case("bug", || fix.call(mail)) // a text, where a `String` is matched
///         .default(|| answer.call(mail))
/// })?;
/// assert_eq!(graph.regions().len(), 3);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a case of a `match_branch` on `{K}`",
    label = "not a `{K}`",
    note = "a case is a value that is known now, of the type of what is matched"
)]
pub trait IntoCase<K> {
    /// The value.
    fn into_case(self) -> Result<Value, crate::value::DataError>;
}

impl<K: Data> IntoCase<K> for K {
    fn into_case(self) -> Result<Value, crate::value::DataError> {
        self.to_value()
    }
}

impl IntoCase<String> for &str {
    fn into_case(self) -> Result<Value, crate::value::DataError> {
        Ok(self.into())
    }
}

/// Runs `first`, and `second` in its place where it failed: then the value is
/// that of `second`. What stops a run (cancellation, a budget) is no failure.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let (smart, fast) = (LlmInference::new("smart"), LlmInference::new("fast"));
/// let graph = Tracer::new("answer").trace(|question: Proxy<String>| {
///     fallback(|| smart.call(question), || fast.call(question))
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[track_caller]
pub fn fallback<T>(
    first: impl FnOnce() -> Proxy<T>,
    second: impl FnOnce() -> Proxy<T>,
) -> ConditionalProxy<T> {
    fallback_on([], first, second)
}

/// Like [`fallback`], for these kinds of failures only: every other one fails
/// the input.
///
/// ```
/// use inf_engine::graph::FailureKind;
/// use inf_engine::prelude::*;
/// use inf_engine::trace::fallback_on;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (smart, fast) = (LlmInference::new("smart"), LlmInference::new("fast"));
/// // A model that is down is replaced. A wrong key is not: somebody should know.
/// let down = [FailureKind::Server, FailureKind::Unreachable, FailureKind::Timeout];
/// let graph = Tracer::new("answer").trace(|question: Proxy<String>| {
///     fallback_on(down, || smart.call(question), || fast.call(question))
/// })?;
/// assert_eq!(graph.regions().len(), 3); // the graph itself, and two ways
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn fallback_on<T>(
    kinds: impl IntoIterator<Item = FailureKind>,
    first: impl FnOnce() -> Proxy<T>,
    second: impl FnOnce() -> Proxy<T>,
) -> ConditionalProxy<T> {
    let location = SourceLocation::caller();
    let part = |part: &str| ("fallback", part.to_owned());
    let body = record_region(part("`try`"), location, first);
    let otherwise = record_region(part("`fallback`"), location, second);
    let control = Control::Fallback {
        body,
        otherwise,
        on: kinds.into_iter().collect(),
    };
    record_control("fallback", location, control, &[])
}
