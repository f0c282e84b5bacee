//! [`evaluate`]: a pipeline over a dataset.

use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::{Evaluation, Scored};
use crate::execution::{
    BatchResult, Budget, ErrorKind, ExecutionError, ExecutionSettings, Pipeline, Spent,
};
use crate::optimization::{Dataset, Example, Loss, LossError, Sample};
use crate::parameter::{Feedback, FeedbackType};
use crate::value::{Data, Value};

/// Runs `pipeline` on every example and asks `loss` about each output as soon as
/// it is there. The pipeline's own settings hold, and those of the scope around
/// the call hold for the loss's calls, too.
///
/// ```
/// use inf_engine::clients::simulated::{Answer, SimulatedSettings};
/// use inf_engine::optimization::{Dataset, Example, MatchLoss, evaluate};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let echo = SimulatedSettings { answer: Answer::Echo, ..Default::default() };
/// let pipeline = LlmInference::new("fast").bind(ResourceConfig::simulated(["fast"], &echo))?;
/// let dataset: Dataset = ["yes", "no", "yes", "no"]
///     .map(|input| Example::new(input).expecting("yes"))
///     .into_iter()
///     .collect();
/// let evaluation = evaluate(&pipeline, &dataset, &MatchLoss::exact()).await;
/// assert_eq!(evaluation.mean(), Some(0.5));
/// println!("{evaluation}"); // 0.500 (95 % confidence: 0.150–0.850, …) of 4 examples
/// # Ok(())
/// # }
/// ```
pub async fn evaluate<I: Data, O: Data>(
    pipeline: &Pipeline<I, O>,
    dataset: &Dataset,
    loss: &dyn Loss,
) -> Evaluation {
    let began = Instant::now();
    // A budget that allows everything counts what the calls of all runs took.
    let meter = Budget::calls(u64::MAX);
    let settings = ExecutionSettings::default().with_budget(&meter);
    let pipeline = pipeline.untyped();
    if loss.takes_batches() {
        let judging = async {
            let mut results = pipeline.run_batch(dataset.inputs()).await;
            for result in &mut results {
                let example = &dataset.examples()[result.index];
                if result.output.is_err()
                    && let Some(error) = misfit(&pipeline, example)
                {
                    result.output = Err(error);
                }
            }
            Evaluation::of_results(dataset, results, loss).await
        };
        let judged = settings.scope(judging.boxed()).await;
        return Evaluation {
            spent: meter.spent(),
            elapsed: began.elapsed(),
            ..judged
        };
    }
    let scoring = score(&pipeline, dataset, loss).boxed();
    let examples = settings.scope(scoring).await;
    Evaluation {
        examples,
        spent: meter.spent(),
        elapsed: began.elapsed(),
    }
}

impl Evaluation {
    /// What `loss` says of outputs that you ran yourself, all of which it is asked about
    /// at once: the forward pass and the loss in two steps. `results` are of running the
    /// [inputs](Dataset::inputs) of `dataset`; several for an input are fine, and a loss
    /// that compares, such as [`RankingLoss`](crate::optimization::RankingLoss), needs
    /// them. Where nothing of that is needed, [`evaluate`] does it in one.
    ///
    /// ```
    /// use inf_engine::optimization::{Dataset, Evaluation, Example, MatchLoss, backward};
    /// use inf_engine::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let rule = Parameter::new("Even or odd?").described("What to do with the number.");
    /// # let ask = LlmInference::new("fast").system_prompt(&rule);
    /// # let pipeline = ask.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
    /// # let batch: Dataset = (0..4).map(|n| Example::new(n.to_string()).expecting("even")).collect();
    /// # let loss = MatchLoss::exact();
    /// pipeline.train();
    /// let results = pipeline.untyped().run_batch(batch.inputs()).await; // forward, with records
    /// let outputs = Evaluation::of_results(&batch, results, &loss).await;
    /// backward(&pipeline, &outputs, None).await;
    /// # assert_eq!((outputs.mean(), rule.feedback().len()), (Some(0.0), 4));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// How many calls the results took is not known here: `spent` counts those of the
    /// loss, and the tokens and costs of both.
    pub async fn of_results<O: Data>(
        dataset: &Dataset,
        results: Vec<BatchResult<O>>,
        loss: &dyn Loss,
    ) -> Self {
        let began = Instant::now();
        let meter = Budget::calls(u64::MAX);
        let mut of_results = Spent::default();
        let mut longest = Duration::ZERO;
        let known = results.into_iter().filter_map(|result| {
            let example = dataset.examples().get(result.index)?;
            let (input, output) = (result.usage.input_tokens, result.usage.output_tokens);
            of_results.cost += result.cost;
            of_results.tokens = [of_results.tokens, input, output]
                .into_iter()
                .fold(0, u64::saturating_add);
            longest = longest.max(result.timings.total);
            Some((example, Scored::of_result(example, result)))
        });
        let known: Vec<(&Example, Scored)> = known.collect();
        let samples = known.iter().filter_map(|(example, scored)| {
            let output = scored.output.as_ref().ok()?;
            Some(Sample::new(example, output.clone()))
        });
        let samples: Vec<Sample> = samples.collect();
        let settings = ExecutionSettings::default().with_budget(&meter);
        let judging = settings.scope(loss.evaluate_batch(&samples));
        let mut verdicts = Box::pin(judging).await.into_iter();
        let examples = known.into_iter().map(|(_, scored)| match scored.output {
            Ok(_) => scored.with_verdict(verdicts.next().unwrap_or_else(|| {
                Err(LossError::Failed {
                    loss: "loss".to_owned(),
                    problem: "it gave fewer verdicts than there are outputs".to_owned(),
                })
            })),
            Err(_) => scored.without_output(),
        });
        let examples = examples.collect();
        of_results.add(meter.spent());
        Self {
            examples,
            spent: of_results,
            elapsed: longest + began.elapsed(),
        }
    }
}

impl Scored {
    /// A verdict of yours on a result: what a user said of an output later, say. If the
    /// result has a record, [`backward`](crate::optimization::backward) takes it.
    ///
    /// ```
    /// use inf_engine::optimization::{Example, Scored, backward};
    /// use inf_engine::prelude::*;
    /// use inf_engine::{Feedback, FeedbackType};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let rule = Parameter::new("Be kind.").described("How to answer.");
    /// # let ask = LlmInference::new("fast").system_prompt(&rule);
    /// # let pipeline = ask.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
    /// pipeline.train();
    /// let question = "Where is my parcel?".to_owned();
    /// let result = pipeline.run_batch([question.clone()]).await.remove(0);
    /// let said = Feedback::new(FeedbackType::Human, "Name the day.").with_score(0.0);
    /// let scored = Scored::new(&Example::new(question), result, Ok(said));
    /// backward(&pipeline, &[scored], None).await;
    /// assert_eq!(rule.feedback().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new<O: Data>(
        example: &Example,
        result: BatchResult<O>,
        verdict: Result<Feedback, LossError>,
    ) -> Self {
        Self::of_result(example, result).with_verdict(verdict)
    }

    fn of_result<O: Data>(example: &Example, result: BatchResult<O>) -> Self {
        let output = result.output.and_then(|output| {
            let value = output.to_value();
            value.map_err(|error| ExecutionError::new(ErrorKind::InvalidOutput, error.to_string()))
        });
        let mut scored = unscored(result.index, example, output);
        scored.record = result.record;
        scored
    }

    fn with_verdict(mut self, verdict: Result<Feedback, LossError>) -> Self {
        match verdict {
            Ok(feedback) => self.feedback = Some(feedback),
            Err(error) => self.loss_error = Some(error),
        }
        self
    }

    /// The verdict on an output that there is not: 0, if that is the pipeline's fault.
    fn without_output(mut self) -> Self {
        if let Err(error) = &self.output
            && error.kind.is_own_fault()
        {
            let text = format!("there is no output: {error}");
            let feedback = Feedback::new(FeedbackType::Verifier, text).with_score(0.0);
            self.feedback = Some(feedback);
        }
        self
    }
}

async fn score(pipeline: &Pipeline, dataset: &Dataset, loss: &dyn Loss) -> Vec<Scored> {
    let examples = dataset.examples();
    let mut results = pipeline.stream(dataset.inputs());
    let mut judging = FuturesUnordered::new();
    let mut scored: Vec<Option<Scored>> = examples.iter().map(|_| None).collect();
    let mut is_running = true;
    while is_running || !judging.is_empty() {
        tokio::select! {
            result = results.next(), if is_running => match result {
                Some(result) => judging.push(judge(pipeline, &examples[result.index], result, loss)),
                None => is_running = false,
            },
            Some(one) = judging.next(), if !judging.is_empty() => {
                let index = one.index;
                scored[index] = Some(one);
            }
        }
    }
    let not_begun = || results.ended_early();
    let scored = scored.into_iter().zip(examples).enumerate();
    let scored = scored.filter_map(|(index, (scored, example))| {
        // A run that ends early has examples that were never begun.
        scored.or_else(|| Some(unscored(index, example, Err(not_begun()?))))
    });
    scored.collect()
}

fn unscored(index: usize, example: &Example, output: Result<Value, ExecutionError>) -> Scored {
    Scored {
        index,
        input: example.input.clone(),
        expected: example.expected.clone(),
        output,
        feedback: None,
        loss_error: None,
        record: None,
    }
}

async fn judge(
    pipeline: &Pipeline,
    example: &Example,
    result: BatchResult<Value>,
    loss: &dyn Loss,
) -> Scored {
    let mut scored = Scored::of_result(example, result);
    if let Ok(output) = &scored.output {
        let sample = Sample::new(example, output.clone());
        let verdict = loss.evaluate(&sample).await;
        return scored.with_verdict(verdict);
    }
    if let Some(error) = misfit(pipeline, example) {
        scored.output = Err(error);
    }
    scored.without_output()
}

/// Why a failure is no fault of the pipeline: of what it can't take, it can't make
/// anything.
fn misfit(pipeline: &Pipeline, example: &Example) -> Option<ExecutionError> {
    let input = serde_json::Value::from(&example.input);
    let mismatch = pipeline.graph().input().check(&input).err()?;
    let message = format!("the input does not fit the pipeline: {mismatch}");
    Some(ExecutionError::new(ErrorKind::InvalidInput, message))
}
