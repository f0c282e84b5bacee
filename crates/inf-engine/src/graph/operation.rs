//! [`Operation`]: what a node does.

use std::fmt;
use std::sync::Arc;

use super::{LlmCall, NodeRef, ParameterRef, Reference, Shape, Template};
use crate::value::Value;

/// The name under which a pipeline calls a model; which endpoint that is, is
/// said outside the code, in a resource configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alias(Arc<str>);

impl Alias {
    /// The alias as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Alias {
    fn from(alias: T) -> Self {
        Self(alias.into())
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a node does when its inputs are there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "a graph is made once, and most of its nodes are calls"
)]
pub enum Operation {
    /// Is the graph's input.
    Input,
    /// Calls a model.
    Llm(LlmCall),
    /// Fills a template that several nodes use.
    Prompt(Template),
    /// Calls a function of the host program.
    Host(HostCall),
    /// Puts values together.
    Pack(Shape),
    /// Derives a value from another without any outside help.
    Compute {
        /// How.
        function: Compute,
        /// From what.
        input: Shape,
    },
}

/// A call of a function that the host program provides under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct HostCall {
    /// The name of the function.
    pub function: Arc<str>,
    /// What it is given.
    pub input: Shape,
}

/// A function that every host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compute {
    /// The keys of a map, as a list.
    Keys,
    /// The values of a map, as a list.
    Values,
    /// The entries of a map, as a list of `[key, value]`.
    Items,
}

impl Compute {
    pub(crate) const ALL: [Self; 3] = [Self::Keys, Self::Values, Self::Items];

    /// The name in pipeline files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Values => "values",
            Self::Items => "items",
        }
    }

    /// The result, or a sentence that says why there is none.
    pub(crate) fn apply(self, input: &Value) -> Result<Value, String> {
        let Value::Map(map) = input else {
            let (name, kind) = (self.name(), input.kind());
            return Err(format!("`{name}` needs a map and got {kind}"));
        };
        Ok(match self {
            Self::Keys => map.keys().cloned().map(Value::String).collect(),
            Self::Values => map.values().cloned().collect(),
            Self::Items => map
                .iter()
                .map(|(key, value)| Value::from_iter([Value::String(key.clone()), value.clone()]))
                .collect(),
        })
    }
}

impl Operation {
    /// Calls `visit` on every reference that this operation reads.
    pub(crate) fn visit_references<'s>(&'s self, visit: &mut dyn FnMut(&'s Reference)) {
        match self {
            Self::Input => {}
            Self::Llm(call) => call.visit_references(visit),
            Self::Prompt(template) => template.references().for_each(visit),
            Self::Host(HostCall { input, .. })
            | Self::Compute { input, .. }
            | Self::Pack(input) => {
                input.visit_references(visit);
            }
        }
    }

    /// The nodes that this operation reads, each once, in ascending order.
    pub fn dependencies(&self) -> Vec<NodeRef> {
        let mut nodes = Vec::new();
        self.visit_references(&mut |reference| nodes.push(reference.node));
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The prompt that this operation asks a model, or that it is.
    pub fn prompt(&self) -> Option<&Template> {
        match self {
            Self::Llm(call) => Some(&call.prompt),
            Self::Prompt(template) => Some(template),
            _ => None,
        }
    }

    /// The system prompt of this operation, if it calls a model with one.
    pub fn system_prompt(&self) -> Option<&Template> {
        match self {
            Self::Llm(call) => call.system.as_ref(),
            _ => None,
        }
    }

    /// The names of the tools that this operation gives to a model.
    pub(crate) fn tools(&self) -> &[Arc<str>] {
        match self {
            Self::Llm(call) => &call.tools,
            _ => &[],
        }
    }

    /// The parameters that this operation reads, in the order of their use.
    pub fn parameters(&self) -> Vec<ParameterRef> {
        match self {
            Self::Llm(call) => call.templates().flat_map(Template::parameters).collect(),
            Self::Prompt(template) => template.parameters().collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn renumber(&mut self, new: &dyn Fn(NodeRef) -> NodeRef) {
        match self {
            Self::Input => {}
            Self::Llm(call) => {
                call.prompt.renumber(new);
                if let Some(system) = &mut call.system {
                    system.renumber(new);
                }
                if let Some(messages) = &mut call.messages {
                    messages.renumber(new);
                }
            }
            Self::Prompt(template) => template.renumber(new),
            Self::Host(HostCall { input, .. })
            | Self::Compute { input, .. }
            | Self::Pack(input) => {
                input.renumber(new);
            }
        }
    }
}
