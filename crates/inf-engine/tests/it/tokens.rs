//! The answers of running nodes, piece by piece.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::{ClientError, ClientErrorKind, LlmResponse};
use inf_engine::execution::{
    Cancellation, ExecutionSettings, Hedging, TokenEvent, TokenPiece, TokenStream,
};
use inf_engine::graph::Tool;
use inf_engine::prelude::*;
use tokio::time::{Instant, sleep};

use crate::support::dialogue::{Dialogue, calls, says};

fn settings(tokens: &TokenStream) -> ExecutionSettings {
    ExecutionSettings::default().with_tokens(tokens)
}

/// A piece on one line: `node/input/attempt/turn what`.
fn shown(piece: &TokenPiece) -> String {
    let TokenPiece {
        node,
        input,
        attempt,
        turn,
        event,
        ..
    } = piece;
    let event = match event {
        TokenEvent::Text(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    };
    format!("{node}/{input}/{attempt}/{turn} {event}")
}

async fn rest(tokens: &mut TokenStream) -> Vec<String> {
    let mut pieces = Vec::new();
    while let Some(piece) = tokens.next().await {
        pieces.push(shown(&piece));
    }
    pieces
}

fn one(peer: &Arc<Dialogue>) -> Pipeline<String, String> {
    LlmInference::new("a").bind(peer.resources(4)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn pieces_come_while_the_answer_does() {
    let peer = Dialogue::script([says("one two three four")]);
    let mut tokens = TokenStream::new();
    let pipeline = one(&peer).with_settings(settings(&tokens));
    let start = Instant::now();
    let run = tokio::spawn(pipeline.run("Count.".to_owned()));
    let mut pieces = Vec::new();
    while let Some(piece) = tokens.next().await {
        pieces.push((start.elapsed().as_millis(), shown(&piece)));
    }
    let expected = [
        (250, "llm/0/1/1 \"one \""),
        (500, "llm/0/1/1 \"two \""),
        (750, "llm/0/1/1 \"three \""),
        (1000, "llm/0/1/1 \"four\""),
        (1000, "llm/0/1/1 Ended"),
    ];
    let expected = expected.map(|(at, piece)| (at, piece.to_owned()));
    assert_eq!(pieces, expected);
    assert_eq!(run.await.unwrap().unwrap(), "one two three four");
}

/// A stream may be given to one run after the other.
#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_runs_and_goes_on_with_the_next() {
    let peer = Dialogue::script([says("one")]);
    let mut tokens = TokenStream::new();
    let pipeline = one(&peer).with_settings(settings(&tokens));
    for _ in 0..2 {
        let run = tokio::spawn(pipeline.run("Count.".to_owned()));
        assert_eq!(rest(&mut tokens).await.len(), 2);
        run.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_nodes_that_were_chosen_are_streamed() {
    let peer = Dialogue::new(|request, _| {
        let answer = format!("{} …", request.prompt());
        (Duration::from_secs(1), Ok(says(&answer)))
    });
    let ask = LlmInference::new("a");
    let graph = || {
        Tracer::new("chain").trace(|text: Proxy<String>| {
            let draft = ask.call(prompt!("draft {text}"));
            let polished = ask.call(prompt!("polish {draft}"));
            prompt!("{polished}")
        })
    };
    let mut tokens = TokenStream::of(["polished"]);
    let pipeline = graph().unwrap().bind(peer.resources(4)).unwrap();
    let pipeline = pipeline.with_settings(settings(&tokens));
    let run = tokio::spawn(pipeline.run_batch(["x", "y"].map(Value::from)));
    let pieces = rest(&mut tokens).await;
    assert!(
        pieces.iter().all(|piece| piece.starts_with("polished/")),
        "{pieces:?}"
    );
    let of_input = |input: usize| {
        let start = format!("polished/{input}/");
        let pieces = pieces.iter().filter(|piece| piece.starts_with(&start));
        pieces.count()
    };
    assert_eq!((of_input(0), of_input(1)), (6, 6));
    assert!(
        run.await
            .unwrap()
            .iter()
            .all(|result| result.output.is_ok())
    );
}

#[tokio::test(start_paused = true)]
async fn what_came_of_a_failed_attempt_is_void() {
    let peer = Dialogue::new(|_, place| {
        let answer = match place {
            0 => Err(ClientError::new(
                ClientErrorKind::Server,
                "one two three four",
            )),
            _ => Ok(says("five")),
        };
        (Duration::from_secs(1), answer)
    });
    let mut tokens = TokenStream::new();
    let pipeline = one(&peer).with_settings(settings(&tokens));
    let run = tokio::spawn(pipeline.run("Count.".to_owned()));
    let pieces = rest(&mut tokens).await;
    assert_eq!(
        pieces,
        [
            "llm/0/1/1 \"one \"",
            "llm/0/1/1 \"two \"",
            "llm/0/1/1 Void",
            "llm/0/2/1 \"five\"",
            "llm/0/2/1 Ended",
        ]
    );
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn turns_and_wrong_answers_are_told_apart() {
    let mut turn = calls(&[("today", "{}")]);
    turn.text = "Well,".to_owned();
    let peer = Dialogue::script([turn, says("four"), says("[4]")]);
    let today = Tool::new("today", "The date.", |(): ()| async { "Thursday" });
    let ask = LlmInference::<Vec<i64>>::typed("a").tools([today]);
    let mut tokens = TokenStream::new();
    let pipeline = ask.bind(peer.resources(1)).unwrap();
    let pipeline = pipeline.with_settings(settings(&tokens));
    let run = tokio::spawn(pipeline.run("Count.".to_owned()));
    let pieces = rest(&mut tokens).await;
    assert_eq!(
        pieces,
        [
            "llm/0/1/1 \"Well,\"",
            "llm/0/1/1 TurnEnded",
            "llm/0/1/2 \"four\"",
            "llm/0/1/2 Void",
            "llm/0/2/3 \"[4]\"",
            "llm/0/2/3 Ended",
        ]
    );
    assert_eq!(run.await.unwrap().unwrap(), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_second_request_is_not_mixed_in() {
    let peer = Dialogue::new(|_, place| {
        // The 41st call takes long; the second request for it does not.
        let took = if place == 40 { 60 } else { 1 };
        (
            Duration::from_secs(took),
            Ok(says(&format!("answer {place}"))),
        )
    });
    let mut tokens = TokenStream::new();
    let hedging = Hedging::after_percentile(90.0).with_max_share(0.5);
    let with_hedging = settings(&tokens)
        .with_hedging(hedging)
        .with_max_concurrent(2);
    let pipeline = one(&peer).with_settings(with_hedging);
    let inputs = (0..41).map(|input| input.to_string());
    let run = tokio::spawn(pipeline.run_batch(inputs.collect::<Vec<_>>()));
    let pieces = rest(&mut tokens).await;
    let of_last = pieces.iter().filter(|piece| piece.starts_with("llm/40/"));
    let of_last: Vec<&str> = of_last.map(String::as_str).collect();
    assert_eq!(
        of_last,
        ["llm/40/1/1 \"answer 41\"", "llm/40/1/1 Ended"],
        "{pieces:?}"
    );
    let results = run.await.unwrap();
    assert_eq!(results[40].output.as_ref().unwrap(), "answer 41");
}

/// Nobody reads until the run has ended: what waits is as long as it may be, and
/// what is missing is said.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_merged_pieces_and_no_more_than_is_bounded() {
    let peer = Dialogue::new(|_, _| (Duration::from_secs(1), Ok(says("one two three four"))));
    let mut tokens = TokenStream::new();
    let pipeline = one(&peer).with_settings(settings(&tokens));
    pipeline.run("Count.".to_owned()).await.unwrap();
    let expected = ["llm/0/1/1 \"one two three four\"", "llm/0/1/1 Ended"];
    assert_eq!(rest(&mut tokens).await, expected);
    assert_eq!(tokens.missed(), 0);

    let mut tokens = TokenStream::new().with_max_waiting(1000);
    let pipeline = one(&peer).with_settings(settings(&tokens));
    let inputs = (0..100).map(|input| input.to_string());
    pipeline.run_batch(inputs.collect::<Vec<_>>()).await;
    let pieces = rest(&mut tokens).await;
    assert!(!pieces.is_empty() && pieces.len() <= 10, "{pieces:?}");
    assert!(tokens.missed() >= 180);
    // The last input's pieces are the latest, so that nothing of it is missing.
    assert!(pieces.contains(&"llm/99/1/1 Ended".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_says_that_pieces_are_missing() {
    let long = "word ".repeat(100);
    let peer = Dialogue::script([says(&long)]);
    let mut tokens = TokenStream::new().with_max_waiting(300);
    let pipeline = one(&peer).with_settings(settings(&tokens));
    pipeline.run("Count.".to_owned()).await.unwrap();
    let pieces = rest(&mut tokens).await;
    assert_eq!(pieces[0], "llm/0/1/1 Gap");
    assert_eq!(pieces.last().unwrap(), "llm/0/1/1 Ended");
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_is_void_and_the_stream_ends() {
    let peer = Dialogue::new(|_, _| (Duration::from_secs(100), Ok(says("one two"))));
    let mut tokens = TokenStream::new();
    let cancellation = Cancellation::new();
    let pipeline = one(&peer).with_settings(settings(&tokens).with_cancellation(&cancellation));
    let run = tokio::spawn(pipeline.run("Count.".to_owned()));
    sleep(Duration::from_mins(1)).await;
    cancellation.cancel();
    let pieces = rest(&mut tokens).await;
    assert_eq!(pieces, ["llm/0/1/1 \"one \"", "llm/0/1/1 Void"]);
    run.await.unwrap().unwrap_err();
}

/// A client without pieces gives its answer as one, and a reader that is gone
/// stops nothing.
#[tokio::test(start_paused = true)]
async fn every_client_and_every_reader_will_do() {
    let peer = crate::support::peer::Peer::new(|_| {
        (Duration::from_secs(1), Ok(LlmResponse::from_text("a b c")))
    });
    let mut tokens = TokenStream::new();
    let resources = crate::support::peer::resources([("a", &peer, 1)]);
    let pipeline = crate::support::peer::one_call(&resources).with_settings(settings(&tokens));
    pipeline.run("Count.".to_owned()).await.unwrap();
    let expected = ["llm/0/1/1 \"a b c\"", "llm/0/1/1 Ended"];
    assert_eq!(rest(&mut tokens).await, expected);
    drop(tokens);
    pipeline.run("Count.".to_owned()).await.unwrap();
}
