//! Mermaid flowcharts, <https://mermaid.js.org/syntax/flowchart.html>.

use std::fmt::Write;

use super::labels;
use crate::graph::{InferenceGraph, NodeRef};

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
        for (node, _) in self.enumerate() {
            let label = quote(&labels::lines(self, node));
            let (open, close) = if node == NodeRef::INPUT {
                ("([", "])")
            } else {
                ("[", "]")
            };
            writeln!(mermaid, "  n{}{open}{label}{close}", node.index())?;
        }
        writeln!(mermaid, "  output([\"output\"])")?;
        for (from, to) in labels::edges(self) {
            writeln!(mermaid, "  n{} --> n{}", from.index(), to.index())?;
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
