//! [`draw`]: figures as a picture of the size that there is.
//!
//! What matters most is kept where there is little room: the inputs, then the endpoints, the
//! totals, what failed, and the pace of the last minutes.

use inf_engine::resources::Dollars;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Sparkline};

use super::endpoint_table::endpoint_table;
use super::figures::{Figures, Inputs};
use super::units::{clock, rate, whole};
use crate::console::{compact, counted, grouped, shorten};

/// Colours of meaning. What they say is said in words or signs as well, so that nothing
/// is lost without them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Palette {
    pub(super) title: Style,
    pub(super) label: Style,
    pub(super) bar: Style,
    pub(super) warning: Style,
    pub(super) failure: Style,
}

impl Palette {
    /// The sixteen colours that a terminal has its own idea of, so that they suit its
    /// background.
    pub(super) fn coloured() -> Self {
        Self {
            bar: Style::new().fg(Color::Cyan),
            warning: Style::new().fg(Color::Yellow),
            failure: Style::new().fg(Color::Red),
            ..Self::plain()
        }
    }

    /// For `NO_COLOR`.
    pub(super) fn plain() -> Self {
        Self {
            title: Style::new().add_modifier(Modifier::BOLD),
            label: Style::new().add_modifier(Modifier::DIM),
            ..Self::default()
        }
    }
}

/// Free rows, one between two blocks, where there is room for all of them.
const GAPS: usize = 4;

/// Columns on either side that stay free.
const MARGIN: u16 = 1;

/// Draws `figures`; with the help over them, if it is wanted.
pub(super) fn draw(frame: &mut Frame, figures: &Figures, palette: &Palette, with_help: bool) {
    let area = frame.area();
    let margin = if area.width > 2 * MARGIN { MARGIN } else { 0 };
    let area = Rect {
        x: area.x + margin,
        width: area.width - 2 * margin,
        ..area
    };
    let width = usize::from(area.width);
    let mut left = usize::from(area.height).saturating_sub(2);

    let inputs = take(inputs(&figures.inputs, width, palette), &mut left);
    let totals = totals(figures, width, palette);
    let failures_at_least = if figures.last_failures.is_empty() {
        0
    } else {
        4
    };
    let endpoints = if figures.endpoints.is_empty() {
        Vec::new()
    } else {
        // Many of them leave room for the others, a few are shown whatever comes after.
        let others = totals.len() + failures_at_least + GAPS;
        let rows = left
            .saturating_sub(others + 1)
            .max(3)
            .min(left.saturating_sub(1));
        endpoint_table(&figures.endpoints, width, rows, palette)
    };
    let endpoints = take(endpoints, &mut left);
    let totals = take(totals, &mut left);
    let least = left.min(failures_at_least);
    left -= least;
    // The gaps come before the picture of the pace, and that before more failures.
    let mut gaps = [&inputs, &endpoints, &totals]
        .iter()
        .filter(|lines| !lines.is_empty())
        .count();
    gaps += usize::from(least > 0);
    let has_gaps = left >= gaps;
    left -= if has_gaps { gaps } else { 0 };
    let pace = match left {
        ..3 => 0,
        3..9 => left.min(5) - usize::from(has_gaps),
        9..20 => 5,
        _ => 9,
    };
    let pace = if figures.answers_by_second.is_empty() {
        0
    } else {
        pace
    };
    left -= pace + usize::from(pace > 0 && has_gaps);
    let failures = failures(
        figures,
        width,
        least + if least > 0 { left } else { 0 },
        palette,
    );

    let mut pen = Pen {
        frame,
        area,
        y: 0,
        gap: u16::from(has_gaps),
    };
    pen.block(vec![title(figures, width, palette)]);
    pen.block(inputs);
    pen.block(totals);
    pen.block(endpoints);
    if pace > 0 {
        pen.pace(figures, pace, palette);
    }
    pen.block(failures);
    pen.footer(figures.stops_within.is_some(), palette);
    if with_help {
        help(frame, palette);
    }
}

/// As many of `lines` as there are rows left.
fn take(mut lines: Vec<Line<'static>>, left: &mut usize) -> Vec<Line<'static>> {
    lines.truncate(*left);
    *left -= lines.len();
    lines
}

/// Writes blocks one below the other.
struct Pen<'f, 'b> {
    frame: &'f mut Frame<'b>,
    area: Rect,
    /// The next free row.
    y: u16,
    /// Free rows between blocks.
    gap: u16,
}

impl Pen<'_, '_> {
    /// The place for so many rows; less where there is no more.
    fn place(&mut self, height: usize) -> Rect {
        let height = u16::try_from(height).unwrap_or(u16::MAX);
        let free = self.area.height.saturating_sub(1).saturating_sub(self.y);
        let place = Rect {
            y: self.area.y + self.y,
            height: height.min(free),
            ..self.area
        };
        self.y = self.y.saturating_add(height).saturating_add(self.gap);
        place
    }

    fn block(&mut self, lines: Vec<Line<'static>>) {
        if !lines.is_empty() {
            let place = self.place(lines.len());
            self.frame.render_widget(Paragraph::new(lines), place);
        }
    }

    /// Answers of the last seconds, one column each, under a line that says so.
    fn pace(&mut self, figures: &Figures, height: usize, palette: &Palette) {
        let place = self.place(height);
        let seconds = &figures.answers_by_second;
        let newest = seconds.len().saturating_sub(usize::from(place.width));
        let shown = &seconds[newest..];
        let most = shown.iter().copied().max().unwrap_or_default();
        let label = format!(
            "answers in each of the last {}, at most {}",
            counted(shown.len() as u64, "second", "seconds"),
            compact(most)
        );
        let (heading, below) = split(place);
        self.frame
            .render_widget(Line::styled(label, palette.label), heading);
        let sparkline = Sparkline::default()
            .data(shown)
            .max(most.max(1))
            .style(palette.bar);
        self.frame.render_widget(sparkline, below);
    }

    fn footer(&mut self, is_stopping: bool, palette: &Palette) {
        let place = Rect {
            y: self.area.y + self.area.height.saturating_sub(1),
            height: self.area.height.min(1),
            ..self.area
        };
        let keys = if is_stopping {
            "q exit at once   ? help"
        } else {
            "q stop   ? help"
        };
        self.frame
            .render_widget(Line::styled(keys, palette.label), place);
    }
}

/// The first row of a place, and the others.
fn split(place: Rect) -> (Rect, Rect) {
    let heading = Rect {
        height: place.height.min(1),
        ..place
    };
    let below = Rect {
        y: place.y + heading.height,
        height: place.height - heading.height,
        ..place
    };
    (heading, below)
}

/// The pipeline on the left; on the right what the run is at.
fn title(figures: &Figures, width: usize, palette: &Palette) -> Line<'static> {
    let time = clock(figures.elapsed);
    let (state, style) = match figures.stops_within {
        Some(grace) => {
            let begun = counted(figures.inputs.in_flight, "input is", "inputs are");
            let grace = clock(grace);
            (
                format!("stopping: {begun} being finished, for at most {grace}"),
                palette.warning,
            )
        }
        None => (format!("running for {time}"), Style::new()),
    };
    let state = shorten(&state, width.saturating_sub(9));
    let name = shorten(
        &figures.name,
        width.saturating_sub(state.chars().count() + 2),
    );
    apart(
        Span::styled(name, palette.title),
        Span::styled(state, style),
        width,
    )
}

/// One text on the left and one on the right.
fn apart(left: Span<'static>, right: Span<'static>, width: usize) -> Line<'static> {
    let between = width.saturating_sub(left.width() + right.width());
    Line::from(vec![left, Span::raw(" ".repeat(between)), right])
}

/// A bar with the share that is done, if that is known, and how many inputs that is.
fn inputs(inputs: &Inputs, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(total) = inputs.total {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let done = (inputs.ended as f64 / total.max(1) as f64).min(1.0);
        // Only what is done altogether is 100 %.
        let percent = format!(" {:>3} %", (done * 100.0).floor());
        let mut line = bar(done, width.saturating_sub(percent.len()), palette);
        line.push(Span::styled(percent, palette.title));
        lines.push(Line::from(line));
    }
    let of = inputs
        .total
        .map(|total| format!(" of {}", grouped(total)))
        .unwrap_or_default();
    let word = if inputs.total.unwrap_or(inputs.ended) == 1 {
        "input"
    } else {
        "inputs"
    };
    let ended = Span::styled(format!("{}{of}", grouped(inputs.ended)), palette.title);
    let mut parts = vec![vec![ended, Span::raw(format!(" {word}"))]];
    if inputs.failed > 0 {
        let failed = format!("{} failed", grouped(inputs.failed));
        parts.push(vec![Span::styled(failed, palette.failure)]);
    }
    if inputs.stopped > 0 {
        let stopped = format!("{} stopped", grouped(inputs.stopped));
        parts.push(vec![Span::styled(stopped, palette.warning)]);
    }
    if inputs.from_journal > 0 {
        let from_journal = format!("{} from the journal", grouped(inputs.from_journal));
        parts.push(vec![Span::raw(from_journal)]);
    }
    parts.push(vec![Span::raw(format!(
        "{} under way",
        grouped(inputs.in_flight)
    ))]);
    let mut right = format!("{}/s", rate(inputs.per_second));
    if let Some(left) = inputs.time_left {
        right.push_str("   ");
        right.push_str(&clock(left));
        right.push_str(" left");
    }
    lines.extend(flow(Vec::new(), parts, width));
    let right = Span::raw(right);
    match lines.last_mut() {
        Some(last) if last.width() + BETWEEN + right.width() <= width => {
            let between = width - last.width() - right.width();
            last.push_span(Span::raw(" ".repeat(between)));
            last.push_span(right);
        }
        _ => lines.push(Line::from(right)),
    }
    lines
}

/// Free columns between two parts of a line.
const BETWEEN: usize = 3;

/// Parts beside each other, behind a label if there is one; those for which there is no
/// room go to the next line.
fn flow(
    label: Vec<Span<'static>>,
    parts: Vec<Vec<Span<'static>>>,
    width: usize,
) -> Vec<Line<'static>> {
    let indentation: usize = label.iter().map(Span::width).sum();
    let mut lines = Vec::new();
    let mut line = Line::from(label);
    let mut is_first = true;
    for part in parts {
        let needed: usize = part.iter().map(Span::width).sum();
        if is_first {
            is_first = false;
        } else if line.width() + BETWEEN + needed > width {
            let next = Line::raw(" ".repeat(indentation));
            lines.push(std::mem::replace(&mut line, next));
        } else {
            line.push_span(Span::raw(" ".repeat(BETWEEN)));
        }
        for span in part {
            line.push_span(span);
        }
    }
    lines.push(line);
    lines
}

/// A bar of which a share, from 0 to 1, is done.
fn bar(share: f64, width: usize, palette: &Palette) -> Vec<Span<'static>> {
    #[expect(clippy::cast_precision_loss, reason = "the width of a terminal")]
    let done = usize::try_from(whole(share * width as f64))
        .unwrap_or(width)
        .min(width);
    vec![
        Span::styled("━".repeat(done), palette.bar),
        Span::styled("─".repeat(width - done), palette.label),
    ]
}

/// What all endpoints came to, a line each for calls, tokens and money.
fn totals(figures: &Figures, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let Figures {
        calls, spending, ..
    } = figures;
    let row = |label: &'static str| vec![Span::styled(format!("{label:<9}"), palette.label)];
    let answered = compact(calls.answered);
    let answered = format!("{answered} answered, {}/s", rate(calls.per_second));
    let mut parts = vec![vec![Span::raw(answered)]];
    if calls.retries > 0 {
        let retries = counted(calls.retries, "retry", "retries");
        parts.push(vec![Span::styled(retries, palette.warning)]);
    }
    if calls.refused > 0 {
        let refused = format!("{} refused for a limit (429)", compact(calls.refused));
        parts.push(vec![Span::styled(refused, palette.warning)]);
    }
    if calls.from_journal > 0 {
        let from_journal = format!("{} from the journal", compact(calls.from_journal));
        parts.push(vec![Span::raw(from_journal)]);
    }
    let mut lines = flow(row("calls"), parts, width);
    let tokens = format!(
        "{} in, {} out, {}/s",
        compact(calls.input_tokens),
        compact(calls.output_tokens),
        rate(calls.tokens_per_second)
    );
    lines.extend(flow(row("tokens"), vec![vec![Span::raw(tokens)]], width));
    let mut parts = vec![vec![Span::raw(spending.cost.to_string())]];
    if let Some(at_the_end) = spending.at_the_end {
        let at_the_end = Dollars::new(at_the_end);
        parts.push(vec![Span::raw(format!("about {at_the_end} in the end"))]);
    }
    lines.extend(flow(row("cost"), parts, width));
    for (index, (left, spent)) in spending.budgets.iter().enumerate() {
        let mut budget = row(if index == 0 { "budget" } else { "" });
        let gauge = width.saturating_sub(9 + left.chars().count() + 3).min(24);
        if gauge >= 8 {
            budget.extend(bar(spent.clamp(0.0, 1.0), gauge, palette));
            budget.push(Span::raw("   "));
        }
        let style = if *spent >= 0.9 {
            palette.warning
        } else {
            Style::new()
        };
        budget.push(Span::styled(left.clone(), style));
        lines.push(Line::from(budget));
    }
    lines
}

/// What failed: how many for each cause, and the last ones.
fn failures(figures: &Figures, width: usize, rows: usize, palette: &Palette) -> Vec<Line<'static>> {
    if rows == 0 || figures.last_failures.is_empty() {
        return Vec::new();
    }
    let by_kind = figures.failures_by_kind.iter();
    let by_kind = by_kind.map(|(kind, count)| format!("{} × {kind}", grouped(*count)));
    let by_kind: Vec<String> = by_kind.collect();
    let heading = shorten(&by_kind.join(", "), width.saturating_sub(10));
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{:<9}", "failures"), palette.label),
        Span::styled(heading, palette.failure),
    ])];
    for failure in figures.last_failures.iter().take(rows - 1) {
        let text = format!(
            "input {}: {}: {}",
            failure.index, failure.kind, failure.message
        );
        lines.push(Line::raw(format!(
            "  {}",
            shorten(&text, width.saturating_sub(3))
        )));
    }
    lines
}

/// What the keys do and what the signs mean.
fn help(frame: &mut Frame, palette: &Palette) {
    const TEXT: [&str; 14] = [
        "q, Ctrl-C   begin no more inputs and finish those",
        "            that have begun, for at most 10 s;",
        "            once more after a second: exit at once",
        "?, h, Esc   this help",
        "",
        "in flight   calls under way / the most that may be;",
        "            ↓ the provider bears fewer than configured",
        "waiting     calls that are ready and wait for room",
        "p50, p95    what 50 and 95 of 100 answers took at most",
        "429s        refused for a limit and sent again; no failure",
        "retries     sent again after a passing failure",
        "failed      requests that failed, before their retries",
        "",
        "Rates of calls are of the last 10 s, of inputs of 60 s.",
    ];
    let area = frame.area();
    let longest = TEXT
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or_default();
    let width = u16::try_from(longest + 4)
        .unwrap_or(u16::MAX)
        .min(area.width);
    let height = u16::try_from(TEXT.len() + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let lines: Vec<Line> = TEXT
        .iter()
        .map(|line| Line::raw(format!(" {line}")))
        .collect();
    let block = Block::bordered()
        .title(" help ")
        .border_style(palette.label);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
}
