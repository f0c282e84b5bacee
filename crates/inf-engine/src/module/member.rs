//! [`Members`]: the children and parameters of one module, by name.

use super::Module;
use crate::parameter::Parameter;

/// One member of a module.
#[derive(Clone, Copy)]
pub enum Member<'m> {
    /// A child module.
    Module(&'m dyn Module),
    /// A parameter of its own.
    Parameter(&'m Parameter),
}

/// The members of one module, in the order of its fields.
#[derive(Default)]
pub struct Members<'m> {
    pub(super) list: Vec<(String, Member<'m>)>,
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
