//! How `#[derive(Module)]` finds out which fields are members.
//!
//! A derive sees names of types and not what they implement. So the code that
//! it writes asks the compiler, by the order in which methods are looked up
//! (autoref specialization,
//! <https://github.com/dtolnay/case-studies/tree/master/autoref-specialization>):
//!
//! 1. [`Registrable`] fields become members;
//! 2. fields that hold something registrable in a way that can't be one are a
//!    compile error that says what to write ([`Misplaced`]);
//! 3. all others are left alone ([`Plain`]).
//!
//! Nothing here is meant to be used by hand.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use indexmap::IndexMap;

use super::{Members, Module};
use crate::parameter::Parameter;

/// A field of a module.
pub struct Field<'m, T: ?Sized>(pub &'m T);

/// A type whose values are registered as members. `Kind` only keeps the
/// implementations apart; the compiler infers it.
pub trait Registrable<Kind> {
    /// Adds the members that this value makes under `name`.
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>);
}

/// Modules.
#[derive(Debug)]
pub struct IsModule;
/// Parameters.
#[derive(Debug)]
pub struct IsParameter;
/// What holds something registrable.
#[derive(Debug)]
pub struct Holds<Kind>(std::marker::PhantomData<Kind>);

impl<M: Module + ?Sized> Registrable<IsModule> for M {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        members.module(name, self.as_module());
    }
}

impl Registrable<IsParameter> for Parameter {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        members.parameter(name, self);
    }
}

impl<Kind, T: Registrable<Kind>> Registrable<Holds<Kind>> for Option<T> {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        if let Some(held) = self {
            held.register(name, members);
        }
    }
}

macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<Kind, T: Registrable<Kind> + ?Sized> Registrable<Holds<Kind>> for $pointer<T> {
            fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
                (**self).register(name, members);
            }
        }
    )*};
}

pointers!(Box, Arc);

impl<Kind, T: Registrable<Kind>> Registrable<Holds<Kind>> for [T] {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        for (index, held) in self.iter().enumerate() {
            held.register(&format!("{name}.{index}"), members);
        }
    }
}

impl<Kind, T: Registrable<Kind>> Registrable<Holds<Kind>> for Vec<T> {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        self.as_slice().register(name, members);
    }
}

impl<Kind, T: Registrable<Kind>, const N: usize> Registrable<Holds<Kind>> for [T; N] {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        self.as_slice().register(name, members);
    }
}

impl<Kind, T: Registrable<Kind>> Registrable<Holds<Kind>> for BTreeMap<String, T> {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        for (key, held) in self {
            held.register(&format!("{name}.{key}"), members);
        }
    }
}

impl<Kind, T: Registrable<Kind>, S> Registrable<Holds<Kind>> for IndexMap<String, T, S> {
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        for (key, held) in self {
            held.register(&format!("{name}.{key}"), members);
        }
    }
}

impl<Kind, T: Registrable<Kind>, S> Registrable<Holds<Kind>> for HashMap<String, T, S> {
    /// A hash map has another order in every process: its keys are sorted.
    fn register<'m>(&'m self, name: &str, members: &mut Members<'m>) {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        for (key, held) in entries {
            held.register(&format!("{name}.{key}"), members);
        }
    }
}

/// Looked up first: fields that are members.
pub trait RegisterMember<'m, Kind> {
    /// Adds the members of this field.
    fn register_field(&self, name: &str, members: &mut Members<'m>);
}

impl<'m, Kind, T: Registrable<Kind> + ?Sized> RegisterMember<'m, Kind> for &&Field<'m, T> {
    fn register_field(&self, name: &str, members: &mut Members<'m>) {
        self.0.register(name, members);
    }
}

/// Holds something registrable where it can't be registered.
pub trait Misplaced<Kind> {}

/// Implemented by nothing that is [`Misplaced`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a member of a module, though it holds a module or a parameter",
    label = "would be left out of the module's children and parameters",
    note = "hold the module itself, or an `Option`, `Box`, `Arc`, `Vec`, array, or map from `String` of it",
    note = "to leave the field out on purpose, write `#[module(skip)]` before it"
)]
pub trait CanBeMember {}

macro_rules! misplaced {
    ($($holder:ident),*) => {$(
        impl<Kind, T: Registrable<Kind>> Misplaced<Kind> for $holder<T> {}
    )*};
}

misplaced!(Mutex, RwLock, OnceLock, RefCell, OnceCell, Rc);

macro_rules! misplaced_inside {
    ($($holder:ident),*) => {$(
        impl<Kind, T: Misplaced<Kind>> Misplaced<Holds<Kind>> for $holder<T> {}
    )*};
}

misplaced_inside!(Option, Vec, Box, Arc);
impl<Kind, T: Registrable<Kind> + ?Sized> Misplaced<Kind> for &T {}
impl<Kind, K, T: Registrable<Kind>> Misplaced<Kind> for BTreeMap<K, T> {}
impl<Kind, K, T: Registrable<Kind>, S> Misplaced<Kind> for HashMap<K, T, S> {}
impl<Kind, K, T: Registrable<Kind>, S> Misplaced<Kind> for IndexMap<K, T, S> {}
impl<Kind, A: Registrable<Kind>, B> Misplaced<Kind> for (A, B) {}
impl<Kind, A: Registrable<Kind>, B, C> Misplaced<Kind> for (A, B, C) {}

/// Looked up second: fields that would be left out unseen.
pub trait RefuseMember<'m, Kind> {
    /// The type of the field.
    type Field;
    /// Does not compile.
    fn register_field(&self, name: &str, members: &mut Members<'m>)
    where
        Self::Field: CanBeMember;
}

impl<'m, Kind, T: Misplaced<Kind>> RefuseMember<'m, Kind> for &Field<'m, T> {
    type Field = T;
    fn register_field(&self, _: &str, _: &mut Members<'m>)
    where
        T: CanBeMember,
    {
    }
}

/// Looked up last: everything else.
pub trait Plain<'m> {
    /// Adds nothing.
    fn register_field(&self, name: &str, members: &mut Members<'m>);
}

impl<'m, T: ?Sized> Plain<'m> for Field<'m, T> {
    fn register_field(&self, _: &str, _: &mut Members<'m>) {}
}
