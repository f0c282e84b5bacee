//! Losses: what each says of an output.

use std::io;
use std::sync::Arc;

use inf_engine::clients::{ClientError, ClientErrorKind, Retry};
use inf_engine::optimization::{
    BackwardReport, CompositeLoss, Criterion, Dataset, Evaluation, Example, Gate, Gepa, GepaReport,
    HumanLoss, LlmJudge, LlmOptimizer, Loss, LossError, MatchLoss, Optimizer, PreferenceLoss,
    RankingLoss, Reasoner, Rubric, Sample, Terminal, TrainReport, Trainer, Update, VerifierLoss,
};
use inf_engine::{Feedback, FeedbackType, Value};
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::Instant;

use super::model::{Model, resources};

fn sample(output: impl Into<Value>, expected: impl Into<Value>) -> Sample {
    Sample::new(&Example::new("in").expecting(expected), output)
}

async fn verdict(
    loss: &dyn Loss,
    output: serde_json::Value,
    expected: serde_json::Value,
) -> Feedback {
    loss.evaluate(&sample(output, expected)).await.unwrap()
}

fn judge(model: &Arc<Model>) -> Reasoner {
    Reasoner::new("judge", resources([("judge", model)])).unwrap()
}

#[tokio::test]
async fn matches_are_exact_or_contained_in_the_output_or_a_field() {
    let check = async |loss: MatchLoss,
                       output: serde_json::Value,
                       expected: serde_json::Value,
                       message: &str| {
        let verdict = verdict(&loss, output.clone(), expected).await;
        let score = if message.is_empty() { 1.0 } else { 0.0 };
        assert_eq!(
            (verdict.score, &*verdict.text),
            (Some(score), message),
            "{output}"
        );
        assert_eq!(verdict.kind, FeedbackType::Verifier);
    };
    let (exact, contains) = (MatchLoss::exact, MatchLoss::contains);
    check(exact(), json!(" yes\n"), json!("yes"), "").await;
    check(
        exact(),
        json!("Yes"),
        json!("yes"),
        "expected `yes`, and the output is `Yes`",
    )
    .await;
    check(exact().ignoring_case(), json!("Yes"), json!("yes"), "").await;
    check(exact(), json!("5"), json!(5), "").await;
    check(exact(), json!(5.0), json!(5), "").await;
    check(exact(), json!("5"), json!(5.0), "").await;
    check(exact(), json!(5), json!("5.0"), "").await;
    check(exact(), json!([1, 2]), json!([1, 2]), "").await;
    check(
        exact(),
        json!([2, 1]),
        json!([1, 2]),
        "expected `[1,2]`, and the output is `[2,1]`",
    )
    .await;
    check(contains(), json!("so: yes!"), json!("yes"), "").await;
    check(
        contains(),
        json!("no"),
        json!("yes"),
        "expected a text that contains `yes`, and the output is `no`",
    )
    .await;
    let label = exact().at("answer.labels.0");
    check(
        label.clone(),
        json!({"answer": {"labels": ["a"]}}),
        json!("a"),
        "",
    )
    .await;
    check(
        label.clone(),
        json!(r#" {"answer": {"labels": ["a"]}} "#),
        json!("a"),
        "",
    )
    .await;
    check(
        label.clone(),
        json!("Here it is:\n```json\n{\"answer\": {\"labels\": [\"a\"]}}\n```"),
        json!("a"),
        "",
    )
    .await;
    check(
        label.clone(),
        json!({"answer": {}}),
        json!("a"),
        r#"the output has no `answer.labels`: it is {"answer":{}}"#,
    )
    .await;
    check(
        label,
        json!("a"),
        json!("a"),
        "the output is to be JSON with `answer.labels.0`, and it is none (expected value at line 1 column 1): a",
    )
    .await;
    let nothing = Sample::new(&Example::new("in"), "out");
    let error = exact().evaluate(&nothing).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`exact match` compares with what is expected, and the example has nothing: give it an `expected`"
    );
    // Every text contains nothing.
    let empty = Sample::new(&Example::new("in").expecting(" "), "out");
    assert!(contains().evaluate(&empty).await.is_err());
}

#[tokio::test]
async fn functions_say_what_they_like_and_may_panic() {
    let exact = VerifierLoss::new("exact", |output: String, expected: String| {
        output == expected
    });
    assert_eq!(
        verdict(&exact, json!("a"), json!("a")).await.score,
        Some(1.0)
    );
    let failed = verdict(&exact, json!("a"), json!("b")).await;
    assert_eq!(failed.text, "the output does not pass the check `exact`");
    let short = VerifierLoss::of_output("short", |output: Vec<u8>| {
        if output.len() < 2 {
            Ok(())
        } else {
            Err(format!("{} are too many", output.len()))
        }
    });
    assert_eq!(
        verdict(&short, json!([1, 2]), json!(null)).await.text,
        "2 are too many"
    );
    let error = short.evaluate(&sample("text", "")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`short` can't take the output: invalid type: string \"text\", expected a sequence"
    );
    let input =
        VerifierLoss::of_sample("input", |sample: &Sample| (0.25, sample.input.to_string()));
    let said = verdict(&input, json!(1), json!(2)).await;
    assert_eq!((said.score, &*said.text), (Some(0.25), "in"));
    let broken = VerifierLoss::of_output("broken", |_: Value| -> bool { panic!("no way") });
    let error = broken.evaluate(&sample("a", "a")).await.unwrap_err();
    assert_eq!(error.to_string(), "`broken` failed: it panicked: no way");
    let nan = VerifierLoss::of_output("nan", |_: Value| f64::NAN);
    assert!(matches!(
        nan.evaluate(&sample("a", "a")).await,
        Err(LossError::Failed { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_judge_answers_a_question_for_a_whole_batch_at_once() {
    let model = Model::new(|request| {
        let good = request.prompt().contains("good");
        json!({"critique": if good { "fine" } else { "bad" }, "score": if good { 9 } else { 2 }})
            .to_string()
    });
    let loss = LlmJudge::new(judge(&model), "Is it good?");
    let samples = [
        sample("good", "x"),
        sample("poor", "x"),
        sample("good", "y"),
    ];
    let start = Instant::now();
    let verdicts = loss.evaluate_batch(&samples).await;
    assert_eq!(start.elapsed().as_secs(), 1);
    let said = verdicts.into_iter().map(|verdict| verdict.unwrap());
    let said: Vec<_> = said
        .map(|verdict| (verdict.text, verdict.score.unwrap()))
        .collect();
    let expected =
        [("fine", 0.9), ("bad", 0.2), ("fine", 0.9)].map(|(text, score)| (text.to_owned(), score));
    assert_eq!(said, expected);
    assert_snapshot!(model.asked()[1], @r"
    <input>
    in
    </input>
    <output>
    good
    </output>
    <expected>
    y
    </expected>
    ");
}

#[tokio::test(start_paused = true)]
async fn a_rubric_is_levels_and_weights_and_is_asked_again_when_a_level_is_none() {
    let rubric = Rubric::new([
        Criterion::new("faithful", "It says what the text says.")
            .levels(["lies", "bends", "faithful"])
            .weighted(3.0),
        Criterion::new("short", "One sentence."),
    ]);
    let model = Model::new(|request| {
        let is_repaired = request.messages.len() > 2;
        let level = if is_repaired { 1 } else { 7 };
        json!({
            "faithful": {"reason": "One date is off.", "level": level},
            "short": {"reason": "It is.", "level": 1},
            "advice": "Copy dates.",
        })
        .to_string()
    });
    let loss = LlmJudge::by_rubric(judge(&model), rubric);
    let verdict = loss.evaluate(&sample("a", "b")).await.unwrap();
    assert_eq!(verdict.score, Some((3.0 * 0.5 + 1.0) / 4.0));
    assert_eq!(verdict.text, "faithful: One date is off.\nCopy dates.");
    assert_eq!(verdict.metadata["short"].to_string(), "1.0");
    assert_eq!(model.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn criteria_of_any_name_are_told_apart() {
    let model = Model::new(|_| {
        let level = |level: u8| json!({"reason": "so", "level": level});
        json!({"advice_": level(1), "a": level(1), "a_": level(0), "advice": "More."}).to_string()
    });
    let named = |name: &str| Criterion::new(name, "It is.");
    let rubric = Rubric::new([named("advice"), named("a"), named("a")]);
    let by_rubric = LlmJudge::by_rubric(judge(&model), rubric);
    let verdict = verdict(&by_rubric, json!("x"), json!("y")).await;
    assert_eq!(verdict.text, "a_: so\nMore.");
    assert!((verdict.score.unwrap() - 2.0 / 3.0).abs() < 1e-9);
    let asked = model.asked().len();
    let none = LlmJudge::by_rubric(judge(&model), Rubric::new([]));
    let error = none.evaluate(&sample("x", "y")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`LLM judge` failed: its rubric has no criteria"
    );
    assert_eq!(model.asked().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_judge_without_an_answer_has_no_verdict() {
    let model = Model::fallible(|_| {
        Err(ClientError::new(ClientErrorKind::Refused, "too long").with_retry(Retry::Never))
    });
    let error = LlmJudge::new(judge(&model), "?")
        .evaluate(&sample("a", "b"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`LLM judge` has no verdict: node `judge` (alias `judge`): too long"
    );
}

#[tokio::test(start_paused = true)]
async fn a_preference_is_asked_in_both_orders() {
    let check = async |answer: fn(&str) -> &'static str, expected: f64| {
        let model = Model::new(move |request| {
            json!({"reason": "so", "better": answer(&request.prompt())}).to_string()
        });
        let loss = PreferenceLoss::new(judge(&model), "Which is better?");
        let verdict = loss.evaluate(&sample("new", "old")).await.unwrap();
        assert_eq!(verdict.score, Some(expected));
    };
    check(
        |prompt| {
            if prompt.contains("<A>\nnew") {
                "a"
            } else {
                "b"
            }
        },
        1.0,
    )
    .await;
    check(
        |prompt| {
            if prompt.contains("<A>\nnew") {
                "b"
            } else {
                "a"
            }
        },
        0.0,
    )
    .await;
    check(|_| "a", 0.5).await;
    check(|_| "equal", 0.5).await;
}

#[tokio::test(start_paused = true)]
async fn outputs_for_the_same_input_are_ranked_and_groups_at_once() {
    // The longest is the best.
    let model = Model::new(|request| {
        let prompt = request.prompt();
        let lengths = prompt.split("<answer ").skip(1).map(|answer| {
            let (number, rest) = answer.split_once(">\n").unwrap();
            (
                rest.split_once("\n<").unwrap().0.len(),
                number.parse::<usize>().unwrap(),
            )
        });
        let mut lengths: Vec<(usize, usize)> = lengths.collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let order: Vec<usize> = lengths.into_iter().map(|(_, number)| number).collect();
        json!({"reason": "longer", "order": order}).to_string()
    });
    let loss = RankingLoss::new(judge(&model), "Which is longer?");
    let of = |input: &str, output: &str| Sample::new(&Example::new(input), output);
    let samples = [
        of("x", "aa"),
        of("y", "b"),
        of("x", "a"),
        of("x", "aaa"),
        of("y", "bbb"),
        of("x", "a"),
        of("z", "c"),
    ];
    let start = Instant::now();
    let verdicts = loss.evaluate_batch(&samples).await;
    assert_eq!((start.elapsed().as_secs(), model.asked().len()), (1, 2));
    let scores = verdicts
        .iter()
        .map(|verdict| verdict.as_ref().ok().and_then(|verdict| verdict.score));
    let scores: Vec<Option<f64>> = scores.collect();
    assert_eq!(
        scores,
        [
            Some(0.5),
            Some(0.0),
            Some(0.0),
            Some(1.0),
            Some(1.0),
            Some(0.0),
            None
        ]
    );
    assert_eq!(verdicts[0].as_ref().unwrap().text, "number 2 of 3: longer");
    assert_eq!(
        verdicts[6].as_ref().unwrap_err().to_string(),
        "`ranking` failed: there is nothing to compare with: it takes several different outputs for an input"
    );
}

#[test]
fn traits_that_are_open_are_object_safe_and_handles_are_shared() {
    fn shared<T: Send + Sync + ?Sized>() {}
    shared::<dyn Loss>();
    shared::<dyn Optimizer>();
    shared::<(
        LlmOptimizer,
        Gepa<'_>,
        Trainer<'_>,
        Gate<'_>,
        Reasoner,
        Dataset,
    )>();
    shared::<(VerifierLoss, MatchLoss, LlmJudge, PreferenceLoss)>();
    shared::<(RankingLoss, CompositeLoss, HumanLoss, LossError)>();
    shared::<(Evaluation, BackwardReport, Update, TrainReport, GepaReport)>();
}

#[tokio::test(start_paused = true)]
async fn a_composite_weighs_scores_and_joins_texts() {
    let say = |text: &'static str, score: f64| {
        VerifierLoss::of_output("say", move |_: Value| (score, text))
    };
    let both = || {
        CompositeLoss::new()
            .with(3.0, say("first", 1.0))
            .with(1.0, say("second", 0.0))
    };
    let verdict = both().evaluate(&sample("a", "b")).await.unwrap();
    assert_eq!((verdict.score, &*verdict.text), (Some(0.75), "second"));
    assert_eq!(verdict.kind, FeedbackType::Composite);
    let three = CompositeLoss::new()
        .with(1.0, say("x", 0.5))
        .with(1.0, say("y", 0.5))
        .with(0.0, say("z", 0.0));
    let verdict = three.evaluate(&sample("a", "b")).await.unwrap();
    assert_eq!(
        (verdict.score, &*verdict.text),
        (Some(0.5), "- x\n- y\n- z")
    );
    let model = Model::new(|request| format!("one of {}", request.prompt().lines().count()));
    let synthesised = CompositeLoss::new()
        .with(1.0, say("x", 0.5))
        .with(1.0, say("y", 0.5))
        .synthesised_by(judge(&model));
    let verdict = synthesised.evaluate(&sample("a", "b")).await.unwrap();
    assert_eq!(verdict.text, "one of 2");
    let nothing = CompositeLoss::new()
        .evaluate(&sample("a", "b"))
        .await
        .unwrap();
    assert_eq!((nothing.score, &*nothing.text), (None, ""));
    let broken = both().with(1.0, VerifierLoss::of_output("broken", |_: Value| f64::NAN));
    assert!(broken.evaluate(&sample("a", "b")).await.is_err());
}

/// A place that a test can read after it was written to.
#[derive(Clone, Default)]
struct Written(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_person_is_asked_one_thing_at_a_time() {
    let written = Written::default();
    let answers = io::Cursor::new("80\n8 too long\nwhat?\n");
    let loss = HumanLoss::new(Terminal::new(answers, written.clone()));
    let samples = ["first", "second", "third"].map(|output| sample(output, "b"));
    let verdicts = loss.evaluate_batch(&samples).await;
    let [first, second, third] = &verdicts[..] else {
        panic!("three")
    };
    let said = |verdict: &Result<Feedback, LossError>| {
        let verdict = verdict.as_ref().unwrap();
        (verdict.score, verdict.text.clone())
    };
    assert_eq!(said(first), (Some(0.8), "too long".to_owned()));
    assert_eq!(said(second), (None, "what?".to_owned()));
    assert_eq!(
        third.as_ref().unwrap_err().to_string(),
        "`human` failed: nobody answers: the input has ended"
    );
    let shown = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!(shown.matches("score 0-10 and what to change").count(), 3);
    let places = ["first", "second", "third"].map(|output| shown.find(output));
    assert!(places.is_sorted() && places[0].is_some(), "{shown}");
}
