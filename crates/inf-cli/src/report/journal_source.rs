//! What a journal tells.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use inf_engine::clients::Usage;
use inf_engine::journal::{
    CallRecord, EarlierSend, EndRecord, InputIdentity, InputRecord, JournalError, JournalReader,
    PipelineNumber, PipelineRecord, Record, RunNumber, RunRecord, Timestamp,
};
use inf_engine::resources::Cost;

use super::failures;
use super::gathering::{Gathering, Sent};
use super::model::{Inputs, Report, Run, Series, Source};
use super::optimization::Steps;
use super::parameters::Texts;
use super::tally::Ending;
use crate::command_error::CommandError;
use crate::failed_inputs::FailedInputs;
use crate::node_path;
use crate::run_end;

/// Reads the journal in `folder`.
pub(super) fn read(folder: &Path, with_contents: bool) -> Result<Report, CommandError> {
    let told = |error: JournalError| CommandError::new(error.to_string());
    let reader = JournalReader::open(folder).map_err(told)?;
    let is_being_written = reader.is_being_written();
    let source = Source {
        kind: "journal",
        file: folder.display().to_string(),
        bytes: reader.bytes(),
        has_costs: true,
        goes_on: is_being_written == Some(true),
    };
    let mut reading = Reading {
        with_contents,
        ..Reading::default()
    };
    for notice in reader.read(|record| reading.take(record)).map_err(told)? {
        reading.gathering.notes.push(format!("{notice}."));
    }
    Ok(reading.report(source, is_being_written))
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    /// Whether the page may have what was asked and answered.
    with_contents: bool,
    gathering: Gathering,
    pipelines: HashMap<PipelineNumber, Arc<PipelineRecord>>,
    runs: IndexMap<RunNumber, ReadRun>,
    inputs: HashMap<InputIdentity, State>,
    /// Where each input stood among those of the run in which it ended.
    places: HashMap<InputIdentity, u64>,
    sent: Vec<(Sent, InputIdentity)>,
    failed: FailedInputs,
    texts: Texts,
    steps: Steps,
    /// Whether calls were tried again of which is not known when.
    has_lost_times: bool,
}

struct ReadRun {
    began: RunRecord,
    /// The place of what it is a run of.
    graph: usize,
    end: Option<EndRecord>,
    /// When something of it was recorded last.
    last: Timestamp,
    completed: u64,
    failed: u64,
    calls: u64,
    cost: Cost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Completed,
    Failed,
}

impl Reading {
    fn take(&mut self, record: Record) {
        match record {
            Record::Pipeline(pipeline) => {
                self.pipelines.insert(pipeline.number, pipeline);
            }
            Record::Parameter(parameter) => self.texts.take(parameter),
            Record::Run(began) => self.begin(began),
            Record::Call(call) => self.call(&call),
            Record::Host(host) => {
                self.inputs.insert(host.input, State::Pending);
            }
            Record::Input(input) => self.input(*input),
            Record::Step(step) => self.steps.take(*step),
            Record::End(end) => {
                if let Some(run) = self.runs.get_mut(&end.run) {
                    run.last = end.at;
                    run.end = Some(end);
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, began: RunRecord) {
        let pipeline = self.pipelines.get(&began.pipeline);
        let graph = match pipeline {
            Some(pipeline) => {
                self.texts.run(began.number, pipeline);
                self.gathering.graph(&pipeline.name, pipeline.graph.clone())
            }
            // The line that says what it is a run of is damaged.
            None => self.gathering.graph("?", None),
        };
        let run = ReadRun {
            began,
            graph,
            end: None,
            last: began.at,
            completed: 0,
            failed: 0,
            calls: 0,
            cost: Cost::default(),
        };
        self.runs.insert(began.number, run);
    }

    fn call(&mut self, call: &CallRecord) {
        self.inputs.insert(call.input, State::Pending);
        let graph = match self.runs.get_mut(&call.run) {
            Some(run) => {
                run.calls += 1;
                run.cost += call.cost;
                run.last = run.last.max(ended_at(call.began_at, call.took));
                run.graph
            }
            None => self.gathering.graph("?", None),
        };
        // A simulated provider has no address.
        let endpoint = if call.endpoint.is_empty() {
            call.model.to_string()
        } else {
            format!("{} · {}", call.endpoint, call.model)
        };
        let series = self.gathering.series(&Series {
            graph,
            node: node_path::without_places(&call.path),
            model: Some(call.model.to_string()),
            endpoint,
        });
        let mut attempt = 0;
        let mut messages = call.attempts.iter();
        for earlier in &call.earlier {
            attempt += 1;
            let is_refused = earlier.kind == EarlierSend::RATE_LIMITED;
            let message = if is_refused { None } else { messages.next() };
            let ending = if is_refused {
                Ending::Refused
            } else {
                Ending::Retried
            };
            let message = message.map(|failure| &*failure.message);
            let kind = self.unanswered(series, &earlier.kind, ending, message);
            let EarlierSend {
                began_at,
                waited,
                took,
                ..
            } = *earlier;
            self.sent(
                call,
                series,
                attempt,
                (began_at, waited, took),
                (ending, Some(kind)),
            );
        }
        // What older versions of the engine wrote tells nothing of when that was.
        for failure in messages {
            attempt += 1;
            self.has_lost_times = true;
            self.gathering.retried(series);
            self.unanswered(
                series,
                &failure.kind,
                Ending::Retried,
                Some(&failure.message),
            );
        }
        let ending = match &call.outcome {
            Ok(response) => {
                self.gathering.charge(series, response.usage, call.cost);
                (Ending::Answered, None)
            }
            Err(failure) => {
                self.gathering.charge(series, Usage::default(), call.cost);
                let message = Some(&*failure.message);
                let kind = self.unanswered(series, &failure.kind, Ending::Failed, message);
                (Ending::Failed, Some(kind))
            }
        };
        let times = (call.began_at, call.waited, call.took);
        self.sent(call, series, attempt + 1, times, ending);
    }

    fn unanswered(
        &mut self,
        series: u32,
        kind: &str,
        ending: Ending,
        message: Option<&str>,
    ) -> u32 {
        let message = message.and_then(|said| failures::tellable(kind, said, self.with_contents));
        self.gathering
            .unanswered(series, kind, ending != Ending::Failed, message);
        self.gathering.kind(kind)
    }

    fn sent(
        &mut self,
        call: &CallRecord,
        series: u32,
        attempt: u32,
        (began_at, waited, took): (Timestamp, Duration, Duration),
        (ending, kind): (Ending, Option<u32>),
    ) {
        let usage = match &call.outcome {
            Ok(response) if ending == Ending::Answered => response.usage,
            _ => Usage::default(),
        };
        let cost = if matches!(ending, Ending::Answered | Ending::Failed) {
            call.cost
        } else {
            Cost::default()
        };
        let sent = Sent {
            series,
            run: call.run.get(),
            input: None,
            // Sums of damaged moments stay within bounds.
            began: began_at.as_millis().saturating_mul(1000).min(1 << 60),
            waited: micros(waited).min(1 << 60),
            took: micros(took).min(1 << 60),
            ending,
            kind,
            attempt,
            tokens: (usage.input_tokens, usage.output_tokens),
            cost: millionths(cost),
        };
        self.sent.push((sent, call.input));
    }

    fn input(&mut self, record: InputRecord) {
        let is_completed = record.outcome.is_ok();
        let state = if is_completed {
            State::Completed
        } else {
            State::Failed
        };
        self.inputs.insert(record.input, state);
        self.places.insert(record.input, record.index);
        if let Some(run) = self.runs.get_mut(&record.run) {
            run.last = run.last.max(record.at);
            *(if is_completed {
                &mut run.completed
            } else {
                &mut run.failed
            }) += 1;
        }
        self.failed.take(record);
    }

    fn report(mut self, source: Source, is_being_written: Option<bool>) -> Report {
        let with_contents = self.with_contents;
        for (mut sent, input) in self.sent {
            sent.input = self.places.get(&input).copied();
            self.gathering.sent(sent);
        }
        let count = |state: State| {
            self.inputs
                .values()
                .filter(|found| **found == state)
                .count()
        };
        self.gathering.inputs = Inputs {
            completed: count(State::Completed) as u64,
            failed: count(State::Failed) as u64,
            pending: Some(count(State::Pending) as u64),
        };
        if self.has_lost_times {
            self.gathering.notes.push(
                "Some calls were tried again, and this journal does not hold when: an older version of the engine wrote it. They are counted, and not on the timeline."
                    .to_owned(),
            );
        }
        if self.gathering.lacks_outlines() {
            self.gathering.notes.push(
                "This journal does not hold the graph: an older version of the engine wrote it."
                    .to_owned(),
            );
        }
        for run in self.runs.values() {
            let row = run.row(&self.pipelines, is_being_written);
            self.gathering.runs.push(row);
        }
        let mut report = self.gathering.report(source, Some(0));
        report.failures = Some(failures::causes(self.failed, with_contents));
        report.optimization = self.steps.optimization(with_contents);
        report.parameters = self.texts.parameters(with_contents);
        report
    }
}

impl ReadRun {
    fn row(
        &self,
        pipelines: &HashMap<PipelineNumber, Arc<PipelineRecord>>,
        is_being_written: Option<bool>,
    ) -> Run {
        let counts = self.end.as_ref().map(|end| end.counts);
        let end = run_end::described(self.end.as_ref(), is_being_written);
        let began_at = self.began.at.as_millis();
        let pipeline = pipelines.get(&self.began.pipeline);
        #[expect(clippy::cast_precision_loss, reason = "exact for 285 thousand years")]
        let took = self.last.as_millis().saturating_sub(began_at) as f64;
        Run {
            number: self.began.number.get(),
            pipeline: pipeline.map_or("?", |pipeline| &*pipeline.name).to_owned(),
            began_at: Some(began_at),
            took: Some(took),
            end: Some(end.to_owned()),
            completed: Some(self.completed),
            failed: Some(self.failed),
            recalled: counts.map(|counts| counts.recalled),
            calls: self.calls,
            cost_usd: Some(self.cost.known.as_f64()),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn ended_at(began: Timestamp, took: Duration) -> Timestamp {
    Timestamp::from_millis(began.as_millis().saturating_add(micros(took) / 1000))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what a call costs is no negative number, and fits"
)]
fn millionths(cost: Cost) -> u64 {
    (cost.known.as_f64() * 1e6).round() as u64
}
