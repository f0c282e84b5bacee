//! Runs that go on where others were cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::dialogue::{Dialogue, calls, says};
use crate::support::peer::{Peer, forever, one_call, refusal, resources, texts};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::{BatchResult, Budget, ErrorKind, ExecutionSettings, Spent};
use inf_engine::graph::{HostFunction, Tool};
use inf_engine::journal::{CheckpointManager, Journal};
use inf_engine::prelude::*;
use inf_engine::trace::apply;

use super::{diamond, echo, outputs, values, with};

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_off_goes_on() {
    let expected = outputs(&diamond(&echo(), "join").run_batch(values(40)).await);
    let peer = echo();
    let journal = Journal::in_memory(100_000);
    let pipeline = diamond(&peer, "join").with_settings(with(&journal));
    // Cut off again and again, after 3.5 s each: what is in flight then is lost.
    let mut lost = 0;
    loop {
        let before = peer.asked().len();
        let running = pipeline.run_batch(values(40));
        let cut = tokio::time::timeout(Duration::from_millis(3_500), running).await;
        let Ok(results) = cut else {
            let asked = peer.asked().len() - before;
            assert!(asked > 8, "it goes on");
            lost += 8;
            continue;
        };
        assert_eq!(outputs(&results), expected);
        assert!(results.iter().any(|result| result.from_journal));
        assert!(results.iter().any(|result| !result.from_journal));
        break;
    }
    let asked = peer.asked().len();
    assert!(
        (120..=120 + lost).contains(&asked),
        "{asked} calls, {lost} lost"
    );
    // Then there is nothing to be done.
    let results = pipeline.run_batch(values(40)).await;
    assert!(results.iter().all(|result| result.from_journal));
    assert_eq!((outputs(&results), peer.asked().len()), (expected, asked));
}

/// In the middle of an arm, a map and a loop.
const NESTED: &str = r#"
version: 1
name: nested
input: { words: [string] }
nodes:
  shouts:
    map: input.words
    as: word
    nodes:
      first: { llm: a, prompt: "first {word}" }
      again:
        repeat: first
        as: text
        max: 3
        nodes:
          longer: { llm: a, prompt: "{text}!" }
          done: { compute: ends_with, input: [longer, { $value: "!!" }] }
        until: done
        output: longer
    output: again
  kind: { llm: b, prompt: "kind of {shouts}" }
  reply:
    match: kind
    cases:
      "KIND OF NOTHING": { output: { $value: nothing } }
    default:
      nodes:
        one: { llm: b, prompt: "one {kind}" }
        two: { llm: b, prompt: "two {one}" }
      output: two
output: reply
"#;

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_in_the_middle_of_what_it_decided() {
    let graph = || InferenceGraph::from_text(NESTED).unwrap();
    let inputs = || {
        (0..6).map(|input| {
            let words = (0..input).map(|word| format!("w{input}.{word}"));
            Value::from(serde_json::json!({ "words": words.collect::<Vec<_>>() }))
        })
    };
    let bound = |peer: &Arc<Peer>| {
        let resources = resources([("a", peer, 3), ("b", peer, 2)]);
        graph().bind(&resources).unwrap()
    };
    let whole = echo();
    let expected = outputs(&bound(&whole).run_batch(inputs()).await);
    let distinct = whole.asked().len();
    for cut_after in [1_500, 2_500, 6_500] {
        let peer = echo();
        let journal = Journal::in_memory(100_000);
        let pipeline = bound(&peer).with_settings(with(&journal));
        let mut cuts = 0;
        let results = loop {
            let running = pipeline.run_batch(inputs());
            let cut = Duration::from_millis(cut_after);
            match tokio::time::timeout(cut, running).await {
                Ok(results) => break results,
                Err(_) => cuts += 1,
            }
        };
        assert!(cuts >= 2, "{cuts} cuts");
        assert_eq!(outputs(&results), expected);
        let asked = peer.asked().len();
        // No more than what was in flight when it was cut off.
        let most = distinct + 5 * cuts;
        assert!((distinct..=most).contains(&asked), "{asked} of {distinct}");
        pipeline.run_batch(inputs()).await;
        assert_eq!(peer.asked().len(), asked);
    }
}

#[test]
fn a_runtime_that_goes_away_leaves_what_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let peer = echo();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let pipeline = diamond(&peer, "join");
    let settings = || ExecutionSettings::default().with_checkpoint_dir(folder.path());
    let first = runtime();
    let mut results = first.block_on(async {
        let mut results = pipeline.with_settings(settings()).stream(values(40));
        results.next().await.unwrap().output.unwrap();
        results
    });
    drop(first);
    // What was delivered before, what had begun, and no more than there are.
    let second = runtime();
    second.block_on(async {
        let mut ended = 0;
        while results.next().await.is_some() {
            ended += 1;
        }
        assert!(ended < 40);
    });
    drop(results);
    let asked = peer.asked().len();
    let again = second.block_on(pipeline.with_settings(settings()).run_batch(values(40)));
    assert_eq!(outputs(&again).len(), 40);
    assert!(again[0].from_journal);
    assert!(peer.asked().len() <= 120 + 8, "{asked} before");
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_change_is_asked_again() {
    let peer = echo();
    let journal = Journal::in_memory(1_000);
    let first = diamond(&peer, "join").with_settings(with(&journal));
    first.run_batch(values(5)).await;
    assert_eq!(peer.asked().len(), 15);
    let changed = diamond(&peer, "merge").with_settings(with(&journal));
    let mut results = changed.stream(values(5));
    while let Some(result) = results.next().await {
        assert!(!result.from_journal);
        result.output.unwrap();
    }
    let progress = results.progress();
    assert_eq!((progress.calls, progress.calls_from_journal), (5, 10));
    assert_eq!(peer.asked().len(), 20);
    // The ends of both are there.
    first.run_batch(values(5)).await;
    changed.run_batch(values(5)).await;
    assert_eq!(peer.asked().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_changed_parameter_is_a_change() {
    let peer = echo();
    let journal = Journal::in_memory(1_000);
    let style = Parameter::new("Be brief.").described("The style.");
    let ask = LlmInference::new("a").system_prompt(&style);
    let resources = resources([("a", &peer, 4)]);
    let pipeline = ask.bind(&resources).unwrap().with_settings(with(&journal));
    pipeline.run_batch(texts(3)).await;
    pipeline.run_batch(texts(3)).await;
    assert_eq!(peer.asked().len(), 3);
    style.set_value("Be long.");
    pipeline.run_batch(texts(3)).await;
    assert_eq!(peer.asked().len(), 6);
    style.set_value("Be brief.");
    let results = pipeline.run_batch(texts(3)).await;
    assert_eq!(peer.asked().len(), 6);
    assert!(results.iter().all(|result| result.from_journal));
}

#[tokio::test(start_paused = true)]
async fn the_same_input_twice_is_two_inputs() {
    let count = AtomicUsize::new(0);
    let peer = Peer::new(move |_| {
        let sample = count.fetch_add(1, Ordering::SeqCst);
        (
            Duration::from_secs(1),
            Ok(LlmResponse::from_text(sample.to_string())),
        )
    });
    let journal = Journal::in_memory(1_000);
    let pipeline = one_call(&resources([("a", &peer, 1)])).with_settings(with(&journal));
    let same = |count| std::iter::repeat_n("which?".to_owned(), count);
    let sampled = |results: Vec<BatchResult<String>>| -> Vec<String> {
        results
            .into_iter()
            .map(|result| result.output.unwrap())
            .collect()
    };
    assert_eq!(sampled(pipeline.run_batch(same(3)).await), ["0", "1", "2"]);
    // One more than before is one more call.
    assert_eq!(
        sampled(pipeline.run_batch(same(4)).await),
        ["0", "1", "2", "3"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversation_goes_on_where_it_was() {
    #[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
    struct Facts {
        facts: Vec<String>,
    }
    let journal = Journal::in_memory(1_000);
    let bind = |peer: &Arc<Dialogue>| {
        let day = Tool::new("today", "The date.", |(): ()| async { "2026-11-26" });
        let ask = LlmInference::<Facts>::typed("a").tools([day]);
        let pipeline = ask.bind(peer.resources(1)).unwrap();
        pipeline.with_settings(with(&journal))
    };
    // It calls a tool, answers something else, and is never heard of again.
    let first = Dialogue::new(|_, place| match place {
        0 => (Duration::from_secs(1), Ok(calls(&[("today", "{}")]))),
        1 => (Duration::from_secs(1), Ok(says("Sure!"))),
        _ => (forever(), Ok(says("too late"))),
    });
    let pipeline = bind(&first);
    let cut = tokio::time::timeout(Duration::from_secs(10), pipeline.run("Which?".to_owned()));
    let _ = cut.await;
    assert_eq!(first.asked().len(), 3);
    // Both turns are in the journal: only the third is asked.
    let second = Dialogue::script([says(r#"{"facts": ["one"]}"#)]);
    let pipeline = bind(&second);
    let facts = pipeline.run("Which?".to_owned()).await.unwrap();
    assert_eq!(facts.facts, ["one"]);
    assert_eq!(second.asked().len(), 1);
    assert_eq!(second.asked()[0], first.asked()[2]);
}

#[tokio::test(start_paused = true)]
async fn a_host_function_that_asks_for_it_is_kept() {
    #[derive(Module)]
    struct Both {
        ask: LlmInference,
        #[module(skip)]
        functions: (HostFunction, HostFunction),
    }
    impl Forward for Both {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let costly: Proxy<String> = apply(&self.functions.0, text);
            let cheap: Proxy<String> = apply(&self.functions.1, text);
            let answer = self.ask.call(costly);
            prompt!("{answer} {cheap}")
        }
    }

    let peer = Peer::new(|prompt| match prompt {
        "1!" => (Duration::ZERO, refusal()),
        _ => (Duration::ZERO, Ok(LlmResponse::from_text("fine"))),
    });
    let called = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let counts = |place: usize| {
        let called = Arc::clone(&called[place]);
        move |text: String| {
            called.fetch_add(1, Ordering::SeqCst);
            text + "!"
        }
    };
    let costly = HostFunction::new("costly", counts(0)).recorded();
    let cheap = HostFunction::new("cheap", counts(1));
    let journal = Journal::in_memory(1_000);
    let settings = with(&journal).with_retry_failed(true);
    let resources = resources([("a", &peer, 1)]);
    let both = Both {
        ask: LlmInference::new("a"),
        functions: (costly, cheap),
    };
    let pipeline = both.bind(&resources).unwrap().with_settings(settings);
    let results = pipeline.run_batch(texts(3)).await;
    assert!(results[1].output.is_err());
    pipeline.run_batch(texts(3)).await;
    let called = called.map(|called| called.load(Ordering::SeqCst));
    assert_eq!(
        called,
        [3, 4],
        "the failed input alone, and not what is kept"
    );
}

#[tokio::test(start_paused = true)]
async fn pipelines_share_the_journal_of_a_scope() {
    let folder = tempfile::tempdir().unwrap();
    let peer = echo();
    let resources = resources([("a", &peer, 4)]);
    let (one, other) = (one_call(&resources), diamond(&peer, "join"));
    let scope = ExecutionSettings::default().with_checkpoint_dir(folder.path().join("night"));
    let both = || async {
        one.run_batch(texts(4)).await;
        other.run_batch(values(4)).await
    };
    scope.clone().scope(both()).await;
    assert_eq!(peer.asked().len(), 4 + 12);
    scope.scope(both()).await;
    assert_eq!(peer.asked().len(), 16);
    let manager = CheckpointManager::open(folder.path().join("night")).unwrap();
    let names = manager
        .runs()
        .map(|run| manager.checkpoint(run.number).unwrap());
    let names: Vec<String> = names
        .map(|checkpoint| checkpoint.pipeline().name.to_string())
        .collect();
    assert_eq!(names.len(), 4);
    assert_eq!(names[0], names[2]);
    assert_ne!(names[0], names[1]);
    let latest = manager.latest().unwrap();
    assert_eq!(&*latest.pipeline().name, "diamond");
    assert_eq!(latest.end().unwrap().counts.recalled, 4);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_can_not_be_is_an_error_of_every_input() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let peer = echo();
    let settings = ExecutionSettings::default().with_checkpoint_dir(file.path());
    let pipeline = one_call(&resources([("a", &peer, 4)])).with_settings(settings);
    let results = pipeline.run_batch(texts(3)).await;
    for result in results {
        let error = result.output.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Journal);
        assert!(error.message.contains("is no folder"), "{error}");
    }
    assert!(peer.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_budget_goes_on_from_what_was_spent() {
    let folder = tempfile::tempdir().unwrap();
    let peer = echo();
    let journal = Journal::open(folder.path()).unwrap();
    let pipeline = diamond(&peer, "join").with_settings(with(&journal));
    for calls in [40, 40, 90] {
        let spent = Spent::recorded_in(folder.path()).unwrap();
        let budget = Budget::calls(calls).and_already_spent(spent);
        let settings = ExecutionSettings::default().with_budget(&budget);
        let results = pipeline.with_settings(settings).run_batch(values(40)).await;
        assert!(results.iter().any(|result| result.output.is_err()));
        assert_eq!(peer.asked().len() as u64, calls);
    }
    let results = pipeline.run_batch(values(40)).await;
    assert_eq!(outputs(&results).len(), 40);
    assert_eq!(peer.asked().len(), 120);
}
