//! What failed before, and what is known of the same request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::peer::{Peer, forever, one_call, refusal, resources, texts};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::ExecutionSettings;
use inf_engine::journal::Journal;
use inf_engine::prelude::*;

use super::{outputs, values, with};

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
