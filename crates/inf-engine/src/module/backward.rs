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
/// use inf_engine::optimization::{Dataset, Example, VerifierLoss, backward, evaluate};
/// use inf_engine::parameter::Feedback;
/// use inf_engine::prelude::*;
///
/// /// Knows whose fault it is by what is said: that of the greeting, or of who writes the rest.
/// #[derive(Module)]
/// #[module(backward = Self::give_back)]
/// struct Letter { greeting: Parameter, write: LlmInference }
///
/// impl Letter {
///     fn give_back(
///         &self,
///         feedback: &Feedback,
///         context: &BackwardContext<'_>,
///     ) -> BackwardResult {
///         let greeting = &context.parameters[0];
///         assert_eq!((greeting.path.as_str(), greeting.text), ("greeting", "Hey."));
///         let body = &context.inputs[0];
///         assert_eq!(body.name, "body");
///         let target = if feedback.text.contains("greeting") {
///             BackwardTarget::Parameter(greeting.parameter)
///         } else {
///             BackwardTarget::Input(body.node)
///         };
///         BackwardResult::nothing().to(target, feedback.clone())
///     }
/// }
///
/// impl Forward for Letter {
///     type Input = String;
///     type Output = String;
///     fn forward(&self, topic: Proxy<String>) -> Proxy<String> {
///         let body = self.write.call(topic);
///         prompt!("{self.greeting}\n{body}") // a node of its own, and no call
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let greeting = Parameter::new("Hey.").described("How a letter begins.");
/// let style = Parameter::new("Be brief.").described("The style.");
/// let write = LlmInference::new("fast").system_prompt(&style);
/// let letter = Letter { greeting: greeting.clone(), write };
/// let pipeline = letter.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// pipeline.train();
/// let batch: Dataset = [Example::new("Your parcel is late.")].into_iter().collect();
/// let rude = VerifierLoss::of_output("polite", |_: String| Err::<(), _>("The greeting is rude."));
/// let outputs = evaluate(&pipeline, &batch, &rude).await;
/// backward(&pipeline, &outputs, None).await;
/// assert_eq!((greeting.feedback().len(), style.feedback().len()), (1, 0));
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
/// use inf_engine::optimization::{Dataset, Example, VerifierLoss, backward, evaluate};
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
///
/// impl Forward for Reviewed {
///     type Input = String;
///     type Output = String;
///     fn forward(&self, text: Proxy<String>) -> Proxy<String> {
///         let draft = self.draft.call(text);
///         let both = (draft, self.critic.call(draft)).pack();
///         // A node of its own; those of `draft` and `critic` are theirs.
///         both.then("sign", |(draft, grade): (String, String)| format!("{draft} ({grade})"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let [style, standard] = ["Be brief.", "Be strict."].map(|text| Parameter::new(text).described("."));
/// let ask = |prompt| LlmInference::new("fast").system_prompt(prompt);
/// let reviewed = Reviewed { draft: ask(&style), critic: ask(&standard) };
/// let pipeline = reviewed.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// pipeline.train();
/// let batch: Dataset = [Example::new("Why is the sky blue?")].into_iter().collect();
/// let short = VerifierLoss::of_output("short", |_: String| Err::<(), _>("It is too long."));
/// let outputs = evaluate(&pipeline, &batch, &short).await;
/// backward(&pipeline, &outputs, None).await;
/// assert_eq!((style.feedback().len(), standard.feedback().len()), (1, 0));
/// # Ok(())
/// # }
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
/// use inf_engine::optimization::{Dataset, Example, Reasoner, VerifierLoss, backward, evaluate};
/// use inf_engine::parameter::Feedback;
/// use inf_engine::prelude::*;
///
/// /// Has a model asked as calls do, and adds what it should know.
/// #[derive(Module)]
/// #[module(backward = Self::give_back)]
/// struct Letter { greeting: Parameter, write: LlmInference }
///
/// impl Letter {
///     fn give_back(
///         &self,
///         feedback: &Feedback,
///         context: &BackwardContext<'_>,
///     ) -> BackwardResult {
///         if !context.can_reason {
///             return BackwardResult::passed_on(feedback, context);
///         }
///         let mut question = context.question(feedback);
///         question.prompt.push_str("It is a letter to somebody who complained.");
///         BackwardResult::nothing().asking(question)
///     }
/// }
/// # impl Forward for Letter {
/// #     type Input = String;
/// #     type Output = String;
/// #     fn forward(&self, topic: Proxy<String>) -> Proxy<String> {
/// #         let text = self.write.call(topic);
/// #         prompt!("{self.greeting}\n{text}")
/// #     }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let greeting = Parameter::new("Hey.").described("How a letter begins.");
/// # let style = Parameter::new("Be brief.").described("The style.");
/// # let write = LlmInference::new("fast").system_prompt(&style);
/// # let letter = Letter { greeting, write };
/// # let resources = ResourceConfig::simulated(["fast", "smart"], &Default::default());
/// let pipeline = letter.bind(resources)?;
/// # pipeline.train();
/// # let batch: Dataset = [Example::new("Your parcel is late.")].into_iter().collect();
/// # let rude = VerifierLoss::of_output("polite", |_: String| Err::<(), _>("It is rude."));
/// # let outputs = evaluate(&pipeline, &batch, &rude).await;
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
/// let report = backward(&pipeline, &outputs, Some(&reasoner)).await;
/// assert!(report.examples[0].steps[0].is_reasoned); // each gets what the model said of it
/// # Ok(())
/// # }
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
