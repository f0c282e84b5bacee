//! [`Reasoner`]: a model that is asked about prompts and outputs.

use std::fmt;
use std::sync::Arc;

use crate::execution::{BindError, ErrorKind, ExecutionError, ExecutionSettings, Pipeline};
use crate::graph::{Alias, GraphBuilder, GraphNode, LlmCall, NodeRef, Operation, Template};
use crate::resources::{IntoResources, ResourceManager};
use crate::value::{Data, Schema, Value};

/// A model that is asked about prompts and outputs: it judges, says what should
/// change, and rewrites. It is called under an alias of its own, like any other,
/// so that its limits, budgets and costs are those of any other call.
///
/// ```
/// use inf_engine::optimization::Reasoner;
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast", "smart"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?.with_temperature(0.7);
/// # let _ = reasoner;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Reasoner {
    resources: Arc<ResourceManager>,
    settings: ExecutionSettings,
    call: LlmCall,
}

impl Reasoner {
    /// The model behind `alias`, with the provider's defaults.
    ///
    /// # Errors
    /// If the resources have no endpoint for the alias.
    pub fn new(alias: impl Into<Alias>, resources: impl IntoResources) -> Result<Self, BindError> {
        let resources = resources.into_resources()?;
        let reasoner = Self {
            resources,
            settings: ExecutionSettings::default(),
            call: LlmCall::new(alias, Template::default()),
        };
        // What can't be asked is known now and not when it is needed.
        match reasoner.bind("reason", "", &Schema::of::<String>()) {
            Ok(_) => Ok(reasoner),
            // The node is no one's that who reads this has written.
            Err(BindError::Missing(mut missing)) => {
                for problem in &mut missing.problems {
                    problem.place.clear();
                }
                Err(BindError::Missing(missing))
            }
            Err(error) => Err(error),
        }
    }

    /// Sets the sampling temperature; the provider's default otherwise.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f64) -> Self {
        self.call.temperature = Some(temperature);
        self
    }

    /// Sets the most tokens of an answer; the provider's default otherwise.
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: u32) -> Self {
        self.call.max_tokens = Some(max_tokens);
        self
    }

    /// Lays `settings` over those that its calls have: a budget, a priority.
    #[must_use]
    pub fn with_settings(mut self, settings: ExecutionSettings) -> Self {
        self.settings = settings.over(&self.settings);
        self
    }

    /// The alias.
    pub fn alias(&self) -> &Alias {
        &self.call.alias
    }

    fn bind(
        &self,
        purpose: &str,
        system: &str,
        schema: &Schema,
    ) -> Result<Pipeline<String, Value>, BindError> {
        let call = LlmCall {
            system: (!system.is_empty()).then(|| Template::text(system)),
            prompt: Template::of(NodeRef::INPUT),
            output: Some(schema.clone()).filter(|schema| !schema.is_string()),
            ..self.call.clone()
        };
        let mut builder = GraphBuilder::new(purpose, Schema::of::<String>());
        let node = builder.add(GraphNode::new(purpose, Operation::Llm(call)));
        let graph = builder.finish(node.into())?;
        let pipeline = graph.bind_as::<String, Value>(Arc::clone(&self.resources))?;
        Ok(pipeline.with_settings(self.settings.clone()))
    }

    /// Asks all `prompts` at once, each by itself, for an answer of `schema`.
    /// `purpose` names what is asked in errors, spans and profiles.
    pub(super) async fn ask_all(
        &self,
        purpose: &str,
        system: &str,
        schema: &Schema,
        prompts: Vec<String>,
    ) -> Vec<Result<Value, ExecutionError>> {
        let pipeline = match self.bind(purpose, system, schema) {
            Ok(pipeline) => pipeline,
            Err(error) => {
                let error = ExecutionError::new(ErrorKind::InvalidInput, error.to_string());
                return prompts.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let results = pipeline.run_batch(prompts).await.into_iter();
        results.map(|result| result.output).collect()
    }

    /// Asks `prompt` for an answer of a type; `system` is what it is told first, nothing if
    /// that is empty. `purpose` names what is asked in errors, spans and profiles.
    ///
    /// ```
    /// # use inf_engine::optimization::Reasoner;
    /// # use inf_engine::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let resources = ResourceConfig::simulated(["smart"], &Default::default());
    /// let reasoner = Reasoner::new("smart", resources)?;
    /// let prompt = "Which rule is missing?".to_owned();
    /// let answer: String = reasoner.ask("find_rule", "You review prompts.", prompt).await?;
    /// # let _ = answer;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the call fails, or its answer is not of the type, also after it was asked again.
    pub async fn ask<T: Data>(
        &self,
        purpose: &str,
        system: &str,
        prompt: String,
    ) -> Result<T, ExecutionError> {
        let schema = T::schema();
        let answers = self.ask_all(purpose, system, &schema, vec![prompt]);
        let answer = answers.await.pop();
        let answer = answer.unwrap_or_else(|| {
            Err(ExecutionError::new(
                ErrorKind::Cancelled,
                "nothing was asked",
            ))
        })?;
        T::from_value(&answer)
            .map_err(|error| ExecutionError::new(ErrorKind::InvalidOutput, error.to_string()))
    }
}

impl fmt::Debug for Reasoner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reasoner")
            .field("alias", &self.call.alias)
            .finish_non_exhaustive()
    }
}
