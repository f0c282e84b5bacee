//! Lists whose lengths are known only when they are there: `map` and its
//! siblings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::compute;
use super::trace_region::{Control, record_argument, record_control, record_region};
use super::{IntoProxy, ListData, Pack, Proxy};
use crate::graph::{Compute, FoldOrder, Keep, SourceLocation};

/// Runs `body` for each element of a list, all in parallel and under the same
/// limits as everything else; what it gives is a list in the order of the
/// elements. An element that fails fails the input.
///
/// `body` runs once, when the module is traced. [`Proxy::map`] is the same as a
/// method.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let summarize = LlmInference::new("fast");
/// let graph = Tracer::new("summaries").trace(|chunks: Proxy<Vec<String>>| {
///     map(chunks, |chunk| summarize.call(prompt!("Summarize:\n{chunk}")))
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[track_caller]
pub fn map<T, U>(
    list: impl IntoProxy<Vec<T>>,
    body: impl FnOnce(Proxy<T>) -> Proxy<U>,
) -> Proxy<Vec<U>> {
    each("map", list.into_proxy(), Keep::Outputs, body)
}

/// Two lists of one length as one of pairs. Lists of different lengths fail the
/// input that has them.
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::trace::zip;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = Tracer::new("cards").trace(|lists: Proxy<(Vec<String>, Vec<String>)>| {
///     let (fronts, backs) = lists.split();
///     zip(fronts, backs).map(|card| {
///         let (front, back) = card.split();
///         prompt!("{front}: {back}")
///     })
/// })?;
/// let pipeline = graph.bind_as::<(Vec<String>, Vec<String>), Vec<String>>(ResourceConfig::new())?;
/// let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
/// let cards = pipeline.run_blocking((texts(["cat", "dog"]), texts(["chat", "chien"])))?;
/// assert_eq!(cards, ["cat: chat", "dog: chien"]);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn zip<T, U>(
    first: impl IntoProxy<Vec<T>>,
    second: impl IntoProxy<Vec<U>>,
) -> Proxy<Vec<(T, U)>> {
    let lists = (first.into_proxy(), second.into_proxy()).pack();
    compute(Compute::Zip, lists)
}

impl<L: ListData> Proxy<L> {
    /// Runs `body` for each element, as [`map`](super::map) does.
    #[track_caller]
    pub fn map<U>(self, body: impl FnOnce(Proxy<L::Element>) -> Proxy<U>) -> Proxy<Vec<U>> {
        each("map", self, Keep::Outputs, body)
    }

    /// Runs `body` for each element, and has a result for each: what it gave, or
    /// why it failed. No failure fails the input.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let grade = LlmInference::<u32>::typed("smart");
    /// let graph = Tracer::new("grades").trace(|essays: Proxy<Vec<String>>| {
    ///     essays.map_results(|essay| grade.call(prompt!("Grade 1 to 6: {essay}")))
    /// })?;
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    #[track_caller]
    pub fn map_results<U>(
        self,
        body: impl FnOnce(Proxy<L::Element>) -> Proxy<U>,
    ) -> Proxy<Vec<ElementResult<U>>> {
        each("map_results", self, Keep::Results, body)
    }

    /// The elements for which `body` gives true, in their order. It runs for all
    /// in parallel.
    #[track_caller]
    pub fn filter(
        self,
        body: impl FnOnce(Proxy<L::Element>) -> Proxy<bool>,
    ) -> Proxy<Vec<L::Element>> {
        each("filter", self, Keep::Elements, body)
    }

    /// Puts the elements together one after the other: `body` makes of what is
    /// there so far and the next element what is there then. It begins with
    /// `initial`.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let add = LlmInference::new("smart");
    /// let graph = Tracer::new("story").trace(|facts: Proxy<Vec<String>>| {
    ///     facts.fold("Once upon a time", |story, fact| {
    ///         add.call(prompt!("Go on with the story.\n{story}\nNext: {fact}"))
    ///     })
    /// })?;
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    #[track_caller]
    pub fn fold<A>(
        self,
        initial: impl IntoProxy<A>,
        body: impl FnOnce(Proxy<A>, Proxy<L::Element>) -> Proxy<A>,
    ) -> Proxy<A> {
        let initial = initial.into_proxy().retyped();
        let order = FoldOrder::Sequential;
        together("fold", order, &[self.retyped(), initial], body)
    }

    /// Puts the elements together one after the other, like [`fold`](Self::fold),
    /// but begins with the first of them. An empty list fails its input.
    #[track_caller]
    pub fn reduce(
        self,
        body: impl FnOnce(Proxy<L::Element>, Proxy<L::Element>) -> Proxy<L::Element>,
    ) -> Proxy<L::Element> {
        let order = FoldOrder::Sequential;
        together("reduce", order, &[self.retyped()], body)
    }

    /// Puts neighbours together, all pairs in parallel, and what they come to in
    /// the same way, until one is left: a thousand elements take ten steps. The
    /// order of the elements stays. An empty list fails its input.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let merge = LlmInference::new("fast");
    /// let graph = Tracer::new("merge").trace(|summaries: Proxy<Vec<String>>| {
    ///     summaries.fold_tree(|left, right| merge.call(prompt!("Merge:\n{left}\n\n{right}")))
    /// })?;
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    #[track_caller]
    pub fn fold_tree(
        self,
        body: impl FnOnce(Proxy<L::Element>, Proxy<L::Element>) -> Proxy<L::Element>,
    ) -> Proxy<L::Element> {
        together("fold_tree", FoldOrder::Tree, &[self.retyped()], body)
    }

    /// This list and another of the same length as one of pairs.
    #[track_caller]
    pub fn zip<U>(self, other: impl IntoProxy<Vec<U>>) -> Proxy<Vec<(L::Element, U)>> {
        let lists = (self, other.into_proxy()).pack();
        compute(Compute::Zip, lists)
    }
}

impl Proxy<Vec<String>> {
    /// The texts as one, with `between` between them.
    #[track_caller]
    pub fn join(self, between: impl IntoProxy<String>) -> Proxy<String> {
        compute(Compute::Join, (self, between.into_proxy()).pack())
    }
}

#[track_caller]
fn each<L: ListData, U, V>(
    function: &'static str,
    list: Proxy<L>,
    keep: Keep,
    body: impl FnOnce(Proxy<L::Element>) -> Proxy<U>,
) -> Proxy<V> {
    let location = SourceLocation::caller();
    let part = (function, "body".to_owned());
    let body = record_region(part, location, || {
        body(record_argument("element", location))
    });
    let control = Control::Map { body, keep };
    record_control(function, location, control, &[list.retyped()])
}

#[track_caller]
fn together<T, A>(
    function: &'static str,
    order: FoldOrder,
    input: &[Proxy<()>],
    body: impl FnOnce(Proxy<A>, Proxy<T>) -> Proxy<A>,
) -> Proxy<A> {
    let location = SourceLocation::caller();
    let part = (function, "body".to_owned());
    let body = record_region(part, location, || {
        let so_far = record_argument("so_far", location);
        body(so_far, record_argument("next", location))
    });
    let control = Control::Fold { body, order };
    record_control(function, location, control, input)
}

/// What became of an element of [`Proxy::map_results`].
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::trace::ElementResult;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = Tracer::new("numbers").trace(|texts: Proxy<Vec<String>>| {
///     texts.map_results(|text| text.try_then("parse", |text: String| text.parse::<i64>()))
/// })?;
/// let pipeline =
///     graph.bind_as::<Vec<String>, Vec<ElementResult<i64>>>(ResourceConfig::new())?;
/// let numbers = pipeline.run_blocking(vec!["1".to_owned(), "two".to_owned()])?;
/// assert_eq!(numbers[0], ElementResult::Ok(1));
/// let ElementResult::Error(failure) = &numbers[1] else { panic!("`two` is no number") };
/// assert_eq!((&*failure.kind, failure.node.as_deref()), ("host_function", Some("parse")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ElementResult<T> {
    /// What the body gave.
    Ok(T),
    /// Why it failed.
    Error(ElementFailure),
}

/// Why an element of [`Proxy::map_results`] failed.
///
/// [`ElementResult`] has it, and shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ElementFailure {
    /// The kind, as results have it: `timeout`, `refused`, ….
    pub kind: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The node that failed, if one did.
    pub node: Option<String>,
}
