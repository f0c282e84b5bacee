//! [`Bind`]: from a module and resources to a pipeline.

use std::sync::Arc;

use super::observation::tell_graph_warnings;
use super::{ExecutionError, Pipeline};
use crate::document::Problem;
use crate::graph::{GraphError, GraphParameter, InferenceGraph, Operation};
use crate::module::{Forward, ForwardExt, Members, Mode, Module};
use crate::resources::{EndpointGroup, IntoResources, ResourceError, ResourceManager};
use crate::value::{Data, Value};

/// Why a pipeline can't run; nothing was called.
///
/// ```
/// use inf_engine::execution::BindError;
/// use inf_engine::prelude::*;
///
/// let resources = ResourceConfig::simulated(["fats"], &Default::default());
/// let Err(BindError::Missing(missing)) = LlmInference::new("fast").bind(resources) else {
///     panic!("nothing is called `fast`");
/// };
/// assert_eq!(missing.problems.len(), 1);
/// assert_eq!(
///     missing.to_string(),
///     "node `llm`: the alias `fast` has no endpoint in the resources; did you mean `fats`?",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// What the module does is no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The resources are not usable.
    #[error(transparent)]
    Resources(#[from] ResourceError),
    /// The graph needs what is not there: endpoints, host functions, tools.
    #[error("{0}")]
    Missing(MissingResources),
}

crate::document::debug_as_display!(BindError);

/// Endpoints, host functions and tools that a graph needs and that are not there.
///
/// [`BindError`] shows it: as text it has a line for each.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingResources {
    /// Each of them; never empty.
    pub problems: Vec<Problem>,
}

crate::document::debug_as_display!(MissingResources);

impl std::fmt::Display for MissingResources {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Problem::write_all(&self.problems, formatter)
    }
}

/// What every module with a [`Forward`] can do once there are resources.
///
/// ```
/// use std::sync::Arc;
///
/// use inf_engine::prelude::*;
/// use inf_engine::resources::ResourceManager;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = ResourceConfig::simulated(["fast"], &Default::default());
/// // Two pipelines, one set of endpoints: limits hold for both together.
/// let resources = Arc::new(ResourceManager::new(&config)?);
/// let draft = LlmInference::new("fast").system_prompt("Draft.").bind(&resources)?;
/// let polish = LlmInference::new("fast").system_prompt("Polish.").bind(&resources)?;
///
/// let text = draft.run_blocking("A letter to the moon".to_owned())?;
/// polish.run_blocking(text)?;
/// assert_eq!(resources.metrics()["fast"].requests, 2);
/// # Ok(())
/// # }
/// ```
pub trait Bind: Forward + Sized + 'static {
    /// Traces this module and joins it with `resources`: a configuration, or a
    /// [`ResourceManager`] in an `Arc` that several pipelines share. The error
    /// lists everything that is wrong; nothing is called.
    #[track_caller]
    fn bind(
        self,
        resources: impl IntoResources,
    ) -> Result<Pipeline<Self::Input, Self::Output>, BindError> {
        let graph = self.trace()?;
        // Inputs are checked where their type does not say what they are.
        let checks_inputs = is_value::<Self::Input>();
        graph.bind_with(resources, Some(Arc::new(self)), checks_inputs)
    }

    /// Runs this module on one input. To run it more often,
    /// [`bind`](Self::bind) it: that traces it once.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ask = LlmInference::new("fast");
    /// let resources = ResourceConfig::simulated(["fast"], &Default::default());
    /// let answer = ask.run("Why is the sky blue?".to_owned(), resources).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    fn run(
        &self,
        input: Self::Input,
        resources: impl IntoResources,
    ) -> impl Future<Output = Result<Self::Output, RunError>> + Send {
        let bound = self.trace().map_err(BindError::from).and_then(|graph| {
            let checks_inputs = is_value::<Self::Input>();
            graph.bind_with::<Self::Input, Self::Output>(resources, None, checks_inputs)
        });
        async move { Ok(bound?.run(input).await?) }
    }
}

impl<F: Forward + 'static> Bind for F {}

/// Why [`Bind::run`] gave no output.
///
/// ```
/// use inf_engine::execution::RunError;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ask = LlmInference::new("fast");
/// match ask.run("Why?".to_owned(), ResourceConfig::new()).await {
///     Ok(answer) => println!("{answer}"),
///     Err(RunError::Execution(error)) => println!("failed at {:?}: {error}", error.node),
///     // Nothing was called: the configuration has no endpoint at all.
///     Err(error @ RunError::Bind(_)) => assert!(error.to_string().contains("`fast`")),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The pipeline can't run.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It ran and failed.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
}

crate::document::debug_as_display!(RunError);

impl InferenceGraph {
    /// Joins this graph with `resources`. Its inputs and outputs are
    /// [`Value`]s; inputs are checked against its input schema.
    pub fn bind(self, resources: impl IntoResources) -> Result<Pipeline, BindError> {
        self.bind_as(resources)
    }

    /// Joins this graph with `resources`, with inputs and outputs of types of
    /// yours. Types whose schemas do not fit are an error here (names count as
    /// the schemas have them: a `serde(alias)` is none); beyond that inputs are
    /// checked against the graph's input schema, and an output that is no
    /// `O` is an error of its input.
    pub fn bind_as<I: Data, O: Data>(
        self,
        resources: impl IntoResources,
    ) -> Result<Pipeline<I, O>, BindError> {
        self.check_ends(&I::schema(), &O::schema())?;
        self.bind_with(resources, None, true)
    }

    /// Without a `module` the graph's own parameters stand for one.
    fn bind_with<I: Data, O: Data>(
        self,
        resources: impl IntoResources,
        module: Option<Arc<dyn Module>>,
        checks_inputs: bool,
    ) -> Result<Pipeline<I, O>, BindError> {
        let resources = resources.into_resources()?;
        let endpoints = find_endpoints(&self, &resources)?;
        tell_graph_warnings(&self);
        let module = module.unwrap_or_else(|| {
            Arc::new(GraphModule {
                parameters: self.parameters().to_vec(),
                mode: Mode::default(),
            })
        });
        Ok(Pipeline::new(
            self,
            module,
            resources,
            endpoints,
            checks_inputs,
        ))
    }
}

fn is_value<I: 'static>() -> bool {
    std::any::TypeId::of::<I>() == std::any::TypeId::of::<Value>()
}

/// The endpoint of each node, as a place in a list that has each endpoint once.
fn find_endpoints(
    graph: &InferenceGraph,
    resources: &ResourceManager,
) -> Result<(Vec<usize>, Vec<Arc<EndpointGroup>>), BindError> {
    let mut endpoints: Vec<Arc<EndpointGroup>> = Vec::new();
    let mut endpoint_of = Vec::with_capacity(graph.nodes().len());
    let mut problems = Vec::new();
    for node in graph.nodes() {
        let mut place = 0;
        if let Operation::Llm(call) = node.operation() {
            match resources.group(call.alias.as_str()) {
                Ok(endpoint) => {
                    let known = endpoints
                        .iter()
                        .position(|known| Arc::ptr_eq(known, endpoint));
                    place = known.unwrap_or_else(|| {
                        endpoints.push(Arc::clone(endpoint));
                        endpoints.len() - 1
                    });
                }
                Err(hint) => problems.push(Problem::new(
                    format!("node `{}`", node.name()),
                    format!(
                        "the alias `{}` has no endpoint in the resources; {hint}",
                        call.alias
                    ),
                )),
            }
        }
        endpoint_of.push(place);
    }
    for (node, function) in graph.missing_host_functions() {
        problems.push(Problem::new(
            format!("node `{}`", graph.node(node).name()),
            format!(
                "the host function `{function}` is Rust code, which a pipeline file does not hold: run \
                 the pipeline from a Rust program that gives it with `with_host_functions`"
            ),
        ));
    }
    for (node, tool) in graph.missing_tools() {
        problems.push(Problem::new(
            format!("node `{}`", graph.node(node).name()),
            format!(
                "the tool `{tool}` is Rust code, which a pipeline file does not hold: run the pipeline \
                 from a Rust program that gives it with `with_tools`"
            ),
        ));
    }
    if problems.is_empty() {
        Ok((endpoint_of, endpoints))
    } else {
        Err(BindError::Missing(MissingResources { problems }))
    }
}

/// Stands for the module of a graph that was not traced: it has the graph's
/// parameters and no parts.
struct GraphModule {
    parameters: Vec<GraphParameter>,
    mode: Mode,
}

impl Module for GraphModule {
    fn members<'m>(&'m self, members: &mut Members<'m>) {
        for found in &self.parameters {
            members.parameter(found.path.as_str(), &found.parameter);
        }
    }

    fn as_module(&self) -> &dyn Module {
        self
    }

    fn mode(&self) -> Option<&Mode> {
        Some(&self.mode)
    }
}
