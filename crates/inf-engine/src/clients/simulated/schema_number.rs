//! Numbers within the bounds of a JSON schema.

use std::cmp::Ordering;

use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Map, Number, Value};

/// How far from its lower end a wide range is used: small numbers read well.
const SPAN: i128 = 100;

/// A bound that a keyword and its `exclusive…` twin give together.
#[derive(Debug, Clone, Copy)]
struct Bound {
    at: f64,
    exclusive: bool,
}

impl Bound {
    /// Whether a number that compares like this is on the `inner` side.
    fn allows(self, compared: Option<Ordering>, inner: Ordering) -> bool {
        compared == Some(inner) || (compared == Some(Ordering::Equal) && !self.exclusive)
    }
}

/// A whole number for the keywords `map`.
pub(super) fn integer(map: &Map<String, Value>, rng: &mut Pcg64) -> Result<Value, String> {
    let low = [("minimum", 0), ("exclusiveMinimum", 1)]
        .into_iter()
        .filter_map(|(key, step)| Some(whole(map.get(key)?, f64::ceil, step)))
        .max();
    let high = [("maximum", 0), ("exclusiveMaximum", -1)]
        .into_iter()
        .filter_map(|(key, step)| Some(whole(map.get(key)?, f64::floor, step)))
        .min();
    let multiple = match map.get("multipleOf") {
        None => 1,
        Some(multiple) => whole_multiple(multiple)?,
    };
    let first = round_up(start(low, high), multiple);
    let last = high
        .unwrap_or(i128::MAX)
        .min(first + SPAN * multiple)
        .min(i128::from(u64::MAX));
    if first > last {
        return Err("no whole number is within the bounds".to_owned());
    }
    let steps = u32::try_from((last - first) / multiple).unwrap_or(u32::MAX);
    let number = first + multiple * i128::from(rng.random_range(0..=steps));
    i64::try_from(number)
        .map(Number::from)
        .or_else(|_| u64::try_from(number).map(Number::from))
        .map(Value::Number)
        .map_err(|_| format!("{number} is below every integer that fits in 64 bits"))
}

/// Where to start counting: as near to zero as the bounds allow.
fn start(low: Option<i128>, high: Option<i128>) -> i128 {
    let high_or_more = high.unwrap_or(i128::MAX);
    let low = low.unwrap_or_else(|| high_or_more.saturating_sub(SPAN).min(0));
    if low < 0 && high_or_more >= 0 { 0 } else { low }
}

/// A bound as a whole number, one `step` inside if it is a whole number that
/// is itself excluded.
fn whole(bound: &Value, round: fn(f64) -> f64, step: i128) -> i128 {
    if let Some(exact) = bound
        .as_i64()
        .map(i128::from)
        .or(bound.as_u64().map(i128::from))
    {
        return exact + step;
    }
    let bound = bound.as_f64().unwrap_or(0.0);
    let rounded = round(bound);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; nothing that large can be written as an integer anyway"
    )]
    let whole = (rounded.clamp(-1e30, 1e30)) as i128;
    #[expect(clippy::float_cmp, reason = "asks whether rounding changed anything")]
    let is_whole = rounded == bound;
    if is_whole { whole + step } else { whole }
}

/// The smallest whole number that is a multiple of `multiple`.
fn whole_multiple(multiple: &Value) -> Result<i128, String> {
    let unusable = || format!("`multipleOf` {multiple} has no small whole multiple");
    let step = multiple
        .as_f64()
        .filter(|step| *step > 0.0)
        .ok_or_else(unusable)?;
    (1..=1000)
        .map(|times| step * f64::from(times))
        .find(|product| product.fract() == 0.0 && *product <= 1e15)
        .map(|product| whole(&Value::from(product), f64::ceil, 0))
        .ok_or_else(unusable)
}

fn round_up(number: i128, multiple: i128) -> i128 {
    let over = number.rem_euclid(multiple);
    if over == 0 {
        number
    } else {
        number + multiple - over
    }
}

/// A number for the keywords `map`, with two decimals where that is allowed.
pub(super) fn number(map: &Map<String, Value>, rng: &mut Pcg64) -> Result<Value, String> {
    let low = bound(map, "minimum", "exclusiveMinimum", |bound, than| {
        bound > than
    });
    let high = bound(map, "maximum", "exclusiveMaximum", |bound, than| {
        bound < than
    });
    let fits = |number: f64| {
        number.is_finite()
            && low.is_none_or(|low| low.allows(number.partial_cmp(&low.at), Ordering::Greater))
            && high.is_none_or(|high| high.allows(number.partial_cmp(&high.at), Ordering::Less))
    };
    let (from, to) = range(low.map(|low| low.at), high.map(|high| high.at));
    let part: f64 = rng.random();
    let candidates = match map.get("multipleOf").and_then(Value::as_f64) {
        Some(step) => multiples(step, from, to, part),
        None => vec![
            rounded(from + part * (to - from), 2),
            from + (to - from) / 2.0,
            from,
            to,
        ],
    };
    candidates
        .into_iter()
        .find(|number| fits(*number))
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| "no number is within the bounds".to_owned())
}

fn bound(
    map: &Map<String, Value>,
    inclusive: &str,
    exclusive: &str,
    is_tighter: fn(f64, f64) -> bool,
) -> Option<Bound> {
    let read = |key, exclusive| {
        let at = map.get(key).and_then(Value::as_f64)?;
        Some(Bound { at, exclusive })
    };
    match (read(inclusive, false), read(exclusive, true)) {
        (Some(inclusive), Some(exclusive)) if is_tighter(inclusive.at, exclusive.at) => {
            Some(inclusive)
        }
        (inclusive, exclusive) => exclusive.or(inclusive),
    }
}

/// As [`start`] and the end that goes with it. Zero may be excluded, so a range
/// that ends there keeps its lower end.
fn range(low: Option<f64>, high: Option<f64>) -> (f64, f64) {
    let high_or_more = high.unwrap_or(f64::MAX);
    let low = low.unwrap_or((high_or_more - 100.0).min(0.0));
    let from = if low < 0.0 && high_or_more > 0.0 {
        0.0
    } else {
        low
    };
    (from, high_or_more.min(from + 100.0))
}

/// Multiples of `step` near `part` of the way from `from` to `to`, and those
/// next to the ends for bounds that are excluded.
fn multiples(step: f64, from: f64, to: f64, part: f64) -> Vec<f64> {
    if step <= 0.0 {
        return Vec::new();
    }
    let decimals = decimals(step);
    let first = (from / step).ceil();
    let last = (to / step).floor().max(first);
    let drawn = (first + part * (last - first)).round();
    [drawn, first, first + 1.0, last, last - 1.0, 0.0]
        .map(|times| rounded(times * step, decimals))
        .into()
}

/// The decimals that `number` is written with.
fn decimals(number: f64) -> usize {
    let written = number.to_string();
    written
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

/// Rounding through text gives the number that people would write: 0.3, where
/// 3 × 0.1 is 0.30000000000000004.
fn rounded(number: f64, decimals: usize) -> f64 {
    format!("{number:.decimals$}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    /// Draws many numbers and checks each against the schema.
    fn check(schema: &Value) {
        let validator = jsonschema::validator_for(schema).expect("a valid schema");
        let map = schema.as_object().expect("an object");
        let mut rng = Pcg64::seed_from_u64(5);
        for _ in 0..200 {
            let drawn = match schema["type"].as_str() {
                Some("integer") => integer(map, &mut rng),
                _ => number(map, &mut rng),
            };
            let drawn = drawn.unwrap_or_else(|problem| panic!("{schema}: {problem}"));
            assert!(validator.is_valid(&drawn), "{drawn} for {schema}");
        }
    }

    #[test]
    fn every_number_is_within_its_bounds() {
        for kind in ["integer", "number"] {
            check(&json!({ "type": kind }));
            check(&json!({ "type": kind, "minimum": 3, "maximum": 3 }));
            check(&json!({ "type": kind, "exclusiveMinimum": 3, "exclusiveMaximum": 5 }));
            check(&json!({ "type": kind, "minimum": 3, "exclusiveMinimum": 3 }));
            check(&json!({ "type": kind, "maximum": -7 }));
            check(&json!({ "type": kind, "exclusiveMaximum": 0 }));
            check(&json!({ "type": kind, "minimum": 0.5, "maximum": 1.5 }));
            check(&json!({ "type": kind, "minimum": -2.5, "maximum": -1.5 }));
            check(&json!({ "type": kind, "multipleOf": 7 }));
            check(&json!({ "type": kind, "multipleOf": 0.5, "minimum": 0.7 }));
            check(&json!({ "type": kind, "multipleOf": 1000, "minimum": 1 }));
            check(&json!({ "type": kind, "exclusiveMinimum": 0, "multipleOf": 5, "maximum": 9 }));
            check(&json!({ "type": kind, "minimum": 0, "maximum": u64::MAX }));
        }
        check(&json!({ "type": "integer", "minimum": u64::MAX }));
        check(&json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MIN }));
        check(&json!({ "type": "number", "minimum": 0, "maximum": 1 }));
        check(&json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 0.001 }));
        check(&json!({ "type": "number", "multipleOf": 0.1, "maximum": 1 }));
        check(&json!({ "type": "number", "minimum": f64::MIN, "maximum": f64::MAX }));
    }

    #[test]
    fn impossible_bounds_are_an_error() {
        let mut rng = Pcg64::seed_from_u64(5);
        let mut check = |schema: Value| {
            let map = schema.as_object().expect("an object");
            assert!(integer(map, &mut rng).is_err(), "{schema}");
        };
        check(json!({ "minimum": 2, "maximum": 1 }));
        check(json!({ "exclusiveMinimum": 1, "exclusiveMaximum": 2 }));
        check(json!({ "minimum": 1, "maximum": 6, "multipleOf": 7 }));
        check(json!({ "minimum": 1e25 }));
        check(json!({ "multipleOf": 0 }));
    }
}
