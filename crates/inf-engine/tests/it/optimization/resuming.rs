//! Optimizations that are cut off: begun anew with the same journal they come to the
//! same, and pay for nothing twice.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::execution::{Budget, ExecutionSettings, Spent};
use inf_engine::journal::{Journal, JournalReader, Record, StepOutcome, StepRecord};
use inf_engine::optimization::{
    Attempt, Gepa, GepaReport, LlmJudge, LlmOptimizer, Reasoner, StopReason, TrainReport, Trainer,
    Update,
};
use serde_json::json;

use super::model::{Model, resources};
use super::smooth::{BLANK, Proposes, Smooth, items, loss, smooth};

/// A call takes a second: no answer comes at the moment of a cut.
const CUTS: [u64; 4] = [500, 4_500, 23_500, 61_500];

const SEED: u64 = 205;

fn task() -> Smooth {
    smooth(SEED, Proposes::Imperfectly, [BLANK, BLANK])
}

impl Smooth {
    fn answered(&self) -> usize {
        self.student.answered() + self.proposer.answered()
    }
}

fn with(journal: &Journal) -> ExecutionSettings {
    ExecutionSettings::default().with_journal(journal)
}

/// What `optimize` comes to if it is cut off after so many milliseconds and then begun
/// anew, by another process as far as it can tell; and the calls that were answered in
/// both.
async fn cut<T>(
    milliseconds: u64,
    budget: impl Fn() -> Budget,
    optimize: impl AsyncFn(&Smooth, Budget) -> T,
) -> (T, usize, Smooth) {
    let first = task();
    let time = Duration::from_millis(milliseconds);
    let running = optimize(&first, budget());
    assert!(
        tokio::time::timeout(time, running).await.is_err(),
        "{milliseconds}"
    );
    // What was in flight is given up.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let answered = first.answered();
    let mut before = Spent::default();
    before.calls = answered as u64;
    let second = task();
    let result = optimize(&second, budget().and_already_spent(before)).await;
    (result, answered + second.calls(), second)
}

async fn train(task: &Smooth, budget: Budget, journal: &Journal) -> (TrainReport, Vec<Attempt>) {
    let (loss, training, validation) = (loss(), items(0..64), items(1_000..1_024));
    let mut optimizer = LlmOptimizer::new(&task.pipeline, task.reasoner.clone());
    let trainer = Trainer::new(&loss, &training, &validation)
        .with_epochs(20)
        .with_patience(30)
        .with_seed(SEED)
        .with_budget(&budget);
    // Within a scope it holds for the reasoner, too.
    let training = trainer.train(&task.pipeline, &mut optimizer);
    let report = with(journal).scope(training).await;
    let history = ["first.system_prompt", "second.system_prompt"];
    let history = history
        .iter()
        .flat_map(|path| optimizer.history(path).to_vec());
    (report, history.collect())
}

/// What a training came to, without what it cost this time.
fn told((report, history): &(TrainReport, Vec<Attempt>)) -> String {
    let steps = report.steps.iter().map(|step| {
        let update = step.update.as_ref();
        let changes = update.map(|update| format!("{:?}", update.changes));
        (
            step.epoch,
            step.step,
            step.minibatch,
            step.validation,
            changes,
        )
    });
    let steps: Vec<_> = steps.collect();
    let scores = [report.before.mean(), report.after.mean()];
    format!(
        "{:?}\n{scores:?}\n{steps:#?}\n{history:#?}\n{:?}",
        report.stopped, report.best
    )
}

#[tokio::test(start_paused = true)]
async fn a_training_that_was_cut_off_comes_to_the_same() {
    let budget = || Budget::calls(700);
    let whole = task();
    let expected = train(&whole, budget(), &Journal::in_memory(100_000)).await;
    assert_eq!(expected.0.stopped, StopReason::Budget);
    for milliseconds in CUTS {
        let journal = Journal::in_memory(100_000);
        let optimize = async |task: &Smooth, budget: Budget| train(task, budget, &journal).await;
        let (result, calls, task) = cut(milliseconds, budget, optimize).await;
        assert_eq!(told(&result), told(&expected), "{milliseconds}");
        assert_eq!(calls, whole.calls(), "{milliseconds}");
        assert_eq!(task.pipeline.state_dict(), whole.pipeline.state_dict());
    }
}

/// The journal is that of the pipeline.
async fn evolve(task: &Smooth, budget: Budget, journal: &Journal) -> GepaReport {
    let (loss, training, validation) = (loss(), items(0..64), items(1_000..1_024));
    let pipeline = task.pipeline.with_settings(with(journal));
    let gepa = Gepa::new(&loss, &training, &validation, task.reasoner.clone());
    gepa.with_seed(SEED)
        .with_budget(&budget)
        .evolve(&pipeline)
        .await
}

#[tokio::test(start_paused = true)]
async fn an_evolution_that_was_cut_off_comes_to_the_same() {
    let budget = || Budget::calls(600);
    let whole = task();
    let expected = evolve(&whole, budget(), &Journal::in_memory(100_000)).await;
    assert_eq!(expected.stopped, StopReason::Budget);
    assert!(expected.candidates.len() > 3);
    for milliseconds in CUTS {
        let journal = Journal::in_memory(100_000);
        let optimize = async |task: &Smooth, budget: Budget| evolve(task, budget, &journal).await;
        let (result, calls, task) = cut(milliseconds, budget, optimize).await;
        assert_eq!(result.candidates, expected.candidates, "{milliseconds}");
        let ended = |report: &GepaReport| (report.rounds, report.rejected, report.stopped);
        assert_eq!(ended(&result), ended(&expected));
        assert_eq!(calls, whole.calls(), "{milliseconds}");
        assert_eq!(task.pipeline.state_dict(), whole.pipeline.state_dict());
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_keeps_what_is_needed_however_often_it_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let whole = task();
    let expected = evolve(&whole, Budget::calls(500), &Journal::in_memory(100_000)).await;
    let (mut calls, mut times) = (0, 0);
    let (report, spent) = loop {
        let task = task();
        let spent = Spent::recorded_in(folder.path()).unwrap();
        let budget = Budget::calls(500).and_already_spent(spent);
        let journal = Journal::open(folder.path()).unwrap();
        let running = evolve(&task, budget.clone(), &journal);
        // Where a disk is waited for, time says nothing of how far it is.
        let enough = async {
            while task.answered() < 90 {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        let ended = tokio::select! {
            report = running => Some(report),
            () = enough => None,
        };
        tokio::time::sleep(Duration::from_secs(10)).await;
        journal.flushed().await.unwrap();
        calls += task.answered();
        times += 1;
        if let Some(report) = ended {
            break (report, budget.spent());
        }
    };
    assert_eq!(report.candidates, expected.candidates);
    assert!(times > 3, "it was cut off {times} times");
    assert_eq!(calls, whole.calls());
    // All that was spent, however often it was begun.
    assert_eq!(spent.calls, calls as u64);
}

#[tokio::test(start_paused = true)]
async fn what_ended_is_gone_through_again_for_nothing() {
    let journal = Journal::in_memory(100_000);
    let first = task();
    let expected = train(&first, Budget::calls(700), &journal).await;
    let again = task();
    let nothing = Budget::calls(700).and_already_spent(expected.0.spent);
    let result = train(&again, nothing, &journal).await;
    assert_eq!(told(&result), told(&expected));
    assert_eq!((again.calls(), result.0.spent.calls), (0, 0));
}

/// What is kept of a run is enough for its record, at any time later.
#[tokio::test(start_paused = true)]
async fn records_are_rebuilt_from_a_journal() {
    let journal = Journal::in_memory(1_000);
    let first = task();
    let pipeline = first.pipeline.with_settings(with(&journal)).untyped();
    let results = pipeline.run_batch(items(0..4).inputs()).await;
    assert!(results.iter().all(|result| result.record.is_none()));
    let again = task();
    let replayed = with(&journal).with_replay(true);
    let pipeline = again.pipeline.with_settings(replayed).untyped();
    pipeline.train();
    let rebuilt = pipeline.run_batch(items(0..4).inputs()).await;
    assert_eq!(again.calls(), 0);
    let live = task();
    live.pipeline.train();
    let live = live
        .pipeline
        .untyped()
        .run_batch(items(0..4).inputs())
        .await;
    for (rebuilt, live) in rebuilt.iter().zip(&live) {
        let [rebuilt, live] = [rebuilt, live].map(|result| {
            let record = result.record.as_ref().unwrap();
            let nodes = record.nodes().iter();
            let nodes: Vec<_> = nodes
                .map(|node| (node.path.clone(), node.value.clone()))
                .collect();
            (nodes, record.parameters().to_vec(), record.input().clone())
        });
        assert_eq!(rebuilt.0.len(), 2);
        assert_eq!(rebuilt, live);
    }
}

/// The steps that the journal in `folder` holds.
fn steps_in(folder: &std::path::Path) -> Vec<StepRecord> {
    let mut steps = Vec::new();
    let reader = JournalReader::open(folder).unwrap();
    let read = reader.read(|record| {
        if let Record::Step(step) = record {
            steps.push(*step);
        }
    });
    read.unwrap();
    steps
}

#[tokio::test(start_paused = true)]
async fn the_journal_tells_how_a_training_went() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let (report, _) = train(&task(), Budget::calls(300), &journal).await;
    journal.flushed().await.unwrap();
    let steps = steps_in(folder.path());
    assert!(steps.iter().all(|step| step.optimizer == "trainer"));
    assert_eq!(steps[0].outcome, StepOutcome::Start);
    assert_eq!(
        (steps[0].score, steps[0].texts.len()),
        (report.before.mean(), 2)
    );
    assert_eq!(steps.len(), report.steps.len() + 1);
    for (noted, step) in steps[1..].iter().zip(&report.steps) {
        let is_applied = step.update.as_ref().is_some_and(Update::is_applied);
        assert_eq!(noted.outcome == StepOutcome::Accepted, is_applied);
        assert_eq!(
            (noted.score, noted.calls),
            (step.validation, step.spent.calls)
        );
        let changes = step
            .update
            .as_ref()
            .map_or(0, |update| update.changes.len());
        assert_eq!(noted.texts.len(), changes);
    }
    assert!(
        steps
            .iter()
            .any(|step| step.outcome == StepOutcome::Accepted)
    );
}

#[tokio::test(start_paused = true)]
async fn the_journal_tells_how_an_evolution_went() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let report = evolve(&task(), Budget::calls(700), &journal).await;
    journal.flushed().await.unwrap();
    let steps = steps_in(folder.path());
    let places = steps.iter().map(|step| step.step);
    assert!(places.eq(0..steps.len() as u64));
    let kept = steps
        .iter()
        .filter(|step| step.outcome != StepOutcome::Rejected);
    let kept: Vec<&StepRecord> = kept.collect();
    assert_eq!(kept.len(), report.candidates.len());
    for (noted, candidate) in kept.iter().zip(&report.candidates) {
        assert_eq!(
            (noted.score, noted.calls),
            (Some(candidate.mean), candidate.born)
        );
        let parents = candidate.parents.iter().map(|parent| kept[*parent].step);
        assert!(noted.parents.iter().copied().eq(parents));
        let texts = candidate
            .texts
            .iter()
            .map(|(path, text)| (path.as_str(), &**text));
        assert!(
            noted
                .texts
                .iter()
                .map(|(path, text)| (&**path, &**text))
                .eq(texts)
        );
    }
    assert!(steps.len() > kept.len(), "none was rejected");
}

/// Judges are calls like others, and what they said is kept.
#[tokio::test(start_paused = true)]
async fn verdicts_are_not_paid_for_again() {
    let verdicts = || {
        Model::new(|request| {
            let is_right = request.prompt().contains("\nright\n");
            let score = if is_right { 10 } else { 0 };
            // What is wrong with it is what the output says.
            json!({"critique": request.prompt(), "score": score}).to_string()
        })
    };
    let train = async |task: &Smooth, judge: &Arc<Model>, journal: &Journal| {
        let reasoner = Reasoner::new("judge", resources([("judge", judge)])).unwrap();
        let judge = LlmJudge::new(reasoner, "Is it right?");
        let (training, validation) = (items(0..16), items(1_000..1_008));
        let mut optimizer = LlmOptimizer::new(&task.pipeline, task.reasoner.clone());
        let trainer = Trainer::new(&judge, &training, &validation).with_epochs(2);
        let pipeline = task.pipeline.with_settings(with(journal));
        let report = trainer.train(&pipeline, &mut optimizer).await;
        (report.best, report.steps.len(), report.after.mean())
    };
    let (whole, judge) = (task(), verdicts());
    let expected = train(&whole, &judge, &Journal::in_memory(100_000)).await;
    assert!(expected.2 > Some(0.1), "{expected:?}");
    let journal = Journal::in_memory(100_000);
    let (first, early) = (task(), verdicts());
    let time = Duration::from_millis(20_500);
    let running = train(&first, &early, &journal);
    assert!(tokio::time::timeout(time, running).await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (second, late) = (task(), verdicts());
    assert_eq!(train(&second, &late, &journal).await, expected);
    assert!(early.answered() > 0 && late.answered() > 0);
    assert_eq!(early.answered() + late.asked().len(), judge.asked().len());
    assert_eq!(first.answered() + second.calls(), whole.calls());
}
