//! [`HostFunction`]: code of the host program that runs as a node.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::value::{Data, Value};

/// The result of a host function, as it is being waited for.
pub type HostFuture = Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send>>;

/// A function of the host program that runs as a node, under a stable name.
///
/// ```
/// use inf_engine::graph::HostFunction;
///
/// let count = HostFunction::new("count_words", |text: String| text.split(' ').count());
/// assert_eq!(&**count.name(), "count_words");
/// ```
#[derive(Clone)]
pub struct HostFunction {
    name: Arc<str>,
    /// Tells code apart that was given one name by mistake.
    code: TypeId,
    body: HostBody,
}

#[derive(Clone)]
pub(crate) enum HostBody {
    Sync(Arc<Returning<Result<Value, HostError>>>),
    Async(Arc<Returning<HostFuture>>),
}

type Returning<R> = dyn Fn(&Value) -> R + Send + Sync;

/// Why a host function gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
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
        }
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
#[expect(clippy::unused_self, reason = "functions run inline for now")]
impl HostFunction {
    pub(crate) fn runs_inline(&self) -> bool {
        true
    }

    pub(crate) fn note_took(&self, _: std::time::Duration) {}
}
