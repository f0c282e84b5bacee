//! Counts of tokens, however a server writes them.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads a count. Some gateways write `9.0`, `"9"` or -1; an answer that was
/// paid for is not thrown away for that. What is no number was not said.
pub(crate) fn token_count<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    struct CountVisitor;

    impl Visitor<'_> for CountVisitor {
        type Value = Option<u64>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a count of tokens")
        }

        fn visit_u64<E: Error>(self, count: u64) -> Result<Self::Value, E> {
            Ok(Some(count))
        }

        fn visit_i64<E: Error>(self, count: i64) -> Result<Self::Value, E> {
            Ok(u64::try_from(count).ok())
        }

        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` takes the nearest count"
        )]
        fn visit_f64<E: Error>(self, count: f64) -> Result<Self::Value, E> {
            Ok((count >= 0.0).then_some(count as u64))
        }

        fn visit_str<E: Error>(self, count: &str) -> Result<Self::Value, E> {
            Ok(count.parse().ok())
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(CountVisitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_every_form() {
        let check = |text: &str, expected| {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let count = token_count(&mut deserializer).expect("readable");
            assert_eq!(count, expected, "{text}");
        };
        check("9", Some(9));
        check("9.0", Some(9));
        check("\"9\"", Some(9));
        check("-1", None);
        check("-0.5", None);
        check("1e300", Some(u64::MAX));
        check("\"many\"", None);
        check("null", None);
    }
}
