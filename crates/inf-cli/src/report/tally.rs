//! [`Tally`]: calls, added up.

use inf_engine::clients::Usage;
use inf_engine::resources::Cost;
use serde::Serialize;

use super::latency::Latencies;
use super::model::Row;

/// What was sent and what came of it, added up.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    calls: u64,
    failed: u64,
    retries: u64,
    refused: u64,
    usage: Usage,
    cost: Cost,
    /// How long answers took, in microseconds.
    took: Vec<u64>,
    /// How long requests waited, in microseconds.
    waited: Vec<u64>,
}

/// The sums of a tally.
#[derive(Debug, Serialize)]
pub(super) struct Sums {
    /// Calls that ended, with an answer or without.
    pub(super) calls: u64,
    pub(super) failed: u64,
    /// Requests that failed and were sent again.
    pub(super) retries: u64,
    /// Requests that were refused for a limit, and sent again.
    pub(super) refused: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) reasoning_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_usd: Option<f64>,
    /// Answers of unknown cost.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) unknown_cost: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was answered, well or not.
    Answered,
    /// It failed, and was not sent again.
    Failed,
    /// It failed, and was sent again.
    Retried,
    /// It was refused for a limit, and sent again.
    Refused,
    /// Nobody waited for it any more.
    Cancelled,
}

impl Ending {
    /// The number that the page knows it by.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::Failed => 1,
            Self::Retried => 2,
            Self::Refused => 3,
            Self::Cancelled => 4,
        }
    }
}

impl Tally {
    pub(super) fn note(&mut self, ending: Ending, took: u64, waited: u64) {
        self.waited.push(waited);
        match ending {
            Ending::Answered => {
                self.calls += 1;
                self.took.push(took);
            }
            Ending::Failed => {
                self.calls += 1;
                self.failed += 1;
            }
            Ending::Retried => self.retries += 1,
            Ending::Refused => self.refused += 1,
            Ending::Cancelled => {}
        }
    }

    pub(super) fn retried(&mut self) {
        self.retries += 1;
    }

    pub(super) fn charge(&mut self, usage: Usage, cost: Cost) {
        self.usage += usage;
        self.cost += cost;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.retries += other.retries;
        self.refused += other.refused;
        self.charge(other.usage, other.cost);
        self.took.extend(&other.took);
        self.waited.extend(&other.waited);
    }

    /// The row of a table.
    pub(super) fn row(self, name: String, has_costs: bool) -> Row {
        Row {
            name,
            sums: Sums {
                calls: self.calls,
                failed: self.failed,
                retries: self.retries,
                refused: self.refused,
                input_tokens: self.usage.input_tokens,
                output_tokens: self.usage.output_tokens,
                cached_tokens: self.usage.cached_tokens,
                reasoning_tokens: self.usage.reasoning_tokens,
                cost_usd: has_costs.then(|| self.cost.known.as_f64()),
                unknown_cost: self.cost.unknown,
            },
            latency: Latencies::of(self.took),
            waits: Latencies::of(self.waited),
        }
    }
}
