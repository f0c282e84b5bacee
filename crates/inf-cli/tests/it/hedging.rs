//! `inf run --hedge`: what takes unusually long is sent a second time.

use std::collections::HashSet;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::command::{Workplace, answer_request, read_request};

/// What a server was asked, and whether a thing twice; told when that changes.
type Asked = (Mutex<(HashSet<String>, bool)>, Condvar);

/// A server that answers what contains `held` only once anything was asked twice.
fn serve(held: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let asked: Arc<Asked> = Arc::default();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Arc::clone(&asked);
            thread::spawn(move || answer(stream, held, &asked));
        }
    });
    url
}

fn answer(mut stream: TcpStream, held: Option<&str>, (asked, changed): &Asked) {
    let (_, body) = read_request(&stream);
    let is_held = held.is_some_and(|held| body.contains(held));
    let mut asked = asked.lock().expect("no panic");
    let (bodies, is_twice) = &mut *asked;
    *is_twice |= !bodies.insert(body);
    // No two answers are the same, so that no two calls are.
    let answer = format!(
        r#"{{"choices": [{{"message": {{"role": "assistant", "content": "answer {}"}}, "finish_reason": "stop"}}]}}"#,
        bodies.len()
    );
    changed.notify_all();
    if is_held {
        let waited = changed.wait_while(asked, |(_, is_twice)| !*is_twice);
        drop(waited.expect("no panic"));
    } else {
        drop(asked);
    }
    answer_request(&mut stream, "200 OK", "", &answer);
}

#[test]
fn slow_calls_are_sent_twice_where_it_is_asked_for() {
    let workplace = Workplace::new();
    workplace.write_pairs(100);
    let hedges = |held, options: &str| {
        workplace.write_resources(&serve(held));
        // What answers usually take is known by the time of the call that is held.
        let ended = workplace.inf(&format!(
            "run pipeline.yaml -i pairs.jsonl -r resources.yaml --json --max-inputs-in-flight 4 --max-retries 0 \
             --run-timeout 60 {options}"
        ));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.summary()["hedges"].as_u64().expect("a number")
    };
    assert_eq!(hedges(None, ""), 0);
    // At most 5 % of 300 calls.
    assert!((1..=15).contains(&hedges(Some("apple 50"), "--hedge 50")));
}
