//! Runs with a journal: what is finished is not paid again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inf_engine::clients::LlmResponse;
use inf_engine::execution::{
    BatchResult, Budget, ErrorKind, ExecutionSettings, Observer, Spent, TaskReport, TokenEvent,
    TokenStream,
};
use inf_engine::graph::{HostFunction, Tool};
use inf_engine::journal::{CheckpointManager, Journal, JournalReader, Record, RequestDigest};
use inf_engine::prelude::*;
use inf_engine::trace::apply;

use crate::support::dialogue::{Dialogue, calls, says};
use crate::support::peer::{Peer, failure, forever, limit, one_call, refusal, resources, texts};

fn with(journal: &Journal) -> ExecutionSettings {
    ExecutionSettings::default().with_journal(journal)
}

/// Every answer takes a second and says what was asked.
fn echo() -> Arc<Peer> {
    Peer::new(|prompt| {
        let answer = LlmResponse::from_text(prompt.to_uppercase());
        (Duration::from_secs(1), Ok(answer))
    })
}

/// Two calls of `a` at once, and one of `b` on both.
fn diamond(peer: &Arc<Peer>, verb: &str) -> Pipeline {
    let text = format!(
        "version: 1\nname: diamond\nnodes:\n  left: {{ llm: a, prompt: 'left {{input}}' }}\n  \
         right: {{ llm: a, prompt: 'right {{input}}' }}\n  \
         {verb}: {{ llm: b, prompt: '{verb} {{left}} {{right}}' }}\noutput: {verb}\n"
    );
    let graph = InferenceGraph::from_text(&text).unwrap();
    let resources = resources([("a", peer, 4), ("b", peer, 4)]);
    graph.bind(&resources).unwrap()
}

fn values(count: usize) -> impl Iterator<Item = Value> {
    texts(count).map(Value::from)
}

fn outputs(results: &[BatchResult<Value>]) -> Vec<String> {
    let outputs = results.iter().map(|result| result.output.as_ref());
    outputs.map(|output| output.unwrap().to_string()).collect()
}

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
async fn failures_are_final_unless_they_are_to_be_tried_again() {
    let is_down = Arc::new(AtomicUsize::new(1));
    let down = Arc::clone(&is_down);
    let peer = Peer::new(move |prompt| {
        let fails = prompt == "1" && down.load(Ordering::SeqCst) == 1;
        let answer = Ok(LlmResponse::from_text("fine"));
        (Duration::ZERO, if fails { refusal() } else { answer })
    });
    let journal = Journal::in_memory(1_000);
    let pipeline = one_call(&resources([("a", &peer, 4)])).with_settings(with(&journal));
    let before = pipeline.run_batch(texts(3)).await;
    is_down.store(0, Ordering::SeqCst);
    let again = pipeline.run_batch(texts(3)).await;
    assert_eq!(before[1].output, again[1].output);
    assert!(again[1].from_journal);
    let retrying = ExecutionSettings::default().with_retry_failed(true);
    let retried = pipeline.with_settings(retrying).run_batch(texts(3)).await;
    assert_eq!(retried[1].output.as_deref(), Ok("fine"));
    assert_eq!(peer.asked().len(), 4);
    // That is what it has now.
    assert_eq!(
        pipeline.run_batch(texts(3)).await[1].output.as_deref(),
        Ok("fine")
    );
}

#[tokio::test(start_paused = true)]
async fn a_cache_gives_each_sample_once() {
    let count = AtomicUsize::new(0);
    let peer = Peer::new(move |_| {
        let sample = count.fetch_add(1, Ordering::SeqCst).to_string();
        (Duration::from_secs(1), Ok(LlmResponse::from_text(sample)))
    });
    let journal = Journal::in_memory(1_000);
    let settings = with(&journal).with_cached_requests(true);
    let ask = |name: &str, journal: &ExecutionSettings| {
        let text = format!(
            "version: 1\nname: {name}\nnodes:\n  asked: {{ llm: a, prompt: Say a number. }}\noutput: asked\n"
        );
        let graph = InferenceGraph::from_text(&text).unwrap();
        let pipeline = graph.bind(resources([("a", &peer, 1)])).unwrap();
        pipeline.with_settings(journal.clone())
    };
    let first = outputs(&ask("first", &settings).run_batch(values(2)).await);
    assert_eq!(first, ["0", "1"]);
    // Other inputs of another pipeline with the same request, three of them.
    let second = outputs(&ask("second", &settings).run_batch(values(3)).await);
    assert_eq!(second, ["0", "1", "2"]);
    // Without a cache they are others.
    let third = outputs(&ask("third", &with(&journal)).run_batch(values(1)).await);
    assert_eq!(third, ["3"]);
}

#[tokio::test(start_paused = true)]
async fn a_cache_gives_no_sample_of_the_same_input_twice() {
    let count = AtomicUsize::new(0);
    // The first one is answered, and the second one when it is asked again.
    let peer = Peer::new(move |_| {
        let sample = count.fetch_add(1, Ordering::SeqCst);
        let took = if sample == 1 {
            forever()
        } else {
            Duration::from_secs(1)
        };
        (took, Ok(LlmResponse::from_text(sample.to_string())))
    });
    let journal = Journal::in_memory(1_000);
    let text = "version: 1\nname: twice\nnodes:\n  one: { llm: a, prompt: Say a number. }\n  \
                two: { llm: a, prompt: Say a number. }\noutput: [one, two]\n";
    let graph = InferenceGraph::from_text(text).unwrap();
    let pipeline = graph.bind(resources([("a", &peer, 1)])).unwrap();
    let pipeline = pipeline.with_settings(with(&journal).with_cached_requests(true));
    let running = pipeline.run_batch(values(1));
    let cut = tokio::time::timeout(Duration::from_secs(10), running).await;
    assert!(cut.is_err());
    let results = pipeline.run_batch(values(1)).await;
    let mut samples = outputs(&results).remove(0);
    samples.retain(|character| character.is_ascii_digit());
    assert!(["02", "20"].contains(&&*samples), "{samples}");
}

#[tokio::test(start_paused = true)]
async fn any_order_of_the_models_behind_an_alias_is_the_same() {
    let journal = Journal::in_memory(1_000);
    let ask = |models: [&str; 3]| {
        let endpoints =
            models.map(|model| format!("      - {{ provider: simulated, model: {model} }}\n"));
        let text = format!("endpoints:\n  a:\n    endpoints:\n{}", endpoints.concat());
        let config = ResourceConfig::from_text(&text).unwrap();
        let pipeline = LlmInference::new("a").bind(config).unwrap();
        pipeline.with_settings(with(&journal))
    };
    ask(["one", "other", "one"]).run_batch(texts(2)).await;
    let again = ask(["other", "one", "one"]).run_batch(texts(2)).await;
    assert!(again.iter().all(|result| result.from_journal));
}

#[tokio::test(start_paused = true)]
async fn a_replay_fails_where_the_run_did_and_nowhere_else() {
    let text = "version: 1\nname: careful\nnodes:\n  safe:\n    try:\n      nodes:\n        \
                asked: { llm: a, prompt: '{input}' }\n      output: asked\n    \
                fallback: { output: { $value: none } }\n  last: { llm: a, prompt: 'last {input}' }\n\
                output: [safe, last]\n";
    let bind = |peer: &Arc<Peer>| {
        let graph = InferenceGraph::from_text(text).unwrap();
        graph.bind(resources([("a", peer, 1)])).unwrap()
    };
    let peer = Peer::new(|prompt| match prompt {
        "0" | "last 1" => (Duration::ZERO, refusal()),
        _ => (Duration::ZERO, Ok(LlmResponse::from_text("fine"))),
    });
    let journal = Journal::in_memory(1_000);
    let before = bind(&peer).with_settings(with(&journal));
    let before = before.run_batch(values(2)).await;
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = bind(&silent).with_settings(with(&journal).with_replay(true));
    let after = replay.run_batch(values(3)).await;
    assert_eq!(after[0].output, before[0].output);
    let (was, is) = (&before[1].output, &after[1].output);
    let (was, is) = (was.as_ref().unwrap_err(), is.as_ref().unwrap_err());
    assert_eq!((was.kind, &was.message), (is.kind, &is.message));
    // What is missing is no reason to fall back.
    let missing = after[2].output.as_ref().unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotRecorded);
}

#[tokio::test(start_paused = true)]
async fn a_replay_needs_no_right_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let peer = echo();
    let dir = |folder: &std::path::Path| ExecutionSettings::default().with_checkpoint_dir(folder);
    let settings = dir(folder.path());
    let before = diamond(&peer, "join").with_settings(settings);
    let before = outputs(&before.run_batch(values(3)).await);
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let file = "journal.jsonl";
    std::fs::copy(folder.path().join(file), taken.join(file)).unwrap();
    // As another process that has it open does.
    let lock = std::fs::File::create(taken.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = dir(&taken).with_replay(true).with_cached_requests(true);
    let replay = diamond(&silent, "join").with_settings(replay);
    for _ in 0..2 {
        assert_eq!(outputs(&replay.run_batch(values(3)).await), before);
    }
    // It makes no journal.
    let nowhere = folder.path().join("nowhere");
    let replay = replay.with_settings(dir(&nowhere));
    let results = replay.run_batch(values(1)).await;
    let error = results[0].output.as_ref().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Journal);
    assert!(error.message.contains("there is no journal in"), "{error}");
    assert!(!nowhere.exists());
}

#[tokio::test(start_paused = true)]
async fn the_journal_says_why_a_run_ended() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let peer = echo();
    let pipeline = diamond(&peer, "join").with_settings(with(&journal));
    let settings = ExecutionSettings::default();
    // All inputs have left their source by then.
    let late = settings
        .clone()
        .with_run_timeout(Duration::from_millis(1_500));
    let poor = settings.with_budget(&Budget::calls(1));
    for settings in [late, poor] {
        pipeline.with_settings(settings).run_batch(values(2)).await;
    }
    pipeline.run_batch(values(2)).await;
    let manager = CheckpointManager::open(folder.path()).unwrap();
    let runs = manager.runs().map(|run| run.number);
    let ends = runs.map(|run| {
        let checkpoint = manager.checkpoint(run).unwrap();
        checkpoint.end().unwrap().why.to_string()
    });
    assert_eq!(ends.collect::<Vec<_>>(), ["timeout", "budget", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_says_when_it_was_sent_before() {
    let sent = AtomicUsize::new(0);
    let peer = Peer::new(move |_| match sent.fetch_add(1, Ordering::SeqCst) {
        0 => (Duration::from_millis(100), limit()),
        1 => (Duration::from_millis(200), failure()),
        2 => (
            Duration::from_millis(300),
            Ok(LlmResponse::from_text("at last")),
        ),
        _ => (
            Duration::from_millis(400),
            Ok(LlmResponse::from_text("at once")),
        ),
    });
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let pipeline = one_call(&resources([("a", &peer, 1)])).with_settings(with(&journal));
    // The second input comes when nothing is left to wait for.
    for inputs in [1, 2] {
        let results = pipeline.run_batch(texts(inputs)).await;
        assert!(results.iter().all(|result| result.output.is_ok()));
    }
    drop((pipeline, journal));
    let mut calls = Vec::new();
    let mut graphs = Vec::new();
    let reader = JournalReader::open(folder.path()).unwrap();
    let read = reader.read(|record| match record {
        Record::Call(call) => calls.push(call),
        Record::Pipeline(pipeline) => graphs.push(pipeline.graph.clone().expect("a graph")),
        _ => {}
    });
    read.unwrap();
    let earlier = calls[0].earlier.iter();
    let earlier = earlier.map(|sent| (&*sent.kind, sent.took.as_millis()));
    assert_eq!(
        earlier.collect::<Vec<_>>(),
        [("rate_limited", 100), ("server", 200)]
    );
    // A refusal for a limit is no failed attempt.
    let attempts = calls[0].attempts.iter().map(|attempt| &*attempt.kind);
    assert_eq!(attempts.collect::<Vec<_>>(), ["server"]);
    assert_eq!(calls[0].took.as_millis(), 300);
    // The limit was over in a second.
    assert_eq!(calls[0].earlier[1].waited, Duration::from_secs(1));
    assert_eq!(calls[1].earlier.len(), 0);
    // It is written what was run, to be drawn.
    let names = graphs[0].nodes.iter().map(|node| &*node.name);
    assert_eq!(names.count(), 2);
    assert_eq!(graphs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_calls_nothing() {
    let peer = echo();
    let journal = Journal::in_memory(1_000);
    diamond(&peer, "join")
        .with_settings(with(&journal))
        .run_batch(values(3))
        .await;
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = with(&journal).with_replay(true);
    let results = diamond(&silent, "join")
        .with_settings(replay.clone())
        .run_batch(values(3))
        .await;
    assert_eq!(outputs(&results)[2], "JOIN LEFT 2 RIGHT 2");
    let results = diamond(&silent, "merge")
        .with_settings(replay)
        .run_batch(values(4))
        .await;
    let kinds = results
        .iter()
        .map(|result| result.output.as_ref().unwrap_err().kind);
    assert!(kinds.into_iter().all(|kind| kind == ErrorKind::NotRecorded));
    let told: Vec<String> = results
        .iter()
        .map(|result| result.output.as_ref().unwrap_err().to_string())
        .collect();
    let told = |index: usize| &told[index];
    assert!(
        told(0).contains("node `merge`") && told(0).contains("no answer to this request"),
        "{}",
        told(0)
    );
    assert!(
        told(3).contains("it holds no call for this input"),
        "{}",
        told(3)
    );
}

/// A pipeline that handles failures: `try_for` are the kinds that it is for.
fn careful(peer: &Arc<Peer>, question: &str, try_for: &str) -> Pipeline {
    let text = format!(
        "version: 1\nname: careful\nnodes:\n  safe:\n    try:\n      nodes: {{ first: {{ llm: a, \
         prompt: '{question} {{input}}' }} }}\n      output: first\n    fallback:\n      nodes: {{ \
         second: {{ llm: a, prompt: 'instead {{input}}' }} }}\n      output: second\n    {try_for}\n  \
         each:\n    map: [input]\n    as: one\n    results: true\n    nodes: {{ third: {{ llm: a, \
         prompt: '{question} {{one}}' }} }}\n    output: third\noutput: [safe, each]\n"
    );
    let graph = InferenceGraph::from_text(&text).unwrap();
    graph.bind(resources([("a", peer, 4)])).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_replay_handles_the_failures_that_were_handled() {
    let peer = Peer::new(|prompt| {
        let answer = if prompt.contains("bad") {
            refusal()
        } else {
            Ok(LlmResponse::from_text(prompt.to_uppercase()))
        };
        (Duration::from_secs(1), answer)
    });
    let journal = Journal::in_memory(1_000);
    let named = "failures: [refused]";
    let recorded = careful(&peer, "bad", named).with_settings(with(&journal));
    let recorded = outputs(&recorded.run_batch(values(2)).await);
    assert!(recorded[0].contains("INSTEAD 0") && recorded[0].contains("refused"));
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = with(&journal).with_replay(true);
    let again = careful(&silent, "bad", named).with_settings(replay.clone());
    assert_eq!(outputs(&again.run_batch(values(2)).await), recorded);
    // That there is no answer is nothing that a pipeline handles.
    let other = careful(&silent, "other", "").with_settings(replay);
    for result in other.run_batch(values(2)).await {
        assert_eq!(result.output.unwrap_err().kind, ErrorKind::NotRecorded);
    }
}

#[tokio::test(start_paused = true)]
async fn who_listens_hears_of_what_the_journal_answers() {
    #[derive(Default)]
    struct Counts(AtomicUsize);
    impl Observer for Counts {
        fn task_ended(&self, task: &TaskReport<'_>) {
            self.0
                .fetch_add(usize::from(task.from_journal), Ordering::SeqCst);
        }
    }
    let peer = echo();
    let journal = Journal::in_memory(1_000);
    diamond(&peer, "join")
        .with_settings(with(&journal))
        .run_batch(values(1))
        .await;
    let counts = Arc::new(Counts::default());
    let observer: Arc<dyn Observer> = Arc::<Counts>::clone(&counts);
    let settings = with(&journal).with_observer(observer);
    let mut tokens = TokenStream::of(["left"]);
    let settings = settings.with_tokens(&tokens);
    let changed = diamond(&peer, "merge").with_settings(settings);
    changed.run_batch(values(1)).await;
    assert_eq!(counts.0.load(Ordering::SeqCst), 2);
    let piece = tokens.next().await.unwrap();
    assert_eq!(
        (&*piece.node, piece.event),
        ("left", TokenEvent::Text("LEFT 0".into()))
    );
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

#[test]
fn a_request_has_the_same_digest_whoever_is_asked() {
    let request = inf_engine::clients::LlmRequest::from_prompt("Hello.");
    assert_eq!(
        RequestDigest::of(&request),
        RequestDigest::of(&request.clone())
    );
}
