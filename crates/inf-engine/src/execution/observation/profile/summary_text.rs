//! A [`ProfileSummary`] as a report for people.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::critical_path::CriticalPath;
use super::summary::{EndpointSummary, NodeSummary, ProfileSummary};
use crate::document::counted;

use Side::{Left, Right};

/// The nodes that the report names.
const NODES: usize = 12;

impl fmt::Display for ProfileSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = match self.inputs_failed {
            0 => String::new(),
            failed => format!(" ({failed} failed)"),
        };
        writeln!(
            formatter,
            "{}, {}{failed}, {} in {}",
            counted(self.runs, "run"),
            counted(self.inputs, "input"),
            counted(self.calls, "call"),
            Time(self.wall)
        )?;
        if self.calls_not_kept > 0 {
            let missing = counted(self.calls_not_kept, "call");
            writeln!(
                formatter,
                "{missing} more than the profile keeps: only counted, not in what follows on room, \
                 idle time and critical paths"
            )?;
        }
        self.bounds(formatter)?;
        if !self.endpoints.is_empty() {
            formatter.write_str("\nEndpoints\n")?;
            endpoints(&self.endpoints).fmt(formatter)?;
            waits(&self.endpoints).fmt(formatter)?;
            idle(formatter, &self.endpoints)?;
        }
        if !self.nodes.is_empty() {
            formatter.write_str("\nNodes, by the time that they took\n")?;
            nodes(&self.nodes).fmt(formatter)?;
            turns(formatter, &self.nodes)?;
        }
        self.critical_paths
            .iter()
            .try_for_each(|path| critical_path(formatter, path))
    }
}

impl ProfileSummary {
    fn bounds(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\nTime on the wall, by what it was bound by\n")?;
        let mut table = Table::new([Left, Right, Right, Left]);
        let bounds = [
            (
                "room",
                self.bound_by.room,
                "a call waited for room among those in flight",
            ),
            (
                "limits",
                self.bound_by.limits,
                "a call waited for a limit of its provider",
            ),
            (
                "chains",
                self.bound_by.chains,
                "all that could be under way was",
            ),
            (
                "retries",
                self.bound_by.retries,
                "only pauses before retries",
            ),
            (
                "elsewhere",
                self.bound_by.elsewhere,
                "no attempt was ready or under way",
            ),
        ];
        for (name, time, meaning) in bounds {
            let share = time.as_secs_f64() / self.wall.as_secs_f64().max(f64::MIN_POSITIVE);
            table.row([
                name.to_owned(),
                Time(time).to_string(),
                percent(share),
                meaning.to_owned(),
            ]);
        }
        table.fmt(formatter)
    }
}

fn endpoints(endpoints: &[EndpointSummary]) -> Table<9> {
    let mut table = Table::new([Left, Right, Right, Right, Right, Right, Right, Right, Right]);
    table.head([
        "", "calls", "failed", "retried", "limited", "at once", "used", "p50", "p99",
    ]);
    for endpoint in endpoints {
        table.row([
            endpoint.alias.clone(),
            endpoint.calls.to_string(),
            endpoint.failed.to_string(),
            endpoint.retried.to_string(),
            endpoint.rate_limited.to_string(),
            endpoint.in_flight.to_string(),
            percent(endpoint.utilisation),
            Time(endpoint.latency.p50).to_string(),
            Time(endpoint.latency.p99).to_string(),
        ]);
    }
    table
}

fn waits(endpoints: &[EndpointSummary]) -> Table<6> {
    let mut table = Table::new([Left, Right, Right, Right, Right, Right]);
    table.head([
        "",
        "in calls",
        "for limits",
        "for retries",
        "for room",
        "paused",
    ]);
    for endpoint in endpoints {
        table.row([
            endpoint.alias.clone(),
            Time(endpoint.calling).to_string(),
            Time(endpoint.waits.limits).to_string(),
            Time(endpoint.waits.retries).to_string(),
            Time(endpoint.waits.room).to_string(),
            Time(endpoint.paused).to_string(),
        ]);
    }
    table
}

fn idle(formatter: &mut fmt::Formatter<'_>, endpoints: &[EndpointSummary]) -> fmt::Result {
    for endpoint in endpoints {
        let alias = &endpoint.alias;
        if endpoint.idle_bubbles == 0 {
            writeln!(formatter, "  {alias} was never idle between its calls")?;
            continue;
        }
        let longest = endpoint.longest_idle.iter();
        let longest =
            longest.map(|bubble| format!("{} at {}", Time(bubble.took), Time(bubble.from)));
        let longest = longest.collect::<Vec<_>>().join(", ");
        writeln!(
            formatter,
            "  {alias} was idle {}, {} in all: {longest}{}",
            match endpoint.idle_bubbles {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            },
            Time(endpoint.idle),
            if endpoint.idle_bubbles > endpoint.longest_idle.len() {
                ", …"
            } else {
                ""
            },
        )?;
    }
    Ok(())
}

fn nodes(nodes: &[NodeSummary]) -> Table<10> {
    let sides = [
        Left, Left, Right, Right, Right, Right, Right, Right, Right, Left,
    ];
    let mut table = Table::new(sides);
    // Only graphs with arms have anything there.
    let skipped = nodes.iter().any(|node| node.skipped > 0);
    let skipped = if skipped { "skipped" } else { "" };
    table.head([
        "", "calls", "done", skipped, "failed", "in sum", "mean", "p99", "tokens", "slowest",
    ]);
    for node in nodes.iter().take(NODES) {
        let slowest = node.slowest.iter();
        let slowest = slowest.map(|slow| format!("{} (input {})", Time(slow.took), slow.input));
        let is_timed = node.attempts > 0;
        let timed = |time: Duration| {
            if is_timed {
                Time(time).to_string()
            } else {
                String::new()
            }
        };
        table.row([
            node.node.clone(),
            node.alias.clone().unwrap_or_default(),
            (node.attempts + node.on_the_spot).to_string(),
            match node.skipped {
                0 => String::new(),
                skipped => skipped.to_string(),
            },
            node.failed.to_string(),
            timed(node.took),
            timed(node.mean),
            timed(node.p99),
            match node
                .usage
                .input_tokens
                .saturating_add(node.usage.output_tokens)
            {
                0 => String::new(),
                tokens => tokens.to_string(),
            },
            slowest.collect::<Vec<_>>().join(", "),
        ]);
    }
    if nodes.len() > NODES {
        table.note = Some(format!("and {} more", nodes.len() - NODES));
    }
    table
}

/// What the models of nodes did besides answering.
fn turns(formatter: &mut fmt::Formatter<'_>, nodes: &[NodeSummary]) -> fmt::Result {
    for node in nodes.iter().take(NODES) {
        if node.tools > 0 {
            let failed = match node.tools_failed {
                0 => String::new(),
                failed => format!(", of which {failed} failed"),
            };
            writeln!(
                formatter,
                "  {} called {} in {}{failed}, {} in sum",
                node.node,
                counted(node.tools, "tool"),
                counted(node.tool_turns, "turn"),
                Time(node.in_tools)
            )?;
        }
        if node.reasked > 0 {
            writeln!(
                formatter,
                "  {} was asked again {} for another form of answer",
                node.node,
                match node.reasked {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                }
            )?;
        }
    }
    Ok(())
}

fn critical_path(formatter: &mut fmt::Formatter<'_>, path: &CriticalPath) -> fmt::Result {
    writeln!(
        formatter,
        "\nCritical path of input {} of run {} of `{}`{}: {}",
        path.input,
        path.run,
        path.graph,
        if path.has_failed {
            ", which failed"
        } else {
            ""
        },
        Time(path.took)
    )?;
    let mut table = Table::new([Left, Left, Right, Right, Right, Right, Right]);
    table.head([
        "",
        "calls",
        "attempts",
        "in calls",
        "for limits",
        "for retries",
        "for room",
    ]);
    for step in &path.steps {
        table.row([
            step.node.clone(),
            step.alias.clone().unwrap_or_default(),
            step.attempts.to_string(),
            Time(step.calling).to_string(),
            Time(step.waits.limits).to_string(),
            Time(step.waits.retries).to_string(),
            Time(step.waits.room).to_string(),
        ]);
    }
    if !path.elsewhere.is_zero() {
        table.note = Some(format!("and {} elsewhere", Time(path.elsewhere)));
    }
    table.fmt(formatter)
}

/// A duration with three digits and its unit.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if self.0.is_zero() {
            return formatter.write_str("0");
        }
        let (number, unit) = match self.0.as_micros() {
            0..1_000 => (seconds * 1e6, "µs"),
            1_000..1_000_000 => (seconds * 1e3, "ms"),
            1_000_000..600_000_000 => (seconds, "s"),
            600_000_000..36_000_000_000 => (seconds / 60.0, "min"),
            _ => (seconds / 3600.0, "h"),
        };
        let decimals = match number {
            ..9.995 => 2,
            ..99.95 => 1,
            _ => 0,
        };
        let text = format!("{number:.decimals$}");
        // Whole numbers are read more easily without their zeros.
        let short = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        write!(formatter, "{short} {unit}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Where the cells of a column stand.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Columns that are as wide as what is in them.
struct Table<const COLUMNS: usize> {
    sides: [Side; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
    note: Option<String>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    fn new(sides: [Side; COLUMNS]) -> Self {
        Self {
            sides,
            rows: Vec::new(),
            note: None,
        }
    }

    fn head(&mut self, names: [&str; COLUMNS]) {
        self.row(names.map(str::to_owned));
    }

    fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), side) in row.iter().zip(widths).zip(self.sides) {
                // A column in which nothing stands is not shown.
                if width > 0 {
                    match side {
                        Right => write!(line, "  {cell:>width$}")?,
                        Left => write!(line, "  {cell:<width$}")?,
                    }
                }
            }
            writeln!(formatter, "{}", line.trim_end())?;
        }
        match &self.note {
            Some(note) => writeln!(formatter, "  {note}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let check = |micros: u64, expected: &str| {
            assert_eq!(Time(Duration::from_micros(micros)).to_string(), expected);
        };
        check(0, "0");
        check(7, "7 µs");
        check(999, "999 µs");
        check(1_500, "1.5 ms");
        check(12_345, "12.3 ms");
        check(100_000, "100 ms");
        check(1_000_000, "1 s");
        check(99_960_000, "100 s");
        check(600_000_000, "10 min");
        check(7_200_000_000, "120 min");
        check(36_000_000_000, "10 h");
    }
}
