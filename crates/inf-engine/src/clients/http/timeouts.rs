//! How long a call may take, as a whole and in its parts.

use std::time::Duration;

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
