//! Graphviz' DOT language, <https://graphviz.org/doc/info/lang.html>.

use std::fmt::Write;

use super::labels::{self, Edge, Part};
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
        let mut indent = "  ".to_owned();
        for part in labels::parts(self) {
            match part {
                Part::Begin(region, condition) => {
                    writeln!(dot, "{indent}subgraph cluster_{} {{", region.index())?;
                    indent.push_str("  ");
                    let label = quote(&[&condition.to_string()]);
                    writeln!(dot, "{indent}label={label}; fontname=\"sans-serif\";")?;
                }
                Part::End => {
                    indent.truncate(indent.len() - 2);
                    writeln!(dot, "{indent}}}")?;
                }
                Part::Node(node) => {
                    let lines = labels::lines(self, node);
                    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                    let operation = self.node(node).operation();
                    let style = if labels::is_given(operation) {
                        ", shape=oval"
                    } else if operation.regions().is_empty() {
                        ""
                    } else {
                        ", shape=hexagon"
                    };
                    let name = quote(&[self.node(node).name()]);
                    writeln!(dot, "{indent}{name} [label={}{style}];", quote(&lines))?;
                }
            }
        }
        writeln!(dot, "  \"output()\" [label=\"output\", shape=oval];")?;
        let name = |node: NodeRef| quote(&[self.node(node).name()]);
        for Edge { from, to, arm } in labels::edges(self) {
            let label = arm.map(|arm| format!(" [label={}]", quote(&[&arm])));
            let label = label.unwrap_or_default();
            writeln!(dot, "  {} -> {}{label};", name(from), name(to))?;
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
