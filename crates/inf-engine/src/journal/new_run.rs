//! [`NewRun`]: a run that is about to begin.

use std::sync::Arc;

use super::GraphFingerprint;
use super::record::ModelIdentity;

/// A run that is about to begin, for [`Journal::begin_run`](super::Journal::begin_run).
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRun<'r> {
    /// The pipeline's name.
    pub(crate) pipeline: &'r str,
    /// What its graph does.
    pub(crate) fingerprint: &'r GraphFingerprint,
    /// The path and the text of each parameter, as this run has them.
    pub(crate) parameters: &'r [(Arc<str>, Arc<str>)],
    /// The models behind each alias.
    pub(crate) models: &'r [(Arc<str>, Vec<ModelIdentity>)],
}
