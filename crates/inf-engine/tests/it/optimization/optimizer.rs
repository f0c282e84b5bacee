//! The optimizer: what is proposed, in which order, and what is remembered.

use std::sync::{Arc, Mutex};

use inf_engine::optimization::{
    AttemptOutcome, Change, Constraints, Dataset, Decision, Example, Gate, LlmOptimizer, Optimizer,
    Reasoner, Update, VerifierLoss, backward, evaluate,
};
use inf_engine::prelude::*;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::Instant;

use super::model::{Model, resources};

/// Three steps in a row.
#[derive(Module)]
struct Chain {
    one: LlmInference,
    two: LlmInference,
    three: LlmInference,
}

impl Forward for Chain {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        // The first two do not depend on each other.
        let one = self.one.call(text);
        let two = self.two.call(text);
        self.three.call(prompt!("{one} {two}"))
    }
}

struct Task {
    pipeline: Pipeline<String, String>,
    optimizer: LlmOptimizer,
    proposer: Arc<Model>,
    /// The texts that are proposed next, by what is in the prompt.
    next: Arc<Mutex<Vec<(&'static str, String)>>>,
}

/// The output is the text of the third step; it scores by how many `+` it has.
fn task() -> Task {
    let student = Model::new(|request| request.system().unwrap().into_owned());
    let next: Arc<Mutex<Vec<(&'static str, String)>>> = Arc::default();
    let known = Arc::clone(&next);
    let proposer = Model::new(move |request| {
        let prompt = request.prompt();
        let known = known.lock().unwrap();
        let found = known.iter().find(|(within, _)| prompt.contains(within));
        let text = found.map_or("?", |(_, text)| text);
        json!({"rules": ["more"], "text": text}).to_string()
    });
    let models = resources([("a", &student), ("proposer", &proposer)]);
    let step = |text: &str| {
        let parameter = Parameter::new(text).described(format!("The step {text}."));
        LlmInference::new("a").system_prompt(parameter)
    };
    let chain = Chain {
        one: step("one"),
        two: step("two"),
        three: step("three"),
    };
    let pipeline = chain.bind(Arc::clone(&models)).unwrap();
    pipeline.train();
    let reasoner = Reasoner::new("proposer", models).unwrap();
    let optimizer = LlmOptimizer::new(&pipeline, reasoner);
    Task {
        pipeline,
        optimizer,
        proposer,
        next,
    }
}

fn plusses() -> VerifierLoss {
    VerifierLoss::of_output("plusses", |output: String| {
        let count = u8::try_from(output.matches('+').count()).unwrap();
        (f64::from(count) / 10.0, "more +".to_owned())
    })
}

fn batch(count: usize) -> Dataset {
    (0..count)
        .map(|number| Example::new(format!("item {number}")))
        .collect()
}

impl Task {
    fn will_propose(&self, texts: &[(&'static str, &str)]) {
        let texts = texts
            .iter()
            .map(|(within, text)| (*within, (*text).to_owned()));
        *self.next.lock().unwrap() = texts.collect();
    }

    async fn step(&mut self, examples: usize) -> Update {
        let (loss, batch) = (plusses(), batch(examples));
        self.optimizer.zero_feedback();
        let outputs = evaluate(&self.pipeline, &batch, &loss).await;
        backward(&self.pipeline, &outputs, None).await;
        let gate = Gate::minibatch(&loss, &batch, &outputs);
        self.optimizer.step(&gate).await
    }

    fn third(&self) -> String {
        self.pipeline
            .state_dict()
            .get("three.system_prompt")
            .unwrap()
            .to_owned()
    }

    fn last(&self) -> (AttemptOutcome, String) {
        let attempt = self
            .optimizer
            .history("three.system_prompt")
            .last()
            .unwrap();
        (attempt.outcome, attempt.why.clone())
    }
}

const ALL: [(&str, &str); 3] = [
    ("`one.system_prompt`: The", "one+"),
    ("`two.system_prompt`: The", "two+"),
    ("`three.system_prompt`: The", "three+"),
];

#[tokio::test(start_paused = true)]
async fn levels_are_rewritten_in_order_with_sight_of_what_changed_before() {
    let mut task = task();
    task.will_propose(&ALL);
    let start = Instant::now();
    let update = task.step(4).await;
    // Two levels of a pipeline that is run twice, and two of proposals.
    assert_eq!(start.elapsed().as_secs(), 2 + 2 + 2);
    assert!(update.is_applied());
    assert_eq!(task.third(), "three+");
    let asked = task.proposer.asked();
    let of_third = asked
        .iter()
        .find(|prompt| prompt.contains("`three.system_prompt`: The"))
        .unwrap();
    assert_snapshot!("proposal_prompt", of_third);
    assert!(
        asked
            .iter()
            .filter(|prompt| !prompt.contains("<upstream>"))
            .count()
            == 2
    );
    assert_eq!(
        update.gate.unwrap().why,
        "+0.100 on 4 examples of the minibatch (4 better, 0 worse)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_proposal_that_is_no_better_is_rolled_back_and_remembered() {
    let mut task = task();
    task.will_propose(&[ALL[2]]);
    assert!(task.step(4).await.is_applied());
    task.will_propose(&[("`three.system_prompt`: The", "three")]);
    let update = task.step(4).await;
    assert_eq!(update.gate.as_ref().unwrap().decision, Decision::Rejected);
    assert_eq!(task.third(), "three+");
    assert_eq!(task.last().0, AttemptOutcome::NotApplied);
    assert_eq!(
        task.last().1,
        "-0.100 on 4 examples of the minibatch (0 better, 4 worse)"
    );
    // It is shown the next time, and not tried again.
    let update = task.step(4).await;
    let asked = task.proposer.asked();
    let shown = asked
        .iter()
        .find(|prompt| prompt.contains("rejected: "))
        .unwrap();
    assert!(shown.contains("<attempt>\nthree\n</attempt>"), "{shown}");
    let why = &update
        .unchanged
        .iter()
        .find(|one| one.path.as_str() == "three.system_prompt")
        .unwrap()
        .why;
    assert_eq!(
        why,
        "the proposal is not allowed: it was tried, and was worse"
    );
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_told_is_undecided_and_not_applied() {
    let mut task = task();
    task.will_propose(&[("`three.system_prompt`: The", "other")]);
    let update = task.step(4).await;
    assert_eq!(update.gate.unwrap().decision, Decision::Undecided);
    let why = "undecided: +0.000 on 4 examples of the minibatch (0 better, 0 worse)";
    assert_eq!(task.last().1, why);
    task.will_propose(&[ALL[2]]);
    let update = task.step(2).await;
    assert_eq!(update.gate.unwrap().decision, Decision::Undecided);
    let why = "undecided: 2 of the examples of the minibatch have a score before and after, and 3 are needed";
    assert_eq!(task.last().1, why);
    assert_eq!(task.third(), "three");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_breaks_a_constraint_is_asked_for_once_more() {
    let mut task = task();
    let constraints = Constraints::default().keeping("three");
    task.optimizer = task.optimizer.with_constraints(constraints);
    task.will_propose(&[
        ("That text is not allowed: it lacks `three`", "three++"),
        ("`three.system_prompt`: The", "+"),
    ]);
    assert!(task.step(4).await.is_applied());
    assert_eq!(task.third(), "three++");
    task.will_propose(&[("", "+++")]);
    let update = task.step(4).await;
    assert!(update.changes.is_empty() && update.gate.is_none());
    assert_eq!(task.third(), "three++");
    assert_eq!(
        task.last(),
        (AttemptOutcome::Unfit, "it lacks `three`".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn the_text_that_there_is_is_asked_for_once_more() {
    let mut task = task();
    task.will_propose(&[
        ("The text that there is led to this feedback", "three+"),
        ("`three.system_prompt`: The", "three\n"),
        ("`one.system_prompt`: The", "one"),
        ("`two.system_prompt`: The", "two"),
    ]);
    let update = task.step(4).await;
    assert!(update.is_applied());
    assert_eq!(
        (task.third(), update.changes.len()),
        ("three+".to_owned(), 3)
    );
    // Where another one changes, a text may stay.
    task.will_propose(&[
        ("The text that there is led to this feedback", "three++++"),
        ("`three.system_prompt`: The", "three+"),
        ("`one.system_prompt`: The", "+one"),
        ("`two.system_prompt`: The", "+two"),
    ]);
    let update = task.step(4).await;
    assert_eq!(update.changes.len(), 2);
    assert_eq!(
        update.unchanged[0].why,
        "the text that there is was proposed"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_are_not_given_away_where_they_may_not_be() {
    let mut task = task();
    let constraints = Constraints::default().with_answers_allowed(false);
    task.optimizer = task.optimizer.with_constraints(constraints);
    task.will_propose(&[("`three.system_prompt`: The", "three+ is forty two")]);
    let examples = (0..4).map(|number| Example::new(format!("{number}")).expecting("Forty two"));
    let (loss, batch): (_, Dataset) = (plusses(), examples.collect());
    let outputs = evaluate(&task.pipeline, &batch, &loss).await;
    backward(&task.pipeline, &outputs, None).await;
    let gate = Gate::minibatch(&loss, &batch, &outputs);
    let update = task.optimizer.step(&gate).await;
    assert!(
        update
            .changes
            .iter()
            .all(|change| change.path.as_str() != "three.system_prompt")
    );
    let why = "it gives away the answer of an example: `Forty two`";
    assert_eq!(task.last(), (AttemptOutcome::Unfit, why.to_owned()));
    // The model that rewrites is shown what was expected.
    let asked = task.proposer.asked();
    let expected = "<expected_in_the_end>\nForty two\n</expected_in_the_end>";
    assert!(asked.iter().any(|prompt| prompt.contains(expected)));
}

/// Whoever proposes: all or nothing is applied, and nothing that is frozen.
#[tokio::test(start_paused = true)]
async fn updates_of_other_optimizers_are_decided_on_as_a_whole() {
    let task = task();
    let (loss, batch) = (plusses(), batch(4));
    let outputs = evaluate(&task.pipeline, &batch, &loss).await;
    let gate = Gate::minibatch(&loss, &batch, &outputs);
    let update = async |changes: &[(&str, &str)]| {
        let mut update = Update::default();
        let changes = changes
            .iter()
            .map(|(path, text)| Change::new(*path, "", *text));
        update.changes.extend(changes);
        update.decide_and_apply(&gate, &task.pipeline).await;
        (update.is_applied(), task.third())
    };
    assert_eq!(update(&[]).await, (false, "three".to_owned()));
    let worse = [("one.system_prompt", "x"), ("three.system_prompt", "y")];
    assert_eq!(update(&worse).await, (false, "three".to_owned()));
    let better = [("one.system_prompt", "x"), ("three.system_prompt", "+")];
    task.pipeline.parameters()[0].requires_grad_(false);
    assert_eq!(update(&better).await, (false, "three".to_owned()));
    assert_eq!(&*task.pipeline.parameters()[0].value(), "one");
    task.pipeline.parameters()[0].requires_grad_(true);
    assert_eq!(update(&better).await, (true, "+".to_owned()));
    assert_eq!(&*task.pipeline.parameters()[0].value(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_none_means_unchanged() {
    let mut task = task();
    let broken = Model::new(|_| "I would rather not.".to_owned());
    let reasoner = Reasoner::new("proposer", resources([("proposer", &broken)])).unwrap();
    task.optimizer = LlmOptimizer::new(&task.pipeline, reasoner).with_two_calls(true);
    let update = task.step(4).await;
    assert!(update.changes.is_empty());
    assert_eq!(update.unchanged.len(), 3);
    assert!(
        update.unchanged[0]
            .why
            .starts_with("there is no proposal: node `find_rules`")
    );
}

#[tokio::test(start_paused = true)]
async fn a_gate_on_other_examples_has_the_last_word() {
    let mut task = task();
    task.will_propose(&[("`three.system_prompt`: The", "three+")]);
    // On the validation examples a `+` is bad.
    let loss = VerifierLoss::of_sample("two-faced", |sample| {
        let is_better = sample.output.to_string().contains('+');
        let is_validation = sample.input.to_string().starts_with("other");
        (
            if is_better == is_validation { 0.0 } else { 1.0 },
            "change it".to_owned(),
        )
    });
    let others: Dataset = (0..4)
        .map(|number| Example::new(format!("other {number}")))
        .collect();
    let batch = batch(4);
    let outputs = evaluate(&task.pipeline, &batch, &loss).await;
    backward(&task.pipeline, &outputs, None).await;
    let gate = Gate::minibatch(&loss, &batch, &outputs).and_validation(&others, None);
    let update = task.optimizer.step(&gate).await;
    let report = update.gate.unwrap();
    assert_eq!(report.decision, Decision::Rejected);
    assert_eq!(
        (
            report.minibatch.unwrap().mean,
            report.validation.unwrap().mean
        ),
        (1.0, -1.0)
    );
    assert_eq!(task.third(), "three");
    // Nothing is measured where there is no gate.
    task.optimizer = LlmOptimizer::new(&task.pipeline, task.optimizer.reasoner().clone());
    assert!(task.optimizer.step(&Gate::None).await.is_applied());
    assert_eq!(task.third(), "three+");
}
