//! What conditions are made of: comparisons, and what can be asked of texts,
//! lists, numbers and booleans. Each is a node that every host can run.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Add, Div, Mul, Not, Sub};

use super::context::{Step, record};
use super::{IntoProxy, Pack, Proxy};
use crate::graph::{Compute, SourceLocation};
use crate::value::{Data, Value};

#[track_caller]
pub(super) fn compute<T, U>(function: Compute, input: Proxy<T>) -> Proxy<U> {
    record(input, SourceLocation::caller(), |recorder| Step::Compute {
        function,
        input: recorder.node(input),
    })
}

#[track_caller]
fn of_two<T, V, U>(function: Compute, first: Proxy<T>, second: Proxy<V>) -> Proxy<U> {
    compute(function, (first, second).pack())
}

impl<T: Data> Proxy<T> {
    /// Whether this value is `other`. Numbers are compared by what they are
    /// worth.
    #[track_caller]
    pub fn equals(self, other: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::Equal, self, other.into_proxy())
    }

    /// Whether this value is not `other`.
    #[track_caller]
    pub fn not_equals(self, other: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::NotEqual, self, other.into_proxy())
    }
}

/// A type whose values have an order: numbers, and texts by the numbers of their
/// characters.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = Tracer::new("between").trace(|word: Proxy<String>| {
///     word.at_least("a").and(word.less_than("n")) // the first half of a dictionary
/// })?;
/// let pipeline = graph.bind_as::<String, bool>(ResourceConfig::new())?;
/// assert!(pipeline.run_blocking("engine".to_owned())?);
/// assert!(!pipeline.run_blocking("trace".to_owned())?);
/// # Ok(())
/// # }
/// ```
pub trait OrderedData {}

/// A type whose values are numbers.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = Tracer::new("mean").trace(|pair: Proxy<(f64, f64)>| {
///     let (a, b) = pair.split();
///     (a + b) / 2.0
/// })?;
/// let pipeline = graph.bind_as::<(f64, f64), f64>(ResourceConfig::new())?;
/// assert_eq!(pipeline.run_blocking((1.0, 4.0))?, 2.5);
/// # Ok(())
/// # }
/// ```
pub trait NumberData: OrderedData {}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl OrderedData for $number {}
        impl NumberData for $number {}
    )*};
}

numbers! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64 }

impl OrderedData for String {}
impl OrderedData for Value {}
impl NumberData for Value {}

impl<T: OrderedData> Proxy<T> {
    /// Whether this value is less than `other`.
    #[track_caller]
    pub fn less_than(self, other: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::Less, self, other.into_proxy())
    }

    /// Whether this value is `other` or less.
    #[track_caller]
    pub fn at_most(self, other: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::LessOrEqual, self, other.into_proxy())
    }

    /// Whether this value is greater than `other`.
    #[track_caller]
    pub fn greater_than(self, other: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::Greater, self, other.into_proxy())
    }

    /// Whether this value is `other` or greater.
    #[track_caller]
    pub fn at_least(self, other: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::GreaterOrEqual, self, other.into_proxy())
    }
}

/// A type whose values have a number of characters, elements or entries.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let graph = Tracer::new("is_empty").trace(|list: Proxy<Vec<u32>>| list.is_empty())?;
/// let pipeline = graph.bind_as::<Vec<u32>, bool>(ResourceConfig::new())?;
/// assert!(pipeline.run_blocking(Vec::new())?);
/// # Ok(())
/// # }
/// ```
pub trait CountedData {}

impl CountedData for String {}
impl<T> CountedData for Vec<T> {}
impl<T> CountedData for BTreeMap<String, T> {}
impl<T, S> CountedData for HashMap<String, T, S> {}
impl CountedData for Value {}

impl<T: CountedData> Proxy<T> {
    /// The characters of a text, the elements of a list, the entries of a map.
    #[track_caller]
    pub fn length(self) -> Proxy<u64> {
        compute(Compute::Length, self)
    }

    /// Whether there is nothing in it.
    #[track_caller]
    pub fn is_empty(self) -> Proxy<bool> {
        compute(Compute::IsEmpty, self)
    }
}

impl Proxy<String> {
    /// Whether `part` is in this text.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// let (judge, revise) = (LlmInference::new("smart"), LlmInference::new("fast"));
    /// let graph = Tracer::new("checked").trace(|text: Proxy<String>| {
    ///     let verdict = judge.call(text);
    ///     let is_good = verdict.lowercase().contains("good").and(text.length().at_most(500_u64));
    ///     branch(is_good, || text, || revise.call(text))
    /// })?;
    /// # Ok::<(), inf_engine::graph::GraphError>(())
    /// ```
    #[track_caller]
    pub fn contains(self, part: impl IntoProxy<String>) -> Proxy<bool> {
        of_two(Compute::Contains, self, part.into_proxy())
    }

    /// Whether this text begins with `start`.
    #[track_caller]
    pub fn starts_with(self, start: impl IntoProxy<String>) -> Proxy<bool> {
        of_two(Compute::StartsWith, self, start.into_proxy())
    }

    /// Whether this text ends with `end`.
    #[track_caller]
    pub fn ends_with(self, end: impl IntoProxy<String>) -> Proxy<bool> {
        of_two(Compute::EndsWith, self, end.into_proxy())
    }

    /// This text without the white space around it.
    #[must_use]
    #[track_caller]
    pub fn trim(self) -> Proxy<String> {
        compute(Compute::Trim, self)
    }

    /// This text in pieces of at most `size` characters, cut between paragraphs,
    /// lines, sentences or words where that leaves no piece less than half full.
    /// A text of nothing but white space has no pieces.
    #[track_caller]
    pub fn chunks(self, size: impl IntoProxy<u64>) -> Proxy<Vec<String>> {
        of_two(Compute::Chunks, self, size.into_proxy())
    }

    /// This text in small letters.
    #[must_use]
    #[track_caller]
    pub fn lowercase(self) -> Proxy<String> {
        compute(Compute::Lowercase, self)
    }
}

impl<T> Proxy<Vec<T>> {
    /// Whether `element` is one of this list.
    #[track_caller]
    pub fn contains(self, element: impl IntoProxy<T>) -> Proxy<bool> {
        of_two(Compute::Contains, self, element.into_proxy())
    }
}

impl Proxy<bool> {
    /// Whether both are true. Both have their values: nothing is left out.
    #[must_use]
    #[track_caller]
    pub fn and(self, other: impl IntoProxy<bool>) -> Proxy<bool> {
        of_two(Compute::And, self, other.into_proxy())
    }

    /// Whether one of the two is true.
    #[must_use]
    #[track_caller]
    pub fn or(self, other: impl IntoProxy<bool>) -> Proxy<bool> {
        of_two(Compute::Or, self, other.into_proxy())
    }
}

impl Not for Proxy<bool> {
    type Output = Self;

    /// Whether it is not true.
    #[track_caller]
    fn not(self) -> Self {
        compute(Compute::Not, self)
    }
}

impl<T: NumberData, R: IntoProxy<T>> Add<R> for Proxy<T> {
    type Output = Self;

    #[track_caller]
    fn add(self, other: R) -> Self {
        of_two(Compute::Add, self, other.into_proxy())
    }
}

impl<T: NumberData, R: IntoProxy<T>> Sub<R> for Proxy<T> {
    type Output = Self;

    #[track_caller]
    fn sub(self, other: R) -> Self {
        of_two(Compute::Subtract, self, other.into_proxy())
    }
}

impl<T: NumberData, R: IntoProxy<T>> Mul<R> for Proxy<T> {
    type Output = Self;

    #[track_caller]
    fn mul(self, other: R) -> Self {
        of_two(Compute::Multiply, self, other.into_proxy())
    }
}

impl<T: NumberData, R: IntoProxy<T>> Div<R> for Proxy<T> {
    /// Also of whole numbers a fraction.
    type Output = Proxy<f64>;

    #[track_caller]
    fn div(self, other: R) -> Proxy<f64> {
        of_two(Compute::Divide, self, other.into_proxy())
    }
}
