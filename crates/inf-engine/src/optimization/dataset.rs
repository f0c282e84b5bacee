//! [`Dataset`]: inputs, and what is expected for them.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::value::{Data, DataError, Value};

/// An input, and what is expected for it, if that is known.
///
/// ```
/// use inf_engine::optimization::Example;
/// use inf_engine::prelude::*;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Mail { subject: String, text: String }
///
/// let plain = Example::new("2 + 2").expecting(4);
/// let mail = Mail { subject: "Hello".to_owned(), text: "It crashes.".to_owned() };
/// let typed = Example::typed(&mail, &"bug".to_owned())?;
/// assert_eq!(typed.expected, Some("bug".into()));
/// assert!(Example::new("No answer is known.").expected.is_none());
/// # let _ = plain;
/// # Ok::<(), inf_engine::value::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Example {
    /// The input of the pipeline.
    pub input: Value,
    /// What the loss compares the output with: the right answer, or what it
    /// needs to find out. Nothing, where the loss needs nothing.
    pub expected: Option<Value>,
}

impl Example {
    /// An input for which nothing is expected.
    pub fn new(input: impl Into<Value>) -> Self {
        Self {
            input: input.into(),
            expected: None,
        }
    }

    /// The same input with what is expected for it.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<Value>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// An input and what is expected for it, of types of yours.
    ///
    /// # Errors
    /// If one of them has no JSON form.
    pub fn typed<I: Data, E: Data>(input: &I, expected: &E) -> Result<Self, DataError> {
        Ok(Self::new(input.to_value()?).expecting(expected.to_value()?))
    }
}

/// Examples in an order that stays: the place of one is its name.
///
/// ```
/// use inf_engine::optimization::{Dataset, Example};
///
/// let all: Dataset = (0..100)
///     .map(|number| Example::new(format!("{number} + 1")).expecting(number + 1))
///     .collect();
/// let [training, validation, test] = all.split([0.5, 0.25, 0.25], 7);
/// assert_eq!((training.len(), validation.len(), test.len()), (50, 25, 25));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    examples: Vec<Example>,
}

impl Dataset {
    /// The examples.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The inputs, in the order of the examples.
    pub fn inputs(&self) -> Vec<Value> {
        let examples = self.examples.iter();
        examples.map(|example| example.input.clone()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// The examples at `places`, in that order. Places that are not there are
    /// left out.
    #[must_use]
    pub fn pick(&self, places: &[usize]) -> Self {
        let found = places.iter().filter_map(|place| self.examples.get(*place));
        found.cloned().collect()
    }

    /// Shuffles the examples and parts them: `shares` of 0.6 and 0.4 give six
    /// tenths and the rest. The same seed gives the same parts. Shares are taken in
    /// relation to their sum; what is no number above 0 is no share, and without any share
    /// the parts are equal.
    pub fn split<const N: usize>(&self, shares: [f64; N], seed: u64) -> [Self; N] {
        let order = shuffled(self.len(), seed);
        let is_share = |share: f64| share.is_finite() && share > 0.0;
        let shares = shares.map(|share| if is_share(share) { share } else { 0.0 });
        let shares = if shares.iter().any(|share| *share > 0.0) {
            shares
        } else {
            [1.0; N]
        };
        let total: f64 = shares.iter().sum();
        let mut begin = 0;
        let mut so_far = 0.0;
        shares.map(|share| {
            so_far += share;
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of examples, held within what there is"
            )]
            let end = (self.len() as f64 * so_far / total).round() as usize;
            let end = end.clamp(begin, self.len());
            let part = self.pick(&order[begin..end]);
            begin = end;
            part
        })
    }

    /// The places of the examples in parts of `size` (the last may be smaller), in
    /// an order that `seed` and `epoch` decide.
    pub fn minibatches(&self, size: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
        // Epochs of one seed are other orders, and those of two seeds have none in common.
        let order = shuffled(self.len(), seed ^ epoch.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        order.chunks(size.max(1)).map(<[usize]>::to_vec).collect()
    }
}

fn shuffled(length: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.shuffle(&mut Pcg64::seed_from_u64(seed));
    order
}

impl FromIterator<Example> for Dataset {
    fn from_iter<I: IntoIterator<Item = Example>>(examples: I) -> Self {
        Self {
            examples: examples.into_iter().collect(),
        }
    }
}

impl From<Vec<Example>> for Dataset {
    fn from(examples: Vec<Example>) -> Self {
        Self { examples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: i64) -> Dataset {
        (0..count).map(Example::new).collect()
    }

    #[test]
    fn parts_hold_every_example_once() {
        let all = numbers(10);
        let [first, second, third] = all.split([1.0, 1.0, 1.0], 3);
        let parts = [&first, &second, &third].map(Dataset::len);
        assert_eq!(parts, [3, 4, 3]);
        let mut seen: Vec<String> = [first, second, third]
            .iter()
            .flat_map(Dataset::examples)
            .map(|example| example.input.to_string())
            .collect();
        seen.sort();
        let expected: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        assert_eq!(seen, expected);
        assert_eq!(all.split([f64::NAN, -1.0], 3), all.split([0.5, 0.5], 3));
        assert_eq!(all.split([0.5, 0.5], 3), all.split([0.5, 0.5], 3));
        assert_ne!(all.split([0.5, 0.5], 3), all.split([0.5, 0.5], 4));
    }

    #[test]
    fn minibatches_differ_by_epoch_and_not_by_run() {
        let all = numbers(10);
        let batches = all.minibatches(4, 1, 0);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(batches, all.minibatches(4, 1, 0));
        assert_ne!(batches, all.minibatches(4, 1, 1));
        assert_ne!(batches, all.minibatches(4, 2, 0));
        assert!(numbers(0).minibatches(4, 1, 0).is_empty());
        assert_eq!(numbers(2).minibatches(0, 1, 0).len(), 2);
    }
}
