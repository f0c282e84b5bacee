//! [`HostFunction`]: code of the host program that runs as a node.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::placement::Placement;
use crate::value::{Data, Value};

/// The result of a host function, as it is being waited for.
pub(crate) type HostFuture = Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send>>;

/// A function of the host program that runs as a node, under a stable name.
///
/// ```
/// use inf_engine::graph::HostFunction;
///
/// let count = HostFunction::new("count_words", |text: String| text.split(' ').count());
/// assert_eq!(&**count.name(), "count_words");
/// ```
///
/// A function that is not async never holds up a run for long: it runs on the
/// runtime's pool for blocking code until some quick calls (50 µs at most) have
/// shown that it can run inline, where the run is scheduled, and goes back to
/// the pool when it turns out slow (1 ms). Clones share what was learnt. Where
/// you know better, say [`blocking`](Self::blocking) or [`quick`](Self::quick).
/// One that comes to a `run_blocking` while it runs inline is begun again on
/// the pool. An async function is awaited beside the run.
#[derive(Clone)]
pub struct HostFunction {
    name: Arc<str>,
    /// Tells code apart that was given one name by mistake.
    code: TypeId,
    body: HostBody,
    /// Where it runs, unless it is async.
    placement: Placement,
    /// Whether a journal keeps what it gives.
    is_recorded: bool,
}

#[derive(Clone)]
pub(crate) enum HostBody {
    Sync(Arc<Returning<Result<Value, HostError>>>),
    Async(Arc<Returning<HostFuture>>),
}

type Returning<R> = dyn Fn(&Value) -> R + Send + Sync;

/// Why a host function gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// The value it was given is not of the type it takes.
    #[error("host function `{function}` can't take its input: {reason}")]
    Input {
        /// The name of the function.
        function: Arc<str>,
        /// Where the value differs.
        reason: String,
    },
    /// It said no.
    #[error("host function `{function}` failed: {reason}")]
    Failed {
        /// The name of the function.
        function: Arc<str>,
        /// Its own words.
        reason: String,
    },
    /// It panicked.
    #[error("host function `{function}` panicked: {reason}")]
    Panicked {
        /// The name of the function.
        function: Arc<str>,
        /// What the panic said.
        reason: String,
    },
}

impl HostFunction {
    /// A function that always has a result.
    pub fn new<T: Data, U: Data>(
        name: impl Into<Arc<str>>,
        function: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Self {
        Self::fallible(name, move |input| Ok::<U, String>(function(input)))
    }

    /// A function that can fail; the error fails the input it was called for.
    pub fn fallible<T: Data, U: Data, E: fmt::Display>(
        name: impl Into<Arc<str>>,
        function: impl Fn(T) -> Result<U, E> + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let codec = Codec(Arc::clone(&name));
        let code = code_of(&function);
        let body = move |input: &Value| codec.encode(function(codec.decode(input)?));
        Self {
            name,
            code,
            body: HostBody::Sync(Arc::new(body)),
            placement: Placement::measured(),
            is_recorded: false,
        }
    }

    /// An async function that always has a result.
    pub fn new_async<T: Data, U: Data, F: Future<Output = U> + Send + 'static>(
        name: impl Into<Arc<str>>,
        function: impl Fn(T) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::fallible_async(name, move |input| {
            let output = function(input);
            async move { Ok::<U, String>(output.await) }
        })
    }

    /// An async function that can fail; the error fails the input it was
    /// called for.
    pub fn fallible_async<T, U, E, F>(
        name: impl Into<Arc<str>>,
        function: impl Fn(T) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Data,
        U: Data,
        E: fmt::Display,
        F: Future<Output = Result<U, E>> + Send + 'static,
    {
        let name = name.into();
        let codec = Codec(Arc::clone(&name));
        let code = code_of(&function);
        let body = move |input: &Value| -> HostFuture {
            let codec = codec.clone();
            match codec.decode(input) {
                Ok(input) => {
                    let output = function(input);
                    Box::pin(async move { codec.encode(output.await) })
                }
                Err(error) => Box::pin(std::future::ready(Err(error))),
            }
        };
        Self {
            name,
            code,
            body: HostBody::Async(Arc::new(body)),
            placement: Placement::Quick,
            is_recorded: false,
        }
    }

    /// The same function, always run on the runtime's pool for blocking code:
    /// for one that waits or computes for long. On an async function this has
    /// no effect.
    ///
    /// ```
    /// use inf_engine::graph::HostFunction;
    ///
    /// let read = HostFunction::fallible("read", |path: String| std::fs::read_to_string(path));
    /// let read = read.blocking();
    /// ```
    #[must_use]
    pub fn blocking(self) -> Self {
        self.placed(Placement::Blocking)
    }

    /// The same function, always run inline, where the run is scheduled: for
    /// one that is known to take microseconds. While it runs, no call is
    /// started. It is not measured, so simulated runs are the same every time.
    /// On an async function this has no effect.
    ///
    /// ```
    /// use inf_engine::graph::HostFunction;
    ///
    /// let trim = HostFunction::new("trim", |text: String| text.trim().to_owned()).quick();
    /// ```
    #[must_use]
    pub fn quick(self) -> Self {
        self.placed(Placement::Quick)
    }

    /// The same function, of which a journal keeps what it gave, as it does for
    /// calls of models: an input that goes on later, or is run again, does not
    /// call it for the same value a second time. For one that costs something.
    /// Without a journal this has no effect.
    ///
    /// ```
    /// use inf_engine::graph::HostFunction;
    ///
    /// let look_up = HostFunction::new_async("look_up", |word: String| async move {
    ///     // … ask a service that charges for it …
    ///     word.to_uppercase()
    /// });
    /// let look_up = look_up.recorded();
    /// ```
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.is_recorded = true;
        self
    }

    /// Whether a journal keeps what it gives.
    pub(crate) fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    fn placed(mut self, placement: Placement) -> Self {
        if matches!(self.body, HostBody::Sync(_)) {
            self.placement = placement;
        }
        self
    }

    /// Whether the next call is to be made inline, where the run is scheduled;
    /// otherwise on the runtime's pool for blocking code. An async function is
    /// begun inline.
    pub(crate) fn runs_inline(&self) -> bool {
        self.placement.runs_inline()
    }

    /// Learns from a call that took so long, wherever it was made.
    pub(crate) fn note_took(&self, took: Duration) {
        self.placement.note_took(took);
    }

    /// The name under which graphs call this function.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether both are the same code, whatever they captured.
    pub(super) fn is_same_code(&self, other: &Self) -> bool {
        self.code == other.code
    }

    pub(crate) fn body(&self) -> &HostBody {
        &self.body
    }
}

fn code_of<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

/// Turns a host function's values from and to Rust types.
#[derive(Clone)]
struct Codec(Arc<str>);

impl Codec {
    fn decode<T: Data>(&self, input: &Value) -> Result<T, HostError> {
        T::from_value(input).map_err(|error| HostError::Input {
            function: Arc::clone(&self.0),
            reason: error.to_string(),
        })
    }

    fn encode<U: Data, E: fmt::Display>(&self, output: Result<U, E>) -> Result<Value, HostError> {
        let failed = |reason: String| HostError::Failed {
            function: Arc::clone(&self.0),
            reason,
        };
        let output = output.map_err(|error| failed(error.to_string()))?;
        output
            .to_value()
            .map_err(|error| failed(format!("its result has no JSON form: {error}")))
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HostFunction({:?})", self.name)
    }
}

/// Host functions by name: what a saved graph that calls some needs to run.
///
/// ```
/// use inf_engine::graph::{HostFunction, HostFunctions};
///
/// let functions = HostFunctions::new()
///     .with(HostFunction::new("trim", |text: String| text.trim().to_owned()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct HostFunctions(IndexMap<Arc<str>, HostFunction>);

impl HostFunctions {
    /// No functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same functions and one more; it replaces one of the same name.
    #[must_use]
    pub fn with(mut self, function: HostFunction) -> Self {
        self.0.insert(Arc::clone(&function.name), function);
        self
    }

    /// The function under `name`.
    pub fn get(&self, name: &str) -> Option<&HostFunction> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trim() -> HostFunction {
        HostFunction::new("trim", |text: String| text.trim().to_owned())
    }

    fn make_quick(function: &HostFunction) {
        (0..3).for_each(|_| function.note_took(Duration::ZERO));
    }

    #[test]
    fn clones_share_what_was_learnt() {
        let function = trim();
        let (clone, other) = (function.clone(), trim());
        let registered = HostFunctions::new().with(function.clone());
        let registered = registered.get("trim").expect("it was put there");
        assert!(!function.runs_inline());
        make_quick(&clone);
        assert!(function.runs_inline() && clone.runs_inline() && registered.runs_inline());
        assert!(!other.runs_inline(), "another function of the same code");
        registered.note_took(Duration::from_millis(1));
        assert!(!function.runs_inline() && !clone.runs_inline());
    }

    #[test]
    fn a_placement_is_of_the_clone_that_it_was_said_of() {
        let function = trim();
        let (blocking, quick) = (function.clone().blocking(), function.clone().quick());
        make_quick(&blocking);
        quick.note_took(Duration::from_secs(1));
        assert!(!blocking.runs_inline() && quick.runs_inline());
        assert!(!function.runs_inline());
        assert!(blocking.quick().runs_inline() && !quick.blocking().runs_inline());
    }

    #[test]
    fn an_async_function_is_begun_inline_whatever_is_said() {
        let fetch = HostFunction::new_async("fetch", |url: String| std::future::ready(url));
        assert!(fetch.runs_inline());
        let fetch = fetch.blocking();
        assert!(fetch.runs_inline());
        fetch.note_took(Duration::from_secs(1));
        assert!(fetch.runs_inline());
    }
}
