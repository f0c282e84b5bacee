//! [`Price`]: what a model charges; [`Cost`]: what calls came to.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Dollars;
use crate::clients::Usage;

/// What a model charges, in dollars for a million tokens.
///
/// Reasoning tokens are part of the output and charged as such. What providers
/// add for writing to their caches, for batches or for priority is not known
/// here: where you pay such a price, write it.
///
/// ```
/// use inf_engine::clients::Usage;
/// use inf_engine::resources::{Dollars, Price};
///
/// let price = Price::new(0.25, 2.0).with_cached_input(0.025);
/// let mut usage = Usage::new(1_000_000, 100_000);
/// usage.cached_tokens = 400_000;
/// assert_eq!(price.of(&usage), Dollars::new(0.15 + 0.01 + 0.2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Price {
    /// For the tokens of requests.
    pub input: Dollars,
    /// For those of them that the provider had cached; as `input` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Dollars>,
    /// For the tokens of answers, those that the model only thought included.
    pub output: Dollars,
    /// What a request with a long prompt is charged instead, all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_prompt: Option<LongPrompt>,
}

/// What a request with a long prompt is charged, in dollars for a million
/// tokens.
///
/// ```
/// use inf_engine::clients::Usage;
/// use inf_engine::resources::{EndpointConfig, Price, ResourceConfig};
///
/// let resources = ResourceConfig::from_text(r#"
/// endpoints:
///   smart:
///     provider: openai-compatible
///     base_url: https://llm.example.org/v1
///     model: big
///     price: { input: 1, output: 10, long_prompt: { above: 200000, input: 2, output: 15 } }
/// "#)?;
/// let price: Price = resources.endpoints["smart"].endpoints()[0].price.expect("it is there");
/// assert_eq!(price.of(&Usage::new(100_000, 1_000)).as_f64(), 0.11);
/// assert_eq!(price.of(&Usage::new(300_000, 1_000)).as_f64(), 0.615);
/// # Ok::<(), inf_engine::document::ReadError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LongPrompt {
    /// It is long if it has more tokens than this, cached ones included.
    pub above: u64,
    /// For the tokens of requests.
    pub input: Dollars,
    /// For those of them that the provider had cached; as `input` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<Dollars>,
    /// For the tokens of answers.
    pub output: Dollars,
}

impl Price {
    /// The day of the lists that the prices of well-known models are from.
    pub const LISTED_ON: &str = super::list_prices::READ_ON;

    /// So many dollars for a million tokens of requests and of answers.
    pub fn new(input: f64, output: f64) -> Self {
        Self {
            input: Dollars::new(input),
            cached_input: None,
            output: Dollars::new(output),
            long_prompt: None,
        }
    }

    /// Sets the price of cached tokens, in dollars for a million.
    #[must_use]
    pub fn with_cached_input(mut self, cached_input: f64) -> Self {
        self.cached_input = Some(Dollars::new(cached_input));
        self
    }

    /// What `usage` costs, if it is that of one call.
    pub fn of(&self, usage: &Usage) -> Dollars {
        let (input, cached_input, output) = match self.long_prompt {
            Some(long) if usage.input_tokens > long.above => {
                (long.input, long.cached_input, long.output)
            }
            _ => (self.input, self.cached_input, self.output),
        };
        // Servers may say anything.
        let cached = usage.cached_tokens.min(usage.input_tokens);
        input.for_one_of_a_million(usage.input_tokens - cached)
            + cached_input.unwrap_or(input).for_one_of_a_million(cached)
            + output.for_one_of_a_million(usage.output_tokens)
    }
}

/// What calls came to, as far as that is known.
///
/// An answer has no known cost if its model has no price, or if its provider
/// did not say how many tokens it charged: it is counted and not taken for
/// free.
///
/// ```
/// use inf_engine::resources::Cost;
///
/// assert_eq!(Cost::default().to_string(), "$0.00");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// What the answers of known cost came to.
    pub known: Dollars,
    /// The answers of unknown cost.
    pub unknown: u64,
}

impl Cost {
    /// What one answer costs.
    pub(crate) fn of_answer(price: Option<&Price>, usage: &Usage) -> Self {
        let is_told = usage.input_tokens > 0 || usage.output_tokens > 0;
        match price {
            Some(price) if is_told => Self {
                known: price.of(usage),
                unknown: 0,
            },
            _ => Self {
                known: Dollars::ZERO,
                unknown: 1,
            },
        }
    }

    /// All of it, if all of it is known.
    pub fn total(&self) -> Option<Dollars> {
        (self.unknown == 0).then_some(self.known)
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.known += other.known;
        self.unknown = self.unknown.saturating_add(other.unknown);
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { known, unknown: 0 } => write!(formatter, "{known}"),
            Self { known, .. } if known.is_zero() => formatter.write_str("unknown"),
            Self { known, unknown: 1 } => write!(formatter, "{known} and 1 answer of unknown cost"),
            Self { known, unknown } => {
                write!(formatter, "{known} and {unknown} answers of unknown cost")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Usage {
        Usage {
            input_tokens,
            cached_tokens,
            output_tokens,
            // Part of the output: they cost nothing more.
            reasoning_tokens: output_tokens,
        }
    }

    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let check = |price: Price, usage, expected: f64| {
            assert_eq!(
                price.of(&usage),
                Dollars::new(expected),
                "{price:?} {usage:?}"
            );
        };
        let plain = Price::new(2.0, 10.0);
        check(plain, usage(1_000, 400, 100), 0.003);
        check(plain.with_cached_input(0.5), usage(1_000, 400, 100), 0.0024);
        check(plain.with_cached_input(0.0), usage(1_000, 5_000, 0), 0.0);
        check(plain, usage(0, 0, 0), 0.0);
        // More than there is money for, and more than a product has room for.
        check(plain, usage(u64::MAX, u64::MAX, u64::MAX), f64::MAX);
        check(plain, usage(1_000_000_000_000, 0, 0), 2_000_000.0);
    }

    #[test]
    fn a_long_prompt_has_prices_of_its_own() {
        let price = Price {
            long_prompt: Some(LongPrompt {
                above: 1_000,
                input: Dollars::new(4.0),
                cached_input: None,
                output: Dollars::new(15.0),
            }),
            ..Price::new(2.0, 10.0)
        };
        assert_eq!(price.of(&usage(1_000, 0, 10)), Dollars::new(0.0021));
        assert_eq!(price.of(&usage(1_001, 1, 10)), Dollars::new(0.004_154));
    }

    #[test]
    fn what_is_unknown_is_not_nothing() {
        let price = Price::new(1.0, 1.0);
        let mut cost = Cost::of_answer(Some(&price), &usage(1_000, 0, 1_000));
        assert_eq!(
            (cost.to_string(), cost.total()),
            ("$0.002".to_owned(), Some(Dollars::new(0.002)))
        );
        cost += Cost::of_answer(None, &usage(1, 0, 1));
        assert_eq!(cost.to_string(), "$0.002 and 1 answer of unknown cost");
        // A provider that says nothing of tokens.
        cost += Cost::of_answer(Some(&price), &Usage::default());
        assert_eq!((cost.unknown, cost.total()), (2, None));
        assert_eq!(
            Cost::of_answer(None, &usage(1, 0, 1)).to_string(),
            "unknown"
        );
    }
}
