//! A graph as SVG, with what happened at each node in its box.

use std::fmt::Write;

use indexmap::IndexMap;
use inf_engine::graph::{GraphOutline, OutlineNode};
use inf_engine::resources::Dollars;

use super::layout::{Arrow, Layout, NODE, PILL, SMALL, is_given, layout};
use crate::console::compact;
use crate::report::model::Row;
use crate::report::page::escaped;

/// What is kept free around the drawing.
const MARGIN: f64 = 10.0;
/// The characters of a node's name that fit into its box.
const NAME: usize = 26;
/// The characters of what it does, or of what happened, likewise.
const LINE: usize = 33;

/// Draws a graph; `rows` are the sums of the nodes whose calls are known, by path.
pub(in crate::report) fn svg(
    name: &str,
    outline: &GraphOutline,
    rows: &IndexMap<String, Row>,
) -> String {
    let mut svg = String::new();
    // Writing to a text can't fail.
    let _ = write(&mut svg, name, outline, rows);
    svg
}

fn write(
    svg: &mut String,
    name: &str,
    outline: &GraphOutline,
    rows: &IndexMap<String, Row>,
) -> std::fmt::Result {
    let layout = layout(outline);
    let (width, height) = (layout.width + 2.0 * MARGIN, layout.height + 2.0 * MARGIN);
    let label = escaped(name);
    writeln!(
        svg,
        r#"<figure class="graph"><figcaption>{label}</figcaption><div class="scroll" tabindex="0" role="region" aria-label="Graph of {label}"><svg viewBox="-{MARGIN} -{MARGIN} {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img" aria-label="The nodes of {label} and what flows between them">"#
    )?;
    for frame in &layout.frames {
        writeln!(
            svg,
            r#"<g class="frame"><rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="8"/><text x="{:.1}" y="{:.1}">{}</text></g>"#,
            frame.left,
            frame.top,
            frame.width,
            frame.height,
            frame.left + 10.0,
            frame.top + 16.0,
            escaped(&frame.label)
        )?;
    }
    for arrow in &layout.arrows {
        write_arrow(svg, arrow)?;
    }
    let most = rows.values().map(|row| row.sums.calls).max();
    for (place, node) in outline.nodes.iter().enumerate() {
        if is_given(&node.does) {
            write_pill(svg, layout.nodes[place], &node.name)?;
        } else {
            // Names of nodes are theirs alone, so that the end of a path says which it is.
            let mut sums = rows
                .iter()
                .filter(|(path, _)| path.rsplit('/').next() == Some(node.name.as_str()));
            let row = sums.next().map(|(_, row)| row);
            write_node(svg, layout.nodes[place], node, row, most.unwrap_or(1))?;
        }
    }
    write_output(svg, &layout)?;
    writeln!(svg, "</svg></div></figure>")
}

fn write_output(svg: &mut String, layout: &Layout) -> std::fmt::Result {
    match layout.nodes.last() {
        Some(corner) => write_pill(svg, *corner, "output"),
        None => Ok(()),
    }
}

fn write_pill(svg: &mut String, (x, y): (f64, f64), name: &str) -> std::fmt::Result {
    let (width, height) = PILL;
    writeln!(
        svg,
        r#"<g class="pill"><title>{}</title><rect x="{x:.1}" y="{y:.1}" width="{width}" height="{height}" rx="14"/><text x="{:.1}" y="{:.1}">{}</text></g>"#,
        escaped(name),
        x + width / 2.0,
        y + 18.5,
        escaped(&cut(name, 15))
    )
}

fn write_node(
    svg: &mut String,
    (x, y): (f64, f64),
    node: &OutlineNode,
    row: Option<&Row>,
    most: u64,
) -> std::fmt::Result {
    let (width, height) = if node.alias.is_some() { NODE } else { SMALL };
    let name = escaped(&node.name);
    let kind = if node.alias.is_some() {
        "node llm"
    } else {
        "node"
    };
    writeln!(
        svg,
        r#"<g class="{kind}" data-node="{name}"><title>{name}: {}</title><rect x="{x:.1}" y="{y:.1}" width="{width}" height="{height}" rx="6"/>"#,
        escaped(&node.does)
    )?;
    // Where nothing was called there are two lines, in the middle.
    let top = if row.is_none() && node.alias.is_some() {
        y + 15.0
    } else {
        y
    };
    let mut line = |class: &str, below: f64, text: &str| {
        writeln!(
            svg,
            r#"<text class="{class}" x="{:.1}" y="{:.1}">{}</text>"#,
            x + 12.0,
            top + below,
            escaped(text)
        )
    };
    line("name", 19.0, &cut(&node.name, NAME))?;
    line("does", 34.0, &cut(&node.does, LINE))?;
    let Some(row) = row else {
        return writeln!(svg, "</g>");
    };
    let sums = &row.sums;
    let calls = if sums.calls == 1 { "call" } else { "calls" };
    let mut happened = format!("{} {calls}", compact(sums.calls));
    if let Some(p50) = row.latency.p50 {
        let _ = write!(happened, " · {}", duration(p50));
    }
    if let Some(cost) = sums.cost_usd
        && cost > 0.0
    {
        let _ = write!(happened, " · {}", Dollars::new(cost));
    }
    line("sums", 51.0, &cut(&happened, LINE))?;
    if sums.failed > 0 {
        let failed = format!("{} failed", compact(sums.failed));
        writeln!(
            svg,
            r#"<text class="failed" x="{:.1}" y="{:.1}">{failed}</text>"#,
            x + width - 12.0,
            y + 19.0
        )?;
    }
    #[expect(clippy::cast_precision_loss, reason = "it is a length on a screen")]
    let share = sums.calls as f64 / most.max(1) as f64 * (width - 24.0);
    writeln!(
        svg,
        r#"<rect class="share" x="{:.1}" y="{:.1}" width="{share:.1}" height="4" rx="2"/></g>"#,
        x + 12.0,
        y + 61.0
    )
}

fn write_arrow(svg: &mut String, arrow: &Arrow) -> std::fmt::Result {
    let Some(((x, y), rest)) = arrow.points.split_first() else {
        return Ok(());
    };
    let mut path = format!("M{x:.1} {y:.1}");
    let mut last = (*x, *y);
    let mut rest = rest.iter().peekable();
    while let Some((x, y)) = rest.next() {
        // What goes on straight is one line.
        let next = rest.peek();
        if (x - last.0).abs() < 0.1 && next.is_some_and(|next| (next.0 - x).abs() < 0.1) {
            last = (*x, *y);
            continue;
        }
        let bend = (y - last.1) / 2.0;
        let _ = if (x - last.0).abs() < 0.1 {
            write!(path, "L{x:.1} {y:.1}")
        } else {
            let (upper, lower) = (last.1 + bend, y - bend);
            write!(
                path,
                "C{:.1} {upper:.1} {x:.1} {lower:.1} {x:.1} {y:.1}",
                last.0
            )
        };
        last = (*x, *y);
    }
    let (x, y) = last;
    writeln!(
        svg,
        r#"<path class="arrow" d="{path}"/><path class="tip" d="M{:.1} {:.1}L{x:.1} {y:.1}L{:.1} {:.1}Z"/>"#,
        x - 4.0,
        y - 7.0,
        x + 4.0,
        y - 7.0
    )
}

fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Milliseconds in few characters.
fn duration(milliseconds: f64) -> String {
    match milliseconds {
        ..1.0 => format!("{:.0} µs", milliseconds * 1000.0),
        ..10.0 => format!("{milliseconds:.1} ms"),
        ..1000.0 => format!("{milliseconds:.0} ms"),
        ..100_000.0 => format!("{:.1} s", milliseconds / 1000.0),
        _ => format!("{:.0} s", milliseconds / 1000.0),
    }
}
