//! [`Dollars`]: money that adds up.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of US dollars, from 0.
///
/// It counts in whole millionths of a millionth of a dollar, so that a million
/// small amounts add up to exactly what they should: the cheapest list prices
/// come to ten thousand of these for a token. At 18 million dollars, the most
/// that it holds, it stays.
///
/// In files and JSON it is a plain number of dollars.
///
/// ```
/// use inf_engine::resources::Dollars;
///
/// let call = Dollars::new(0.000_3);
/// assert_eq!(call * 1_000_000, Dollars::new(300.0));
/// assert_eq!((call * 41).to_string(), "$0.0123");
/// assert_eq!(Dollars::new(1234.5).to_string(), "$1,234.50");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dollars(u64);

impl Dollars {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The parts of a dollar that are counted.
    const PARTS: u64 = 1_000_000_000_000;

    /// So many dollars; what is less than 0 or no number counts as 0.
    pub fn new(dollars: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "what does not fit ends at the nearest amount that does"
        )]
        let parts = (dollars * Self::PARTS as f64).round() as u64;
        Self(parts)
    }

    /// So many hundredths of a cent for a million of something: how tables of
    /// prices are written without fractions.
    pub(super) const fn basis_points(points: u64) -> Self {
        Self(points * (Self::PARTS / 10_000))
    }

    /// The amount as a number, for what can't count otherwise.
    pub fn as_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "that is what it is for")]
        let parts = self.0 as f64;
        // Dividing by a number that is written exactly gives the nearest one, as in 0.25.
        parts / 1e12
    }

    /// Whether it is no money at all.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// What is left of it after `other`, or nothing.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What `count` cost if a million cost this.
    pub(super) fn for_one_of_a_million(self, count: u64) -> Self {
        const MILLION: u64 = 1_000_000;
        // Nearly always there is room, and the wider numbers take ten times as long.
        if let Some(parts) = self.0.checked_mul(count) {
            return Self(parts.div_ceil(MILLION));
        }
        let parts = u128::from(self.0) * u128::from(count);
        Self(u64::try_from(parts.div_ceil(MILLION.into())).unwrap_or(u64::MAX))
    }
}

impl Add for Dollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Dollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Dollars {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// To the last digit that is counted: `$0.000003`.
impl fmt::Debug for Dollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.0 / Self::PARTS, self.0 % Self::PARTS);
        let parts = format!("{parts:012}");
        match parts.trim_end_matches('0') {
            "" => write!(formatter, "${whole}"),
            parts => write!(formatter, "${whole}.{parts}"),
        }
    }
}

impl fmt::Display for Dollars {
    /// With cents, and below a dollar with as many digits as it takes to see
    /// three of the amount.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut decimals: usize = 2;
        let mut lowest = Self::PARTS;
        while self.0 > 0 && self.0 < lowest && decimals < 12 {
            lowest /= 10;
            decimals = if lowest == Self::PARTS / 10 {
                3
            } else {
                decimals + 1
            };
        }
        let unit = 10_u64.pow(u32::try_from(12 - decimals).unwrap_or_default());
        // Rounded; the most that there is has no room for that.
        let shown = self.0.saturating_add(unit / 2) / unit;
        let scale = Self::PARTS / unit;
        let (whole, mut fraction) = (shown / scale, shown % scale);
        // `$0.10` and not `$0.100`.
        while decimals > 2 && fraction % 10 == 0 {
            fraction /= 10;
            decimals -= 1;
        }
        formatter.write_str("$")?;
        let digits = whole.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                formatter.write_str(",")?;
            }
            write!(formatter, "{digit}")?;
        }
        write!(formatter, ".{fraction:0decimals$}")
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        if dollars.is_finite() && dollars >= 0.0 {
            Ok(Self::new(dollars))
        } else {
            let message = format!("{dollars} is no amount of dollars: write a number from 0");
            Err(D::Error::custom(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_people_write_them() {
        let check = |dollars: f64, expected: &str| {
            assert_eq!(Dollars::new(dollars).to_string(), expected, "{dollars}");
        };
        check(0.0, "$0.00");
        check(5.0, "$5.00");
        check(12.345, "$12.35");
        check(1.0, "$1.00");
        check(0.999_9, "$1.00");
        check(0.5, "$0.50");
        check(0.123_4, "$0.123");
        check(0.012_345, "$0.0123");
        check(0.000_000_1, "$0.0000001");
        check(0.000_000_000_001, "$0.000000000001");
        check(1_234_567.891, "$1,234,567.89");
        check(f64::MAX, "$18,446,744.07");
        check(-1.0, "$0.00");
        check(f64::NAN, "$0.00");
    }

    #[test]
    fn debugging_shows_all_of_an_amount() {
        let check = |dollars: f64, expected: &str| {
            assert_eq!(format!("{:?}", Dollars::new(dollars)), expected);
        };
        check(0.0, "$0");
        check(1_234.5, "$1234.5");
        check(0.000_003_21, "$0.00000321");
    }

    #[test]
    fn files_hold_plain_numbers() {
        for text in ["0.25", "0.0", "0.000001", "1234.5"] {
            let dollars: Dollars = serde_json::from_str(text).expect("an amount");
            assert_eq!(
                serde_json::to_string(&dollars).expect("a number"),
                text.replace("0.000001", "1e-6")
            );
        }
        for text in ["-1", "\"1\"", "1e999"] {
            assert!(serde_json::from_str::<Dollars>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_million_small_amounts_add_up() {
        let each = Dollars::new(0.05).for_one_of_a_million(3);
        let sum: Dollars = std::iter::repeat_n(each, 1_000_000).sum();
        assert_eq!(sum, Dollars::new(0.15));
        assert_eq!(Dollars::new(f64::MAX) + each, Dollars::new(f64::MAX));
    }
}
