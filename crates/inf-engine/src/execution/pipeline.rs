//! [`Pipeline`]: a graph bound to resources, ready to run.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::{Stream as _, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::Span;

use super::inputs::{InputStream, Inputs};
use super::observation::{Recorder, RunCounters};
use super::runtime::block_on;
use super::scheduling::{Bound, Input, ParameterTexts, RunRequest, RunShared};
use super::settings::within;
use super::{
    BatchResult, ErrorKind, Estimate, ExecutionError, ExecutionManager, ExecutionSettings,
    ExecutionTimings, Observer, Plan, RecordedParameter, ResultStream,
};
use crate::clients::Usage;
use crate::document::did_you_mean;
use crate::graph::{GraphParameter, InferenceGraph};
use crate::module::{Mode, Module};
use crate::resources::{Cost, EndpointGroup, ResourceManager};
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
    bound: Arc<Bound>,
    module: Arc<dyn Module>,
    settings: ExecutionSettings,
    /// The modes of the module and all in it, gathered once.
    modes: Arc<[Mode]>,
    ends: PhantomData<fn(I) -> O>,
}

impl<I: Data, O: Data> Pipeline<I, O> {
    pub(super) fn new(
        graph: InferenceGraph,
        module: Arc<dyn Module>,
        resources: Arc<ResourceManager>,
        endpoints: (Vec<usize>, Vec<Arc<EndpointGroup>>),
        checks_inputs: bool,
    ) -> Self {
        let plan = Arc::new(Plan::new(Arc::new(graph)));
        let modes = module.modules().into_iter().filter_map(Module::mode);
        let modes = modes.cloned().collect();
        Self {
            bound: Arc::new(Bound::new(plan, resources, endpoints, checks_inputs)),
            module,
            modes,
            settings: ExecutionSettings::default(),
            ends: PhantomData,
        }
    }

    /// The same pipeline with `settings` laid over those that it has: what they
    /// set, holds, and the rest stays. Nothing is copied but a few pointers, so
    /// that it serves for one call as well:
    /// `pipeline.with_settings(settings).run_batch(inputs)`.
    #[must_use]
    pub fn with_settings(&self, settings: ExecutionSettings) -> Self {
        Self {
            settings: settings.over(&self.settings),
            ..self.clone()
        }
    }

    /// The same pipeline without the types of its ends: inputs and outputs are
    /// [`Value`]s. An input of another type fails where something of it is
    /// missing.
    pub fn untyped(&self) -> Pipeline {
        Pipeline {
            bound: Arc::clone(&self.bound),
            module: Arc::clone(&self.module),
            settings: self.settings.clone(),
            modes: Arc::clone(&self.modes),
            ends: PhantomData,
        }
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Arc<InferenceGraph> {
        self.bound.plan.graph()
    }

    /// The resources that it is bound to.
    pub fn resources(&self) -> &Arc<ResourceManager> {
        &self.bound.resources
    }

    /// Runs the pipeline on one input.
    ///
    /// The future does nothing until it is awaited, and stands on its own:
    /// `tokio::spawn(pipeline.run(input))`.
    pub fn run(
        &self,
        input: I,
    ) -> impl Future<Output = Result<O, ExecutionError>> + Send + use<I, O> {
        let pipeline = self.clone();
        async move {
            let mut results = pipeline.stream([input]);
            let Some(result) = results.next().await else {
                return Err(results.not_begun());
            };
            // The end of the run, so that its observers were told.
            while results.next().await.is_some() {}
            result.output
        }
    }

    /// Runs the pipeline on many inputs, in parallel, and returns one result
    /// for each, in the order of the inputs.
    ///
    /// The future does nothing until it is awaited, and stands on its own:
    /// `tokio::spawn(pipeline.run_batch(inputs))`.
    pub fn run_batch<Source: IntoIterator<Item = I>>(
        &self,
        inputs: Source,
    ) -> impl Future<Output = Vec<BatchResult<O>>> + Send + use<I, O, Source> {
        let inputs: Vec<I> = inputs.into_iter().collect();
        self.clone().run_all(inputs)
    }

    async fn run_all(self, inputs: Vec<I>) -> Vec<BatchResult<O>> {
        let mut results: Vec<Option<BatchResult<O>>> = inputs.iter().map(|_| None).collect();
        let mut ended = self.stream(inputs);
        while let Some(result) = ended.next().await {
            let index = result.index;
            results[index] = Some(result);
        }
        let results = results.into_iter().enumerate();
        // A run that ends early has inputs that were never begun.
        let result_of = |(index, result): (usize, Option<BatchResult<O>>)| {
            result.unwrap_or_else(|| BatchResult {
                index,
                input: Value::Null,
                output: Err(ended.not_begun()),
                usage: Usage::default(),
                cost: Cost::default(),
                timings: ExecutionTimings::default(),
                from_journal: false,
                record: None,
            })
        };
        results.map(result_of).collect()
    }

    /// Runs the pipeline on many inputs, in parallel, and yields results as
    /// inputs end. Inputs are taken when there is room for them, so the source
    /// may be endless and memory stays bounded.
    pub fn stream<Kind>(&self, inputs: impl Inputs<I, Kind>) -> ResultStream<O> {
        self.start(inputs.into_stream().map(|input| encode(&input)).boxed())
    }

    /// Like [`stream`](Self::stream), for a source whose inputs can be
    /// unreadable: such an input ends in that error, and the others go on.
    pub fn try_stream<Kind, E>(&self, inputs: impl Inputs<Result<I, E>, Kind>) -> ResultStream<O>
    where
        E: fmt::Display + 'static,
    {
        let encode = |input: Result<I, E>| {
            let input = input
                .map_err(|error| ExecutionError::new(ErrorKind::InvalidInput, error.to_string()))?;
            encode(&input)
        };
        self.start(inputs.into_stream().map(encode).boxed())
    }

    /// [`run`](Self::run) for programs without an async runtime.
    pub fn run_blocking(&self, input: I) -> Result<O, ExecutionError> {
        let scope = Arc::new(ExecutionSettings::current());
        block_on(within(scope, self.run(input)))?
    }

    /// [`run_batch`](Self::run_batch) for programs without an async runtime.
    pub fn run_batch_blocking(
        &self,
        inputs: impl IntoIterator<Item = I>,
    ) -> Result<Vec<BatchResult<O>>, ExecutionError> {
        let inputs: Vec<I> = inputs.into_iter().collect();
        let scope = Arc::new(ExecutionSettings::current());
        block_on(within(scope, self.clone().run_all(inputs)))
    }

    /// What running the pipeline on `inputs` will take, about: calls, tokens and
    /// dollars. Nothing is called.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    /// use inf_engine::resources::{EndpointConfig, Price};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let local = EndpointConfig::openai_compatible("http://localhost:8000/v1", "qwen3-8b");
    /// let resources = ResourceConfig::new()
    ///     .with_endpoint("fast", local.with_price(Price::new(0.1, 0.4)));
    /// let pipeline = LlmInference::new("fast").max_tokens(100).bind(resources)?;
    /// let estimate = pipeline.estimate((0..1000).map(|n| format!("What is {n} times {n}?")))?;
    /// assert_eq!(estimate.calls(), 1000);
    /// println!("about {}", estimate.cost()); // about $0.041
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If an input has no JSON form.
    pub fn estimate(
        &self,
        inputs: impl IntoIterator<Item = I>,
    ) -> Result<Estimate, ExecutionError> {
        let mut estimate = Estimate::new(self.graph(), Some(self.resources()));
        for input in inputs {
            estimate.add(&encode(&input)?);
        }
        Ok(estimate)
    }

    fn start(&self, inputs: InputStream<Input>) -> ResultStream<O> {
        let scope = ExecutionSettings::current();
        let mut settings = self.settings.clone().over(&scope);
        let recorder = self.recorder(&settings);
        if let Some(recorder) = &recorder {
            settings = settings.with_observer(Arc::clone(recorder) as Arc<dyn Observer>);
        }
        let (parameters, inputs) = match self.parameter_texts(&settings) {
            Ok(parameters) => (parameters, inputs),
            // A run that can't be as it was asked for is not made at all.
            Err(error) => {
                let refused = inputs.map(move |input| input.and_then(|_| Err(error.clone())));
                (Arc::default(), refused.boxed())
            }
        };
        let manager = settings.manager.clone();
        let manager = manager.unwrap_or_else(|| ExecutionManager::global().clone());
        let (least, most) = inputs.size_hint();
        let total = most.filter(|most| *most == least);
        let (sender, results) = mpsc::unbounded_channel();
        let request = RunRequest {
            id: ExecutionManager::new_run(),
            bound: Arc::clone(&self.bound),
            parameters,
            settings,
            keeps_records: recorder.is_some(),
            scope,
            source: inputs,
            caller: Span::current(),
            results: sender,
            changes: watch::Sender::new(()),
            shared: Arc::new(RunShared::new(RunCounters::new(
                total,
                &self.bound.endpoints,
                Instant::now(),
            ))),
            journal: None,
        };
        ResultStream::new(Box::new(request), manager, results).recorded_by(recorder)
    }

    /// Its settings.
    pub(crate) fn settings(&self) -> &ExecutionSettings {
        &self.settings
    }

    /// The texts of the graph's parameters for a run that begins now.
    fn parameter_texts(
        &self,
        settings: &ExecutionSettings,
    ) -> Result<ParameterTexts, ExecutionError> {
        let parameters = self.graph().parameters();
        let Some(overlay) = settings.overlay() else {
            return Ok(parameters
                .iter()
                .map(|found| found.parameter.value())
                .collect());
        };
        for (path, _) in overlay.iter() {
            if parameters.iter().any(|known| known.path == *path) {
                continue;
            }
            // One that no node reads is a parameter all the same.
            let known = self.module.named_parameters();
            let known = || known.iter().map(|(path, _)| path.as_str());
            if !known().any(|known| known == path.as_str()) {
                let hint = did_you_mean(path.as_str(), known());
                let message = format!(
                    "the run's overlay has a text for the parameter `{path}`, which the pipeline does not \
                     have; {hint}"
                );
                return Err(ExecutionError::new(ErrorKind::UnknownParameter, message));
            }
        }
        let text = |found: &GraphParameter| {
            let text = overlay.get(found.path.as_str());
            text.cloned().unwrap_or_else(|| found.parameter.value())
        };
        Ok(parameters.iter().map(text).collect())
    }

    /// Who keeps what happens in a run, if the module trains.
    fn recorder(&self, settings: &ExecutionSettings) -> Option<Arc<Recorder>> {
        if !self.modes.iter().any(Mode::is_training) {
            return None;
        }
        let overlay = settings.overlay();
        let parameters = self.graph().parameters().iter().map(|found| {
            let text = overlay.and_then(|overlay| overlay.get(found.path.as_str()));
            RecordedParameter {
                path: found.path.clone(),
                version: text.is_none().then(|| found.parameter.version()),
                text: text.cloned().unwrap_or_else(|| found.parameter.value()),
            }
        });
        Some(Arc::new(Recorder::new(self.graph(), parameters)))
    }
}

fn encode<I: Data>(input: &I) -> Input {
    input.to_value().map_err(|error| {
        let message = format!("the input has no JSON form: {error}");
        ExecutionError::new(ErrorKind::InvalidInput, message)
    })
}

impl<I, O> Clone for Pipeline<I, O> {
    fn clone(&self) -> Self {
        Self {
            bound: Arc::clone(&self.bound),
            module: Arc::clone(&self.module),
            settings: self.settings.clone(),
            modes: Arc::clone(&self.modes),
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
            .field("graph", &self.bound.plan.graph().name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
