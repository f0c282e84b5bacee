//! What errors mean where no status goes with them.

/// Errors of this format are sentences without a code.
pub(super) fn status_of(_code: &str) -> Option<u16> {
    None
}
