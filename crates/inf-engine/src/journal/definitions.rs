//! [`Definitions`]: what runs are of, and which texts are written already.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::digest::Digest;
use super::record::{
    ParameterRecord, ParameterVersion, PipelineNumber, PipelineRecord, Record, RunNumber, RunRecord,
};
use super::{NewRun, Timestamp};

/// What runs are of, and which texts are written already.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pipelines: FxHashMap<PipelineNumber, Arc<PipelineRecord>>,
    /// By what they do.
    known: HashMap<Digest, PipelineNumber>,
    runs: FxHashMap<RunNumber, PipelineNumber>,
    parameters: FxHashSet<(Arc<str>, ParameterVersion)>,
    last_pipeline: u64,
    last_run: u64,
}

impl Definitions {
    /// Takes in a record that was read.
    pub(super) fn note(&mut self, record: &Record) {
        match record {
            Record::Pipeline(pipeline) => self.note_pipeline(pipeline),
            Record::Parameter(ParameterRecord { path, version, .. }) => {
                self.parameters.insert((Arc::clone(path), *version));
            }
            Record::Run(run) => self.note_run(run),
            _ => {}
        }
    }

    /// Sees to it that no new run has the number of an old one, even if the
    /// record of its beginning is lost.
    pub(super) fn note_number(&mut self, run: RunNumber) {
        self.last_run = self.last_run.max(run.0);
    }

    fn note_run(&mut self, run: &RunRecord) {
        self.note_number(run.number);
        self.last_pipeline = self.last_pipeline.max(run.pipeline.0);
        self.runs.insert(run.number, run.pipeline);
    }

    fn note_pipeline(&mut self, pipeline: &Arc<PipelineRecord>) {
        self.last_pipeline = self.last_pipeline.max(pipeline.number.0);
        self.known.insert(digest_of(pipeline), pipeline.number);
        self.pipelines.insert(pipeline.number, Arc::clone(pipeline));
    }

    /// Numbers a run and gives what has to be written about it, in this order.
    pub(super) fn begin(&mut self, run: &NewRun<'_>) -> (RunNumber, Vec<Record>) {
        let mut records = Vec::new();
        let versions: Vec<_> = run
            .parameters
            .iter()
            .map(|(path, text)| (path, ParameterVersion::of(text), text))
            .collect();
        for (path, version, text) in &versions {
            if self.parameters.insert((Arc::clone(path), *version)) {
                records.push(Record::Parameter(ParameterRecord {
                    path: Arc::clone(path),
                    version: *version,
                    text: Arc::clone(text),
                }));
            }
        }
        let mut pipeline = PipelineRecord {
            number: PipelineNumber(0),
            name: run.pipeline.into(),
            structure: Arc::clone(&run.fingerprint.structure),
            nodes: Arc::clone(&run.fingerprint.nodes),
            graph: Some(Arc::clone(&run.fingerprint.outline)),
            parameters: versions
                .iter()
                .map(|(path, version, _)| (Arc::clone(path), *version))
                .collect(),
            models: run.models.iter().cloned().collect(),
        };
        let known = self.known.get(&digest_of(&pipeline)).copied();
        let number = known.unwrap_or_else(|| {
            pipeline.number = PipelineNumber(self.last_pipeline + 1);
            let number = pipeline.number;
            let pipeline = Arc::new(pipeline);
            self.note_pipeline(&pipeline);
            records.push(Record::Pipeline(pipeline));
            number
        });
        let run = RunRecord {
            number: RunNumber(self.last_run + 1),
            pipeline: number,
            at: Timestamp::now(),
        };
        self.note_run(&run);
        records.push(Record::Run(run));
        (run.number, records)
    }

    /// What `run` is a run of.
    pub(super) fn pipeline_of(&self, run: RunNumber) -> Option<Arc<PipelineRecord>> {
        self.pipelines.get(self.runs.get(&run)?).cloned()
    }
}

/// What a pipeline does, with texts of parameters and models.
fn digest_of(pipeline: &PipelineRecord) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let mut update = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    update(&pipeline.name);
    update(&pipeline.structure);
    for (path, version) in &pipeline.parameters {
        update(path);
        update(&version.to_string());
    }
    for (alias, models) in &pipeline.models {
        update(alias);
        update(&models.len().to_string());
        for model in models {
            update(&model.provider);
            update(&model.model);
        }
    }
    Digest::of(&hasher)
}
