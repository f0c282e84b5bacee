//! Settings: how runs behave, in layers and scopes.

mod budget;
mod cancellation;
mod execution_settings;
mod hedging;
mod journal_choice;
mod overlay;
mod settings_scope;

pub(super) use budget::{Amount, Need, Shortage};
pub use budget::{Budget, Remaining, Spent};
pub use cancellation::Cancellation;
pub use execution_settings::{ErrorPolicy, ExecutionSettings};
pub use hedging::Hedging;
pub(crate) use journal_choice::JournalChoice;
pub use overlay::Overlay;
pub use settings_scope::spawn;
pub(super) use settings_scope::{within, within_blocking};
