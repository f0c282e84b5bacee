//! [`Members`]: the children and parameters of one module, by name.

use std::fmt;

use super::Module;
use crate::parameter::Parameter;

/// One member of a module.
#[derive(Clone, Copy)]
pub(super) enum Member<'m> {
    /// A child module.
    Module(&'m dyn Module),
    /// A parameter of its own.
    Parameter(&'m Parameter),
}

/// The members of one module, in the order of its fields.
///
/// Deriving [`Module`](super::Module) fills them in. By hand it is for modules whose
/// members are known only at run time:
///
/// ```
/// use inf_engine::module::Members;
/// use inf_engine::prelude::*;
///
/// /// As many experts as the configuration says, each under its own name.
/// struct Experts(Vec<(String, LlmInference)>);
///
/// impl Module for Experts {
///     fn members<'m>(&'m self, members: &mut Members<'m>) {
///         for (name, expert) in &self.0 {
///             members.module(name.as_str(), expert);
///         }
///     }
///
///     fn as_module(&self) -> &dyn Module {
///         self
///     }
/// }
///
/// let expert = |topic: &str| {
///     let prompt = Parameter::new(format!("You know {topic}.")).described("The expert.");
///     (topic.to_owned(), LlmInference::new("smart").system_prompt(&prompt))
/// };
/// let experts = Experts(vec![expert("law"), expert("music")]);
/// let paths: Vec<String> =
///     experts.named_parameters().iter().map(|(path, _)| path.to_string()).collect();
/// assert_eq!(paths, ["law.system_prompt", "music.system_prompt"]);
/// ```
#[derive(Default)]
pub struct Members<'m> {
    pub(super) list: Vec<(String, Member<'m>)>,
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(module) => formatter.write_str(module.type_name()),
            Self::Parameter(parameter) => parameter.fmt(formatter),
        }
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.list.iter().map(|(name, member)| (name, member));
        formatter.debug_map().entries(members).finish()
    }
}

impl<'m> Members<'m> {
    /// Adds a child module under `name`.
    pub fn module(&mut self, name: impl Into<String>, module: &'m dyn Module) {
        self.list.push((name.into(), Member::Module(module)));
    }

    /// Adds a parameter under `name`.
    pub fn parameter(&mut self, name: impl Into<String>, parameter: &'m Parameter) {
        self.list.push((name.into(), Member::Parameter(parameter)));
    }
}
