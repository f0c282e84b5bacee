//! [`LlmCall`]: what a node asks of a model.

use std::sync::Arc;

use super::{Alias, Reference, Shape, Template};
use crate::conversation::{ReasoningEffort, ToolChoice};
use crate::document::did_you_mean;
use crate::value::Schema;

/// One call of a model; with tools, or with an output that has to be asked for
/// again, several requests of one conversation.
///
/// ```
/// use inf_engine::graph::{LlmCall, NodeRef, Template};
///
/// let mut call = LlmCall::new("fast", Template::of(NodeRef::INPUT));
/// call.system = Some(Template::text("Answer in one sentence."));
/// call.max_tokens = Some(100);
/// assert_eq!(call.alias.as_str(), "fast");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LlmCall {
    /// Which model, by alias.
    pub alias: Alias,
    /// The system prompt.
    pub system: Option<Template>,
    /// What was said before the prompt: a
    /// [`Conversation`](crate::conversation::Conversation).
    pub messages: Option<Shape>,
    /// The user message. An empty one is left out where there are `messages`.
    pub prompt: Template,
    /// Sampling temperature; the provider's default if `None`.
    pub temperature: Option<f64>,
    /// Nucleus sampling: of the most likely tokens, only those that together
    /// have this probability; the provider's default if `None`.
    pub top_p: Option<f64>,
    /// What random draws begin with, where a provider can repeat them.
    pub seed: Option<u64>,
    /// The most tokens of the answer; the provider's default if `None`.
    pub max_tokens: Option<u32>,
    /// How much a reasoning model thinks; the provider's default if `None`.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Texts at which the model stops.
    pub stop: Vec<String>,
    /// More fields of the provider's own request body.
    pub extra: Option<Arc<serde_json::Map<String, serde_json::Value>>>,
    /// The schema of a typed output; plain text if `None`.
    pub output: Option<Schema>,
    /// The names of the tools that the model may call; the graph has their code.
    pub tools: Vec<Arc<str>>,
    /// Whether it calls them, in its first turn; after that it is free to answer.
    pub tool_choice: ToolChoice,
    /// The most turns in which the model is asked, the one with its answer
    /// included; [`DEFAULT_MAX_TURNS`](Self::DEFAULT_MAX_TURNS) if `None`.
    pub max_turns: Option<u32>,
}

impl LlmCall {
    /// The turns that a model with tools has, unless `max_turns` says otherwise.
    pub const DEFAULT_MAX_TURNS: u32 = 10;

    /// A call of the model behind `alias` with `prompt` and the provider's
    /// defaults.
    pub fn new(alias: impl Into<Alias>, prompt: Template) -> Self {
        Self {
            alias: alias.into(),
            system: None,
            messages: None,
            prompt,
            temperature: None,
            top_p: None,
            seed: None,
            max_tokens: None,
            reasoning_effort: None,
            stop: Vec::new(),
            extra: None,
            output: None,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            max_turns: None,
        }
    }

    /// The most turns in which the model is asked.
    pub(crate) fn most_turns(&self) -> u32 {
        self.max_turns.unwrap_or(Self::DEFAULT_MAX_TURNS)
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.system.iter().chain([&self.prompt])
    }

    pub(super) fn visit_references<'s>(&'s self, visit: &mut dyn FnMut(&'s Reference)) {
        self.templates()
            .flat_map(Template::references)
            .for_each(&mut *visit);
        if let Some(messages) = &self.messages {
            messages.visit_references(visit);
        }
    }

    /// What is wrong with it by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.alias.as_str().trim().is_empty() {
            problems
                .push("the alias is empty: name the model to call, as in `llm: fast`".to_owned());
        }
        if let Some(temperature) = self.temperature
            && !(temperature.is_finite() && temperature >= 0.0)
        {
            problems.push(format!(
                "the temperature is {temperature}, but it must be 0 or more"
            ));
        }
        if let Some(top_p) = self.top_p
            && !(top_p > 0.0 && top_p <= 1.0)
        {
            problems.push(format!(
                "`top_p` is {top_p}, but it must be more than 0 and at most 1"
            ));
        }
        if self.max_tokens == Some(0) {
            problems.push("`max_tokens` is 0, but an answer needs at least 1".to_owned());
        }
        if let Some(Err(error)) = self.output.as_ref().map(Schema::validate) {
            problems.push(format!("output: {error}"));
        }
        self.tool_problems(&mut problems);
        problems
    }

    fn tool_problems(&self, problems: &mut Vec<String>) {
        if self.max_turns == Some(0) {
            problems.push("`max_turns` is 0, but an answer needs at least 1".to_owned());
        }
        for (place, name) in self.tools.iter().enumerate() {
            if self.tools[..place].contains(name) {
                problems.push(format!("two of its tools are called `{name}`"));
            }
        }
        let known = || self.tools.iter().map(|name| &**name);
        match &self.tool_choice {
            ToolChoice::Tool(name) if !self.tools.iter().any(|known| **known == **name) => {
                let hint = did_you_mean(name, known());
                problems.push(format!(
                    "`tool_choice` is `{name}`, which is none of its tools; {hint}"
                ));
            }
            ToolChoice::Required if self.tools.is_empty() => {
                problems.push("`tool_choice` wants a tool to be called, and there is none".into());
            }
            _ => {}
        }
    }
}
