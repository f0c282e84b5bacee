//! `inf journal DIR summary`: runs, inputs, calls and what they cost.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use inf_engine::clients::Usage;
use inf_engine::journal::{
    CallRecord, EndRecord, InputIdentity, PipelineNumber, Record, RunNumber, RunRecord,
};
use inf_engine::resources::Cost;
use serde_json::{Value as Json, json};

use super::table::{Side, Table, moment};
use crate::command_error::CommandError;
use crate::console::{compact, counted, grouped};
use crate::exit_code::Exit;
use crate::node_path::without_places;
use crate::run_end;

pub(super) fn execute(folder: &Path, as_json: bool) -> Result<Exit, CommandError> {
    let mut summary = Summary::default();
    let reader = super::open(folder)?;
    let bytes = reader.bytes();
    summary.is_being_written = reader.is_being_written();
    super::read(reader, |record| summary.take(record))?;
    let text = if as_json {
        format!("{}\n", summary.to_json(bytes))
    } else {
        summary.shown(folder, bytes)
    };
    crate::commands::print(&text)
}

/// What a journal holds, added up.
#[derive(Default)]
struct Summary {
    names: HashMap<PipelineNumber, Arc<str>>,
    runs: IndexMap<RunNumber, Run>,
    is_being_written: Option<bool>,
    inputs: HashMap<InputIdentity, State>,
    total: Tally,
    by_node: IndexMap<String, Tally>,
    by_model: IndexMap<Arc<str>, Tally>,
}

struct Run {
    began: RunRecord,
    end: Option<EndRecord>,
    completed: u64,
    failed: u64,
    calls: u64,
}

/// How the newest record says that an input is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Completed,
    Failed,
}

/// Calls, added up.
#[derive(Default)]
struct Tally {
    calls: u64,
    failed: u64,
    /// Attempts that failed before.
    retries: u64,
    usage: Usage,
    cost: Cost,
}

impl Tally {
    fn note(&mut self, call: &CallRecord) {
        self.calls += 1;
        self.retries += call.attempts.len() as u64;
        match &call.outcome {
            Ok(response) => self.usage += response.usage,
            Err(_) => self.failed += 1,
        }
        self.cost += call.cost;
    }

    fn to_json(&self) -> Json {
        json!({
            "calls": self.calls,
            "failed": self.failed,
            "retries": self.retries,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "cached_tokens": self.usage.cached_tokens,
            "reasoning_tokens": self.usage.reasoning_tokens,
            "cost_usd": self.cost.known.as_f64(),
            "answers_of_unknown_cost": self.cost.unknown,
        })
    }

    fn cells(&self, name: &str) -> [String; 6] {
        [
            name.to_owned(),
            grouped(self.calls),
            grouped(self.failed),
            compact(self.usage.input_tokens),
            compact(self.usage.output_tokens),
            self.cost.to_string(),
        ]
    }
}

impl Summary {
    fn take(&mut self, record: Record) {
        match record {
            Record::Pipeline(pipeline) => {
                self.names
                    .insert(pipeline.number, Arc::clone(&pipeline.name));
            }
            Record::Run(began) => {
                let run = Run {
                    began,
                    end: None,
                    completed: 0,
                    failed: 0,
                    calls: 0,
                };
                self.runs.insert(began.number, run);
            }
            Record::End(end) => {
                if let Some(run) = self.runs.get_mut(&end.run) {
                    run.end = Some(end);
                }
            }
            Record::Call(call) => {
                self.inputs.insert(call.input, State::Pending);
                if let Some(run) = self.runs.get_mut(&call.run) {
                    run.calls += 1;
                }
                self.total.note(&call);
                let node = without_places(&call.path);
                self.by_node.entry(node).or_default().note(&call);
                let model = Arc::clone(&call.model);
                self.by_model.entry(model).or_default().note(&call);
            }
            Record::Host(host) => {
                self.inputs.insert(host.input, State::Pending);
            }
            Record::Input(input) => {
                let is_completed = input.outcome.is_ok();
                let state = if is_completed {
                    State::Completed
                } else {
                    State::Failed
                };
                self.inputs.insert(input.input, state);
                if let Some(run) = self.runs.get_mut(&input.run) {
                    *(if is_completed {
                        &mut run.completed
                    } else {
                        &mut run.failed
                    }) += 1;
                }
            }
            _ => {}
        }
    }

    fn inputs_in(&self, state: State) -> u64 {
        self.inputs
            .values()
            .filter(|found| **found == state)
            .count() as u64
    }

    fn name_of(&self, run: &Run) -> &str {
        self.names.get(&run.began.pipeline).map_or("?", |name| name)
    }

    fn end_of<'r>(&self, run: &'r Run) -> &'r str {
        run_end::described(run.end.as_ref(), self.is_being_written)
    }

    fn to_json(&self, bytes: u64) -> Json {
        let runs = self.runs.values().map(|run| {
            json!({
                "run": run.began.number.get(),
                "pipeline": self.name_of(run),
                "began_at": run.began.at,
                "ended_at": run.end.as_ref().map(|end| end.at),
                "end": self.end_of(run),
                "completed": run.completed,
                "failed": run.failed,
                "calls": run.calls,
                "recalled": run.end.as_ref().map(|end| end.counts.recalled),
            })
        });
        let by = |tallies: &mut dyn Iterator<Item = (&str, &Tally)>| -> Json {
            tallies
                .map(|(name, tally)| (name.to_owned(), tally.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        json!({
            "bytes": bytes,
            "runs": runs.collect::<Vec<_>>(),
            "inputs": {
                "completed": self.inputs_in(State::Completed),
                "failed": self.inputs_in(State::Failed),
                "pending": self.inputs_in(State::Pending),
            },
            "total": self.total.to_json(),
            "by_node": by(&mut self.by_node.iter().map(|(name, tally)| (&**name, tally))),
            "by_model": by(&mut self.by_model.iter().map(|(name, tally)| (&**name, tally))),
        })
    }

    fn shown(&self, folder: &Path, bytes: u64) -> String {
        // Writing to a text can't fail.
        let mut text = String::new();
        let _ = writeln!(text, "journal  {} ({})", folder.display(), size(bytes));
        let _ = writeln!(
            text,
            "inputs   {} ({} completed, {} failed, {} pending)",
            grouped(self.inputs.len() as u64),
            grouped(self.inputs_in(State::Completed)),
            grouped(self.inputs_in(State::Failed)),
            grouped(self.inputs_in(State::Pending)),
        );
        let _ = writeln!(
            text,
            "calls    {} ({} failed, {})",
            grouped(self.total.calls),
            grouped(self.total.failed),
            counted(self.total.retries, "retry", "retries"),
        );
        let usage = &self.total.usage;
        let _ = writeln!(
            text,
            "tokens   {} in, {} out",
            grouped(usage.input_tokens),
            grouped(usage.output_tokens)
        );
        let _ = writeln!(text, "cost     {}", self.total.cost);
        text.push('\n');
        text.push_str(&self.shown_runs());
        let columns = |name| {
            [
                (name, Side::Left),
                ("calls", Side::Right),
                ("failed", Side::Right),
                ("tokens in", Side::Right),
                ("out", Side::Right),
                ("cost", Side::Right),
            ]
        };
        if !self.by_node.is_empty() {
            let mut nodes = Table::new(columns("node"));
            for (name, tally) in &self.by_node {
                nodes.row(tally.cells(name));
            }
            let mut models = Table::new(columns("model"));
            for (name, tally) in &self.by_model {
                models.row(tally.cells(name));
            }
            let _ = write!(text, "\n{}\n{}", nodes.shown(""), models.shown(""));
        }
        text
    }

    fn shown_runs(&self) -> String {
        /// The newest ones.
        const SHOWN: usize = 10;
        let mut table = Table::new([
            ("run", Side::Right),
            ("pipeline", Side::Left),
            ("began (UTC)", Side::Left),
            ("took", Side::Right),
            ("completed", Side::Right),
            ("failed", Side::Right),
            ("calls", Side::Right),
            ("from journal", Side::Right),
            ("end", Side::Left),
        ]);
        let left_out = self.runs.len().saturating_sub(SHOWN);
        for run in self.runs.values().skip(left_out) {
            let took = run.end.as_ref().map(|end| {
                let took = end.at.as_millis().saturating_sub(run.began.at.as_millis());
                duration(took)
            });
            let recalled = run.end.as_ref().map(|end| end.counts.recalled);
            table.row([
                run.began.number.to_string(),
                self.name_of(run).to_owned(),
                moment(run.began.at.as_millis()),
                took.unwrap_or_default(),
                grouped(run.completed),
                grouped(run.failed),
                grouped(run.calls),
                recalled.map(grouped).unwrap_or_default(),
                self.end_of(run).to_owned(),
            ]);
        }
        let mut text = String::new();
        if left_out > 0 {
            let earlier = counted(left_out as u64, "earlier run", "earlier runs");
            let _ = writeln!(text, "{earlier} not shown");
        }
        text.push_str(&table.shown(""));
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..1e3 => format!("{bytes} bytes"),
        ..1e6 => format!("{:.1} kB", bytes / 1e3),
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}
