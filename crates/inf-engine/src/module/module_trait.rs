//! [`Module`]: a part of a pipeline that has parts.

use super::{
    BackwardContext, BackwardResult, LoadReport, Member, Members, Mode, StateDict, StateDictError,
};
use crate::document::nearest;
use crate::parameter::{Feedback, Parameter, ParameterPath};

/// A part of a pipeline: it may have child modules and parameters.
///
/// Derive it: the fields that are modules or [`Parameter`]s, and vectors,
/// arrays, options, boxes, `Arc`s and maps from text of them, are registered
/// under their names; all others are left alone. `#[module(skip)]` leaves a
/// field alone that would be registered.
///
/// Paths are dotted (`encoder.layers.0.tone`), and lists are depth-first: the
/// parameters of a module, then its children in the order of their fields. A
/// parameter that several modules share is listed once, under its first path.
///
/// ```
/// use inf_engine::prelude::*;
///
/// #[derive(Module)]
/// struct Summary {
///     style: Parameter,
///     write: LlmInference,
///     longest: usize,
/// }
///
/// let style = Parameter::new("Be brief.").described("The tone.");
/// let write = LlmInference::new("fast").system_prompt(&style);
/// let summary = Summary { style, write, longest: 100 };
/// let (path, _) = &summary.named_parameters()[0];
/// assert_eq!(path.as_str(), "style");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no module",
    note = "write `#[derive(Module)]` on it",
    note = "or, if a module holds it as data, `#[module(skip)]` before the field"
)]
pub trait Module: Send + Sync {
    /// Lists the children and parameters of this module itself.
    fn members<'m>(&'m self, members: &mut Members<'m>);

    /// This module as a trait object. A wrapper that adds no members of its own
    /// may show the module that it wraps, and has that one's paths then.
    fn as_module(&self) -> &dyn Module;

    /// The training mode that this module itself keeps, if it does.
    fn mode(&self) -> Option<&Mode> {
        None
    }

    /// Says who gets what was said of the output of a node that this module made:
    /// the parameters and inputs of the node, unless written. Nodes of child modules
    /// are theirs: of a call its [`LlmInference`](super::LlmInference) is asked. See
    /// [`BackwardResult`].
    fn backward(&self, feedback: &Feedback, context: &BackwardContext<'_>) -> BackwardResult {
        BackwardResult::passed_on(feedback, context)
    }

    /// The name of the type.
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// The child modules.
    fn children(&self) -> Vec<&dyn Module> {
        let children = self.named_children().into_iter();
        children.map(|(_, child)| child).collect()
    }

    /// The child modules with their names.
    fn named_children(&self) -> Vec<(String, &dyn Module)> {
        let mut members = Members::default();
        self.members(&mut members);
        let children = members
            .list
            .into_iter()
            .filter_map(|(name, member)| match member {
                Member::Module(module) => Some((name, module)),
                Member::Parameter(_) => None,
            });
        children.collect()
    }

    /// This module and all in it, depth-first.
    fn modules(&self) -> Vec<&dyn Module> {
        let modules = self.named_modules().into_iter();
        modules.map(|(_, module)| module).collect()
    }

    /// This module (under the empty path) and all in it with their paths,
    /// depth-first.
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        let mut modules = Vec::new();
        add_modules("", self.as_module(), &mut modules);
        modules
    }

    /// The parameters of this module and all in it, each once.
    fn parameters(&self) -> Vec<Parameter> {
        let parameters = self.named_parameters().into_iter();
        parameters.map(|(_, parameter)| parameter).collect()
    }

    /// The parameters of this module and all in it with their paths, each once.
    fn named_parameters(&self) -> Vec<(ParameterPath, Parameter)> {
        let mut parameters: Vec<(ParameterPath, Parameter)> = Vec::new();
        for (module_path, module) in self.named_modules() {
            let mut members = Members::default();
            module.members(&mut members);
            for (name, member) in members.list {
                if let Member::Parameter(parameter) = member
                    && !parameters.iter().any(|(_, known)| known.is_same(parameter))
                {
                    let path = join(&module_path, &name);
                    parameters.push((path.into(), parameter.clone()));
                }
            }
        }
        parameters
    }

    /// The texts of all parameters by path.
    fn state_dict(&self) -> StateDict {
        let parameters = self.named_parameters().into_iter();
        parameters
            .map(|(path, parameter)| (path, parameter.value().to_string()))
            .collect()
    }

    /// Sets the texts of parameters by path. An unknown path is an error and
    /// nothing is set; the report lists the parameters that were not in
    /// `state`, which keep their texts.
    fn load_state_dict(&self, state: &StateDict) -> Result<LoadReport, StateDictError> {
        let parameters = self.named_parameters();
        let known = || parameters.iter().map(|(path, _)| path.as_str());
        let unknown: Vec<_> = state
            .iter()
            .filter(|(path, _)| !known().any(|name| name == path.as_str()))
            .map(|(path, _)| {
                (
                    path.clone(),
                    nearest(path.as_str(), known()).map(ParameterPath::from),
                )
            })
            .collect();
        if !unknown.is_empty() {
            let known = parameters.into_iter().map(|(path, _)| path).collect();
            return Err(StateDictError { unknown, known });
        }
        let mut missing = Vec::new();
        for (path, parameter) in &parameters {
            match state.get(path.as_str()) {
                Some(text) => parameter.set_value(text),
                None => missing.push(path.clone()),
            }
        }
        Ok(LoadReport { missing })
    }

    /// Sets whether the parameters of this module and all in it learn.
    fn requires_grad_(&self, requires_grad: bool) {
        for parameter in self.parameters() {
            parameter.requires_grad_(requires_grad);
        }
    }

    /// Forgets the feedback of all parameters.
    fn zero_feedback(&self) {
        for parameter in self.parameters() {
            parameter.zero_feedback();
        }
    }

    /// Puts this module and all in it into training mode.
    fn train(&self) {
        set_training(self.as_module(), true);
    }

    /// Puts this module and all in it into evaluation mode, which they start
    /// in.
    fn eval(&self) {
        set_training(self.as_module(), false);
    }

    /// Whether this module, or one in it, is in training mode.
    fn training(&self) -> bool {
        let modules = self.modules().into_iter();
        modules.filter_map(Module::mode).any(Mode::is_training)
    }
}

fn set_training(module: &dyn Module, training: bool) {
    for module in module.modules() {
        if let Some(mode) = module.mode() {
            mode.set_training(training);
        }
    }
}

fn add_modules<'m>(
    path: &str,
    module: &'m dyn Module,
    modules: &mut Vec<(String, &'m dyn Module)>,
) {
    let children = module.named_children();
    modules.push((path.to_owned(), module));
    for (name, child) in children {
        add_modules(&join(path, &name), child, modules);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
