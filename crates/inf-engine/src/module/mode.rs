//! [`Mode`]: whether a module trains.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a module is in training mode; it starts in evaluation mode.
///
/// Cloning gives another handle to the same mode.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let ask = LlmInference::new("fast");
/// ask.train(); // runs keep what happened, for `backward`
/// assert!(ask.training());
/// ask.eval();
/// assert!(!ask.mode().is_some_and(|mode| mode.is_training()));
/// ```
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
