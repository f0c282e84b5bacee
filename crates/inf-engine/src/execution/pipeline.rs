//! [`Pipeline`]: a graph bound to resources, ready to run.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::inputs::{InputStream, Inputs};
use super::runtime::block_on;
use super::scheduler::{Input, Run, Scheduler};
use super::{BatchResult, ErrorKind, ErrorPolicy, ExecutionError, ExecutionSettings, Plan};
use crate::graph::InferenceGraph;
use crate::module::Module;
use crate::resources::{Endpoint, ResourceManager};
use crate::value::{Data, Value};

/// A pipeline bound to resources: traced once, run as often as wanted.
///
/// Made by [`bind`](super::Bind::bind) on a module, or
/// [`InferenceGraph::bind`] on a graph that was read from a file. It is cheap
/// to clone, and dereferences to its [`Module`]: `pipeline.named_parameters()`.
///
/// Every input ends in exactly one result, its output or an error that says
/// which node failed and why. Dropping a running future or stream cancels
/// everything under it and closes its connections.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let answer = pipeline.run("Why is the sky blue?".to_owned()).await?;
/// let answers = pipeline.run_batch(["One?".to_owned(), "Two?".to_owned()]).await;
/// assert_eq!(answers[1].index, 1);
/// # Ok(())
/// # }
/// ```
pub struct Pipeline<I = Value, O = Value> {
    plan: Arc<Plan>,
    module: Arc<dyn Module>,
    resources: Arc<ResourceManager>,
    endpoint_of: Arc<[usize]>,
    endpoints: Vec<Arc<Endpoint>>,
    settings: ExecutionSettings,
    checks_inputs: bool,
    ends: PhantomData<fn(I) -> O>,
}

impl<I: Data, O: Data> Pipeline<I, O> {
    pub(super) fn new(
        graph: InferenceGraph,
        module: Arc<dyn Module>,
        resources: Arc<ResourceManager>,
        (endpoint_of, endpoints): (Vec<usize>, Vec<Arc<Endpoint>>),
        checks_inputs: bool,
    ) -> Self {
        Self {
            plan: Arc::new(Plan::new(Arc::new(graph))),
            module,
            resources,
            endpoint_of: endpoint_of.into(),
            endpoints,
            settings: ExecutionSettings::default(),
            checks_inputs,
            ends: PhantomData,
        }
    }

    /// The same pipeline with other settings.
    #[must_use]
    pub fn with_settings(mut self, settings: ExecutionSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Arc<InferenceGraph> {
        self.plan.graph()
    }

    /// The resources that it is bound to.
    pub fn resources(&self) -> &Arc<ResourceManager> {
        &self.resources
    }

    /// Runs the pipeline on one input.
    pub async fn run(&self, input: I) -> Result<O, ExecutionError> {
        let mut results = self.stream([input]);
        match results.next().await {
            Some(result) => result.output,
            None => Err(not_run()),
        }
    }

    /// Runs the pipeline on many inputs, in parallel, and returns one result
    /// for each, in the order of the inputs.
    pub async fn run_batch(&self, inputs: impl IntoIterator<Item = I>) -> Vec<BatchResult<O>> {
        let inputs: Vec<I> = inputs.into_iter().collect();
        let mut results: Vec<Option<BatchResult<O>>> = inputs.iter().map(|_| None).collect();
        let mut ended = self.stream(inputs);
        while let Some(result) = ended.next().await {
            let index = result.index;
            results[index] = Some(result);
        }
        let results = results.into_iter().enumerate();
        // Under `FailFast` the inputs after the one that failed were never begun.
        let result_of = |(index, result): (usize, Option<BatchResult<O>>)| {
            result.unwrap_or_else(|| BatchResult {
                index,
                output: Err(not_run()),
                usage: crate::clients::Usage::default(),
                elapsed: std::time::Duration::ZERO,
            })
        };
        results.map(result_of).collect()
    }

    /// Runs the pipeline on many inputs, in parallel, and yields results as
    /// inputs end. Inputs are taken when there is room for them, so the source
    /// may be endless and memory stays bounded.
    pub fn stream<Kind>(&self, inputs: impl Inputs<I, Kind>) -> ResultStream<O> {
        let encode = |input: I| {
            input.to_value().map_err(|error| {
                let message = format!("the input has no JSON form: {error}");
                ExecutionError::new(ErrorKind::InvalidInput, message)
            })
        };
        self.start(inputs.into_stream().map(encode).boxed())
    }

    /// Like [`stream`](Self::stream), for a source whose inputs can be
    /// unreadable: such an input ends in that error, and the others go on.
    pub fn try_stream<Kind, E>(&self, inputs: impl Inputs<Result<I, E>, Kind>) -> ResultStream<O>
    where
        E: fmt::Display + 'static,
    {
        let encode = |input: Result<I, E>| {
            let invalid = |message| ExecutionError::new(ErrorKind::InvalidInput, message);
            let input = input.map_err(|error| invalid(error.to_string()))?;
            input
                .to_value()
                .map_err(|error| invalid(format!("the input has no JSON form: {error}")))
        };
        self.start(inputs.into_stream().map(encode).boxed())
    }

    /// [`run`](Self::run) for programs without an async runtime.
    pub fn run_blocking(&self, input: I) -> Result<O, ExecutionError> {
        block_on(self.run(input))?
    }

    /// [`run_batch`](Self::run_batch) for programs without an async runtime.
    pub fn run_batch_blocking(
        &self,
        inputs: impl IntoIterator<Item = I>,
    ) -> Result<Vec<BatchResult<O>>, ExecutionError> {
        let inputs: Vec<I> = inputs.into_iter().collect();
        block_on(self.run_batch(inputs))
    }

    fn start(&self, inputs: InputStream<Input>) -> ResultStream<O> {
        let parameters = self.graph().parameters().iter();
        let run = Run {
            plan: Arc::clone(&self.plan),
            endpoint_of: Arc::clone(&self.endpoint_of),
            endpoints: self.endpoints.clone(),
            waiter: self.resources.waiter(),
            parameters: parameters.map(|found| found.parameter.value()).collect(),
            settings: self.settings.clone(),
            checks_inputs: self.checks_inputs,
        };
        // Boxed: the stream moves it in and out of a future for every result.
        let stop = CancellationToken::new();
        let scheduler = Box::new(Scheduler::new(run, inputs, stop.clone()));
        let results = stream::unfold(scheduler, |mut scheduler| async move {
            let result = scheduler.next().await?;
            Some((result, scheduler))
        });
        let fails_fast = self.settings.error_policy == ErrorPolicy::FailFast;
        let stop_after_failure = stop.clone();
        let decode = move |result: BatchResult<Value>| {
            let result = result.and_then(|value| decode(&value));
            if fails_fast && result.output.is_err() {
                stop_after_failure.cancel();
            }
            result
        };
        ResultStream {
            results: results.map(decode).fuse().boxed(),
            stop,
        }
    }
}

fn decode<O: Data>(value: &Value) -> Result<O, ExecutionError> {
    O::from_value(value).map_err(|error| {
        let message = format!("the output is not of the pipeline's output type: {error}");
        ExecutionError::new(ErrorKind::InvalidOutput, message)
    })
}

fn not_run() -> ExecutionError {
    let message = "not run, because an earlier input failed";
    ExecutionError::new(ErrorKind::Cancelled, message)
}

impl<I, O> Clone for Pipeline<I, O> {
    fn clone(&self) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            module: Arc::clone(&self.module),
            resources: Arc::clone(&self.resources),
            endpoint_of: Arc::clone(&self.endpoint_of),
            endpoints: self.endpoints.clone(),
            settings: self.settings.clone(),
            checks_inputs: self.checks_inputs,
            ends: PhantomData,
        }
    }
}

impl<I, O> Deref for Pipeline<I, O> {
    type Target = dyn Module;

    fn deref(&self) -> &Self::Target {
        &*self.module
    }
}

impl<I, O> fmt::Debug for Pipeline<I, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pipeline")
            .field("graph", &self.plan.graph().name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Results as inputs end. Dropping it cancels what is under way.
pub struct ResultStream<O> {
    results: Pin<Box<dyn Stream<Item = BatchResult<O>> + Send>>,
    stop: CancellationToken,
}

impl<O> ResultStream<O> {
    /// The next result; `None` when every input has ended.
    pub async fn next(&mut self) -> Option<BatchResult<O>> {
        StreamExt::next(&mut self.results).await
    }

    /// Begins no more inputs: those for which no call was made yet end as
    /// [cancelled](ErrorKind::Cancelled), and those that have begun go on. To
    /// end them too, drop the stream.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl<O> Stream for ResultStream<O> {
    type Item = BatchResult<O>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.results.as_mut().poll_next(context)
    }
}

impl<O> fmt::Debug for ResultStream<O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ResultStream")
    }
}
