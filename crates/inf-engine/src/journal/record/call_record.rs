//! [`CallRecord`]: a call of a model that ended.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::timestamp::{Timestamp, milliseconds};
use super::super::{InputIdentity, RequestDigest};
use super::{Charged, EarlierSend, RecordedFailure, RunNumber, cost_json, outcome_json};
use crate::clients::LlmResponse;
use crate::resources::Cost;

/// A call of a model that ended: one turn of a node, with the attempts that
/// failed before.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, Record};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// let resources = ResourceConfig::from_text(
///     "endpoints: {fast: {provider: simulated, model: tiny, price: {input: 100, output: 400}}}",
/// )?;
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run_batch_blocking(["Why?", "How?"].map(str::to_owned))?;
///
/// // What was paid for which model.
/// let mut paid: BTreeMap<String, f64> = BTreeMap::new();
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Call(call) = record {
///         assert!(call.outcome.is_ok() && call.attempts.is_empty());
///         *paid.entry(call.model.to_string()).or_default() += call.cost.known.as_f64();
///     }
/// })?;
/// assert!(paid["tiny"] > 0.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallRecord {
    /// The run that made it.
    pub run: RunNumber,
    /// The input that it was made for.
    pub input: InputIdentity,
    /// Where in the graph: the name of the node, after those of the branches and
    /// loops around it, as in `summaries[3]/summary`.
    pub path: Arc<str>,
    /// Which turn of the node's conversation it is, from 1.
    pub turn: u32,
    /// What was asked.
    pub request: RequestDigest,
    /// The alias that the node calls.
    pub alias: Arc<str>,
    /// The address of the server, without anything secret.
    pub endpoint: Arc<str>,
    /// The model, as it was asked for.
    pub model: Arc<str>,
    /// What was answered, or why there is no answer. What a provider says about
    /// its limits is not kept.
    #[serde(with = "outcome_json::of_call")]
    pub outcome: Result<LlmResponse, RecordedFailure>,
    /// What failed before, oldest first.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub attempts: Box<[RecordedFailure]>,
    /// When it was sent before in this turn, and what came of that, oldest first. What older
    /// versions of the engine wrote has none.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub earlier: Box<[EarlierSend]>,
    /// What it cost, as far as that is known.
    #[serde(
        default,
        with = "cost_json",
        skip_serializing_if = "cost_json::is_nothing"
    )]
    pub cost: Cost,
    /// What a budget was charged for the last time it was sent, if the provider did not
    /// say what that took and a budget held. What older versions of the engine wrote has
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Charged>,
    /// When it was sent, the last time if it was sent again.
    pub began_at: Timestamp,
    /// How long it waited for its turn before; in files to a microsecond, as all durations.
    #[serde(rename = "waited_ms", with = "milliseconds")]
    pub waited: Duration,
    /// How long it took.
    #[serde(rename = "took_ms", with = "milliseconds")]
    pub took: Duration,
}
