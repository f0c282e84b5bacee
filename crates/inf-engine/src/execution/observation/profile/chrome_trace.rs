//! A profile as a timeline, in Chrome's trace event format
//! (<https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>).

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::call_record::{CallRecord, Kind};
use super::recording::{EndpointTally, Recording, RunTally};
use super::slots::slots_of;
use super::spans::Micros;
use super::waits::visit_waits;
use crate::graph::GraphOutline;

/// Writes `recording` as one JSON object.
pub(super) fn write(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let mut trace = Trace {
        out: BufWriter::new(out),
        processes: 0,
        is_empty: true,
    };
    trace
        .out
        .write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
    serde_json::to_writer(&mut trace.out, &About::of(recording))?;
    trace.out.write_all(b",\"traceEvents\":[")?;
    write_runs(recording, &mut trace)?;
    let (by_endpoint, hosted, tools) = sort(recording);
    for (endpoint, calls) in recording.endpoints.iter().zip(&by_endpoint) {
        write_endpoint(recording, endpoint, calls, &mut trace)?;
    }
    write_elsewhere(recording, "host functions", &hosted, &mut trace)?;
    write_elsewhere(recording, "tools", &tools, &mut trace)?;
    trace.out.write_all(b"\n]}\n")?;
    trace.out.flush()
}

/// What was run, for whoever finds the file.
#[derive(Serialize)]
struct About<'r> {
    engine: &'static str,
    version: &'static str,
    graphs: Vec<&'r str>,
    /// The same graphs, to be drawn.
    outlines: Vec<GraphOutline>,
    runs: u32,
    inputs: u64,
    inputs_failed: u64,
    calls: usize,
    /// Calls that were made and are not in this file.
    missing_calls: u64,
}

impl<'r> About<'r> {
    fn of(recording: &'r Recording) -> Self {
        let graphs = || recording.graphs.iter();
        Self {
            engine: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            graphs: graphs().map(|tally| tally.graph.name()).collect(),
            outlines: graphs().map(|tally| tally.graph.outline()).collect(),
            runs: recording.runs_begun,
            inputs: recording.inputs,
            inputs_failed: recording.inputs_failed,
            calls: recording.calls.len(),
            missing_calls: recording.calls_not_kept,
        }
    }
}

/// The file, as it grows.
struct Trace<W: Write> {
    out: BufWriter<W>,
    processes: u32,
    is_empty: bool,
}

/// A number by which events say where they belong.
type ProcessId = u32;

/// The lane of an endpoint's pauses. Perfetto keeps 0 for itself.
const PAUSES: usize = 1;

/// The lane of a slot.
fn lane_of(slot: usize) -> usize {
    slot + PAUSES + 1
}

/// Something that took time.
#[derive(Serialize)]
struct Slice<'r, Args> {
    name: &'r str,
    cat: &'static str,
    ph: char,
    ts: Micros,
    dur: Micros,
    pid: ProcessId,
    tid: usize,
    args: Args,
}

/// Something about a process or a lane.
#[derive(Serialize)]
struct Metadata<Args> {
    name: &'static str,
    ph: char,
    pid: ProcessId,
    tid: usize,
    args: Args,
}

/// A number that changed.
#[derive(Serialize)]
struct Counter {
    name: &'static str,
    ph: char,
    ts: Micros,
    pid: ProcessId,
    args: Calls,
}

#[derive(Serialize)]
struct Name<'r> {
    name: &'r str,
}

#[derive(Serialize)]
struct SortIndex {
    sort_index: ProcessId,
}

#[derive(Serialize)]
struct Calls {
    calls: usize,
}

#[derive(Serialize)]
struct NoArgs {}

/// What is known of an attempt.
#[derive(Serialize)]
struct CallArgs<'r> {
    run: u32,
    graph: &'r str,
    input: u64,
    /// Of a tool: the node whose model called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u16>,
    /// Of a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hedge: bool,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u32>,
    /// Microseconds from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte: Option<u32>,
}

/// Whose wait it is.
#[derive(Serialize)]
struct WaitArgs<'r> {
    node: &'r str,
    run: u32,
    input: u64,
    attempt: u16,
}

impl<W: Write> Trace<W> {
    fn event(&mut self, event: &impl Serialize) -> io::Result<()> {
        let between: &[u8] = if self.is_empty { b"\n" } else { b",\n" };
        self.is_empty = false;
        self.out.write_all(between)?;
        Ok(serde_json::to_writer(&mut self.out, event)?)
    }

    /// A new process; they are shown in this order.
    fn process(&mut self, name: &str) -> io::Result<ProcessId> {
        self.processes += 1;
        let pid = self.processes;
        self.event(&Metadata {
            name: "process_name",
            ph: 'M',
            pid,
            tid: 0,
            args: Name { name },
        })?;
        self.event(&Metadata {
            name: "process_sort_index",
            ph: 'M',
            pid,
            tid: 0,
            args: SortIndex { sort_index: pid },
        })?;
        Ok(pid)
    }

    fn lane(&mut self, pid: ProcessId, tid: usize, name: &str) -> io::Result<()> {
        self.event(&Metadata {
            name: "thread_name",
            ph: 'M',
            pid,
            tid,
            args: Name { name },
        })
    }

    /// Names the lanes for what happens at the same time. Viewers order them by
    /// name, so that numbers are equally long.
    fn name_slots(&mut self, pid: ProcessId, count: usize) -> io::Result<()> {
        let digits = count.to_string().len();
        (0..count).try_for_each(|slot| {
            let name = format!("slot {:0digits$}", slot + 1);
            self.lane(pid, lane_of(slot), &name)
        })
    }

    /// Attempts, each in a lane in which nothing else is at that time.
    fn calls(
        &mut self,
        recording: &Recording,
        pid: ProcessId,
        calls: &[&CallRecord],
    ) -> io::Result<()> {
        let slots = slots_of(calls.iter().map(|call| (call.started, call.ended)));
        let mut most = 0;
        for (call, slot) in calls.iter().zip(slots) {
            most = most.max(slot + 1);
            let tokens = |count: u32| (call.is_answered() && count > 0).then_some(count);
            self.event(&Slice {
                name: recording
                    .tool_name(call)
                    .unwrap_or(recording.node_name(call)),
                cat: if call.is_tool() { "tool" } else { "call" },
                ph: 'X',
                ts: call.started,
                dur: call.took(),
                pid,
                tid: lane_of(slot),
                args: CallArgs {
                    run: call.run,
                    graph: recording.graph(call).name(),
                    input: call.input,
                    node: call.is_tool().then(|| recording.node_name(call)),
                    attempt: (!call.is_tool()).then_some(call.attempt),
                    turn: call.is_tool().then_some(call.attempt),
                    hedge: call.kind == Kind::Hedge,
                    outcome: call.ending.as_str(),
                    input_tokens: tokens(call.input_tokens),
                    output_tokens: tokens(call.output_tokens),
                    first_byte: (call.first_byte != CallRecord::NO_BYTE).then_some(call.first_byte),
                },
            })?;
        }
        self.name_slots(pid, most)
    }

    /// How many there were, whenever that changes.
    fn count(
        &mut self,
        pid: ProcessId,
        name: &'static str,
        mut begun: Vec<Micros>,
        mut ended: Vec<Micros>,
    ) -> io::Result<()> {
        begun.sort_unstable();
        ended.sort_unstable();
        let (mut begun, mut ended) = (begun.into_iter().peekable(), ended.into_iter().peekable());
        let mut calls = 0;
        let mut told = 0;
        while let Some(&ts) = begun.peek().into_iter().chain(ended.peek()).min() {
            while begun.next_if_eq(&ts).is_some() {
                calls += 1;
            }
            while ended.next_if_eq(&ts).is_some() {
                calls -= 1;
            }
            if calls != told {
                told = calls;
                let args = Calls { calls };
                self.event(&Counter {
                    name,
                    ph: 'C',
                    ts,
                    pid,
                    args,
                })?;
            }
        }
        Ok(())
    }
}

/// The attempts of one kind.
type Attempts<'r> = Vec<&'r CallRecord>;

/// The calls of each endpoint, host functions that ran elsewhere, and tools, in
/// the order in which they were started.
fn sort(recording: &Recording) -> (Vec<Attempts<'_>>, Attempts<'_>, Attempts<'_>) {
    let mut by_endpoint = vec![Vec::new(); recording.endpoints.len()];
    let (mut hosted, mut tools) = (Vec::new(), Vec::new());
    for call in recording.calls.iter() {
        match recording.endpoint_of(call) {
            Some(endpoint) => by_endpoint[endpoint].push(call),
            None if call.is_tool() => tools.push(call),
            None => hosted.push(call),
        }
    }
    for calls in by_endpoint.iter_mut().chain([&mut hosted, &mut tools]) {
        calls.sort_by_key(|call| call.started);
    }
    (by_endpoint, hosted, tools)
}

fn write_runs<W: Write>(recording: &Recording, trace: &mut Trace<W>) -> io::Result<()> {
    let pid = trace.process("runs")?;
    let ended = |run: &RunTally| run.ended.unwrap_or(recording.last).max(run.started);
    let mut runs = recording.runs.clone();
    runs.sort_by_key(|run| run.started);
    let slots = slots_of(runs.iter().map(|run| (run.started, ended(run))));
    let mut most = 0;
    for (run, slot) in runs.iter().zip(slots) {
        most = most.max(slot + 1);
        trace.event(&Slice {
            name: recording.graphs[run.graph as usize].graph.name(),
            cat: "run",
            ph: 'X',
            ts: run.started,
            dur: ended(run) - run.started,
            pid,
            tid: lane_of(slot),
            args: NoArgs {},
        })?;
    }
    trace.name_slots(pid, most)
}

/// An endpoint: its pauses, its calls, how many there were, and what they
/// waited for. The waits are a process of their own, because there may be many
/// more of them than calls, and they can be folded away.
fn write_endpoint<W: Write>(
    recording: &Recording,
    endpoint: &EndpointTally,
    calls: &[&CallRecord],
    trace: &mut Trace<W>,
) -> io::Result<()> {
    let alias = endpoint.alias.as_str();
    let pid = trace.process(alias)?;
    if endpoint.pauses.len() > 0 {
        trace.lane(pid, PAUSES, "pauses")?;
    }
    for (from, until) in endpoint.pauses.iter() {
        trace.event(&Slice {
            name: "paused",
            cat: "pause",
            ph: 'X',
            ts: from,
            dur: until - from,
            pid,
            tid: PAUSES,
            args: NoArgs {},
        })?;
    }
    trace.calls(recording, pid, calls)?;
    let times = |of: fn(&CallRecord) -> Micros| calls.iter().map(|call| of(call)).collect();
    let (started, ended): (Vec<_>, _) = (times(|call| call.started), times(|call| call.ended));
    trace.count(pid, "in flight", started.clone(), ended)?;
    trace.count(pid, "queue depth", times(CallRecord::queued), started)?;

    let waited = calls.iter().filter(|call| call.ready < call.started);
    let mut waited: Vec<&CallRecord> = waited.copied().collect();
    if waited.is_empty() {
        return Ok(());
    }
    waited.sort_by_key(|call| call.ready);
    let pid = trace.process(&format!("{alias}: waiting"))?;
    let slots = slots_of(waited.iter().map(|call| (call.ready, call.started)));
    let mut most = 0;
    for (call, slot) in waited.iter().zip(slots) {
        most = most.max(slot + 1);
        let mut written = Ok(());
        visit_waits(call, &endpoint.pauses, |waits_for, from, until| {
            let slice = Slice {
                name: waits_for.as_str(),
                cat: "wait",
                ph: 'X',
                ts: from,
                dur: until - from,
                pid,
                tid: lane_of(slot),
                args: WaitArgs {
                    node: recording.node_name(call),
                    run: call.run,
                    input: call.input,
                    attempt: call.attempt,
                },
            };
            if written.is_ok() {
                written = trace.event(&slice);
            }
        });
        written?;
    }
    trace.name_slots(pid, most)
}

fn write_elsewhere<W: Write>(
    recording: &Recording,
    what: &str,
    ran: &[&CallRecord],
    trace: &mut Trace<W>,
) -> io::Result<()> {
    if ran.is_empty() {
        return Ok(());
    }
    let pid = trace.process(what)?;
    trace.calls(recording, pid, ran)
}
