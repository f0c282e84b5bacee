//! [`Progress`]: how far a run is, on stderr.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use inf_engine::resources::ResourceMetrics;
use tokio::time::Instant;

use crate::console::{counted, grouped, tell};
use crate::input::Total;
use crate::summary::{Tally, calls, per_second};

/// How far a run is.
pub(crate) struct Progress {
    look: Look,
    total: Total,
    start: Instant,
}

enum Look {
    /// A bar on a terminal.
    Bar(ProgressBar),
    /// A line now and then, for a log.
    Lines {
        next: Instant,
    },
    Hidden,
}

impl Progress {
    /// How often [`show`](Self::show) is worth calling.
    pub(crate) const INTERVAL: Duration = Duration::from_millis(200);
    /// The time between two lines of a log.
    const BETWEEN_LINES: Duration = Duration::from_secs(5);

    /// Progress of a run that begins now. `is_hidden` if it is not wanted;
    /// `results_on_terminal` if results scroll by, which a bar would cut up.
    pub(crate) fn new(total: Total, is_hidden: bool, results_on_terminal: bool) -> Self {
        let start = Instant::now();
        let look = if is_hidden || results_on_terminal {
            Look::Hidden
        } else if io::stderr().is_terminal() {
            Look::Bar(ProgressBar::new_spinner())
        } else {
            Look::Lines {
                next: start + Self::BETWEEN_LINES,
            }
        };
        Self { look, total, start }
    }

    /// Whether anything is shown at all.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self.look, Look::Hidden)
    }

    /// Shows how far the run is, if it is time to.
    pub(crate) fn show(&mut self, tally: &Tally, metrics: &ResourceMetrics) {
        match &mut self.look {
            Look::Hidden => {}
            Look::Bar(bar) => {
                if let Some(total) = self.total.get()
                    && bar.length() != Some(total)
                {
                    bar.set_length(total);
                    bar.set_style(style("{elapsed_precise} [{bar:20}] {eta} left, {msg}"));
                } else if bar.length().is_none() {
                    bar.set_style(style("{elapsed_precise} {spinner} {msg}"));
                }
                bar.set_position(tally.ended());
                bar.set_message(line(&self.total, tally, metrics, self.start.elapsed()));
                bar.tick();
            }
            Look::Lines { next } => {
                let now = Instant::now();
                if now >= *next {
                    *next = now + Self::BETWEEN_LINES;
                    tell(line(&self.total, tally, metrics, self.start.elapsed()));
                }
            }
        }
    }

    /// Says something without cutting up the bar.
    pub(crate) fn tell(&self, text: &str) {
        match &self.look {
            Look::Bar(bar) => bar.suspend(|| tell(text)),
            _ => tell(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Look::Bar(bar) = self.look {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

fn line(total: &Total, tally: &Tally, metrics: &ResourceMetrics, elapsed: Duration) -> String {
    let failed = match tally.failed {
        0 => String::new(),
        failed => format!(" ({} failed)", grouped(failed)),
    };
    let inputs = match total.get() {
        Some(total) => format!(
            "{} of {}",
            grouped(tally.ended()),
            counted(total, "input", "inputs")
        ),
        None => counted(tally.ended(), "input", "inputs"),
    };
    // Without it a run that waits for a full provider looks like one that hangs.
    let refused = match metrics.rate_limited {
        0 => String::new(),
        refused => format!(", {} refused for a limit", grouped(refused)),
    };
    let tokens = metrics.usage.input_tokens + metrics.usage.output_tokens;
    format!(
        "{inputs}{failed}, {}{refused}, {}, {} inputs/s",
        counted(calls(metrics), "call", "calls"),
        counted(tokens, "token", "tokens"),
        per_second(tally.ended(), elapsed),
    )
}
