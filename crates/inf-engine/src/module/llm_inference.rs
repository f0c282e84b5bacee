//! [`LlmInference`]: the module that calls a model.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Forward, Members, Mode, Module};
use crate::graph::{Alias, LlmCall, Template, TemplatePart};
use crate::parameter::Parameter;
use crate::trace::{Proxy, context};
use crate::value::{Data, Schema};

/// Calls a model: the atom of which pipelines are made.
///
/// The model is named by an alias; which endpoint that is, is said by the
/// resource configuration a pipeline is bound to. The output is plain text, or
/// any type with serde and a JSON schema: the model is asked for JSON of that
/// schema and its answer is checked.
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Facts { facts: Vec<String> }
///
/// let extract = LlmInference::<Facts>::typed("fast")
///     .system_prompt("List the facts of the text.")
///     .temperature(0.0)
///     .max_tokens(500);
/// let chat = LlmInference::new("smart"); // plain text
/// # let _: (LlmInference<Facts>, LlmInference) = (extract, chat);
/// ```
pub struct LlmInference<T = String> {
    alias: Alias,
    system_prompt: Option<SystemPrompt>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    stop: Vec<String>,
    priority: i32,
    mode: Mode,
    output: PhantomData<fn() -> T>,
}

/// A system prompt: text that stays, or a parameter that may learn.
#[derive(Debug, Clone)]
pub enum SystemPrompt {
    /// The same text always.
    Text(Arc<str>),
    /// A parameter.
    Parameter(Parameter),
}

impl From<&str> for SystemPrompt {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for SystemPrompt {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&Parameter> for SystemPrompt {
    fn from(parameter: &Parameter) -> Self {
        Self::Parameter(parameter.clone())
    }
}

impl From<Parameter> for SystemPrompt {
    fn from(parameter: Parameter) -> Self {
        Self::Parameter(parameter)
    }
}

impl LlmInference {
    /// Calls the model behind `alias`, with the provider's defaults, for plain
    /// text.
    pub fn new(alias: impl Into<Alias>) -> Self {
        Self::typed(alias)
    }
}

impl<T: Data> LlmInference<T> {
    /// Calls the model behind `alias`, with the provider's defaults, for a
    /// `T`.
    pub fn typed(alias: impl Into<Alias>) -> Self {
        Self {
            alias: alias.into(),
            system_prompt: None,
            temperature: None,
            max_tokens: None,
            stop: Vec::new(),
            priority: 0,
            mode: Mode::default(),
            output: PhantomData,
        }
    }

    /// Sets the system prompt: text, or a [`Parameter`], which is then a
    /// member of this module called `system_prompt`.
    #[must_use]
    pub fn system_prompt(mut self, prompt: impl Into<SystemPrompt>) -> Self {
        self.system_prompt = Some(prompt.into());
        self
    }

    /// Sets the sampling temperature; 0 is the least random.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the most tokens that an answer may have.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: u32) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// Adds a text at which the model stops.
    #[must_use]
    pub fn stop(mut self, stop: impl Into<String>) -> Self {
        self.stop.push(stop.into());
        self
    }

    /// Sets the priority of the calls: among those that are ready the lowest
    /// number goes first. The default is 0. The priorities of modules around
    /// this one ([`with_priority`](super::ForwardExt::with_priority)) are added.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }
}

impl<T: Data> Module for LlmInference<T> {
    fn members<'m>(&'m self, members: &mut Members<'m>) {
        if let Some(SystemPrompt::Parameter(parameter)) = &self.system_prompt {
            members.parameter("system_prompt", parameter);
        }
    }

    fn as_module(&self) -> &dyn Module {
        self
    }

    fn mode(&self) -> Option<&Mode> {
        Some(&self.mode)
    }
}

impl<T: Data> Forward for LlmInference<T> {
    type Input = String;
    type Output = T;

    #[track_caller]
    fn forward(&self, prompt: Proxy<String>) -> Proxy<T> {
        context::record_call(prompt, self.priority, |recorder| {
            let system = self.system_prompt.as_ref().map(|prompt| match prompt {
                SystemPrompt::Text(text) => Template::text(&**text),
                SystemPrompt::Parameter(parameter) => {
                    Template::from_iter([TemplatePart::Parameter(recorder.parameter(parameter))])
                }
            });
            let schema = Schema::of::<T>();
            LlmCall {
                system,
                temperature: self.temperature,
                max_tokens: self.max_tokens,
                stop: self.stop.clone(),
                output: Some(schema).filter(|schema| !schema.is_string()),
                // The tracer fills in the prompt.
                ..LlmCall::new(self.alias.clone(), Template::default())
            }
        })
    }
}

impl<T> std::fmt::Debug for LlmInference<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LlmInference")
            .field("alias", &self.alias)
            .field("system_prompt", &self.system_prompt)
            .finish_non_exhaustive()
    }
}
