//! Mermaid flowcharts, <https://mermaid.js.org/syntax/flowchart.html>.

use std::fmt::Write;

use super::labels::{self, Edge, Part};
use crate::graph::InferenceGraph;

impl InferenceGraph {
    /// This graph as a Mermaid flowchart, which many Markdown viewers draw.
    pub fn to_mermaid(&self) -> String {
        let mut mermaid = String::new();
        // Writing to a `String` can't fail.
        let _ = self.write_mermaid(&mut mermaid);
        mermaid
    }

    fn write_mermaid(&self, mermaid: &mut String) -> std::fmt::Result {
        writeln!(mermaid, "flowchart TB")?;
        let mut indent = "  ".to_owned();
        for part in labels::parts(self) {
            match part {
                Part::Begin(region, condition) => {
                    let label = quote(&[condition.to_string()]);
                    writeln!(mermaid, "{indent}subgraph r{}[{label}]", region.index())?;
                    indent.push_str("  ");
                }
                Part::End => {
                    indent.truncate(indent.len() - 2);
                    writeln!(mermaid, "{indent}end")?;
                }
                Part::Node(node) => {
                    let label = quote(&labels::lines(self, node));
                    let operation = self.node(node).operation();
                    let (open, close) = if labels::is_given(operation) {
                        ("([", "])")
                    } else if operation.regions().is_empty() {
                        ("[", "]")
                    } else {
                        ("{{", "}}")
                    };
                    writeln!(mermaid, "{indent}n{}{open}{label}{close}", node.index())?;
                }
            }
        }
        writeln!(mermaid, "  output([\"output\"])")?;
        for Edge { from, to, arm } in labels::edges(self) {
            let label = arm.map(|arm| format!("|{}|", quote(&[arm])));
            let label = label.unwrap_or_default();
            writeln!(mermaid, "  n{} -->{label} n{}", from.index(), to.index())?;
        }
        for from in labels::outputs(self) {
            writeln!(mermaid, "  n{} --> output", from.index())?;
        }
        Ok(())
    }
}

fn quote(lines: &[String]) -> String {
    let escaped = lines.iter().map(|line| {
        line.replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;")
    });
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("<br>"))
}
