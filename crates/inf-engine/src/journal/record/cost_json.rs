//! [`Cost`] in files: `{"usd": 0.0012, "unknown": 1}`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::resources::{Cost, Dollars};

#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct CostJson {
    /// Dollars of the answers whose cost is known.
    usd: Dollars,
    /// The answers of unknown cost.
    #[serde(skip_serializing_if = "is_zero")]
    unknown: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) fn is_nothing(cost: &Cost) -> bool {
    *cost == Cost::default()
}

pub(super) fn serialize<S: Serializer>(cost: &Cost, serializer: S) -> Result<S::Ok, S::Error> {
    let json = CostJson {
        usd: cost.known,
        unknown: cost.unknown,
    };
    json.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cost, D::Error> {
    let json = CostJson::deserialize(deserializer)?;
    Ok(Cost {
        known: json.usd,
        unknown: json.unknown,
    })
}
