//! What a journal tells, and what is told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::peer::{Peer, failure, limit, one_call, resources, texts};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::{
    Budget, ExecutionSettings, Observer, TaskReport, TokenEvent, TokenStream,
};
use inf_engine::journal::{CheckpointManager, Journal, JournalReader, Record};

use super::{diamond, echo, values, with};

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
