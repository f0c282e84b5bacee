//! [`Provider`]: answers in this process, after exactly the latency of a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse,
};

use super::latencies::Latencies;

/// Makes the calls of every program, and watches over what they do.
#[derive(Debug)]
pub(super) struct Provider {
    latencies: Arc<Latencies>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    calls: AtomicUsize,
}

impl Provider {
    pub(super) fn new(latencies: Arc<Latencies>) -> Self {
        Self {
            latencies,
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
        }
    }

    pub(super) fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// Makes a call of an input.
    pub(super) async fn call(&self, input: usize, call: usize) {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.latencies.of(input, call)).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Checks that every call was made, once, and not too many at a time: what
    /// a program left out would make it faster.
    pub(super) fn check(&self, program: &str, in_flight: usize) {
        let expected = self.latencies.inputs() * self.latencies.shape().calls();
        let calls = self.calls.load(Ordering::Relaxed);
        assert_eq!(calls, expected, "calls of {program}");
        let most = self.most_in_flight.load(Ordering::Relaxed);
        assert!(most <= in_flight, "{program} had {most} calls in flight");
    }
}

impl LlmClient for Provider {
    /// The system prompt says which call it is, and the prompt begins with the
    /// input's number, which is also the answer.
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let call = request.system().and_then(|system| system.parse().ok());
            let prompt = request.prompt();
            let input = prompt.split(' ').next();
            let input = input.and_then(|input| input.parse().ok());
            let (Some(call), Some(input)) = (call, input) else {
                let message = "the request does not say which call it is";
                return Err(ClientError::new(ClientErrorKind::Refused, message));
            };
            self.call(input, call).await;
            Ok(LlmResponse::from_text(input.to_string()))
        })
    }
}
