//! How long a call may take, as a whole and in its parts.

use std::time::Duration;

use tokio::time::Instant;

/// The times of one call. Opening a connection has its own, which belongs to
/// the [`HttpStack`](super::HttpStack): connections outlive calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// The longest that the whole call may take, connecting included.
    pub(crate) total: Duration,
    /// The longest until the head of the reply is there, connecting included;
    /// only `total` bounds it if there is none.
    pub(crate) first_byte: Option<Duration>,
    /// The longest silence between two pieces of the reply, the first of which
    /// is its head; only `total` bounds it if there is none.
    pub(crate) idle: Option<Duration>,
}

/// `wait` after `start`; what is too long to be counted is ten years.
pub(super) fn after(start: Instant, wait: Duration) -> Instant {
    const LONG: Duration = Duration::from_hours(10 * 365 * 24);
    start.checked_add(wait).unwrap_or_else(|| start + LONG)
}
