//! Whether a call is let in.

use tokio::time::Instant;

use super::super::{ClientError, LlmRequest, RateLimits};
use super::Quota;
use super::SimulatedSettings;
use super::bucket::Bucket;
use super::cut::input_tokens;
use super::token_quota::TokenQuota;

/// The quotas of a provider and what is left of them.
#[derive(Debug)]
pub(super) struct Gate {
    requests: Option<(Quota, Bucket)>,
    tokens: Option<(TokenQuota, Bucket)>,
}

/// A call that was let in, to be settled when it ends.
#[derive(Debug)]
#[must_use]
pub(super) struct Admission {
    at: Instant,
    tokens: u64,
}

impl Gate {
    /// The gate of valid `settings`; `None` if everything is let in.
    pub(super) fn new(settings: &SimulatedSettings) -> Option<Self> {
        let requests = settings.quota.clone();
        let tokens = settings.token_quota.clone();
        if requests.is_none() && tokens.is_none() {
            return None;
        }
        Some(Self {
            requests: requests.map(|quota| {
                let bucket = quota.bucket();
                (quota, bucket)
            }),
            tokens: tokens.map(|quota| {
                let bucket = quota.bucket();
                (quota, bucket)
            }),
        })
    }

    /// Lets `request` in, and says what is left by then.
    pub(super) fn admit(
        &self,
        request: &LlmRequest,
        at: Instant,
    ) -> Result<(Admission, Option<Box<RateLimits>>), ClientError> {
        let mut tokens = 0;
        if let Some((_, bucket)) = &self.tokens {
            let of_answer = request.max_tokens.unwrap_or(0);
            tokens = u64::from(input_tokens(request)) + u64::from(of_answer);
            if tokens > bucket.size() {
                return Err(TokenQuota::too_large(tokens, bucket.size()));
            }
        }
        self.take(tokens, at).map_err(|mut refused| {
            refused.rate_limits = self.left(at);
            refused
        })?;
        Ok((Admission { at, tokens }, self.left(at)))
    }

    fn take(&self, tokens: u64, at: Instant) -> Result<(), ClientError> {
        if let Some((quota, bucket)) = &self.requests {
            bucket.take(1, at).map_err(|wait| quota.refusal(wait))?;
        }
        if let Some((quota, bucket)) = &self.tokens
            && let Err(wait) = bucket.take(tokens, at)
        {
            // Who is refused by one quota has used nothing of the other.
            if let Some((_, bucket)) = &self.requests {
                bucket.give_back(1, at);
            }
            return Err(quota.refusal(wait));
        }
        Ok(())
    }

    /// The call that was `admitted` takes `lasting` and uses `tokens`.
    pub(super) fn settle(&self, admitted: &Admission, lasting: std::time::Duration, tokens: u64) {
        if let Some((_, bucket)) = &self.tokens
            && let Some(at) = admitted.at.checked_add(lasting)
        {
            bucket.settle(at, admitted.tokens, tokens);
        }
    }

    /// What is left of the quotas that do not hide it.
    fn left(&self, at: Instant) -> Option<Box<RateLimits>> {
        let mut left = RateLimits::default();
        if let Some((quota, bucket)) = &self.requests
            && quota.hint
        {
            left.requests = bucket.allowance(at);
        }
        if let Some((quota, bucket)) = &self.tokens
            && quota.hint
        {
            left.tokens = bucket.allowance(at);
        }
        (!left.is_empty()).then(|| Box::new(left))
    }
}
