//! What the trace of a profile tells: Chrome's trace events, as `inf run --profile` writes them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use inf_engine::clients::Usage;
use inf_engine::graph::GraphOutline;
use inf_engine::resources::Cost;
use serde::Deserialize;

use super::gathering::{Gathering, Sent};
use super::latency::milliseconds;
use super::model::{Report, Run, Series, Source};
use super::tally::Ending;
use crate::command_error::{CommandError, io_reason};
use crate::console::counted;

/// The file, as far as it is needed.
#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "otherData")]
    about: About,
    #[serde(rename = "traceEvents")]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct About {
    engine: String,
    #[serde(default)]
    graphs: Vec<String>,
    #[serde(default)]
    outlines: Vec<GraphOutline>,
    #[serde(default)]
    inputs: u64,
    #[serde(default)]
    inputs_failed: u64,
    #[serde(default)]
    missing_calls: u64,
}

#[derive(Deserialize)]
struct Event {
    name: String,
    #[serde(default)]
    cat: String,
    ph: char,
    #[serde(default)]
    ts: u64,
    #[serde(default)]
    dur: u64,
    pid: u32,
    #[serde(default)]
    args: Args,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Args {
    name: Option<String>,
    run: Option<u64>,
    graph: Option<String>,
    node: Option<String>,
    input: Option<u64>,
    attempt: Option<u32>,
    outcome: Option<String>,
    input_tokens: u64,
    output_tokens: u64,
}

/// Reads the trace `path`.
pub(super) fn read(path: &Path) -> Result<Report, CommandError> {
    let shown = path.display();
    let text = fs::read(path)
        .map_err(|error| CommandError::new(format!("can't read {shown}: {}", io_reason(&error))))?;
    let trace: Trace = serde_json::from_slice(&text).map_err(|error| {
        let why = if error.is_data() {
            "it is JSON of something else".to_owned()
        } else {
            format!("it is not whole JSON: {error}")
        };
        CommandError::new(format!(
            "{shown} is no trace that `inf run --profile` wrote: {why}"
        ))
    })?;
    if trace.about.engine != "inf-engine" {
        return Err(CommandError::new(format!(
            "{shown} is a trace of `{}`, and not one that `inf run --profile` wrote",
            trace.about.engine
        )));
    }
    let source = Source {
        kind: "trace",
        file: shown.to_string(),
        bytes: text.len() as u64,
        has_costs: false,
        goes_on: false,
    };
    Ok(report(trace, source))
}

fn report(trace: Trace, source: Source) -> Report {
    let Trace { about, mut events } = trace;
    // Sums of damaged moments stay within bounds.
    for event in &mut events {
        event.ts = event.ts.min(1 << 60);
        event.dur = event.dur.min(1 << 40);
    }
    let mut gathering = Gathering::default();
    gathering.inputs.completed = about.inputs.saturating_sub(about.inputs_failed);
    gathering.inputs.failed = about.inputs_failed;
    gathering.notes.push(
        "A trace holds no costs, no models and no messages of failures: a journal does, which `inf run --checkpoint-dir` keeps."
            .to_owned(),
    );
    if about.missing_calls > 0 {
        let calls = counted(about.missing_calls, "call", "calls");
        gathering.notes.push(format!(
            "{calls} were made that are not in the trace, which holds only so many."
        ));
    }
    let mut outlines = about.outlines.into_iter();
    for name in &about.graphs {
        gathering.graph(name, outlines.next().map(Arc::new));
    }
    if gathering.lacks_outlines() {
        gathering.notes.push(
            "This trace does not hold the graph: an older version of the engine wrote it."
                .to_owned(),
        );
    }
    let processes: HashMap<u32, String> = events
        .iter()
        .filter(|event| event.ph == 'M' && event.name == "process_name")
        .filter_map(|event| Some((event.pid, event.args.name.clone()?)))
        .collect();
    let mut waits = Waits::of(&events);
    let mut calls: Vec<&Event> = events.iter().filter(|event| event.cat == "call").collect();
    calls.sort_by_key(|event| event.ts);
    let mut calls_of_run: HashMap<u64, u64> = HashMap::new();
    let runs = events.iter().filter(|event| event.cat == "run");
    for event in calls {
        let Some(endpoint) = processes.get(&event.pid) else {
            continue;
        };
        let args = &event.args;
        let outcome = args.outcome.as_deref().unwrap_or("completed");
        let ending = match outcome {
            "failed" => Ending::Failed,
            "retried" => Ending::Retried,
            "rate_limited" => Ending::Refused,
            "cancelled" => Ending::Cancelled,
            _ => Ending::Answered,
        };
        let graph = gathering.graph(args.graph.as_deref().unwrap_or("?"), None);
        let series = gathering.series(&Series {
            graph,
            node: event.name.clone(),
            model: None,
            endpoint: endpoint.clone(),
        });
        let is_unanswered = matches!(ending, Ending::Failed | Ending::Retried | Ending::Refused);
        if is_unanswered {
            let kind = match ending {
                Ending::Refused => "rate_limited",
                _ => "failed",
            };
            gathering.unanswered(series, kind, ending != Ending::Failed, None);
        }
        let run = args.run.unwrap_or(0);
        if matches!(ending, Ending::Answered | Ending::Failed) {
            *calls_of_run.entry(run).or_default() += 1;
        }
        let usage = Usage::new(args.input_tokens, args.output_tokens);
        gathering.charge(series, usage, Cost::default());
        gathering.sent(Sent {
            series,
            run: run + 1,
            input: args.input,
            began: event.ts,
            waited: waits.before(event),
            took: event.dur,
            ending,
            kind: None,
            attempt: args.attempt.unwrap_or(1),
            tokens: (args.input_tokens, args.output_tokens),
            cost: 0,
        });
    }
    for (number, event) in (0..).zip(runs) {
        gathering.runs.push(Run {
            number: number + 1,
            pipeline: event.name.clone(),
            began_at: None,
            took: Some(milliseconds(event.dur)),
            end: None,
            completed: None,
            failed: None,
            recalled: None,
            calls: calls_of_run.get(&number).copied().unwrap_or(0),
            cost_usd: None,
        });
    }
    for event in events.iter().filter(|event| event.cat == "pause") {
        if let Some(endpoint) = processes.get(&event.pid) {
            gathering.pause(endpoint, event.ts, event.ts + event.dur);
        }
    }
    gathering.report(source, None)
}

/// The waits of calls: each a chain of events of its own that ends when the call begins.
struct Waits<'e> {
    /// By when they ended, how long they were: several, where a node runs for many elements.
    by_call: HashMap<(Key<'e>, u64), Vec<u64>>,
}

/// Run, input, node, attempt.
type Key<'e> = (u64, u64, &'e str, u32);

impl<'e> Waits<'e> {
    fn of(events: &'e [Event]) -> Self {
        let mut waits: Vec<&Event> = events.iter().filter(|event| event.cat == "wait").collect();
        waits.sort_by_key(|event| event.ts);
        let mut by_call: HashMap<_, Vec<u64>> = HashMap::new();
        for event in waits {
            let args = &event.args;
            let node = args.node.as_deref().unwrap_or_default();
            let key = key(args, node);
            // What it was waited for before, if another reason follows.
            let before = by_call.get_mut(&(key, event.ts)).and_then(Vec::pop);
            let ended = (key, event.ts + event.dur);
            let before = before.unwrap_or(0);
            by_call.entry(ended).or_default().push(before + event.dur);
        }
        Self { by_call }
    }

    fn before(&mut self, call: &'e Event) -> u64 {
        let key = key(&call.args, &call.name);
        let waits = self.by_call.get_mut(&(key, call.ts));
        waits.and_then(Vec::pop).unwrap_or(0)
    }
}

fn key<'e>(args: &Args, node: &'e str) -> Key<'e> {
    (
        args.run.unwrap_or(0),
        args.input.unwrap_or(0),
        node,
        args.attempt.unwrap_or(1),
    )
}
