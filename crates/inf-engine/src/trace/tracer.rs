//! [`Tracer`]: runs `forward` and yields its graph.

use super::context::{self, ModuleKey, ModulePaths, Step, record};
use super::{Proxy, lower};
use crate::graph::{GraphError, GraphParameter, InferenceGraph, SourceLocation};
use crate::parameter::{Parameter, ParameterPath};
use crate::value::Data;

/// Runs a `forward` on symbolic values and yields the graph of what it does.
///
/// [`Forward::trace`](crate::module::ForwardExt::trace) does it for a module;
/// a closure over modules can be traced as well:
///
/// ```
/// use inf_engine::prelude::*;
///
/// let ask = LlmInference::new("fast");
/// let graph = Tracer::new("haiku")
///     .trace(|topic: Proxy<String>| ask.call(prompt!("Write a haiku about {topic}.")))?;
/// assert_eq!(graph.aliases().len(), 1);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug)]
pub struct Tracer {
    name: String,
    modules: ModulePaths,
    parameters: Vec<GraphParameter>,
}

impl Tracer {
    /// A tracer of a graph called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            modules: ModulePaths::new(),
            parameters: Vec::new(),
        }
    }

    /// Tells the path of a parameter that `forward` may use.
    #[must_use]
    pub fn with_parameter(mut self, path: impl Into<ParameterPath>, parameter: &Parameter) -> Self {
        self.parameters.push(GraphParameter {
            path: path.into(),
            parameter: parameter.clone(),
        });
        self
    }

    /// Tells the path of a module that `forward` may call.
    pub(crate) fn add_module(&mut self, key: ModuleKey, path: String) {
        self.modules.entry(key).or_default().push(path);
    }

    /// Runs `forward` on a proxy of the input. The error lists everything that
    /// is wrong with what it did; a panic in it passes through.
    #[track_caller]
    pub fn trace<I: Data, O: Data>(
        self,
        forward: impl FnOnce(Proxy<I>) -> Proxy<O>,
    ) -> Result<InferenceGraph, GraphError> {
        let location = SourceLocation::caller();
        let (output, mut context) = context::scoped(self.modules, self.parameters, || {
            let input = record("the input", location, |_| Step::Input);
            let output = forward(input);
            // The output may be a proxy of another trace: let this one look at it.
            record::<O>("the output", location, |recorder| {
                Step::Pack(recorder.node(output).into())
            })
        });
        let graph = lower::lower(&self.name, I::schema(), &mut context, output.node());
        context::keep_ended(context);
        graph
    }
}
