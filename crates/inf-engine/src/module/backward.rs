//! What a module says of feedback on its output: who is to get it.

use std::fmt::Write as _;

use crate::graph::{GraphNode, NodeRef, ParameterRef};
use crate::parameter::{Feedback, ParameterPath};
use crate::value::Value;

/// A node on the way back: what it was given, what it made of it, and who may
/// learn from what is said of it.
///
/// ```
/// use inf_engine::module::{BackwardContext, BackwardResult, BackwardTarget};
/// use inf_engine::optimization::{Dataset, Example, MatchLoss, backward, evaluate};
/// use inf_engine::parameter::Feedback;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// What is wrong with its output is the fault of its own prompt, and never of what it reads.
/// #[derive(Module)]
/// #[module(backward = Self::give_back)]
/// struct Responsible { ask: LlmInference }
///
/// impl Responsible {
///     fn give_back(
///         &self,
///         feedback: &Feedback,
///         context: &BackwardContext<'_>,
///     ) -> BackwardResult {
///         assert!(context.prompt.is_some() && context.output.is_some());
///         let own = context.parameters.iter();
///         own.fold(BackwardResult::nothing(), |result, found| {
///             let text = format!("{} It reads: {}", feedback.text, found.text);
///             let mut feedback = feedback.clone();
///             feedback.text = text;
///             result.to(BackwardTarget::Parameter(found.parameter), feedback)
///         })
///     }
/// }
/// # impl Forward for Responsible {
/// #     type Input = String;
/// #     type Output = String;
/// #     fn forward(&self, text: Proxy<String>) -> Proxy<String> { self.ask.call(text) }
/// # }
///
/// let rule = Parameter::new("Yes or no?").described("What to answer.");
/// let ask = LlmInference::new("fast").system_prompt(&rule);
/// let pipeline =
///     Responsible { ask }.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// let batch: Dataset = [Example::new("Is it blue?").expecting("yes")].into_iter().collect();
/// pipeline.train();
/// let outputs = evaluate(&pipeline, &batch, &MatchLoss::exact()).await;
/// backward(&pipeline, &outputs, None).await;
/// assert!(rule.feedback()[0].text.ends_with("It reads: Yes or no?"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct BackwardContext<'c> {
    /// The node.
    pub node: &'c GraphNode,
    /// The system prompt, if the node calls a model with one.
    pub system_prompt: Option<&'c str>,
    /// The prompt, if the node calls a model or is one.
    pub prompt: Option<&'c str>,
    /// What it made of that; `None` if it failed.
    pub output: Option<&'c Value>,
    /// The parameters that it reads and that learn.
    pub parameters: Vec<BackwardParameter<'c>>,
    /// The nodes that it reads and that something learns behind.
    pub inputs: Vec<BackwardInput<'c>>,
    /// Whether there is a model to ask what feedback means for each of them.
    pub can_reason: bool,
}

/// A parameter on the way back.
///
/// [`BackwardContext::parameters`] has those of a node; [`BackwardContext`] shows it.
#[derive(Debug)]
#[non_exhaustive]
pub struct BackwardParameter<'c> {
    /// Which one.
    pub parameter: ParameterRef,
    /// Its path.
    pub path: &'c ParameterPath,
    /// What it is for.
    pub description: &'c str,
    /// Its text, as the node read it.
    pub text: &'c str,
}

/// A node that another one read.
///
/// [`BackwardContext::inputs`] has those of a node; most modules need no more of them than
/// [`BackwardContext::targets`], as in the example of [`BackwardResult`].
#[derive(Debug)]
#[non_exhaustive]
pub struct BackwardInput<'c> {
    /// Which one.
    pub node: NodeRef,
    /// Its name.
    pub name: &'c str,
    /// Its value.
    pub value: &'c Value,
}

/// Who gets feedback.
///
/// [`BackwardContext`] shows one, and [`BackwardResult`] all that a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BackwardTarget {
    /// A parameter of the node.
    Parameter(ParameterRef),
    /// A node that it read.
    Input(NodeRef),
}

/// Who gets which feedback; or what a model is to be asked, so that each gets
/// what concerns it.
///
/// Like `forward`, it says what is to be done and does not wait for it: the pass
/// that asked for it does, for all nodes and examples at once.
///
/// ```
/// use inf_engine::module::{BackwardContext, BackwardResult};
/// use inf_engine::parameter::Feedback;
/// use inf_engine::prelude::*;
///
/// /// Its critic is right by definition: what is wrong is the draft's fault.
/// #[derive(Module)]
/// #[module(backward = Self::give_back)]
/// struct Reviewed { draft: LlmInference, critic: LlmInference }
///
/// impl Reviewed {
///     fn give_back(
///         &self,
///         feedback: &Feedback,
///         context: &BackwardContext<'_>,
///     ) -> BackwardResult {
///         let targets = context.targets().into_iter();
///         targets
///             .filter(|(_, name)| name != "critic")
///             .fold(BackwardResult::nothing(), |result, (target, _)| {
///                 result.to(target, feedback.clone())
///             })
///     }
/// }
/// # impl Forward for Reviewed {
/// #     type Input = String;
/// #     type Output = String;
/// #     fn forward(&self, text: Proxy<String>) -> Proxy<String> {
/// #         self.critic.call(self.draft.call(text))
/// #     }
/// # }
/// # let draft = || LlmInference::new("fast");
/// # Reviewed { draft: draft(), critic: draft() }.trace()?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BackwardResult {
    passed: Vec<(BackwardTarget, Feedback)>,
    question: Option<BackwardQuestion>,
}

/// What a model is to be asked about feedback.
///
/// ```
/// use inf_engine::module::{BackwardContext, BackwardResult};
/// use inf_engine::parameter::Feedback;
/// use inf_engine::prelude::*;
///
/// /// Asks as any call does, and says what it is about.
/// #[derive(Module)]
/// #[module(backward = Self::give_back)]
/// struct Translate { ask: LlmInference }
///
/// impl Translate {
///     fn give_back(
///         &self,
///         feedback: &Feedback,
///         context: &BackwardContext<'_>,
///     ) -> BackwardResult {
///         if !context.can_reason {
///             return BackwardResult::passed_on(feedback, context);
///         }
///         let mut question = context.question(feedback);
///         question.prompt.push_str("The text is a poem: its rhymes matter more than its words.");
///         BackwardResult::nothing().asking(question)
///     }
/// }
/// # impl Forward for Translate {
/// #     type Input = String;
/// #     type Output = String;
/// #     fn forward(&self, text: Proxy<String>) -> Proxy<String> { self.ask.call(text) }
/// # }
/// # Translate { ask: LlmInference::new("fast") }.trace()?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackwardQuestion {
    /// What it is shown.
    pub prompt: String,
    /// Whom it is asked about, each under a name.
    pub targets: Vec<(BackwardTarget, String)>,
    /// What they all get if there is no answer.
    pub otherwise: Feedback,
}

impl BackwardResult {
    /// Nobody gets anything.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The same, and `target` gets `feedback`.
    #[must_use]
    pub fn to(mut self, target: BackwardTarget, feedback: Feedback) -> Self {
        self.passed.push((target, feedback));
        self
    }

    /// The same, and a model is asked; a later question replaces an earlier one.
    #[must_use]
    pub fn asking(mut self, question: BackwardQuestion) -> Self {
        self.question = Some(question);
        self
    }

    /// All that learn get the feedback as it is.
    pub fn passed_on(feedback: &Feedback, context: &BackwardContext<'_>) -> Self {
        let targets = context.targets().into_iter();
        targets.fold(Self::nothing(), |result, (target, _)| {
            result.to(target, feedback.clone())
        })
    }

    /// What a call of a model does: where several may be the reason, a model is
    /// asked, if there is one, what each should change; one alone gets the feedback
    /// as it is.
    pub fn attributed(feedback: &Feedback, context: &BackwardContext<'_>) -> Self {
        if context.can_reason && context.targets().len() > 1 {
            Self::nothing().asking(context.question(feedback))
        } else {
            Self::passed_on(feedback, context)
        }
    }

    /// Who gets which feedback for certain.
    pub fn passed(&self) -> &[(BackwardTarget, Feedback)] {
        &self.passed
    }

    /// What is to be asked.
    pub fn question(&self) -> Option<&BackwardQuestion> {
        self.question.as_ref()
    }
}

impl BackwardContext<'_> {
    /// Everyone that learns, with names that are good for the fields of an answer.
    pub fn targets(&self) -> Vec<(BackwardTarget, String)> {
        let parameters = self.parameters.iter().map(|found| {
            let target = BackwardTarget::Parameter(found.parameter);
            (target, found.path.as_str())
        });
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|found| (BackwardTarget::Input(found.node), found.name));
        let mut targets: Vec<(BackwardTarget, String)> = Vec::new();
        for (target, name) in parameters.chain(inputs) {
            let plain = name.chars();
            let plain = plain.map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
            let mut name: String = plain.collect();
            while targets.iter().any(|(_, known)| *known == name) {
                name.push('_');
            }
            targets.push((target, name));
        }
        targets
    }

    /// What a model is asked by default: what was done, what was said of it, and
    /// whom it may concern.
    pub fn question(&self, feedback: &Feedback) -> BackwardQuestion {
        let targets = self.targets();
        let mut prompt = String::new();
        let mut add = |tag: &str, text: &str| {
            // Writing to a text can't fail.
            let _ = writeln!(prompt, "<{tag}>\n{text}\n</{tag}>");
        };
        add("step", self.node.name());
        if let Some(system) = self.system_prompt {
            add("system", system);
        }
        if let Some(asked) = self.prompt {
            add("prompt", asked);
        }
        if let Some(output) = self.output {
            add("output", &output.to_string());
        }
        add("feedback", &feedback.text);
        let mut names = targets.iter().map(|(_, name)| name);
        for (found, name) in self.parameters.iter().zip(names.by_ref()) {
            let text = format!("{}\nIt reads: {}", found.description, found.text);
            add(name, &text);
        }
        for (found, name) in self.inputs.iter().zip(names) {
            let text = format!(
                "The output of the step before, `{}`: {}",
                found.name, found.value
            );
            add(name, &text);
        }
        BackwardQuestion {
            prompt,
            targets,
            otherwise: feedback.clone(),
        }
    }
}
