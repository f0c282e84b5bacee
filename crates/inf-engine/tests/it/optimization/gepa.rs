//! GEPA, on the smooth and the trap task.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use inf_engine::clients::{ClientError, ClientErrorKind, Retry};
use inf_engine::execution::{Budget, Cancellation, ExecutionSettings};
use inf_engine::optimization::{
    Components, Gepa, GepaReport, LlmOptimizer, Reasoner, StopReason, Trainer,
};
use inf_engine::prelude::*;
use serde_json::json;

use super::model::{Model, resources};
use super::smooth::{
    BLANK, Proposes, Smooth, check_qualities, items, loss, perfect, say, seeds, smooth, smooth_at,
};
use super::trap::trap;

async fn evolve(task: &Smooth, seed: u64, change: impl FnOnce(Gepa<'_>) -> Gepa<'_>) -> GepaReport {
    let (loss, training, validation) = (loss(), items(0..64), items(1_000..1_024));
    let gepa = Gepa::new(&loss, &training, &validation, task.reasoner.clone()).with_seed(seed);
    change(gepa).evolve(&task.pipeline).await
}

#[tokio::test(start_paused = true)]
async fn the_smooth_task_is_solved_within_its_budget_with_every_seed() {
    let mut qualities = Vec::new();
    let mut merged = 0;
    for seed in seeds() {
        let task = smooth(seed, Proposes::Imperfectly, [BLANK, BLANK]);
        let budget = Budget::calls(1_500);
        let report = evolve(&task, seed, |gepa| gepa.with_budget(&budget)).await;
        let candidates = report.candidates.iter();
        merged += candidates
            .filter(|candidate| candidate.parents.len() == 2)
            .count();
        assert!(task.calls() <= 1_500, "{}", task.calls());
        assert_eq!(report.spent.calls, task.calls() as u64);
        qualities.push(task.quality());
    }
    check_qualities(&qualities);
    assert!(merged > 0);
}

/// Climbing is as hopeless with every seed: some are enough.
const CLIMBERS: usize = 4;

#[tokio::test(start_paused = true)]
async fn a_pool_finds_the_way_out_of_a_trap_that_a_climber_does_not() {
    let (mut evolved, mut climbed) = (0, 0);
    let (loss, training, validation) = (loss(), items(0..64), items(1_000..1_024));
    for (place, seed) in seeds().enumerate() {
        let task = trap(seed);
        let budget = Budget::calls(1_500);
        let gepa = Gepa::new(&loss, &training, &validation, task.reasoner.clone());
        let gepa = gepa.with_seed(seed).with_budget(&budget);
        gepa.evolve(&task.pipeline).await;
        assert!(task.calls() <= 1_500, "{}", task.calls());
        evolved += usize::from(task.is_solved());
        if place >= CLIMBERS {
            continue;
        }
        let task = trap(seed);
        let mut optimizer = LlmOptimizer::new(&task.pipeline, task.reasoner.clone());
        let trainer = Trainer::new(&loss, &training, &validation).with_seed(seed);
        let trainer = trainer
            .with_budget(&Budget::calls(1_500))
            .with_epochs(100)
            .with_patience(100);
        trainer.train(&task.pipeline, &mut optimizer).await;
        climbed += usize::from(task.is_solved());
    }
    let seeds = seeds().count();
    say(&format!(
        "trap task: {evolved} of {seeds} seeds solved, {climbed} of {CLIMBERS} by climbing"
    ));
    assert!(10 * evolved >= 9 * seeds, "{evolved} of {seeds}");
    assert!(climbed <= 1, "{climbed} of {CLIMBERS}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_candidates_at_any_concurrency() {
    let told = async |most: usize, seed: u64| {
        let task = smooth_at(most, 5, Proposes::Imperfectly, [BLANK, BLANK]);
        // What is asked for first is not there first.
        task.student.make_uneven();
        task.proposer.make_uneven();
        let budget = Budget::calls(6_000);
        let report = evolve(&task, seed, |gepa| gepa.with_budget(&budget).with_rounds(8)).await;
        (report.to_string(), report.candidates, report.elapsed)
    };
    let (one, many, other) = (told(1, 5).await, told(64, 5).await, told(64, 6).await);
    assert_eq!(one.0, many.0);
    assert_eq!(one.1, many.1);
    assert_ne!(many.0, other.0);
    assert!(one.2 > 4 * many.2, "{:?} and {:?}", one.2, many.2);
}

#[tokio::test(start_paused = true)]
async fn eight_proposals_in_flight_come_to_the_same_much_sooner() {
    let told = async |most: usize| {
        let task = smooth_at(most, 8, Proposes::Imperfectly, [BLANK, BLANK]);
        let report = evolve(&task, 8, |gepa| gepa.with_width(8).with_rounds(4)).await;
        assert!(report.candidates.len() > 8);
        (report.candidates, report.elapsed)
    };
    let (sequential, at_once) = (told(1).await, told(1_000).await);
    assert_eq!(sequential.0, at_once.0);
    let times = sequential.1.as_secs() / at_once.1.as_secs();
    say(&format!("eight children at once: {times} times as fast"));
    assert!(times > 20, "{times}");
}

#[tokio::test(start_paused = true)]
async fn frozen_parameters_never_change_and_harm_is_never_kept() {
    let task = smooth(3, Proposes::Imperfectly, [BLANK, BLANK]);
    let second = task.pipeline.named_parameters()[1].1.clone();
    second.requires_grad_(false);
    let report = evolve(&task, 3, |gepa| gepa.with_budget(&Budget::calls(600))).await;
    assert_eq!((&*second.value(), second.version()), (BLANK, 0));
    assert!(report.score() > 0.3);
    assert!(
        report
            .candidates
            .iter()
            .all(|candidate| candidate.texts.iter().count() == 1)
    );

    let [first, second] = perfect();
    let task = smooth(3, Proposes::Harm, [&first, &second]);
    let before = task.quality();
    let report = evolve(&task, 3, |gepa| gepa.with_patience(5)).await;
    assert_eq!(
        (report.stopped, report.candidates.len()),
        (StopReason::Patience, 1)
    );
    assert!((task.quality() - before).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn components_may_take_turns() {
    let task = smooth(4, Proposes::Imperfectly, [BLANK, BLANK]);
    let report = evolve(&task, 4, |gepa| {
        let gepa = gepa.with_components(Components::RoundRobin);
        gepa.with_merges(0).with_rounds(8)
    });
    let report = report.await;
    assert!(report.candidates.len() > 2);
    for candidate in &report.candidates[1..] {
        let parent = &report.candidates[candidate.parents[0]];
        let texts = candidate.texts.iter().zip(parent.texts.iter());
        assert_eq!(texts.filter(|(own, before)| own != before).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_money_for_a_round_nothing_is_begun() {
    let task = smooth(4, Proposes::Imperfectly, [BLANK, BLANK]);
    let budget = Budget::calls(60);
    let report = evolve(&task, 4, |gepa| gepa.with_budget(&budget)).await;
    assert_eq!((report.stopped, report.rounds), (StopReason::Budget, 0));
    assert_eq!(task.calls(), 48);
    let nothing = ExecutionSettings::default().with_budget(&Budget::calls(1));
    let report = nothing
        .scope(evolve(&task, 4, |gepa| gepa.with_patience(2)))
        .await;
    assert_eq!(report.candidates.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_told_round_by_round_and_may_be_cancelled() {
    let task = smooth(4, Proposes::Imperfectly, [BLANK, BLANK]);
    let cancellation = Cancellation::new();
    let (elsewhere, told) = (cancellation.clone(), Arc::<Mutex<Vec<_>>>::default());
    let rounds = Arc::clone(&told);
    let settings = ExecutionSettings::default().with_cancellation(&cancellation);
    let evolving = evolve(&task, 4, |gepa| {
        let gepa = gepa.with_budget(&Budget::calls(1_500));
        gepa.on_round(move |round| {
            rounds.lock().unwrap().push(round.clone());
            if round.round == 4 {
                elsewhere.cancel();
            }
        })
    });
    let report = settings.scope(evolving).await;
    assert_eq!((report.stopped, report.rounds), (StopReason::Cancelled, 5));
    let told = told.lock().unwrap();
    let last = told.last().unwrap();
    assert_eq!(last.candidates, report.candidates.len());
    assert!((last.score - report.score()).abs() < 1e-9 && last.score > 0.0);
    assert_eq!(last.spent, report.spent);
    assert!(told.is_sorted_by_key(|round| (round.round, round.spent.calls)));
    // The best so far is there.
    let best = &report.candidates[report.best].texts;
    for (path, text) in best.iter() {
        assert_eq!(task.pipeline.state_dict().get(path.as_str()), Some(&**text));
    }
}

/// A call of these models takes two tokens.
#[tokio::test(start_paused = true)]
async fn what_a_round_may_take_is_set_against_tokens_too() {
    let widths = async |budget: Budget| {
        let task = smooth(4, Proposes::Imperfectly, [BLANK, BLANK]);
        let told = Arc::<Mutex<Vec<usize>>>::default();
        let rounds = Arc::clone(&told);
        evolve(&task, 4, |gepa| {
            let gepa = gepa.with_budget(&budget).with_rounds(3);
            gepa.on_round(move |round| rounds.lock().unwrap().push(round.width))
        })
        .await;
        let told = told.lock().unwrap();
        told.clone()
    };
    let calls = widths(Budget::calls(6_000)).await;
    assert_eq!(calls, [1, 2, 3]);
    assert_eq!(widths(Budget::tokens(12_000)).await, calls);
    let few = widths(Budget::calls(1_400)).await;
    assert_eq!(few, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_that_can_come_to_nothing() {
    let task = smooth(4, Proposes::Imperfectly, [BLANK, BLANK]);
    let (loss, some, nothing) = (loss(), items(0..8), items(0..0));
    for (training, validation) in [(&some, &nothing), (&nothing, &some)] {
        let gepa = Gepa::new(&loss, training, validation, task.reasoner.clone());
        let report = gepa.evolve(&task.pipeline).await;
        assert_eq!(
            (report.stopped, report.rounds),
            (StopReason::TooFewExamples, 0)
        );
        assert!(
            report.to_string().starts_with("before   0.000\n"),
            "{report}"
        );
    }
    for parameter in task.pipeline.parameters() {
        parameter.requires_grad_(false);
    }
    let report = evolve(&task, 4, |gepa| gepa).await;
    assert_eq!(
        (report.stopped, report.rounds),
        (StopReason::NothingLearns, 0)
    );
    assert_eq!(task.proposer.asked().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_failed_in_passing_drops_no_candidate() {
    let count = AtomicUsize::new(0);
    let student = Model::fallible(move |request| {
        if count.fetch_add(1, Ordering::Relaxed) % 9 == 5 {
            return Err(ClientError::new(ClientErrorKind::Refused, "no").with_retry(Retry::Never));
        }
        let is_right = request.system().unwrap().contains("better");
        Ok(if is_right { "right" } else { "better" }.to_owned())
    });
    let proposer = Model::new(|_| json!({"rules": [], "text": "Do better."}).to_string());
    let resources = resources([("student", &student), ("proposer", &proposer)]);
    let text = Parameter::new("Do.").described("What to do.");
    let module = LlmInference::new("student").system_prompt(&text);
    let pipeline = module.bind(Arc::clone(&resources)).unwrap();
    let (loss, training, validation) = (loss(), items(0..8), items(100..120));
    let reasoner = Reasoner::new("proposer", resources).unwrap();
    let gepa = Gepa::new(&loss, &training, &validation, reasoner).with_rounds(2);
    let report = gepa.evolve(&pipeline).await;
    assert_eq!(&*text.value(), "Do better.");
    let scores = report
        .candidates
        .iter()
        .flat_map(|candidate| &candidate.scores);
    // Two calls in a row may have failed for an example that there was before.
    assert!(
        scores.filter(|score| score.is_none()).count() <= 1,
        "{report}"
    );
}
