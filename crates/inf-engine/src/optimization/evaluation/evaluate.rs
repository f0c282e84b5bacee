//! [`evaluate`] and [`evaluate_until`]: a pipeline over a dataset.

use std::pin::pin;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::{Evaluation, Scored};
use crate::execution::{BatchResult, Budget, ErrorKind, ExecutionSettings, Pipeline};
use crate::optimization::{Dataset, Example, Loss, Sample};
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
    evaluate_until(pipeline, dataset, loss, std::future::pending()).await
}

/// [`evaluate`] that begins no more examples once `stop` resolves, as
/// [`ResultStream::stop`](crate::execution::ResultStream::stop) does: those that have begun are
/// finished and get their verdict, and the others have none.
///
/// ```
/// # use std::time::Duration;
/// # use inf_engine::optimization::{Dataset, Example, MatchLoss, evaluate_until};
/// # use inf_engine::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// # let pipeline = LlmInference::new("fast").bind(resources)?;
/// # let dataset: Dataset = [Example::new("1 + 1").expecting("2")].into_iter().collect();
/// let ten_minutes = tokio::time::sleep(Duration::from_secs(600));
/// let evaluation = evaluate_until(&pipeline, &dataset, &MatchLoss::exact(), ten_minutes).await;
/// println!("{evaluation}");
/// # Ok(())
/// # }
/// ```
pub async fn evaluate_until<I: Data, O: Data>(
    pipeline: &Pipeline<I, O>,
    dataset: &Dataset,
    loss: &dyn Loss,
    stop: impl Future<Output = ()> + Send,
) -> Evaluation {
    let began = Instant::now();
    // A budget that allows everything counts what the calls of all runs took.
    let meter = Budget::calls(u64::MAX);
    let settings = ExecutionSettings::default().with_budget(&meter);
    let pipeline = pipeline.untyped();
    let scoring = score(&pipeline, dataset, loss, stop).boxed();
    let examples = settings.scope(scoring).await;
    Evaluation {
        examples,
        spent: meter.spent(),
        elapsed: began.elapsed(),
    }
}

async fn score(
    pipeline: &Pipeline,
    dataset: &Dataset,
    loss: &dyn Loss,
    stop: impl Future<Output = ()> + Send,
) -> Vec<Scored> {
    let examples = dataset.examples();
    let inputs: Vec<Value> = examples
        .iter()
        .map(|example| example.input.clone())
        .collect();
    let mut results = pipeline.stream(inputs);
    let mut judging = FuturesUnordered::new();
    let mut scored: Vec<Option<Scored>> = examples.iter().map(|_| None).collect();
    let mut is_running = true;
    let mut is_stopped = false;
    let mut stop = pin!(stop);
    while is_running || !judging.is_empty() {
        tokio::select! {
            result = results.next(), if is_running => match result {
                Some(result) => judging.push(judge(&examples[result.index], result, loss)),
                None => is_running = false,
            },
            () = &mut stop, if !is_stopped => {
                is_stopped = true;
                results.stop();
            }
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

fn unscored(
    index: usize,
    example: &Example,
    output: Result<Value, crate::execution::ExecutionError>,
) -> Scored {
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

async fn judge(example: &Example, result: BatchResult<Value>, loss: &dyn Loss) -> Scored {
    let mut scored = unscored(result.index, example, result.output);
    scored.record = result.record;
    match &scored.output {
        Ok(output) => match loss.evaluate(&Sample::new(example, output.clone())).await {
            Ok(feedback) => scored.feedback = Some(feedback),
            Err(error) => scored.loss_error = Some(error),
        },
        Err(error) if is_own_fault(error.kind) => {
            let text = format!("there is no output: {error}");
            let feedback = Feedback::new(FeedbackType::Verifier, text).with_score(0.0);
            scored.feedback = Some(feedback);
        }
        Err(_) => {}
    }
    scored
}

/// Whether an output is missing through the pipeline itself, which other prompts
/// could mend. What is another's fault says nothing of the prompts.
fn is_own_fault(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidOutput
            | ErrorKind::TooManyTurns
            | ErrorKind::HostFunction
            | ErrorKind::MissingValue
            | ErrorKind::InvalidValue
            | ErrorKind::NoMatch
    )
}
