//! Evaluation: a pipeline over a dataset.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::{ClientError, ClientErrorKind, Retry};
use inf_engine::execution::{Budget, ErrorKind};
use inf_engine::optimization::{
    Comparison, CompositeLoss, Dataset, Evaluation, Example, LlmJudge, Loss, LossFuture, MatchLoss,
    RankingLoss, Reasoner, Sample, Scored, evaluate,
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
            "{} {} {:.2} {} {:.2?} {:.2?} {:.2?} {:?}",
            class.class,
            class.examples,
            class.mean,
            class.interval,
            class.precision,
            class.recall,
            class.f1,
            class.instead
        )
    });
    let classes: Vec<String> = classes.collect();
    assert_snapshot!(classes.join("\n"), @r#"
    neg 30 0.67 0.488–0.808 Some(1.00) Some(0.67) Some(0.80) [("pos", 10)]
    pos 10 1.00 0.722–1.000 Some(0.50) Some(1.00) Some(0.67) []
    "#);
    let f1 = evaluation.macro_f1().unwrap();
    assert!((f1 - f64::midpoint(0.8, 2.0 / 3.0)).abs() < 1e-9, "{f1}");
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
    assert_snapshot!(evaluation, @"the only example has no score: `exact match` compares with what is expected, and the example has nothing: give it an `expected`");
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

/// A loss that is asked about all outputs at once.
struct AllAtOnce(MatchLoss);

impl Loss for AllAtOnce {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        self.0.evaluate(sample)
    }

    fn takes_batches(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_none_has_no_score() {
    let graph = InferenceGraph::from_text(
        "{version: 1, name: greet, input: {name: string}, \
         nodes: {hello: {llm: fast, prompt: \"{input.name}\"}}, output: hello}",
    );
    let pipeline = graph
        .unwrap()
        .bind(resources([("fast", &classify())]))
        .unwrap();
    let dataset: Dataset = [json!({"name": "2"}), json!({"nam": "2"})]
        .map(|input| Example::new(Value::from(input)).expecting("?"))
        .into_iter()
        .collect();
    let one_by_one: &dyn Loss = &MatchLoss::exact();
    for loss in [one_by_one, &AllAtOnce(MatchLoss::exact())] {
        let evaluation = evaluate(&pipeline, &dataset, loss).await;
        let scores: Vec<Option<f64>> = evaluation.examples.iter().map(Scored::score).collect();
        assert_eq!(scores, [Some(0.0), None]);
        let why = evaluation.examples[1].why_unscored().unwrap();
        assert!(
            why.starts_with("the input does not fit the pipeline: "),
            "{why}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_run_before_is_judged_as_a_batch() {
    let model = Model::new(|request| match &*request.prompt() {
        prompt if prompt.contains("<answer 0>") => {
            json!({"reason": "further up", "order": [0, 1]}).to_string()
        }
        prompt => format!("{} {prompt}", request.system().unwrap()),
    });
    let bound = resources([("fast", &model), ("judge", &model)]);
    let pipelines = ["a", "b"].map(|system| {
        let module = LlmInference::new("fast").system_prompt(system);
        module.bind(Arc::clone(&bound)).unwrap()
    });
    let dataset: Dataset = ["x", "y"].map(Example::new).into_iter().collect();
    let mut results = Vec::new();
    for pipeline in &pipelines {
        results.extend(pipeline.untyped().run_batch(dataset.inputs()).await);
    }
    let judge = Reasoner::new("judge", bound).unwrap();
    let loss = RankingLoss::new(judge, "Which is better?");
    let evaluation = Evaluation::of_results(&dataset, results, &loss).await;
    assert_eq!(evaluation.scores(), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!((evaluation.spent.calls, evaluation.spent.tokens), (2, 12));
    // Where an input is there twice, one pipeline is enough.
    let asked = model.asked().len();
    let twice: Dataset = ["x", "x", "y"].map(Example::new).into_iter().collect();
    let loss = CompositeLoss::new().with(1.0, loss);
    let evaluation = evaluate(&pipelines[0], &twice, &loss).await;
    assert_eq!((evaluation.scores().len(), evaluation.spent.calls), (0, 3));
    assert_eq!(model.asked().len(), asked + 3);
    let why = evaluation.examples[2].why_unscored().unwrap();
    assert!(why.contains("there is nothing to compare with"), "{why}");
}
