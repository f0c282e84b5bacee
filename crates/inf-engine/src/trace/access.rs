//! Parts of a value that is not there yet: fields, elements, entries, names.

use std::collections::{BTreeMap, HashMap};

use super::Proxy;
use super::condition::compute;
use super::context::{Step, record, set_name};
use crate::graph::{Accessor, Compute, SourceLocation};
use crate::value::Value;

impl<T> Proxy<T> {
    /// The field called `name`, as a `U`. That there is one, and that it is a
    /// `U`, shows when the graph runs; `#[derive(Record)]` gives accessors
    /// that the compiler checks.
    #[track_caller]
    pub fn field<U>(self, name: &str) -> Proxy<U> {
        access(self, Accessor::Key(name.into()))
    }

    /// Gives the node of this value a name, for files, drawings and errors. It
    /// is made unique if another node has it.
    #[must_use]
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        set_name(self, name);
        self
    }
}

impl<T: ListData> Proxy<T> {
    /// The element at `index`, from 0. An index past the end fails the input
    /// that has such a list.
    #[track_caller]
    pub fn index(self, index: usize) -> Proxy<T::Element> {
        access(self, Accessor::Index(index))
    }
}

impl<T: MapData> Proxy<T> {
    /// The value under `key`. A missing key fails the input whose map lacks it.
    #[track_caller]
    pub fn key(self, key: &str) -> Proxy<T::Value> {
        access(self, Accessor::Key(key.into()))
    }

    /// The keys, in the order of the map.
    #[track_caller]
    pub fn keys(self) -> Proxy<Vec<String>> {
        compute(Compute::Keys, self)
    }

    /// The values, in the order of the map.
    #[track_caller]
    pub fn values(self) -> Proxy<Vec<T::Value>> {
        compute(Compute::Values, self)
    }

    /// The keys with their values, in the order of the map.
    #[track_caller]
    pub fn items(self) -> Proxy<Vec<(String, T::Value)>> {
        compute(Compute::Items, self)
    }
}

#[track_caller]
pub(super) fn access<T, U>(of: Proxy<T>, accessor: Accessor) -> Proxy<U> {
    record(of, SourceLocation::caller(), |recorder| Step::Access {
        of: recorder.node(of),
        accessor,
    })
}

/// A type whose values are lists.
///
/// Types of your own that serde writes as a list can have it:
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::trace::ListData;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(transparent)]
/// struct Tags(Vec<String>);
///
/// impl ListData for Tags {
///     type Element = String;
/// }
///
/// let graph = Tracer::new("first").trace(|tags: Proxy<Tags>| tags.index(0))?;
/// assert_eq!(graph.nodes().len(), 1);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
pub trait ListData {
    /// What is in the list.
    type Element;
}

impl<T> ListData for Vec<T> {
    type Element = T;
}

impl<T, const N: usize> ListData for [T; N] {
    type Element = T;
}

impl ListData for Value {
    type Element = Self;
}

/// A type whose values are maps from text.
///
/// ```
/// use inf_engine::prelude::*;
/// use std::collections::BTreeMap;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// type Ages = BTreeMap<String, u32>;
///
/// let graph = Tracer::new("names").trace(|ages: Proxy<Ages>| ages.keys().join(", "))?;
/// let pipeline = graph.bind_as::<Ages, String>(ResourceConfig::new())?;
/// let ages = BTreeMap::from([("Ada".to_owned(), 36), ("Alan".to_owned(), 41)]);
/// assert_eq!(pipeline.run_blocking(ages)?, "Ada, Alan");
/// # Ok(())
/// # }
/// ```
pub trait MapData {
    /// What the keys lead to.
    type Value;
}

impl<T> MapData for BTreeMap<String, T> {
    type Value = T;
}

impl<T, S> MapData for HashMap<String, T, S> {
    type Value = T;
}

impl MapData for Value {
    type Value = Self;
}
