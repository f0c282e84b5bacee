//! Training, on the smooth task.

use std::time::Duration;

use inf_engine::execution::{Budget, Cancellation, ExecutionSettings};
use inf_engine::optimization::{Dataset, LlmOptimizer, StopReason, TrainReport, Trainer};

use super::smooth::{
    BLANK, Proposes, Smooth, check_qualities, items, loss, perfect, seeds, smooth, smooth_at,
};

async fn train(
    task: &Smooth,
    seed: u64,
    change: impl FnOnce(Trainer<'_>) -> Trainer<'_>,
) -> TrainReport {
    train_by(task, seed, 24, change).await
}

/// The same with so many validation examples.
async fn train_by(
    task: &Smooth,
    seed: u64,
    examples: usize,
    change: impl FnOnce(Trainer<'_>) -> Trainer<'_>,
) -> TrainReport {
    let (loss, training) = (loss(), items(0..64));
    let validation = items(1_000..1_000 + examples);
    let mut optimizer = LlmOptimizer::new(&task.pipeline, task.reasoner.clone());
    let trainer = Trainer::new(&loss, &training, &validation)
        .with_epochs(20)
        .with_patience(30)
        .with_seed(seed);
    change(trainer).train(&task.pipeline, &mut optimizer).await
}

#[tokio::test(start_paused = true)]
async fn the_smooth_task_is_solved_within_its_budget_with_every_seed() {
    let mut qualities = Vec::new();
    for seed in seeds() {
        let task = smooth(seed, Proposes::Imperfectly, [BLANK, BLANK]);
        assert!(task.quality() < 0.01);
        let budget = Budget::calls(1_500);
        // With 24 one seed of 80 lost the right text to lapses that lay elsewhere.
        let report = train_by(&task, seed, 32, |trainer| trainer.with_budget(&budget)).await;
        assert!(task.calls() <= 1_500, "{}", task.calls());
        assert_eq!(budget.spent().calls, task.calls() as u64);
        assert_eq!(report.spent.calls, budget.spent().calls);
        // The best texts are there in the end.
        assert_eq!(report.best, task.pipeline.state_dict());
        qualities.push(task.quality());
    }
    check_qualities(&qualities);
}

#[tokio::test(start_paused = true)]
async fn a_misleading_proposer_does_no_harm_behind_the_gate() {
    let [first, second] = perfect();
    let task = smooth(1, Proposes::Harm, [&first, &second]);
    let before = task.quality();
    let report = train(&task, 1, |trainer| trainer.with_epochs(2)).await;
    assert!(report.steps.iter().any(|step| step.update.is_some()));
    assert!(
        report
            .steps
            .iter()
            .flat_map(|step| &step.update)
            .all(|update| !update.is_applied())
    );
    assert_eq!((task.quality(), report.changes.len()), (before, 0));
    // Without it, every step does harm, and only the best texts are restored.
    let task = smooth(1, Proposes::Harm, [&first, &second]);
    let report = train(&task, 1, |trainer| trainer.with_epochs(2).without_gate()).await;
    let lowest = report
        .steps
        .iter()
        .filter_map(|step| step.validation)
        .fold(1.0, f64::min);
    assert!(lowest < 0.01, "{lowest}");
    assert!((task.quality() - before).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn frozen_parameters_never_change() {
    let task = smooth(3, Proposes::Imperfectly, [BLANK, BLANK]);
    let second = task.pipeline.named_parameters()[1].1.clone();
    second.requires_grad_(false);
    let report = train(&task, 3, |trainer| trainer.with_epochs(2)).await;
    assert_eq!((&*second.value(), second.version()), (BLANK, 0));
    assert!(
        report
            .changes
            .iter()
            .all(|change| change.path.as_str() == "first.system_prompt")
    );
    assert_eq!(report.changes.len(), 1);
    assert!(second.feedback().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_steps_at_any_concurrency() {
    let told = async |most: usize, seed: u64| {
        let task = smooth_at(most, 5, Proposes::Imperfectly, [BLANK, BLANK]);
        let start = tokio::time::Instant::now();
        let report = train(&task, seed, |trainer| trainer.with_epochs(1)).await;
        let asked = (task.student.asked(), task.proposer.asked());
        let seconds = start.elapsed().as_secs();
        (report.to_string(), report.best, asked, seconds)
    };
    let (one, many, other) = (told(1, 5).await, told(64, 5).await, told(64, 6).await);
    assert_eq!(one.0, many.0);
    assert!(one.1 == many.1 && one.2 == many.2);
    assert_ne!(many.0, other.0);
    // A call takes a second.
    assert!(one.3 > 5 * many.3, "{} and {}", one.3, many.3);
}

#[tokio::test(start_paused = true)]
async fn it_ends_for_every_reason_and_says_which() {
    let ended = async |change: fn(Trainer<'_>) -> Trainer<'_>| {
        let task = smooth(7, Proposes::Imperfectly, [BLANK, BLANK]);
        train(&task, 7, change).await
    };
    let epochs = ended(|trainer| trainer.with_epochs(1)).await;
    assert_eq!(
        (epochs.stopped, epochs.steps.len()),
        (StopReason::Epochs, 8)
    );
    let target = ended(|trainer| trainer.with_target(0.5)).await;
    assert_eq!(target.stopped, StopReason::Target);
    assert!(target.after.mean() >= Some(0.5));
    let budget = ended(|trainer| trainer.with_budget(&Budget::calls(200))).await;
    assert_eq!(budget.stopped, StopReason::Budget);
    let [first, second] = perfect();
    let task = smooth(7, Proposes::Harm, [&first, &second]);
    let patience = train(&task, 7, |trainer| trainer.with_patience(4)).await;
    assert_eq!(
        (patience.stopped, patience.steps.len()),
        (StopReason::Patience, 4)
    );
    assert!(!task.pipeline.training(), "the mode is what it was");
}

#[tokio::test(start_paused = true)]
async fn the_report_shows_scores_steps_and_what_changed() {
    let task = smooth(11, Proposes::Imperfectly, [BLANK, BLANK]);
    let report = train(&task, 11, |trainer| trainer.with_epochs(1)).await;
    insta::assert_snapshot!("train_report", report.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_training_that_is_cancelled_reports_what_it_has() {
    let task = smooth(11, Proposes::Imperfectly, [BLANK, BLANK]);
    let cancellation = Cancellation::new();
    let elsewhere = cancellation.clone();
    let settings = ExecutionSettings::default().with_cancellation(&cancellation);
    let training = train(&task, 11, |trainer| {
        trainer.on_step(move |step| {
            if step.step == 3 {
                elsewhere.cancel();
            }
        })
    });
    let report = settings.scope(training).await;
    assert_eq!(
        (report.stopped, report.steps.len()),
        (StopReason::Cancelled, 4)
    );
    assert!(report.after.mean() > Some(0.5));
    assert_eq!(report.best, task.pipeline.state_dict());
    assert_eq!(report.changes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_training_that_is_dropped_leaves_the_best_texts() {
    let [first, second] = perfect();
    let task = smooth(1, Proposes::Harm, [&first, &second]);
    let before = task.pipeline.state_dict();
    task.pipeline.eval();
    // Until then a step was applied that does harm, and the next one is under way.
    let running = train(&task, 1, |trainer| trainer.with_epochs(1).without_gate());
    let time = Duration::from_millis(8_500);
    assert!(tokio::time::timeout(time, running).await.is_err());
    assert!(task.proposer.answered() > 0);
    assert_eq!(task.pipeline.state_dict(), before);
    assert!(!task.pipeline.training());
    let parameters = task.pipeline.parameters();
    assert!(
        parameters
            .iter()
            .all(|parameter| parameter.feedback().is_empty())
    );
    // It was changed, and changed back.
    assert!(parameters.iter().any(|parameter| parameter.version() > 1));
}

#[tokio::test(start_paused = true)]
async fn what_can_come_to_nothing_is_not_begun() {
    let ended = async |validation: &Dataset, batch: usize, is_frozen: bool, is_other: bool| {
        let task = smooth(7, Proposes::Imperfectly, [BLANK, BLANK]);
        let other = smooth(7, Proposes::Imperfectly, [BLANK, BLANK]);
        for parameter in task.pipeline.parameters() {
            parameter.requires_grad_(!is_frozen);
        }
        let of = if is_other { &other } else { &task };
        let mut optimizer = LlmOptimizer::new(&of.pipeline, of.reasoner.clone());
        let (loss, training) = (loss(), items(0..64));
        let trainer = Trainer::new(&loss, &training, validation).with_batch_size(batch);
        let report = trainer.train(&task.pipeline, &mut optimizer).await;
        assert_eq!(task.calls(), 2 * validation.len());
        report.stopped
    };
    let (enough, nothing) = (items(1_000..1_024), items(0..0));
    assert_eq!(
        ended(&nothing, 8, false, false).await,
        StopReason::TooFewExamples
    );
    assert_eq!(
        ended(&enough, 2, false, false).await,
        StopReason::TooFewExamples
    );
    assert_eq!(
        ended(&enough, 8, true, false).await,
        StopReason::NothingLearns
    );
    assert_eq!(
        ended(&enough, 8, false, true).await,
        StopReason::NothingLearns
    );
}

#[tokio::test(start_paused = true)]
async fn examples_that_are_too_few_for_a_step_belong_to_the_one_before() {
    let task = smooth(7, Proposes::Imperfectly, [BLANK, BLANK]);
    let (loss, training, validation) = (loss(), items(0..18), items(1_000..1_024));
    let mut optimizer = LlmOptimizer::new(&task.pipeline, task.reasoner.clone());
    let trainer = Trainer::new(&loss, &training, &validation).with_epochs(1);
    let report = trainer.train(&task.pipeline, &mut optimizer).await;
    assert_eq!(
        (report.stopped, report.steps.len()),
        (StopReason::Epochs, 2)
    );
    // 48 for the validation before, and each of the 18 once, at least.
    let steps: u64 = report.steps.iter().map(|step| step.took.calls).sum();
    assert_eq!(steps + 48, report.spent.calls);
}

#[tokio::test(start_paused = true)]
async fn every_text_has_its_score_and_its_cost() {
    let task = smooth(11, Proposes::Imperfectly, [BLANK, BLANK]);
    let report = train(&task, 11, |trainer| trainer.with_epochs(1)).await;
    let history: Vec<String> = report.history().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("train_history", history.join("\n"));
    // The last that was applied is what is there.
    for (path, text) in report.best.iter() {
        let history = report.history().into_iter().rev();
        let mut applied = history.filter(|tried| tried.score.is_some() && tried.path == *path);
        assert_eq!(&*applied.next().unwrap().text, text);
    }
}

/// A call of these models takes two tokens.
#[tokio::test(start_paused = true)]
async fn no_step_is_begun_that_a_budget_in_tokens_would_cut_off() {
    let budget = Budget::tokens(1_200);
    let task = smooth(7, Proposes::Imperfectly, [BLANK, BLANK]);
    let report = train(&task, 7, |trainer| trainer.with_budget(&budget)).await;
    assert_eq!(report.stopped, StopReason::Budget);
    assert!(report.steps.len() > 3);
    assert!(report.steps.iter().all(|step| step.minibatch.is_some()));
    let left = budget.remaining().tokens.unwrap();
    assert!(left > 0 && left < 2 * (4 * 8 + 1), "{left}");
}
