//! [`EarlierSend`]: a request that was sent again later.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::timestamp::{Timestamp, milliseconds};
use super::Charged;

/// A request that failed or was refused for a limit, and was sent again.
///
/// ```
/// use inf_engine::clients::simulated::{Quota, SimulatedSettings};
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, Record};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// // Two calls at once, then one in a second; what is more is refused.
/// let quota = Quota { requests_per_second: 1.0, burst: 2, hint: true };
/// let strict = SimulatedSettings { quota: Some(quota), ..Default::default() };
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let pipeline = LlmInference::new("fast").bind(ResourceConfig::simulated(["fast"], &strict))?;
/// let pipeline = pipeline.with_settings(settings);
/// pipeline.run_batch((0..5).map(|n| n.to_string())).await;
/// # drop(pipeline);
///
/// let mut refused = 0;
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Call(call) = record {
///         refused += call.earlier.iter().filter(|send| send.kind == "rate_limited").count();
///         assert!(call.attempts.is_empty()); // a refusal is no failure
///     }
/// })?;
/// assert!(refused > 0);
/// # Ok(())
/// # }
/// ```
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
