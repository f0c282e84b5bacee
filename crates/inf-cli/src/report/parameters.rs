//! [`Texts`]: which texts the parameters had in which runs, as an optimization leaves them.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use inf_engine::journal::{ParameterRecord, ParameterVersion, PipelineRecord, RunNumber};
use serde::Serialize;

use super::optimization::Lines;

/// A parameter of which runs had different texts.
#[derive(Debug, Serialize)]
pub(super) struct Parameter {
    pub(super) path: String,
    /// In the order in which runs had them first.
    pub(super) versions: Vec<Version>,
}

/// One text of a parameter.
#[derive(Debug, Serialize)]
pub(super) struct Version {
    /// The beginning of its digest.
    #[serde(rename = "version")]
    pub(super) digest: String,
    pub(super) runs: Vec<u64>,
    /// Against the version before.
    #[serde(flatten)]
    pub(super) lines: Lines,
}

/// The texts, and who had them.
#[derive(Default)]
pub(super) struct Texts {
    texts: HashMap<(Arc<str>, ParameterVersion), Arc<str>>,
    /// By path, the versions and their runs.
    runs: IndexMap<Arc<str>, IndexMap<ParameterVersion, Vec<u64>>>,
}

impl Texts {
    pub(super) fn take(&mut self, record: ParameterRecord) {
        self.texts
            .insert((record.path, record.version), record.text);
    }

    pub(super) fn run(&mut self, run: RunNumber, pipeline: &PipelineRecord) {
        for (path, version) in &pipeline.parameters {
            let versions = self.runs.entry(Arc::clone(path)).or_default();
            versions.entry(*version).or_default().push(run.get());
        }
    }

    /// The parameters that had more than one text.
    pub(super) fn parameters(self, with_contents: bool) -> Vec<Parameter> {
        let Self { texts, runs } = self;
        let changed = runs.into_iter().filter(|(_, versions)| versions.len() > 1);
        let parameters = changed.map(|(path, versions)| {
            let mut before: &str = "";
            let versions = versions.into_iter().enumerate();
            let versions = versions.map(|(place, (version, runs))| {
                let text = texts.get(&(Arc::clone(&path), version));
                let text: &str = text.map_or("", |text| text);
                // The first one is no change of anything.
                let known = if place == 0 { text } else { before };
                let lines = Lines::between(Arc::clone(&path), known, text, with_contents);
                before = text;
                Version {
                    digest: version.to_string()[..8].to_owned(),
                    runs,
                    lines,
                }
            });
            Parameter {
                path: path.to_string(),
                versions: versions.collect(),
            }
        });
        parameters.collect()
    }
}
