//! How a run ended, in the words of `inf journal` and `inf report`.

use inf_engine::journal::EndRecord;

/// In the engine's own word, or that no end of it is recorded, and what that means where it is known
/// whether the journal `is_being_written`.
pub(crate) fn described(end: Option<&EndRecord>, is_being_written: Option<bool>) -> &str {
    match (end, is_being_written) {
        (Some(end), _) => &end.why,
        (None, Some(false)) => "interrupted",
        // Earlier ones of the same process may go on, too.
        (None, Some(true)) => "goes on, or was interrupted",
        (None, None) => "no end is recorded",
    }
}
