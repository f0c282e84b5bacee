//! Evaluation: a pipeline over a dataset.

use std::time::Duration;

use inf_engine::clients::{ClientError, ClientErrorKind, Retry};
use inf_engine::execution::{Budget, ErrorKind};
use inf_engine::optimization::{
    Comparison, Dataset, Example, LlmJudge, MatchLoss, Reasoner, Scored, evaluate, evaluate_until,
};
use inf_engine::prelude::*;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::Instant;

use super::model::{Model, resources};

/// Answers `pos` to what has an even number, and fails in ways of its own.
fn classify() -> std::sync::Arc<Model> {
    Model::fallible(|request| match &*request.prompt() {
        "refused" => Err(ClientError::new(ClientErrorKind::Refused, "no").with_retry(Retry::Never)),
        // What it says when it is asked again is no better.
        text => Ok(text.parse().map_or("{".to_owned(), |number: usize| {
            let label = if number.is_multiple_of(2) {
                "pos"
            } else {
                "neg"
            };
            json!({ "label": label }).to_string()
        })),
    })
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Labelled {
    label: String,
}

fn pipeline(model: &std::sync::Arc<Model>) -> Pipeline<String, Labelled> {
    LlmInference::typed("fast")
        .bind(resources([("fast", model), ("judge", model)]))
        .unwrap()
}

/// `pos` is expected for the multiples of four, `neg` for all else.
fn numbers(count: usize) -> Dataset {
    let example = |number: usize| {
        let expected = if number.is_multiple_of(4) {
            "pos"
        } else {
            "neg"
        };
        Example::new(number.to_string()).expecting(expected)
    };
    (0..count).map(example).collect()
}

#[tokio::test(start_paused = true)]
async fn scores_classes_and_the_worst_are_told() {
    let pipeline = pipeline(&classify());
    let evaluation = evaluate(&pipeline, &numbers(40), &MatchLoss::exact().at("label")).await;
    assert_eq!(evaluation.mean(), Some(0.75));
    assert_eq!(evaluation.elapsed, Duration::from_secs(1));
    assert_eq!(evaluation.spent.calls, 40);
    assert_snapshot!(evaluation, @"0.750 (95 % confidence: 0.598–0.858, Wilson score interval) of 40 examples");
    let classes = evaluation.classes().into_iter().map(|class| {
        format!(
            "{} {} {:.2} {} {:?}",
            class.class, class.examples, class.mean, class.interval, class.instead
        )
    });
    let classes: Vec<String> = classes.collect();
    assert_snapshot!(classes.join("\n"), @r#"
    neg 30 0.67 0.488–0.808 [("{\"label\":\"pos\"}", 10)]
    pos 10 1.00 0.722–1.000 []
    "#);
    let worst: Vec<usize> = evaluation
        .worst(3)
        .iter()
        .map(|scored| scored.index)
        .collect();
    assert_eq!(worst, [2, 6, 10]);
    // Answers that are all different are no classes.
    let all_different: Dataset = (0..4)
        .map(|n| Example::new(n.to_string()).expecting(n))
        .collect();
    assert!(
        evaluate(&pipeline, &all_different, &MatchLoss::exact())
            .await
            .classes()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_pipelines_own_faults_have_the_score_0() {
    let pipeline = pipeline(&classify());
    let inputs = ["0", "refused", "garbled"];
    let dataset: Dataset = inputs
        .map(|input| Example::new(input).expecting("pos"))
        .into_iter()
        .collect();
    let evaluation = evaluate(&pipeline, &dataset, &MatchLoss::exact().at("label")).await;
    let scores: Vec<Option<f64>> = evaluation.examples.iter().map(Scored::score).collect();
    assert_eq!(scores, [Some(1.0), None, Some(0.0)]);
    assert_eq!(evaluation.mean(), Some(0.5));
    assert_eq!(evaluation.unscored().count(), 1);
    let why = evaluation.examples[1].why_unscored().unwrap();
    assert!(
        why.starts_with("node `llm` (alias `fast`") && why.ends_with(": no"),
        "{why}"
    );
    assert!(
        evaluation
            .to_string()
            .ends_with("of 2 examples, 1 without a score"),
        "{evaluation}"
    );
    let text = &evaluation.examples[2].feedback.as_ref().unwrap().text;
    assert!(text.starts_with("there is no output: node"), "{text}");
    // An example without an expected answer has no verdict either.
    let nothing: Dataset = [Example::new("0")].into_iter().collect();
    let evaluation = evaluate(&pipeline, &nothing, &MatchLoss::exact()).await;
    assert_eq!((evaluation.mean(), evaluation.interval()), (None, None));
    assert_snapshot!(evaluation, @"no score, 1 without a score");
}

#[tokio::test(start_paused = true)]
async fn outputs_are_judged_as_they_come_and_judges_are_counted() {
    let model = Model::new(|request| {
        if request.messages.len() == 1 {
            json!({"label": "pos"}).to_string()
        } else {
            json!({"critique": "fine", "score": 10}).to_string()
        }
    });
    let pipeline =
        pipeline(&model).with_settings(ExecutionSettings::default().with_max_concurrent(1));
    let judge = Reasoner::new("judge", pipeline.resources().clone()).unwrap();
    let start = Instant::now();
    let evaluation = evaluate(&pipeline, &numbers(10), &LlmJudge::new(judge, "?")).await;
    // Ten calls one after the other, and only the last verdict is waited for.
    assert_eq!(start.elapsed().as_secs(), 11);
    assert_eq!(evaluation.mean(), Some(1.0));
    assert_eq!(evaluation.spent.calls, 20);
}

#[tokio::test(start_paused = true)]
async fn a_budget_around_it_holds_and_the_rest_is_not_scored() {
    let pipeline = pipeline(&classify());
    let budget = Budget::calls(7);
    let settings = ExecutionSettings::default().with_budget(&budget);
    let dataset = numbers(20);
    let loss = MatchLoss::exact().at("label");
    let evaluation = settings.scope(evaluate(&pipeline, &dataset, &loss)).await;
    assert_eq!((budget.spent().calls, evaluation.spent.calls), (7, 7));
    assert_eq!(evaluation.examples.len(), 20);
    assert_eq!(evaluation.scores().len(), 7);
    let unscored: Vec<_> = evaluation.unscored().collect();
    assert!(
        unscored
            .iter()
            .all(|scored| scored.output.as_ref().unwrap_err().kind == ErrorKind::Budget)
    );
}

#[tokio::test(start_paused = true)]
async fn two_evaluations_are_compared_in_pairs() {
    let before = evaluate(
        &pipeline(&classify()),
        &numbers(40),
        &MatchLoss::exact().at("label"),
    )
    .await;
    let always = Model::new(|_| json!({"label": "neg"}).to_string());
    let after = evaluate(
        &pipeline(&always),
        &numbers(40),
        &MatchLoss::exact().at("label"),
    )
    .await;
    let change = Comparison::of(&before, &after);
    assert_eq!(
        (change.pairs, change.better, change.worse, change.mean),
        (40, 10, 10, 0.0)
    );
}

/// Two calls at once of a second each: after two and a half seconds four are answered, and
/// two more are under way.
#[tokio::test(start_paused = true)]
async fn an_evaluation_that_is_stopped_scores_what_has_begun() {
    let text = "endpoints: { fast: { provider: simulated, model: m, max_concurrent: 2, \
                simulated: { answer: echo, latency: { median_ms: 1000 } } } }";
    let resources = ResourceConfig::from_text(text).unwrap();
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let dataset: Dataset = (0..100)
        .map(|number| Example::new(number.to_string()).expecting(number.to_string()))
        .collect();
    let stop = tokio::time::sleep(Duration::from_millis(2500));
    let began = Instant::now();
    let evaluation = evaluate_until(&pipeline, &dataset, &MatchLoss::exact(), stop).await;
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    assert_eq!(evaluation.scores(), [1.0; 6]);
    assert_eq!(evaluation.examples.len(), 100);
    let is_stopped = |scored: &Scored| {
        let error = scored.output.as_ref().unwrap_err();
        error.kind == ErrorKind::Cancelled
    };
    assert!(evaluation.unscored().all(is_stopped));
}
