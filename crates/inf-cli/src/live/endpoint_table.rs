//! The table of endpoints: a row for each, and as many columns as there is room for.

use inf_engine::resources::Dollars;
use ratatui::text::{Line, Span};

use super::figures::EndpointFigures;
use super::frame::Palette;
use super::units::{latency, rate, whole};
use crate::console::{compact, shorten};

/// A column behind the name: its heading, its width and its cell.
struct Column {
    heading: &'static str,
    width: usize,
    /// The columns with the lowest number go first where there is not room for all.
    rank: u8,
    cell: fn(&EndpointFigures, &Palette) -> Span<'static>,
}

/// Cells of the gauge.
const GAUGE: usize = 8;

/// In the order in which they stand.
const COLUMNS: [Column; 11] = [
    Column {
        heading: "",
        width: GAUGE,
        rank: 9,
        cell: gauge,
    },
    Column {
        heading: "in flight",
        width: IN_FLIGHT,
        rank: 0,
        cell: in_flight,
    },
    Column {
        heading: "waiting",
        width: 7,
        rank: 5,
        cell: |endpoint, _| {
            endpoint
                .waiting
                .map_or(Span::raw(""), |waiting| Span::raw(compact(waiting as u64)))
        },
    },
    Column {
        heading: "calls/s",
        width: 7,
        rank: 1,
        cell: |endpoint, _| Span::raw(rate(endpoint.calls_per_second)),
    },
    Column {
        heading: "tok/s",
        width: 6,
        rank: 7,
        cell: |endpoint, _| Span::raw(rate(endpoint.tokens_per_second)),
    },
    Column {
        heading: "p50",
        width: 6,
        rank: 2,
        cell: |endpoint, _| {
            Span::raw(
                endpoint
                    .latency
                    .map_or(String::new(), |(p50, _)| latency(p50)),
            )
        },
    },
    Column {
        heading: "p95",
        width: 6,
        rank: 4,
        cell: |endpoint, _| {
            Span::raw(
                endpoint
                    .latency
                    .map_or(String::new(), |(_, p95)| latency(p95)),
            )
        },
    },
    Column {
        heading: "429s",
        width: 5,
        rank: 3,
        cell: |endpoint, palette| counted(endpoint.refused, palette.warning),
    },
    Column {
        heading: "retries",
        width: 7,
        rank: 6,
        cell: |endpoint, palette| counted(endpoint.retries, palette.warning),
    },
    Column {
        heading: "failed",
        width: 6,
        rank: 10,
        cell: |endpoint, palette| counted(endpoint.failed, palette.failure),
    },
    Column {
        heading: "cost",
        width: COST,
        rank: 8,
        cell: |endpoint, _| match endpoint.cost {
            cost if cost.unknown == 0 || !cost.known.is_zero() => Span::raw(amount(cost.known)),
            _ => Span::raw("unknown"),
        },
    },
];

/// The width of what is in flight.
const IN_FLIGHT: usize = 9;

/// The width of a cost.
const COST: usize = 8;

/// An amount in at most so many characters: of a small one fewer digits, of a large one
/// thousands of dollars.
fn amount(dollars: Dollars) -> String {
    let text = dollars.to_string();
    if text.len() <= COST {
        text
    } else if text.starts_with("$0.") {
        text[..COST].to_owned()
    } else {
        format!("${}", compact(whole(dollars.as_f64())))
    }
}

/// The table in `width` columns of text, its heading first. Of more than `rows`
/// endpoints the last row says how many there are.
pub(super) fn endpoint_table(
    endpoints: &[EndpointFigures],
    width: usize,
    rows: usize,
    palette: &Palette,
) -> Vec<Line<'static>> {
    const LEAST_NAME: usize = 8;
    const MOST_NAME: usize = 24;
    let longest = endpoints
        .iter()
        .map(|endpoint| endpoint.name.chars().count());
    let name = longest
        .max()
        .unwrap_or_default()
        .clamp(LEAST_NAME, MOST_NAME);
    let mut by_rank: Vec<&Column> = COLUMNS.iter().collect();
    by_rank.sort_by_key(|column| column.rank);
    // A long name is cut before a column is left out.
    let mut room = width.saturating_sub(LEAST_NAME.max(name.min(12)));
    let fits = by_rank.iter().take_while(|column| {
        let needed = column.width + 1;
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    });
    let most_rank = fits.map(|column| column.rank).last();
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| most_rank.is_some_and(|most| column.rank <= most))
        .collect();
    let taken: usize = columns.iter().map(|column| column.width + 1).sum();
    let name = name.min(width.saturating_sub(taken));
    let mut heading = vec![Span::styled(
        format!("{:<name$}", "endpoint"),
        palette.label,
    )];
    heading.extend(columns.iter().map(|column| {
        Span::styled(
            format!(" {:>width$}", column.heading, width = column.width),
            palette.label,
        )
    }));
    let mut lines = vec![Line::from(heading)];
    let shown = if endpoints.len() > rows {
        rows.saturating_sub(1)
    } else {
        endpoints.len()
    };
    for endpoint in &endpoints[..shown] {
        let mut spans = vec![Span::raw(format!(
            "{:<name$}",
            fitted(&endpoint.name, name)
        ))];
        for column in &columns {
            let cell = (column.cell)(endpoint, palette);
            let room = (column.width + 1).saturating_sub(cell.width());
            spans.push(Span::raw(" ".repeat(room)));
            spans.push(cell);
        }
        lines.push(Line::from(spans));
    }
    if shown < endpoints.len() && rows > 0 {
        lines.push(Line::styled(
            format!("and {} more", endpoints.len() - shown),
            palette.label,
        ));
    }
    lines
}

/// A name in at most `longest` characters.
fn fitted(name: &str, longest: usize) -> String {
    if name.chars().count() <= longest {
        name.to_owned()
    } else {
        shorten(name, longest)
    }
}

/// How much of its limit an endpoint uses.
fn gauge(endpoint: &EndpointFigures, palette: &Palette) -> Span<'static> {
    let cells = (endpoint.in_flight * GAUGE)
        .div_ceil(endpoint.limit.max(1))
        .min(GAUGE);
    Span::styled(
        format!("{}{}", "▮".repeat(cells), "▯".repeat(GAUGE - cells)),
        palette.bar,
    )
}

/// `5/8↓` are 5 in flight of 8 that the provider seems to bear, which is less than what
/// is configured.
fn in_flight(endpoint: &EndpointFigures, palette: &Palette) -> Span<'static> {
    let EndpointFigures {
        in_flight,
        limit,
        configured,
        ..
    } = endpoint;
    // What does not fit into its column moves those behind it.
    let [shown, most] = [in_flight, limit].map(|count| match count {
        10_000.. => format!("{}k", count / 1000),
        _ => count.to_string(),
    });
    let mut text = format!("{shown}/{most}");
    if limit >= configured {
        return Span::raw(text);
    }
    // Where there is no room for the arrow, the colour says it.
    if text.len() < IN_FLIGHT {
        text.push('↓');
    }
    Span::styled(text, palette.warning)
}

/// A count that is coloured once there is something.
fn counted(count: u64, style: ratatui::style::Style) -> Span<'static> {
    match count {
        0 => Span::raw("0"),
        count => Span::styled(compact(count), style),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_fits_its_column() {
        let palette = Palette::plain();
        for (shown, limit, configured, expected) in [
            (5, 8, 16, "5/8↓"),
            (999, 1000, 2000, "999/1000↓"),
            (1000, 1000, 2000, "1000/1000"),
            (12_345, 20_000, 20_000, "12k/20k"),
            (100_000, 100_000, 200_000, "100k/100k"),
        ] {
            let endpoint = EndpointFigures {
                in_flight: shown,
                limit,
                configured,
                ..EndpointFigures::default()
            };
            let cell = in_flight(&endpoint, &palette);
            assert_eq!(cell.content, expected);
            assert!(cell.width() <= IN_FLIGHT);
        }
    }

    #[test]
    fn costs_fit_their_column() {
        for (dollars, shown) in [
            (0.0, "$0.00"),
            (0.812, "$0.812"),
            (0.000_282, "$0.00028"),
            (1_234.5, "$1,235"),
            (341_809.32, "$341k"),
        ] {
            assert_eq!(amount(Dollars::new(dollars)), shown);
        }
    }
}
