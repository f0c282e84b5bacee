//! [`ParameterRecord`]: one version of a parameter's text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::digest::{Digest, digest_type};

digest_type! {
    /// A parameter's text, as one number: 128 bits of BLAKE3.
    ///
    /// [`ParameterRecord`] shows how it is found.
    pub ParameterVersion
}

impl ParameterVersion {
    /// The version that `text` is.
    pub fn of(text: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal parameter v1");
        Self(Digest::of(hasher.update(text.as_bytes())))
    }
}

/// One version of a parameter's text, written once.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, ParameterVersion, Record};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// let tone = Parameter::new("Be brief.").described("The tone.");
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let ask = LlmInference::new("fast").system_prompt(&tone);
/// let pipeline = ask.bind(resources)?.with_settings(settings);
/// pipeline.run_blocking("Why?".to_owned())?;
/// tone.set_value("Be friendly.");
/// pipeline.run_blocking("Why?".to_owned())?;
///
/// // Every text that was ever run, once, under the version that pipelines name.
/// let mut texts = Vec::new();
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Parameter(parameter) = record {
///         assert_eq!(parameter.version, ParameterVersion::of(&parameter.text));
///         texts.push(parameter.text.to_string());
///     }
/// })?;
/// assert_eq!(texts, ["Be brief.", "Be friendly."]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParameterRecord {
    /// Where the parameter stands in the tree of modules.
    pub path: Arc<str>,
    /// The version that it is called by.
    pub version: ParameterVersion,
    /// The text.
    pub text: Arc<str>,
}
