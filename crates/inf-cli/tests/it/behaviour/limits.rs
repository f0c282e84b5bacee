//! What servers say about their limits.

use std::time::Duration;

use inf_engine::clients::{ClientErrorKind, Retry};

use super::provider::Feature;
use super::requests::plain;
use super::subject::{Scene, Subject};

pub(super) async fn a_refusal_says_how_long_to_wait(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Full) else {
        return;
    };
    // The first one may be let in.
    let _ = client.send(&plain()).await;
    let error = client.send(&plain()).await.expect_err("a refusal");
    assert_eq!(error.kind, ClientErrorKind::RateLimited, "{error}");
    let Retry::RateLimited { after: Some(after) } = error.retry else {
        panic!("{error:?}")
    };
    assert!(
        !after.is_zero() && after <= Duration::from_mins(1),
        "{after:?}"
    );
    if subject.has(Feature::Allowances) {
        let limits = error.rate_limits.expect("told");
        assert_eq!(limits.requests.remaining, Some(0), "{limits:?}");
    }
}

pub(super) async fn a_refusal_without_a_hint(subject: &Subject) {
    let Some(client) = subject.ask(Scene::FullAndSilent) else {
        return;
    };
    let _ = client.send(&plain()).await;
    let mut sink = |_: inf_engine::clients::Delta<'_>| panic!("nothing to tell");
    let streamed = client.stream(&plain(), &mut sink).await;
    for answer in [client.send(&plain()).await, streamed] {
        let error = answer.expect_err("a refusal");
        assert_eq!(error.kind, ClientErrorKind::RateLimited, "{error}");
        assert_eq!(error.retry, Retry::RateLimited { after: None });
        assert_eq!(error.rate_limits, None);
    }
}

pub(super) async fn answers_tell_what_is_left(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Full) else {
        return;
    };
    if !subject.has(Feature::Allowances) || !subject.is_simulated() {
        return;
    }
    let response = client.send(&plain()).await.expect("an answer");
    let limits = response.rate_limits.expect("told");
    assert_eq!(limits.requests.limit, Some(1), "{limits:?}");
    assert_eq!(limits.requests.remaining, Some(0), "{limits:?}");
    let resets_in = limits.requests.resets_in.expect("told");
    // Whole seconds, by two clocks.
    let around = Duration::from_secs(9)..=Duration::from_secs(12);
    assert!(around.contains(&resets_in), "{resets_in:?}");
    assert_eq!(limits.tokens.limit, Some(6000), "{limits:?}");
    let remaining = limits.tokens.remaining.expect("told");
    assert!((1..6000).contains(&remaining), "{limits:?}");
}
