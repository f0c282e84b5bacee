//! [`OwnClient`]: a client of the program, and what it can take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Endpoint, Limits};
use super::endpoint_group::Member;
use super::limiter::{Declared, Limiter};
use super::{EndpointConfig, Price};
use crate::clients::LlmClient;

/// A client of your own, for
/// [`ResourceManager::with_clients`](super::ResourceManager::with_clients).
///
/// ```
/// use std::sync::Arc;
///
/// use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse};
/// use inf_engine::prelude::*;
/// use inf_engine::resources::{OwnClient, Price, ResourceManager, Strategy};
///
/// struct Shout;
///
/// impl LlmClient for Shout {
///     fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
///         let answer = request.prompt().to_uppercase();
///         Box::pin(async move { Ok(LlmResponse::from_text(answer)) })
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shout = OwnClient::new(Arc::new(Shout), 8)
///     .with_requests_per_minute(600)
///     .with_price(Price::new(0.1, 0.4)); // dollars for a million tokens
/// let resources = ResourceManager::new(&ResourceConfig::new())?
///     .with_clients("loud", Strategy::LeastLoaded, [shout]);
/// let pipeline = LlmInference::new("loud").bind(resources)?;
/// assert_eq!(pipeline.run_blocking("hello".to_owned())?, "HELLO");
/// # Ok(())
/// # }
/// ```
pub struct OwnClient {
    client: Arc<dyn LlmClient>,
    max_concurrent: usize,
    declared: Declared,
    weight: f64,
    price: Option<Price>,
}

impl OwnClient {
    /// A client with at most `max_concurrent` calls at once, 1 at least.
    pub fn new(client: Arc<dyn LlmClient>, max_concurrent: usize) -> Self {
        Self {
            client,
            max_concurrent: max_concurrent.max(1),
            declared: Declared::default(),
            weight: 1.0,
            price: None,
        }
    }

    /// Sets the most requests in any minute, 1 at least.
    #[must_use]
    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.declared.requests_per_minute = Some(requests.max(1));
        self
    }

    /// Sets the most tokens in any minute, 1 at least.
    #[must_use]
    pub fn with_tokens_per_minute(mut self, tokens: u32) -> Self {
        self.declared.tokens_per_minute = Some(tokens.max(1));
        self
    }

    /// Sets how many requests may be sent at once after a pause, where the requests
    /// of a minute are set, too.
    #[must_use]
    pub fn with_burst(mut self, requests: u32) -> Self {
        self.declared.burst = Some(requests.max(1));
        self
    }

    /// Sets what its model charges; otherwise the costs of its calls are unknown.
    #[must_use]
    pub fn with_price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// Sets its share where the strategy is
    /// [`Weighted`](super::Strategy::Weighted); 1 unless it is above 0.
    #[must_use]
    pub fn with_weight(mut self, weight: f64) -> Self {
        if weight > 0.0 && weight.is_finite() {
            self.weight = weight;
        }
        self
    }

    pub(super) fn into_member(self) -> Member {
        let limits = Limits {
            max_concurrent: self.max_concurrent,
            timeout: Some(Duration::from_secs_f64(EndpointConfig::DEFAULT_TIMEOUT)),
            max_retries: EndpointConfig::DEFAULT_MAX_RETRIES,
            declared: self.declared,
        };
        let limiter = Arc::new(Limiter::new(self.max_concurrent, self.declared, false));
        Member {
            endpoint: Endpoint::new(self.client, limits, limiter).with_price(self.price),
            weight: self.weight,
        }
    }
}

impl fmt::Debug for OwnClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OwnClient")
            .field("client", &self.client.description())
            .field("max_concurrent", &self.max_concurrent)
            .finish_non_exhaustive()
    }
}
