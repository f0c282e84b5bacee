//! [`NewRun`]: a run that is about to begin.

use std::sync::Arc;

use super::GraphFingerprint;
use super::record::ModelIdentity;

/// A run that is about to begin, for [`Journal::begin_run`](super::Journal::begin_run).
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'r> {
    /// The pipeline's name.
    pub pipeline: &'r str,
    /// What its graph does.
    pub fingerprint: &'r GraphFingerprint,
    /// The path and the text of each parameter, as this run has them.
    pub parameters: &'r [(Arc<str>, Arc<str>)],
    /// The models behind each alias.
    pub models: &'r [(Arc<str>, Vec<ModelIdentity>)],
}
