//! [`Charged`]: what a budget was charged where nobody said what a request took.

use serde::{Deserialize, Serialize};

use super::cost_json;
use crate::resources::Cost;

/// What a [`Budget`](crate::execution::Budget) was charged for a request where the
/// provider did not say what it took: an answer without its usage, or one that may have
/// been written and never arrived. It is what was reserved, and without it a run that goes on
/// would begin with more to spend than is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Charged {
    /// Tokens, those of the request and of its answer.
    pub tokens: u64,
    /// Dollars, if the price is known.
    #[serde(
        default,
        with = "cost_json",
        skip_serializing_if = "cost_json::is_nothing"
    )]
    pub cost: Cost,
}
