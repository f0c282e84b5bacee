//! The same batch as people write it without an engine.

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;

use super::provider::Provider;

/// Inputs side by side with `buffer_unordered`, the calls of a level joined, a
/// permit for each call in flight.
///
/// As many inputs under way as permits would suffice to use them all. With
/// more the end is shorter: calls wait for their permits in the order in which
/// they asked, so inputs are begun earlier, and the last ones have fewer calls
/// before them when there are no more inputs.
pub(super) async fn by_input(provider: &Provider, in_flight: usize, inputs_in_flight: usize) {
    let permits = &Semaphore::new(in_flight);
    let levels = &provider.latencies().shape().levels();
    let inputs = stream::iter(0..provider.latencies().inputs());
    let under_way = inputs.map(|input| async move {
        for level in levels {
            join_all(level.iter().map(|&call| async move {
                let permit = permits.acquire().await;
                let _permit = permit.expect("the semaphore is never closed");
                provider.call(input, call).await;
            }))
            .await;
        }
    });
    let under_way = under_way.buffer_unordered(inputs_in_flight);
    under_way.for_each(async |()| {}).await;
}

/// The first level of all inputs, then the second of all, and so on.
pub(super) async fn by_level(provider: &Provider, in_flight: usize) {
    for level in &provider.latencies().shape().levels() {
        let inputs = 0..provider.latencies().inputs();
        let calls = inputs.flat_map(|input| level.iter().map(move |&call| (input, call)));
        let under_way = stream::iter(calls)
            .map(|(input, call)| provider.call(input, call))
            .buffer_unordered(in_flight);
        under_way.for_each(async |()| {}).await;
    }
}
