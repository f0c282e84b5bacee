//! [`ProgressDisplay`]: how far a run is, on stderr.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use inf_engine::Value;
use inf_engine::execution::{BatchResult, EndpointProgress, Progress};
use tokio::time::Instant;

use crate::console::{can_redraw, compact, counted, grouped, shorten, tell};
#[cfg(feature = "tui")]
use crate::live::LiveView;
use crate::summary::per_second;

/// Shows how far a run is.
pub(crate) struct ProgressDisplay {
    look: Look,
    /// By the place of the endpoint: the highest limit that it had, which is
    /// what is configured for it.
    configured: Vec<usize>,
}

enum Look {
    /// A bar on a terminal.
    Bar(ProgressBar),
    /// The whole terminal.
    #[cfg(feature = "tui")]
    Live(Box<LiveView>),
    /// A line now and then, for a log.
    Lines {
        next: Instant,
    },
    Hidden,
}

impl ProgressDisplay {
    /// How often [`show`](Self::show) is worth calling.
    pub(crate) const INTERVAL: Duration = Duration::from_millis(200);
    /// The time between two lines of a log.
    const BETWEEN_LINES: Duration = Duration::from_secs(5);

    /// The display of a run that begins now. `is_hidden` if it is not wanted;
    /// `results_on_terminal` if results scroll by, which a bar would cut up.
    pub(crate) fn new(is_hidden: bool, results_on_terminal: bool) -> Self {
        let look = if is_hidden || results_on_terminal {
            Look::Hidden
        } else if can_redraw() {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{elapsed} {spinner} {wide_msg}"));
            Look::Bar(bar)
        } else {
            Look::Lines {
                next: Instant::now() + Self::BETWEEN_LINES,
            }
        };
        Self {
            look,
            configured: Vec::new(),
        }
    }

    /// The display of a run that has the whole terminal.
    #[cfg(feature = "tui")]
    pub(crate) fn live(view: LiveView) -> Self {
        Self {
            look: Look::Live(Box::new(view)),
            configured: Vec::new(),
        }
    }

    /// Takes note of a result.
    #[cfg_attr(
        not(feature = "tui"),
        expect(clippy::unused_self, reason = "only the live view does")
    )]
    pub(crate) fn note(&mut self, result: &BatchResult<Value>) {
        #[cfg(feature = "tui")]
        if let Look::Live(view) = &mut self.look {
            view.note(result);
        }
        #[cfg(not(feature = "tui"))]
        let _ = result;
    }

    /// Shows how far the run is, if it is time to; `total` inputs, if that is
    /// known.
    pub(crate) fn show(&mut self, progress: &Progress, total: Option<u64>) {
        #[cfg(feature = "tui")]
        if let Look::Live(view) = &mut self.look {
            view.show(progress, total);
            return;
        }
        self.configured.resize(progress.endpoints.len(), 0);
        for (configured, endpoint) in self.configured.iter_mut().zip(&progress.endpoints) {
            *configured = endpoint.limit.max(*configured);
        }
        let ended = progress.inputs_ended() as u64;
        let line = Line {
            progress,
            total,
            configured: &self.configured,
        };
        match &mut self.look {
            Look::Hidden => {}
            // It was shown above.
            #[cfg(feature = "tui")]
            Look::Live(_) => {}
            Look::Bar(bar) => {
                if let Some(total) = total
                    && bar.length() != Some(total)
                {
                    bar.set_length(total);
                    bar.set_style(style("{bar:8} {eta} left  {wide_msg}"));
                }
                bar.set_position(ended);
                bar.set_message(line.to_string());
                bar.tick();
            }
            Look::Lines { next } => {
                let now = Instant::now();
                if now >= *next {
                    *next = now + Self::BETWEEN_LINES;
                    let rate = per_second(ended, progress.elapsed);
                    tell(format_args!("{line}, {rate} inputs/s"));
                }
            }
        }
    }

    /// Says that no more inputs begin, and that the `begun` ones are awaited for `grace`.
    pub(crate) fn stopping(&mut self, begun: usize, grace: Duration) {
        #[cfg(feature = "tui")]
        if let Look::Live(view) = &mut self.look {
            view.stopping(grace);
            return;
        }
        let told = format!(
            "stopping: {} being finished, for at most {} s; Ctrl-C again exits at once",
            counted(begun as u64, "input is", "inputs are"),
            grace.as_secs(),
        );
        match &self.look {
            Look::Bar(bar) => bar.suspend(|| tell(told)),
            _ => tell(told),
        }
    }

    /// Takes the bar away, or gives the terminal back.
    pub(crate) fn finish(self) {
        if let Look::Bar(bar) = self.look {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

/// How far a run is, in few characters: a terminal shows it beside a bar.
struct Line<'p> {
    progress: &'p Progress,
    total: Option<u64>,
    configured: &'p [usize],
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = self.progress;
        formatter.write_str(&grouped(progress.inputs_ended() as u64))?;
        if let Some(total) = self.total {
            write!(formatter, "/{}", grouped(total))?;
        }
        formatter.write_str(" inputs")?;
        if progress.inputs_failed > 0 {
            write!(
                formatter,
                ", {} failed",
                grouped(progress.inputs_failed as u64)
            )?;
        }
        if !progress.endpoints.is_empty() {
            let calls = in_flight(&progress.endpoints, self.configured);
            write!(formatter, " | {calls} in flight")?;
        }
        write!(formatter, " | {} calls", compact(progress.calls))?;
        // Without it a run that waits for a full provider looks like one that hangs.
        if progress.rate_limited > 0 {
            write!(formatter, ", {} refused", compact(progress.rate_limited))?;
        }
        let usage = progress.usage;
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        write!(formatter, ", {} tokens", compact(tokens))?;
        match progress.cost.known {
            known if known.is_zero() => Ok(()),
            known => write!(formatter, ", {known}"),
        }
    }
}

/// The calls in flight at each endpoint and, after a slash, how many it may have
/// if that is less than what is configured.
fn in_flight(endpoints: &[EndpointProgress], configured: &[usize]) -> String {
    const NAMED: usize = 3;
    const LONGEST_NAME: usize = 10;
    let count = |(endpoint, configured): (&EndpointProgress, &usize)| {
        let calls = endpoint.in_flight;
        match endpoint.limit {
            limit if limit < *configured => format!("{calls}/{limit}"),
            _ => calls.to_string(),
        }
    };
    let all = || endpoints.iter().zip(configured);
    if endpoints.len() == 1 {
        return all().map(count).collect();
    }
    let named = all().take(NAMED);
    let named =
        named.map(|pair| format!("{} {}", shorten(&pair.0.alias, LONGEST_NAME), count(pair)));
    let mut parts: Vec<String> = named.collect();
    if let Some(others) = endpoints.get(NAMED..).filter(|others| !others.is_empty()) {
        let calls: usize = others.iter().map(|other| other.in_flight).sum();
        parts.push(format!("others {calls}"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use inf_engine::clients::simulated::SimulatedSettings;
    use inf_engine::graph::InferenceGraph;
    use inf_engine::prelude::*;
    use inf_engine::resources::Dollars;
    use insta::assert_snapshot;

    use super::*;

    /// The progress of a run that calls `aliases`, before it begins.
    fn progress(aliases: &[&str]) -> Progress {
        let node = |alias| format!("n_{alias}: {{ llm: {alias}, prompt: hello }}, ");
        let nodes: String = aliases.iter().map(node).collect();
        let text =
            format!("version: 1\nname: test\ninput: any\nnodes: {{ {nodes} }}\noutput: input\n");
        let graph = InferenceGraph::from_text(&text).expect("a pipeline");
        let resources =
            ResourceConfig::simulated(aliases.iter().copied(), &SimulatedSettings::default());
        let pipeline = graph.bind(resources).expect("what it needs");
        pipeline.stream(Vec::<Value>::new()).progress()
    }

    #[test]
    fn lines_of_progress() {
        let mut lines = Vec::new();
        let mut show = |progress: &Progress, total| {
            let configured = vec![32; progress.endpoints.len()];
            let line = Line {
                progress,
                total,
                configured: &configured,
            };
            let line = line.to_string();
            lines.push(format!("{:3} {line}", line.chars().count()));
        };
        let mut one = progress(&["fast"]);
        one.endpoints[0].limit = 32;
        show(&one, None);
        one.inputs_succeeded = 998;
        one.endpoints[0].in_flight = 7;
        one.endpoints[0].limit = 8;
        show(&one, Some(10_000));

        let mut two = progress(&["fast", "smart"]);
        two.inputs_succeeded = 1_231;
        two.inputs_failed = 3;
        two.calls = 3_702;
        two.rate_limited = 12;
        two.usage.input_tokens = 1_200_000;
        two.usage.output_tokens = 34_567;
        two.cost.known = Dollars::new(1.234);
        for (endpoint, in_flight, limit) in [(0, 7, 8), (1, 32, 32)] {
            two.endpoints[endpoint].in_flight = in_flight;
            two.endpoints[endpoint].limit = limit;
        }
        show(&two, Some(10_000));

        let mut many = progress(&["fast", "a_very_long_alias", "smart", "judge", "critic"]);
        many.inputs_succeeded = 1_000_000;
        many.calls = 5_000_000;
        for endpoint in &mut many.endpoints {
            endpoint.in_flight = 16;
            endpoint.limit = 32;
        }
        show(&many, Some(10_000_000));
        show(&progress(&[]), Some(1));
        assert_snapshot!(lines.join("\n"));
    }
}
