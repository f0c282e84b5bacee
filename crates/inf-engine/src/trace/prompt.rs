//! Prompts: what `prompt!` expands to.

use std::fmt;

use super::Proxy;
use super::context::{Step, note_problem, propose_name, record};
use crate::conversation::Image;
use crate::graph::{NodeRef, SourceLocation, Template, TemplatePart};
use crate::parameter::Parameter;

/// Puts a prompt together; `prompt!` is the way to write one.
#[derive(Debug, Default)]
pub struct PromptBuilder(Vec<PromptPart>);

/// A stretch of a prompt.
#[derive(Debug)]
pub enum PromptPart {
    /// Text as it stands.
    Text(String),
    /// The value of a proxy.
    Proxy(Proxy<()>),
    /// The text of a parameter, looked up when the prompt is rendered.
    Parameter(Parameter),
}

/// What can stand in a hole of `prompt!`: a proxy, a parameter, or anything
/// with a `Display`, which is then text of the prompt.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let style = Parameter::new("Be brief.").described("The style.");
/// let words = 12;
/// let tracer = Tracer::new("ask").with_parameter("style", &style);
/// let graph = tracer.trace(|question: Proxy<String>| {
///     prompt!("{style}\n{question}\nAt most {words} words.") // a parameter, a proxy, a number
/// })?;
/// assert_eq!(graph.nodes().len(), 2);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be put into a prompt",
    label = "neither a proxy, nor a `Parameter`, nor something with a `Display`"
)]
pub trait PromptValue {
    /// The stretch of the prompt that this value makes.
    fn prompt_part(&self) -> PromptPart;
}

impl<T> PromptValue for Proxy<T> {
    #[track_caller]
    fn prompt_part(&self) -> PromptPart {
        refuse_image::<T>();
        PromptPart::Proxy(self.retyped())
    }
}

/// A picture has a text, which is a megabyte of base64 and tells a model
/// nothing. The compiler can't be asked for "any type but that one".
#[track_caller]
fn refuse_image<T>() {
    if std::any::type_name::<T>() == std::any::type_name::<Image>() {
        let message = "a picture can't be put into a text: show it with `Chat::new().user(…).image(…)` \
                       to an `LlmInference::chat`";
        note_problem(SourceLocation::caller(), message.to_owned());
    }
}

impl<T> PromptValue for &Proxy<T> {
    #[track_caller]
    fn prompt_part(&self) -> PromptPart {
        (**self).prompt_part()
    }
}

impl PromptValue for &Parameter {
    fn prompt_part(&self) -> PromptPart {
        (**self).prompt_part()
    }
}

impl PromptValue for Parameter {
    fn prompt_part(&self) -> PromptPart {
        PromptPart::Parameter(self.clone())
    }
}

impl<T: fmt::Display + ?Sized> PromptValue for T {
    fn prompt_part(&self) -> PromptPart {
        PromptPart::Text(self.to_string())
    }
}

impl PromptBuilder {
    /// An empty prompt.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.push(PromptPart::Text(text.to_owned()));
        self
    }

    /// Adds a value that the program calls `name`. A node that has no name yet
    /// gets this one.
    #[must_use]
    #[track_caller]
    pub fn value<V: PromptValue + ?Sized>(mut self, name: &str, value: &V) -> Self {
        let part = value.prompt_part();
        if let PromptPart::Proxy(proxy) = &part {
            propose_name(*proxy, name);
        }
        self.0.push(part);
        self
    }

    /// Adds a value that is part of another one.
    #[must_use]
    pub fn part<V: PromptValue + ?Sized>(mut self, value: &V) -> Self {
        self.0.push(value.prompt_part());
        self
    }

    /// The proxy of the whole text.
    #[track_caller]
    pub fn finish(self) -> Proxy<String> {
        record("`prompt!`", SourceLocation::caller(), |recorder| {
            let parts = self.0.into_iter().map(|part| match part {
                PromptPart::Text(text) => TemplatePart::Text(text),
                PromptPart::Proxy(proxy) => {
                    let node: NodeRef = recorder.node(proxy);
                    TemplatePart::Reference(node.into())
                }
                PromptPart::Parameter(parameter) => {
                    TemplatePart::Parameter(recorder.parameter(&parameter))
                }
            });
            Step::Prompt(parts.collect::<Template>())
        })
    }
}
