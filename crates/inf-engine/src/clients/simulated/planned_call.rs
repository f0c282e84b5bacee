//! [`PlannedCall`]: what becomes of a call, decided before it is waited for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::{ClientError, Delta, DeltaSink, LlmResponse};

/// What becomes of one call and when: all that a server needs that keeps the
/// time by itself, such as one that streams.
///
/// [`SimulatedClient::plan`](super::SimulatedClient::plan) makes it, and shows how.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedCall {
    /// From the arrival of the request to the first token of the answer, the
    /// wait for a free place included.
    pub first_byte: Duration,
    /// From the arrival of the request to the end of the answer or the failure.
    pub total: Duration,
    /// The answer, or how the call fails.
    pub outcome: Result<LlmResponse, ClientError>,
    /// The stop text that ended the answer; some providers say which one it was.
    pub stopped_by: Option<String>,
}

impl PlannedCall {
    pub(super) fn failure(after: Duration, error: ClientError) -> Self {
        Self {
            first_byte: after,
            total: after,
            outcome: Err(error),
            stopped_by: None,
        }
    }

    /// The same call after waiting in line.
    pub(super) fn behind(mut self, line: Duration) -> Self {
        self.first_byte += line;
        self.total += line;
        if let Ok(response) = &mut self.outcome {
            response.timings.first_byte += line;
            response.timings.total += line;
        }
        self
    }

    /// Tells the answer word by word, the first one at its first byte and the
    /// others evenly until its end, as for a call that arrived at `arrival`.
    pub(super) async fn tell(
        self,
        arrival: Instant,
        sink: &mut DeltaSink<'_>,
    ) -> Result<LlmResponse, ClientError> {
        let at = |after: Duration| arrival.checked_add(after).unwrap_or(arrival);
        let mut response = match self.outcome {
            Ok(response) => response,
            Err(error) => {
                wait_until(at(self.total)).await;
                return Err(error);
            }
        };
        let thoughts = response.reasoning.iter().map(|thought| &*thought.text);
        let thoughts = thoughts.flat_map(words).map(Delta::Reasoning);
        let deltas = thoughts.chain(words(&response.text).map(Delta::Text));
        let deltas: Vec<_> = deltas.collect();
        let count = u32::try_from(deltas.len()).unwrap_or(u32::MAX).max(1);
        let writing = self.total.saturating_sub(self.first_byte);
        let has_deltas = !deltas.is_empty();
        for (index, delta) in (0..).zip(deltas) {
            let written = writing.mul_f64(f64::from(index) / f64::from(count));
            wait_until(at(self.first_byte + written)).await;
            sink(delta);
        }
        wait_until(at(self.total)).await;
        if has_deltas {
            response.timings.first_token = Some(self.first_byte);
        }
        Ok(response)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// Needs no runtime with a clock where there is nothing to wait for.
async fn wait_until(at: Instant) {
    if at > Instant::now() {
        sleep_until(at).await;
    }
}
