//! How many tokens a simulated provider works on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::{ClientError, ClientErrorKind, Retry};
use super::InvalidSetting;
use super::bucket::Bucket;
use super::invalid_setting::require_range;

/// A bucket of tokens: `burst` at once, then `tokens_per_minute`, steadily.
///
/// When a call arrives, the tokens of its request and the most that its answer
/// may have (`max_tokens`; nothing if the request sets none) are taken, and if
/// there are not so many, it is refused at once (HTTP 429). When the call ends,
/// what it really used counts instead: what is over comes back, and what an
/// answer without a bound took more is a debt that is paid first. A call that
/// fails uses nothing. Providers count much like this, by their own accounts
/// ([OpenAI](https://platform.openai.com/docs/guides/rate-limits),
/// [Anthropic](https://docs.claude.com/en/api/rate-limits)).
///
/// A token is four characters, and a picture 250 tokens.
///
/// ```
/// use inf_engine::clients::simulated::TokenQuota;
///
/// let quota = TokenQuota { tokens_per_minute: 30_000.0, ..TokenQuota::default() };
/// assert!(quota.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenQuota {
    /// Tokens per minute in the long run, of requests and answers together; by
    /// default 100000.
    pub tokens_per_minute: f64,
    /// Tokens that are there after a pause, and the most that one call can ever
    /// have; by default those of a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Whether answers say what is left of the quota, and refusals how long to
    /// wait (`Retry-After`); by default they do.
    pub hint: bool,
}

impl Default for TokenQuota {
    fn default() -> Self {
        Self {
            tokens_per_minute: 100_000.0,
            burst: None,
            hint: true,
        }
    }
}

impl TokenQuota {
    /// Whether every number is in its range.
    ///
    /// # Errors
    ///
    /// The first one that is not.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        require_range(
            "tokens_per_minute",
            self.tokens_per_minute,
            1.0..=1e12,
            "between 1 and 1000000000000",
        )?;
        if self.burst == Some(0) {
            return Err(InvalidSetting::new(
                "burst",
                "must be at least 1: with 0 no call is ever accepted",
            ));
        }
        Ok(())
    }

    /// The full bucket that this quota, which must be valid, is counted with.
    pub(super) fn bucket(&self) -> Bucket {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 10^12"
        )]
        let of_a_minute = self.tokens_per_minute as u64;
        let size = self.burst.unwrap_or(of_a_minute);
        Bucket::new(size, self.tokens_per_minute / 60.0)
    }

    /// The error of a call that has to wait for `wait`.
    pub(super) fn refusal(&self, wait: Duration) -> ClientError {
        let rate = self.tokens_per_minute;
        let message = format!(
            "the simulated provider refused the call: more than {rate} tokens per minute (429)"
        );
        ClientError::new(ClientErrorKind::RateLimited, message).with_retry(Retry::RateLimited {
            after: self.hint.then_some(wait),
        })
    }

    /// The error of a call that asks for more than there ever is. Waiting would
    /// not help, so it is no 429, as it is with some providers.
    pub(super) fn too_large(asked: u64, size: u64) -> ClientError {
        let message = format!(
            "the simulated provider can't take the call: it may use {asked} tokens, and its quota \
             never has more than {size}; shorten the request or lower its `max_tokens`"
        );
        ClientError::new(ClientErrorKind::Refused, message)
    }
}
