//! Graphviz' DOT language, <https://graphviz.org/doc/info/lang.html>.

use std::fmt::Write;

use super::labels;
use crate::graph::{InferenceGraph, NodeRef};

impl InferenceGraph {
    /// This graph in Graphviz' DOT language: `dot -Tsvg` draws it.
    pub fn to_dot(&self) -> String {
        let mut dot = String::new();
        // Writing to a `String` can't fail.
        let _ = self.write_dot(&mut dot);
        dot
    }

    fn write_dot(&self, dot: &mut String) -> std::fmt::Result {
        writeln!(dot, "digraph {} {{", quote(&[self.name()]))?;
        writeln!(dot, "  rankdir=TB;")?;
        writeln!(dot, "  node [shape=box, fontname=\"sans-serif\"];")?;
        for (node, found) in self.enumerate() {
            let lines = labels::lines(self, node);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let style = if node == NodeRef::INPUT {
                ", shape=oval"
            } else {
                ""
            };
            let name = quote(&[found.name()]);
            writeln!(dot, "  {name} [label={}{style}];", quote(&lines))?;
        }
        writeln!(dot, "  \"output()\" [label=\"output\", shape=oval];")?;
        let name = |node: NodeRef| quote(&[self.node(node).name()]);
        for (from, to) in labels::edges(self) {
            writeln!(dot, "  {} -> {};", name(from), name(to))?;
        }
        for from in labels::outputs(self) {
            writeln!(dot, "  {} -> \"output()\";", name(from))?;
        }
        writeln!(dot, "}}")
    }
}

fn quote(lines: &[&str]) -> String {
    let escaped = lines
        .iter()
        .map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}
