//! Several proxies as one value ([`Pack`]), and one as several ([`Split`]).

use std::collections::{BTreeMap, HashMap};

use super::Proxy;
use super::access::access;
use super::context::{Recorder, Step, record};
use crate::graph::{Accessor, Shape, SourceLocation};
use crate::value::Data;

/// Proxies in a tuple, an array, a vector, a map or the `…Proxy` struct of a
/// record, nested at will, that can be packed into one proxy.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let ask = LlmInference::new("fast");
/// let graph = Tracer::new("both").trace(|text: Proxy<String>| {
///     let summary = ask.call(prompt!("Summarize {text}"));
///     let critique = ask.call(prompt!("Criticize {text}"));
///     (summary, vec![critique, text]).pack() // a Proxy<(String, Vec<String>)>
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub trait Pack: Sized {
    /// The type of the packed value.
    type Output;

    /// Adds the proxies of this value to a trace.
    fn packed(self, packed: &mut Packed<'_, '_>) -> Shape;

    /// One proxy of all.
    #[track_caller]
    fn pack(self) -> Proxy<Self::Output> {
        record("a proxy", SourceLocation::caller(), |recorder| {
            Step::Pack(self.packed(&mut Packed(recorder)))
        })
    }
}

/// A proxy of a value that is the same in every run.
///
/// A value that has no JSON form (a map whose keys are not text) is an error
/// of the trace.
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::trace::constant;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ask = LlmInference::new("fast");
/// let graph = Tracer::new("answers").trace(|question: Proxy<String>| {
///     let tones = constant(vec!["kindly".to_owned(), "briefly".to_owned()]);
///     tones.map(|tone| ask.call(prompt!("Answer {tone}: {question}")))
/// })?;
/// let pipeline = graph.bind_as::<String, Vec<String>>(ResourceConfig::simulated(
///     ["fast"],
///     &Default::default(),
/// ))?;
/// assert_eq!(pipeline.run_blocking("Why?".to_owned())?.len(), 2);
/// # Ok(())
/// # }
/// ```
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the value is given away, as to every node"
)]
pub fn constant<T: Data>(value: T) -> Proxy<T> {
    let location = SourceLocation::caller();
    record("a constant", location, |recorder| match value.to_value() {
        Ok(value) => Step::Constant(value),
        Err(error) => {
            recorder.problem(format!("the constant has no JSON form: {error}"));
            Step::Invalid
        }
    })
}

/// Where [`Pack::packed`] puts its proxies.
pub struct Packed<'r, 'c>(&'r mut Recorder<'c>);

impl Packed<'_, '_> {
    /// A struct: its fields by the names that serde gives them.
    pub fn fields<const N: usize>(fields: [(&str, Shape); N]) -> Shape {
        let fields = fields.into_iter();
        Shape::Map(
            fields
                .map(|(name, shape)| (name.to_owned(), shape))
                .collect(),
        )
    }
}

impl<T> Pack for Proxy<T> {
    type Output = T;

    fn packed(self, packed: &mut Packed<'_, '_>) -> Shape {
        packed.0.node(self).into()
    }
}

impl<P: Pack> Pack for Vec<P> {
    type Output = Vec<P::Output>;

    fn packed(self, packed: &mut Packed<'_, '_>) -> Shape {
        Shape::List(self.into_iter().map(|part| part.packed(packed)).collect())
    }
}

impl<P: Pack, const N: usize> Pack for [P; N] {
    type Output = [P::Output; N];

    fn packed(self, packed: &mut Packed<'_, '_>) -> Shape {
        Shape::List(self.into_iter().map(|part| part.packed(packed)).collect())
    }
}

impl<P: Pack> Pack for BTreeMap<String, P> {
    type Output = BTreeMap<String, P::Output>;

    fn packed(self, packed: &mut Packed<'_, '_>) -> Shape {
        pack_map(self, packed)
    }
}

impl<P: Pack, S> Pack for HashMap<String, P, S> {
    type Output = HashMap<String, P::Output, S>;

    /// A hash map has another order in every process: its keys are sorted.
    fn packed(self, packed: &mut Packed<'_, '_>) -> Shape {
        pack_map(self.into_iter().collect::<BTreeMap<_, _>>(), packed)
    }
}

fn pack_map<P: Pack>(map: BTreeMap<String, P>, packed: &mut Packed<'_, '_>) -> Shape {
    let entries = map.into_iter();
    Shape::Map(
        entries
            .map(|(key, part)| (key, part.packed(packed)))
            .collect(),
    )
}

/// A value that comes apart into proxies of its parts: tuples, and structs
/// with `#[derive(Record)]`.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let graph = Tracer::new("ask").trace(|pair: Proxy<(String, u32)>| {
///     let (question, longest) = pair.split();
///     prompt!("{question} (at most {longest} words)")
/// })?;
/// # assert_eq!(graph.nodes().len(), 2);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub trait Split: Sized {
    /// The proxies of the parts.
    type Parts;

    /// Takes `proxy` apart.
    fn split(proxy: Proxy<Self>) -> Self::Parts;
}

impl<T: Split> Proxy<T> {
    /// The parts of this value: a tuple of proxies for a tuple, the `…Proxy`
    /// struct for a record.
    #[track_caller]
    pub fn split(self) -> T::Parts {
        T::split(self)
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => {$(
        impl<$($name: Pack),+> Pack for ($($name,)+) {
            type Output = ($($name::Output,)+);

            fn packed(self, packed: &mut Packed<'_, '_>) -> Shape {
                Shape::List(vec![$(self.$index.packed(packed)),+])
            }
        }

        impl<$($name),+> Split for ($($name,)+) {
            type Parts = ($(Proxy<$name>,)+);

            #[track_caller]
            fn split(proxy: Proxy<Self>) -> Self::Parts {
                ($(access(proxy, Accessor::Index($index)),)+)
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
