//! One simulated call from start to end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{ClientError, LlmClient, LlmFuture, LlmRequest, LlmResponse, Timings, Usage};
use super::answer::Answerer;
use super::cut::{cut, input_tokens};
use super::occurrences::Occurrences;
use super::quota::TokenBucket;
use super::request_digest::{Draw, RequestDigest};
use super::{InvalidSetting, SimulatedSettings};

/// A model that is made up: deterministic, in process, with the latency, the
/// quota and the faults of its [`SimulatedSettings`].
///
/// Needs a tokio runtime with a clock only if a latency is set.
///
/// ```
/// use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
/// use inf_engine::clients::{LlmClient, LlmRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = SimulatedClient::new("tiny", SimulatedSettings::default())?;
/// let request = LlmRequest::from_prompt("Summarize:\nRust is a language. It is fast.");
/// let response = client.send(&request).await?;
/// assert_eq!(response.text, "Simulated answer: Rust is a language.");
/// assert_eq!(client.calls(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SimulatedClient {
    model: String,
    settings: SimulatedSettings,
    answerer: Answerer,
    bucket: Option<TokenBucket>,
    /// Kept only where the occurrence changes anything, which is where faults
    /// or latencies are drawn.
    occurrences: Option<Occurrences>,
    calls: AtomicU64,
    rate_limited: AtomicU64,
    faulted: AtomicU64,
    rejected: AtomicU64,
}

/// What becomes of one call and when: all that a server needs that keeps the
/// time by itself, such as one that streams.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedCall {
    /// From the arrival of the request to the first token of the answer.
    pub first_byte: Duration,
    /// From the arrival of the request to the end of the answer or the failure.
    pub total: Duration,
    /// The answer, or how the call fails.
    pub outcome: Result<LlmResponse, ClientError>,
}

impl SimulatedClient {
    /// A client for the made-up model `model`.
    ///
    /// # Errors
    ///
    /// A setting out of its range, see [`SimulatedSettings::validate`].
    pub fn new(
        model: impl Into<String>,
        settings: SimulatedSettings,
    ) -> Result<Self, InvalidSetting> {
        settings.validate()?;
        let draws = settings.latency.is_drawn() || settings.faults.sum() > 0.0;
        Ok(Self {
            model: model.into(),
            answerer: Answerer::new(&settings.answer)?,
            bucket: settings.quota.as_ref().map(TokenBucket::new),
            occurrences: draws.then(Occurrences::default),
            settings,
            calls: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
            faulted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        })
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The settings that the client was made with.
    pub fn settings(&self) -> &SimulatedSettings {
        &self.settings
    }

    /// Calls that were given an answer so far.
    ///
    /// As with every count here, a call counts when it is accepted: one that
    /// its caller gave up while waiting counts too, as a provider charges it.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that the quota refused so far.
    pub fn rate_limited(&self) -> u64 {
        self.rate_limited.load(Ordering::Relaxed)
    }

    /// Calls that failed by [`Faults`](super::Faults) so far.
    pub fn faulted(&self) -> u64 {
        self.faulted.load(Ordering::Relaxed)
    }

    /// Calls refused so far because their schema can't be satisfied.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Decides what becomes of a call that arrives now, without waiting.
    ///
    /// [`send`](LlmClient::send) is this and a pause of `total`. It counts as a
    /// call and takes from the quota.
    ///
    /// ```
    /// use std::time::Duration;
    /// use inf_engine::clients::LlmRequest;
    /// use inf_engine::clients::simulated::{Latency, SimulatedClient, SimulatedSettings};
    ///
    /// let settings = SimulatedSettings {
    ///     latency: Latency { median_ms: 250.0, ..Latency::default() },
    ///     ..SimulatedSettings::default()
    /// };
    /// let client = SimulatedClient::new("tiny", settings)?;
    /// let call = client.plan(&LlmRequest::from_prompt("Hello."));
    /// assert_eq!(call.total, Duration::from_millis(250));
    /// assert_eq!(call.outcome?.text, "Simulated answer: Hello.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, request: &LlmRequest) -> PlannedCall {
        // A call that the quota refuses is no occurrence: who is refused
        // depends on the clock, and nothing that is drawn may.
        if let (Some(bucket), Some(quota)) = (&self.bucket, &self.settings.quota)
            && let Err(wait) = bucket.take(Instant::now())
        {
            count(&self.rate_limited);
            return PlannedCall::failure(Duration::ZERO, quota.refusal(wait));
        }
        let digest = RequestDigest::of(self.settings.seed, &self.model, request);
        let occurrences = self.occurrences.as_ref();
        let occurrence = occurrences.map_or(0, |occurrences| occurrences.next(&digest));
        let latency = &self.settings.latency;
        let first_byte = latency.draw(&mut digest.rng(Draw::Latency(occurrence)));
        let mut fault_rng = digest.rng(Draw::Fault(occurrence));
        if let Some(fault) = self.settings.faults.draw(&mut fault_rng) {
            count(&self.faulted);
            return PlannedCall::failure(fault.after(first_byte), fault.to_error());
        }
        let answer = match self.answerer.answer(request, &self.model, &digest) {
            Ok(answer) => cut(answer, request),
            Err(refused) => {
                count(&self.rejected);
                return PlannedCall::failure(Duration::ZERO, refused);
            }
        };
        count(&self.calls);
        let total = first_byte + latency.writing(answer.tokens);
        let mut response = LlmResponse::from_text(answer.text);
        response.finish_reason = answer.finish_reason;
        response.usage = Usage {
            input_tokens: input_tokens(request).into(),
            output_tokens: answer.tokens.into(),
            cached_tokens: 0,
        };
        response.model.clone_from(&self.model);
        response.timings = Timings { first_byte, total };
        response.request_id = Some(digest.call_id(occurrence));
        PlannedCall {
            first_byte,
            total,
            outcome: Ok(response),
        }
    }
}

impl LlmClient for SimulatedClient {
    /// Answers after the planned time. The response's timings are those that
    /// were planned, to the microsecond; tokio's clock may add a millisecond.
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let call = self.plan(request);
            if !call.total.is_zero() {
                tokio::time::sleep(call.total).await;
            }
            call.outcome
        })
    }
}

impl PlannedCall {
    fn failure(after: Duration, error: ClientError) -> Self {
        Self {
            first_byte: after,
            total: after,
            outcome: Err(error),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
