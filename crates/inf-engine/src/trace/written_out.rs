//! Proxies that were written with `{:?}` and whose text then went where a value was meant.
//!
//! Writing one is allowed, as `dbg!` and `println!` do it. Its text is one that nothing else has, so
//! that the end of a trace can see whether it was put into a prompt or a constant.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::context::{Context, Step, TraceNode, label_of};
use crate::document::Problem;
use crate::graph::{NodeRef, Template, TemplatePart};
use crate::value::Value;

/// Whether the program ever wrote one: if not, no text is looked at.
static WAS_WRITTEN: AtomicBool = AtomicBool::new(false);

/// Writes the proxy of a node.
pub(super) fn write_out(
    formatter: &mut fmt::Formatter<'_>,
    type_name: &str,
    trace: u32,
    node: NodeRef,
) -> fmt::Result {
    WAS_WRITTEN.store(true, Ordering::Relaxed);
    let node = node.index();
    write!(
        formatter,
        "Proxy<{type_name}>(node {node} of trace {trace})"
    )
}

/// Says of each step whether the text of a proxy stands in it.
pub(super) fn problems(context: &Context) -> Vec<Problem> {
    if !WAS_WRITTEN.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let problem = |found: &TraceNode| {
        let (trace, node) = written_in(&found.step)?;
        let message = format!(
            "the proxy of {} was written with `{{:?}}`, but it has no value yet: for a text with its \
             value write `prompt!(\"… {{name}} …\")`",
            label_of(context, trace, node)
        );
        Some(Problem::new(found.location.to_string(), message))
    };
    context.nodes.iter().filter_map(problem).collect()
}

/// The trace and the node of the first proxy whose text stands in a step.
fn written_in(step: &Step) -> Option<(u32, NodeRef)> {
    let in_template = |template: &Template| {
        template.parts().iter().find_map(|part| match part {
            TemplatePart::Text(text) => written(text),
            _ => None,
        })
    };
    match step {
        Step::Prompt(template) => in_template(template),
        Step::Constant(value) => in_value(value),
        Step::Llm { call, .. } => call.system.as_ref().and_then(in_template),
        _ => None,
    }
}

fn in_value(value: &Value) -> Option<(u32, NodeRef)> {
    match value {
        Value::String(text) => written(text),
        Value::List(elements) => elements.iter().find_map(in_value),
        Value::Map(fields) => fields.values().find_map(in_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn written(text: &str) -> Option<(u32, NodeRef)> {
    let mut after_each = text.split(">(node ").skip(1);
    after_each.find_map(|after| {
        let (node, after) = after.split_once(" of trace ")?;
        let (trace, _) = after.split_once(')')?;
        Some((trace.parse().ok()?, NodeRef::new(node.parse().ok()?)))
    })
}
