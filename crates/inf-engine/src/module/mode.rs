//! [`Mode`]: whether a module trains.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a module is in training mode; it starts in evaluation mode.
///
/// Cloning gives another handle to the same mode.
#[derive(Debug, Clone, Default)]
pub struct Mode(Arc<AtomicBool>);

impl Mode {
    /// Whether this is training mode.
    pub fn is_training(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets training mode on or off.
    pub fn set_training(&self, training: bool) {
        self.0.store(training, Ordering::Relaxed);
    }
}
