//! [`EarlierSend`]: a request that was sent again later.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::timestamp::{Timestamp, milliseconds};
use super::Charged;

/// A request that failed or was refused for a limit, and was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EarlierSend {
    /// What came of it: the kind of its failure, or `rate_limited` where the provider
    /// had it wait, which is no failure and is not among
    /// [`CallRecord::attempts`](super::CallRecord::attempts).
    pub kind: Cow<'static, str>,
    /// When it was sent.
    pub began_at: Timestamp,
    /// How long it waited for its turn before; in files to a microsecond, as all durations.
    #[serde(rename = "waited_ms", with = "milliseconds")]
    pub waited: Duration,
    /// How long it took.
    #[serde(rename = "took_ms", with = "milliseconds")]
    pub took: Duration,
    /// What a budget was charged for it, if it may have been answered and a budget held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Charged>,
}

impl EarlierSend {
    /// The kind of a request that a provider refused for a limit.
    pub const RATE_LIMITED: &'static str = "rate_limited";
}
