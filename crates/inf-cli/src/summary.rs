//! [`Summary`]: how a run went, for people and for programs.

use std::fmt::{self, Write as _};
use std::time::Duration;

use inf_engine::Value;
use inf_engine::execution::{BatchResult, Budget, ErrorKind, ExecutionError};
use inf_engine::resources::{Cost, LatencySummary, ResourceMetrics};
use serde_json::{Value as Json, json};

use crate::console::{counted, grouped, shorten};

/// The most characters of a message or an output that are shown.
const SHOWN: usize = 300;

/// How the inputs of a run ended so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    succeeded: u64,
    pub(crate) failed: u64,
    /// Those of both that were not run, because the journal had their end.
    from_journal: u64,
    /// Those that had failed before and were not run again.
    failed_before: u64,
    /// Those that were stopped before they were done.
    cancelled: u64,
    /// Those whose calls a budget did not allow.
    pub(crate) out_of_budget: u64,
    /// What calls waited, ready to be made, and what they took.
    waiting: Duration,
    calling: Duration,
    /// Whether results can't be written any more, for which the run was stopped.
    pub(crate) is_output_lost: bool,
    /// Those that failed now and that a journal keeps as failed.
    failed_now: u64,
    /// In the order in which a failure of their kind first came.
    failures: Vec<FailureKind>,
    /// The first output.
    first: Option<(usize, Value)>,
}

/// The failures of one kind; of what was stopped, those for one reason.
#[derive(Debug)]
struct FailureKind {
    kind: ErrorKind,
    count: u64,
    /// Of the first one.
    index: usize,
    message: String,
}

impl FailureKind {
    fn includes(&self, error: &ExecutionError, message: &str) -> bool {
        self.kind == error.kind && (error.kind != ErrorKind::Cancelled || self.message == message)
    }
}

impl Tally {
    pub(crate) fn note(&mut self, result: &BatchResult<Value>) {
        // Those of one from the journal are of the run that it ended in.
        if !result.from_journal {
            self.waiting += result.timings.waiting;
            self.calling += result.timings.calling;
        }
        self.from_journal += u64::from(result.from_journal);
        self.failed_before += u64::from(result.from_journal && result.output.is_err());
        let error = match &result.output {
            Ok(output) => {
                self.succeeded += 1;
                self.first
                    .get_or_insert_with(|| (result.index, output.clone()));
                return;
            }
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::Cancelled | ErrorKind::Journal => self.cancelled += 1,
            ErrorKind::Budget => self.out_of_budget += 1,
            _ => self.failed += 1,
        }
        // What could not be read is not in a journal.
        self.failed_now += u64::from(
            !result.from_journal && !was_stopped(error) && error.kind != ErrorKind::InvalidInput,
        );
        let message = if self.is_output_lost && error.kind == ErrorKind::Cancelled {
            "the run was stopped, because its results can't be written".to_owned()
        } else {
            error.to_string()
        };
        let mut failures = self.failures.iter_mut();
        match failures.find(|known| known.includes(error, &message)) {
            Some(known) => known.count += 1,
            None => self.failures.push(FailureKind {
                kind: error.kind,
                count: 1,
                index: result.index,
                message,
            }),
        }
    }

    /// All of them.
    pub(crate) fn inputs(&self) -> u64 {
        self.ended() + self.cancelled + self.out_of_budget
    }

    /// Those that were not stopped.
    fn ended(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// The first output, shortened, under its keys.
    pub(crate) fn first_result(&self) -> Option<String> {
        let (index, output) = self.first.as_ref()?;
        // Writing to a text can't fail.
        let mut text = format!("the result of input {index}:");
        match output {
            Value::Map(fields) => {
                for (key, value) in fields.iter() {
                    let _ = write!(text, "\n  {key}: {}", shorten(&value.to_string(), SHOWN));
                }
            }
            other => {
                let _ = write!(text, "\n  {}", shorten(&other.to_string(), SHOWN));
            }
        }
        Some(text)
    }
}

/// Whether it is no end of an input: something else stopped it.
pub(crate) fn was_stopped(error: &ExecutionError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Cancelled | ErrorKind::Journal | ErrorKind::Budget
    )
}

/// The calls that were let through: what a provider charges for, and retries of
/// failures.
fn calls(metrics: &ResourceMetrics) -> u64 {
    metrics.requests.saturating_sub(metrics.rate_limited)
}

/// How a run went.
pub(crate) struct Summary<'s> {
    pub(crate) tally: &'s Tally,
    /// Results that were written.
    pub(crate) written: u64,
    pub(crate) metrics: &'s ResourceMetrics,
    /// The endpoints whose models have no price.
    pub(crate) unpriced: &'s [String],
    pub(crate) budget: Option<&'s Budget>,
    /// Calls that were not made, because the journal had their answer.
    pub(crate) calls_from_journal: u64,
    pub(crate) has_journal: bool,
    /// Whether it is answered by the journal alone, and nothing is added to that.
    pub(crate) is_replay: bool,
    pub(crate) elapsed: Duration,
    /// Inputs that the run ended without having read, if it is known how many
    /// there are.
    pub(crate) not_read: Option<u64>,
    /// Whether it was stopped by Ctrl-C.
    pub(crate) is_interrupted: bool,
}

impl Summary<'_> {
    /// The summary for programs, as one object.
    pub(crate) fn to_json(&self) -> Json {
        let Self { tally, metrics, .. } = self;
        let latency = answered(metrics);
        let milliseconds = |at: fn(&LatencySummary) -> Duration| {
            latency.as_ref().map(|latency| milliseconds(at(latency)))
        };
        let failures = tally.failures.iter().map(|failure| {
            json!({
                "kind": failure.kind.as_str(),
                "count": failure.count,
                "sample": {"index": failure.index, "message": failure.message},
            })
        });
        json!({
            "inputs": tally.inputs(),
            "succeeded": tally.succeeded,
            "failed": tally.failed,
            "cancelled": tally.cancelled,
            "out_of_budget": tally.out_of_budget,
            "not_read": self.not_read,
            "written": self.written,
            "interrupted": self.is_interrupted,
            "inputs_from_journal": tally.from_journal,
            "calls_from_journal": self.calls_from_journal,
            "calls": calls(metrics),
            "retries": metrics.retries,
            "rate_limited": metrics.rate_limited,
            "hedges": metrics.hedges,
            "cancelled_calls": metrics.cancelled,
            "calls_in_flight": metrics.in_flight,
            "input_tokens": metrics.usage.input_tokens,
            "output_tokens": metrics.usage.output_tokens,
            "cached_tokens": metrics.usage.cached_tokens,
            "reasoning_tokens": metrics.usage.reasoning_tokens,
            "cost_usd": known_cost(&metrics.cost),
            "answers_of_unknown_cost": metrics.cost.unknown,
            "budget": self.budget.map(budget_json),
            "seconds": self.elapsed.as_secs_f64(),
            "waiting_seconds": tally.waiting.as_secs_f64(),
            "calling_seconds": tally.calling.as_secs_f64(),
            "latency_ms": {
                "p50": milliseconds(|latency| latency.p50),
                "p95": milliseconds(|latency| latency.p95),
                "p99": milliseconds(|latency| latency.p99),
            },
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, metrics, .. } = self;
        write!(
            formatter,
            "inputs   {} ({} succeeded, {} failed",
            grouped(tally.inputs()),
            grouped(tally.succeeded),
            grouped(tally.failed)
        )?;
        if tally.cancelled > 0 {
            write!(formatter, ", {} cancelled", grouped(tally.cancelled))?;
        }
        if tally.out_of_budget > 0 {
            write!(
                formatter,
                ", {} out of budget",
                grouped(tally.out_of_budget)
            )?;
        }
        match self.not_read {
            Some(0) => writeln!(formatter, ")")?,
            Some(not_read) => writeln!(formatter, "), {} not read", grouped(not_read))?,
            None => writeln!(formatter, "), the others not read")?,
        }
        if self.has_journal {
            writeln!(
                formatter,
                "journal  answered {}, and {} of others",
                counted(tally.from_journal, "input", "inputs"),
                counted(self.calls_from_journal, "call", "calls"),
            )?;
        }
        if self.written < tally.inputs() {
            writeln!(
                formatter,
                "written  {} of {}",
                grouped(self.written),
                counted(tally.inputs(), "result", "results")
            )?;
        }
        write!(
            formatter,
            "calls    {} ({}), {} refused for a limit",
            grouped(calls(metrics)),
            counted(metrics.retries, "retry", "retries"),
            grouped(metrics.rate_limited),
        )?;
        if metrics.hedges > 0 {
            write!(formatter, ", {} sent twice", grouped(metrics.hedges))?;
        }
        if metrics.cancelled > 0 {
            write!(formatter, ", {} given up", grouped(metrics.cancelled))?;
        }
        writeln!(formatter)?;
        let usage = metrics.usage;
        let of_which = |count: u64, what: &str| match count {
            0 => String::new(),
            count => format!(" ({} {what})", grouped(count)),
        };
        writeln!(
            formatter,
            "tokens   {} in{}, {} out{}",
            grouped(usage.input_tokens),
            of_which(usage.cached_tokens, "cached"),
            grouped(usage.output_tokens),
            of_which(usage.reasoning_tokens, "reasoning"),
        )?;
        write!(formatter, "cost     {}", metrics.cost)?;
        match self.unpriced {
            // Where nothing was answered, nothing was paid.
            _ if metrics.cost.unknown == 0 => writeln!(formatter)?,
            [] => writeln!(formatter)?,
            unpriced => {
                let names: Vec<String> =
                    unpriced.iter().map(|alias| format!("`{alias}`")).collect();
                writeln!(formatter, ": no price is known for {}", names.join(", "))?;
            }
        }
        if let Some(budget) = self.budget {
            writeln!(formatter, "budget   {}", spent_of(budget))?;
        }
        if let Some(latency) = answered(metrics) {
            writeln!(
                formatter,
                "latency  p50 {}, p95 {}, p99 {}",
                readable(latency.p50),
                readable(latency.p95),
                readable(latency.p99),
            )?;
        }
        if calls(metrics) > 0 {
            writeln!(
                formatter,
                "waited   {} for room, limits and retries; calls took {} (sums over all inputs)",
                readable(tally.waiting),
                readable(tally.calling),
            )?;
        }
        write!(formatter, "time     {}", readable(self.elapsed))?;
        let run = tally.ended() - tally.from_journal;
        if run > 0 || tally.from_journal == 0 {
            write!(formatter, ", {} inputs/s", per_second(run, self.elapsed))?;
        }
        if !tally.failures.is_empty() {
            write!(formatter, "\n\nfailures")?;
        }
        for failure in &tally.failures {
            let FailureKind {
                kind,
                count,
                index,
                message,
            } = failure;
            write!(
                formatter,
                "\n  {} × {}, the first at input {index}: {}",
                grouped(*count),
                kind.as_str(),
                shorten(message, SHOWN),
            )?;
        }
        if tally.failed_before > 0 {
            write!(
                formatter,
                "\n  {} not run again: --retry-failed does",
                counted(
                    tally.failed_before,
                    "of them failed before and was",
                    "of them failed before and were"
                ),
            )?;
        }
        if self.has_journal && !self.is_replay && tally.failed_now > 0 {
            let kept = counted(tally.failed_now, "stays failed", "stay failed");
            write!(
                formatter,
                "\n  in the journal {kept}: the same command again tries them only with --retry-failed"
            )?;
        }
        Ok(())
    }
}

/// What is known of a cost; nothing if nothing of it is.
fn known_cost(cost: &Cost) -> Option<f64> {
    (cost.unknown == 0 || !cost.known.is_zero()).then(|| cost.known.as_f64())
}

fn budget_json(budget: &Budget) -> Json {
    let (limits, spent) = (budget.limits(), budget.spent());
    json!({
        "usd": limits.dollars.map(|most| json!({"limit": most, "spent": spent.cost.known})),
        "tokens": limits.tokens.map(|most| json!({"limit": most, "spent": spent.tokens})),
        "calls": limits.calls.map(|most| json!({"limit": most, "spent": spent.calls})),
    })
}

/// What of a budget was spent, for each of its limits.
fn spent_of(budget: &Budget) -> String {
    let (limits, spent) = (budget.limits(), budget.spent());
    let parts = [
        limits
            .dollars
            .map(|most| format!("{} of {most}", spent.cost.known)),
        limits
            .tokens
            .map(|most| format!("{} of {} tokens", grouped(spent.tokens), grouped(most))),
        limits
            .calls
            .map(|most| format!("{} of {} calls", grouped(spent.calls), grouped(most))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// How long answers took, if there were any.
fn answered(metrics: &ResourceMetrics) -> Option<LatencySummary> {
    (metrics.successes > 0).then(|| metrics.latency())
}

fn milliseconds(duration: Duration) -> f64 {
    // Whole microseconds, without the noise of binary fractions.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// A duration at a glance.
pub(crate) fn readable(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        ..0.01 => format!("{:.2} ms", seconds * 1000.0),
        ..1.0 => format!("{:.0} ms", seconds * 1000.0),
        ..120.0 => format!("{seconds:.1} s"),
        _ => {
            let seconds = duration.as_secs();
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            if hours > 0 {
                format!("{hours} h {minutes:02} min")
            } else {
                format!("{minutes} min {seconds:02} s")
            }
        }
    }
}

/// How many there were in a second.
pub(crate) fn per_second(count: u64, elapsed: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    let rate = count as f64 / elapsed.as_secs_f64().max(1e-6);
    if rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_at_a_glance() {
        let check = |milliseconds: u64, expected| {
            assert_eq!(readable(Duration::from_millis(milliseconds)), expected);
        };
        check(0, "0.00 ms");
        check(5, "5.00 ms");
        check(123, "123 ms");
        check(12_345, "12.3 s");
        check(125_000, "2 min 05 s");
        check(3_725_000, "1 h 02 min");
        assert_eq!(per_second(25, Duration::from_secs(10)), "2.5");
        assert_eq!(per_second(1000, Duration::from_secs(10)), "100");
    }
}
