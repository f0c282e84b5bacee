//! [`BackwardReport`]: which way feedback took.

use std::fmt;

use crate::document::{counted, shorten};
use crate::execution::ExecutionError;
use crate::parameter::{Feedback, ParameterPath};

/// Which way feedback took; made by [`backward`](super::backward). As text it is
/// one line for each that got some.
///
/// ```
/// use inf_engine::optimization::{Dataset, Example, MatchLoss, backward, evaluate};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rule = Parameter::new("Yes or no?").described("What to answer.");
/// let ask = LlmInference::new("fast").system_prompt(&rule);
/// let pipeline = ask.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// let batch: Dataset = [Example::new("Is it blue?").expecting("yes")].into_iter().collect();
/// pipeline.train();
/// let outputs = evaluate(&pipeline, &batch, &MatchLoss::exact()).await;
///
/// let report = backward(&pipeline, &outputs, None).await;
/// println!("{report}"); // all of it, for people
/// assert_eq!((report.unrecorded, report.unanswered.len()), (0, 0));
/// let flow = &report.examples[0];
/// assert_eq!((&*flow.steps[0].node, &flow.steps[0].to[..]), ("llm", &["system_prompt".to_owned()][..]));
/// let (path, feedback) = &flow.parameters[0];
/// assert_eq!(path.as_str(), "system_prompt");
/// assert!(feedback.text.contains("expected `yes`"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BackwardReport {
    /// The examples that were given back, in their order.
    pub examples: Vec<ExampleFlow>,
    /// How many examples something was said of and have no record, so that it goes nowhere: the
    /// pipeline was not in train mode.
    pub unrecorded: usize,
    /// Questions to the reasoner that had no answer; the feedback went on as it was.
    pub unanswered: Vec<ExecutionError>,
}

/// The way of the feedback on one example.
///
/// [`BackwardReport::examples`] has them; [`BackwardReport`] shows one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExampleFlow {
    /// The place of the example.
    pub index: usize,
    /// From the output back.
    pub steps: Vec<BackwardStep>,
    /// What parameters got.
    pub parameters: Vec<(ParameterPath, Feedback)>,
}

/// One node on the way.
///
/// [`ExampleFlow::steps`] has them; [`BackwardReport`] shows one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BackwardStep {
    /// The name of the node; its path, if a node of control flow ran it.
    pub node: String,
    /// What was said of its output, merged where several had something to say.
    pub feedback: Feedback,
    /// Who got something of it: paths of parameters, names of nodes.
    pub to: Vec<String>,
    /// Whether a model was asked what it means for each.
    pub is_reasoned: bool,
}

impl fmt::Display for BackwardReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        if self.unrecorded > 0 {
            let line_break = if self.examples.is_empty() { "" } else { "\n" };
            write!(
                formatter,
                "{} without a record: call `train()` on the pipeline before it is run{line_break}",
                self.unrecorded
            )?;
        }
        if let Some(first) = self.unanswered.first() {
            let attributions = counted(self.unanswered.len() as u64, "attribution");
            writeln!(
                formatter,
                "{attributions} had no answer, the first: {first}"
            )?;
        }
        for (place, example) in self.examples.iter().enumerate() {
            let line_break = if place == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}example {}", example.index)?;
            for step in &example.steps {
                let text = shorten(&step.feedback.text, SHOWN);
                let how = if step.is_reasoned { " (reasoned)" } else { "" };
                write!(
                    formatter,
                    "\n  {}: {text}{how}\n    → {}",
                    step.node,
                    step.to.join(", ")
                )?;
            }
        }
        Ok(())
    }
}
