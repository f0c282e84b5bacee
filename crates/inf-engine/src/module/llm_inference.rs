//! [`LlmInference`]: the module that calls a model.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{BackwardContext, BackwardResult, Forward, Members, Mode, Module};
use crate::conversation::{Conversation, ReasoningEffort, ToolChoice};
use crate::graph::{Alias, LlmCall, Template, TemplatePart, Tool};
use crate::parameter::{Feedback, Parameter};
use crate::trace::context::Asked;
use crate::trace::{Proxy, context};
use crate::value::{Data, Schema};

/// Calls a model: the atom of which pipelines are made.
///
/// The model is named by an alias; which endpoint that is, is said by the
/// resource configuration a pipeline is bound to. The output is plain text, or
/// any type with serde and a JSON schema: the model is asked for JSON of that
/// schema and its answer is checked. It may be given [tools](Self::tools),
/// and take whole [conversations](Self::chat) in place of a text.
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
pub struct LlmInference<T = String, I = String> {
    /// What is asked for, but for what needs a trace.
    call: LlmCall,
    system_prompt: Option<SystemPrompt>,
    tools: Vec<Tool>,
    priority: i32,
    mode: Mode,
    ends: PhantomData<fn(I) -> T>,
}

/// A system prompt: text that stays, or a parameter that may learn.
///
/// ```
/// use inf_engine::prelude::*;
///
/// // A text stays what it is; a parameter can be improved.
/// let fixed = LlmInference::new("fast").system_prompt("Answer in French.");
/// let style = Parameter::new("Be brief.").described("The style of the answer.");
/// let learnt = LlmInference::new("fast").system_prompt(&style);
/// assert_eq!((fixed.parameters().len(), learnt.parameters().len()), (0, 1));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
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
            call: LlmCall::new(alias, Template::default()),
            system_prompt: None,
            tools: Vec::new(),
            priority: 0,
            mode: Mode::default(),
            ends: PhantomData,
        }
    }
}

impl<T: Data, I> LlmInference<T, I> {
    /// The same module, which takes a [`Conversation`] in place of a text: with
    /// several turns, or with pictures. Inside `forward` a
    /// [`Chat`](crate::trace::Chat) makes one.
    ///
    /// ```
    /// use inf_engine::conversation::{Conversation, Image};
    /// use inf_engine::prelude::*;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let look = LlmInference::new("smart").chat();
    /// let resources = ResourceConfig::simulated(["smart"], &Default::default());
    /// let asked = Conversation::new()
    ///     .user("What is on this picture?")
    ///     .image(Image::url("https://example.org/cat.png"));
    /// println!("{}", look.bind(resources)?.run_blocking(asked)?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn chat(self) -> LlmInference<T, Conversation> {
        LlmInference {
            call: self.call,
            system_prompt: self.system_prompt,
            tools: self.tools,
            priority: self.priority,
            mode: self.mode,
            ends: PhantomData,
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
        self.call.temperature = Some(temperature);
        self
    }

    /// Sets the most tokens that an answer may have.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: u32) -> Self {
        self.call.max_tokens = Some(max_tokens);
        self
    }

    /// Adds a text at which the model stops.
    #[must_use]
    pub fn stop(mut self, stop: impl Into<String>) -> Self {
        self.call.stop.push(stop.into());
        self
    }

    /// Sets nucleus sampling: of the most likely tokens, only those that
    /// together have this probability are drawn from.
    #[must_use]
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.call.top_p = Some(top_p);
        self
    }

    /// Sets what random draws begin with, where a provider can repeat them.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.call.seed = Some(seed);
        self
    }

    /// Sets how much a reasoning model thinks before it answers.
    #[must_use]
    pub fn reasoning_effort(mut self, effort: ReasoningEffort) -> Self {
        self.call.reasoning_effort = Some(effort);
        self
    }

    /// Adds a field of the provider's own request body, for what no other
    /// method says.
    #[must_use]
    pub fn extra(mut self, field: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        let extra = self.call.extra.get_or_insert_default();
        Arc::make_mut(extra).insert(field.into(), value.into());
        self
    }

    /// Adds tools that the model may call before it answers. Those of one turn
    /// run in parallel, without a place at the endpoint; what they give goes
    /// back to the model, which goes on until it answers or has had
    /// [`max_turns`](Self::max_turns). See [`Tool`].
    ///
    /// ```
    /// use inf_engine::graph::Tool;
    /// use inf_engine::prelude::*;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct City { name: String }
    ///
    /// let weather = Tool::new("weather", "The weather in a city.", |city: City| async move {
    ///     format!("It rains in {}.", city.name)
    /// });
    /// let answer = LlmInference::new("smart").tools([weather]).max_turns(4);
    /// # let _: LlmInference = answer;
    /// ```
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        for tool in tools {
            self.call.tools.push(tool.name().into());
            self.tools.push(tool);
        }
        self
    }

    /// Sets whether the model calls tools in its first turn. After that it is
    /// free to answer, or one that has to call a tool would never come to an
    /// end; [`Never`](ToolChoice::Never) stays.
    #[must_use]
    pub fn tool_choice(mut self, tool_choice: ToolChoice) -> Self {
        self.call.tool_choice = tool_choice;
        self
    }

    /// Sets the most turns in which the model is asked, the one with its answer
    /// included; [`LlmCall::DEFAULT_MAX_TURNS`] by default. A model that still
    /// calls tools in the last one fails the input.
    #[must_use]
    pub fn max_turns(mut self, max_turns: u32) -> Self {
        self.call.max_turns = Some(max_turns);
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

impl<T: Data, I: Data> Module for LlmInference<T, I> {
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

    /// Attributes feedback to the system prompt, to the parameters in the prompt,
    /// and to what the prompt was made of.
    fn backward(&self, feedback: &Feedback, context: &BackwardContext<'_>) -> BackwardResult {
        BackwardResult::attributed(feedback, context)
    }
}

impl<T: Data> Forward for LlmInference<T> {
    type Input = String;
    type Output = T;

    #[track_caller]
    fn forward(&self, prompt: Proxy<String>) -> Proxy<T> {
        self.record(Asked::Prompt(prompt))
    }
}

impl<T: Data> Forward for LlmInference<T, Conversation> {
    type Input = Conversation;
    type Output = T;

    #[track_caller]
    fn forward(&self, conversation: Proxy<Conversation>) -> Proxy<T> {
        self.record(Asked::Conversation(conversation))
    }
}

impl<T: Data, I> LlmInference<T, I> {
    #[track_caller]
    fn record(&self, asked: Asked) -> Proxy<T> {
        context::record_call(asked, &self.tools, self.priority, |recorder| {
            let system = self.system_prompt.as_ref().map(|prompt| match prompt {
                SystemPrompt::Text(text) => Template::text(&**text),
                SystemPrompt::Parameter(parameter) => {
                    Template::from_iter([TemplatePart::Parameter(recorder.parameter(parameter))])
                }
            });
            let schema = Schema::of::<T>();
            LlmCall {
                system,
                output: Some(schema).filter(|schema| !schema.is_string()),
                // The tracer fills in what is asked.
                ..self.call.clone()
            }
        })
    }
}

impl<T, I> std::fmt::Debug for LlmInference<T, I> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LlmInference")
            .field("alias", &self.call.alias)
            .field("system_prompt", &self.system_prompt)
            .finish_non_exhaustive()
    }
}
