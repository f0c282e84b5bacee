//! [`Compute`]: functions that every host has, for conditions and small steps.

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Number;

use crate::value::Value;

/// A function that every host has. Given a value that it is not for, its node
/// fails with a sentence that says so.
///
/// Those of two values take a list of two.
///
/// ```
/// use inf_engine::graph::{Compute, Operation};
/// use inf_engine::prelude::*;
///
/// let graph = Tracer::new("is_long").trace(|text: Proxy<String>| text.length().at_least(100_u64))?;
/// let computed: Vec<&str> = graph.nodes().iter().filter_map(|node| match node.operation() {
///     Operation::Compute { function, .. } => Some(function.name()),
///     _ => None,
/// }).collect();
/// assert_eq!(computed, [Compute::Length.name(), Compute::GreaterOrEqual.name()]);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compute {
    /// The keys of a map, as a list.
    Keys,
    /// The values of a map, as a list.
    Values,
    /// The entries of a map, as a list of `[key, value]`.
    Items,
    /// Whether two values are the same; numbers are by what they are worth.
    Equal,
    /// Whether two values are not the same.
    NotEqual,
    /// Whether the first of two numbers or texts is less; texts go by the
    /// numbers of their characters.
    Less,
    /// Whether the first of two numbers or texts is less or the same.
    LessOrEqual,
    /// Whether the first of two numbers or texts is greater.
    Greater,
    /// Whether the first of two numbers or texts is greater or the same.
    GreaterOrEqual,
    /// Whether a text has a text in it, a list an element, a map a key.
    Contains,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether a text, a list or a map has nothing in it; null has nothing, too.
    IsEmpty,
    /// The characters of a text, the elements of a list, the entries of a map.
    Length,
    /// Whether all of a list of booleans are true.
    And,
    /// Whether one of a list of booleans is true.
    Or,
    /// The other of true and false.
    Not,
    /// The sum of two numbers. Whole numbers stay whole.
    Add,
    /// The first of two numbers without the second.
    Subtract,
    /// The product of two numbers.
    Multiply,
    /// The first of two numbers by the second, as a fraction.
    Divide,
    /// Two or more lists of one length as one list of lists.
    Zip,
    /// The texts of a list (the first of two values) with a text (the second)
    /// between them.
    Join,
    /// A text (the first of two values) cut into pieces of at most so many
    /// characters (the second): between paragraphs, lines, sentences or words
    /// where that leaves no piece less than half full.
    Chunks,
    /// A text without the white space around it.
    Trim,
    /// A text in small letters.
    Lowercase,
}

impl Compute {
    pub(crate) const ALL: [Self; 26] = [
        Self::Keys,
        Self::Values,
        Self::Items,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::IsEmpty,
        Self::Length,
        Self::And,
        Self::Or,
        Self::Not,
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Zip,
        Self::Join,
        Self::Chunks,
        Self::Trim,
        Self::Lowercase,
    ];

    /// The name in pipeline files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Values => "values",
            Self::Items => "items",
            Self::Equal => "equal",
            Self::NotEqual => "not_equal",
            Self::Less => "less",
            Self::LessOrEqual => "less_or_equal",
            Self::Greater => "greater",
            Self::GreaterOrEqual => "greater_or_equal",
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::IsEmpty => "is_empty",
            Self::Length => "length",
            Self::And => "and",
            Self::Or => "or",
            Self::Not => "not",
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Zip => "zip",
            Self::Join => "join",
            Self::Chunks => "chunks",
            Self::Trim => "trim",
            Self::Lowercase => "lowercase",
        }
    }

    /// The JSON type of what it gives, if that is always the same.
    pub(crate) fn output_type(self) -> Option<&'static str> {
        match self {
            Self::Keys | Self::Values | Self::Items | Self::Zip | Self::Chunks => Some("array"),
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Contains
            | Self::StartsWith
            | Self::EndsWith
            | Self::IsEmpty
            | Self::And
            | Self::Or
            | Self::Not => Some("boolean"),
            Self::Length => Some("integer"),
            Self::Divide => Some("number"),
            Self::Join | Self::Trim | Self::Lowercase => Some("string"),
            Self::Add | Self::Subtract | Self::Multiply => None,
        }
    }

    /// The result, or a sentence that says why there is none.
    pub(crate) fn apply(self, input: &Value) -> Result<Value, String> {
        Ok(match self {
            Self::Keys => {
                let keys = self.map(input)?.keys().cloned();
                keys.map(Value::String).collect()
            }
            Self::Values => self.map(input)?.values().cloned().collect(),
            Self::Items => {
                let items = self.map(input)?.iter();
                let pair = |(key, value): (&_, &Value)| {
                    Value::from_iter([Value::String(Arc::clone(key)), value.clone()])
                };
                items.map(pair).collect()
            }
            Self::Equal | Self::NotEqual => {
                let (first, second) = self.pair(input)?;
                (equal(first, second) == (self == Self::Equal)).into()
            }
            Self::Less => self.order(input)?.is_lt().into(),
            Self::LessOrEqual => self.order(input)?.is_le().into(),
            Self::Greater => self.order(input)?.is_gt().into(),
            Self::GreaterOrEqual => self.order(input)?.is_ge().into(),
            Self::Contains => self.contains(input)?.into(),
            Self::StartsWith => {
                let (text, start) = self.texts(input)?;
                text.starts_with(start).into()
            }
            Self::EndsWith => {
                let (text, end) = self.texts(input)?;
                text.ends_with(end).into()
            }
            Self::IsEmpty => match input {
                Value::Null => true.into(),
                other => (self.length(other)? == 0).into(),
            },
            Self::Length => {
                let length = self.length(input)?;
                Value::Number(length.into())
            }
            Self::And => self.booleans(input)?.all(|one| one).into(),
            Self::Or => self.booleans(input)?.any(|one| one).into(),
            Self::Not => match input {
                Value::Bool(one) => (!one).into(),
                other => return Err(self.needs("a boolean", other)),
            },
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide => {
                let (first, second) = self.pair(input)?;
                Value::Number(self.arithmetic(self.number(first)?, self.number(second)?)?)
            }
            Self::Zip => self.zip(input)?,
            Self::Join => {
                let (list, between) = self.pair(input)?;
                let texts: Vec<String> = self.list(list)?.iter().map(Value::to_string).collect();
                Value::from(texts.join(self.text(between)?))
            }
            Self::Chunks => {
                let (text, most) = self.pair(input)?;
                let size = match most {
                    Value::Number(size) => size.as_u64().and_then(|size| size.try_into().ok()),
                    _ => None,
                };
                let Some(size) = size.filter(|size| *size > 0) else {
                    return Err(format!(
                        "`{}` needs the size of a piece, a whole number of 1 or more, and got {most}",
                        self.name()
                    ));
                };
                chunks(self.text(text)?, size).map(Value::from).collect()
            }
            Self::Trim => Value::from(self.text(input)?.trim()),
            Self::Lowercase => Value::from(self.text(input)?.to_lowercase()),
        })
    }

    fn needs(self, what: &str, got: &Value) -> String {
        format!("`{}` needs {what} and got {}", self.name(), got.kind())
    }

    fn map(self, value: &Value) -> Result<&IndexMap<Arc<str>, Value>, String> {
        match value {
            Value::Map(map) => Ok(map),
            other => Err(self.needs("a map", other)),
        }
    }

    fn list(self, value: &Value) -> Result<&[Value], String> {
        match value {
            Value::List(list) => Ok(list),
            other => Err(self.needs("a list", other)),
        }
    }

    fn text(self, value: &Value) -> Result<&str, String> {
        value.as_str().ok_or_else(|| self.needs("a text", value))
    }

    fn number(self, value: &Value) -> Result<&Number, String> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err(self.needs("two numbers", other)),
        }
    }

    fn pair(self, value: &Value) -> Result<(&Value, &Value), String> {
        match value {
            Value::List(list) => match &list[..] {
                [first, second] => Ok((first, second)),
                other => Err(format!(
                    "`{}` needs a list of two values and got one of {}",
                    self.name(),
                    other.len()
                )),
            },
            other => Err(self.needs("a list of two values", other)),
        }
    }

    fn texts(self, value: &Value) -> Result<(&str, &str), String> {
        let (first, second) = self.pair(value)?;
        Ok((self.text(first)?, self.text(second)?))
    }

    fn booleans(self, value: &Value) -> Result<impl Iterator<Item = bool>, String> {
        let booleans = self.list(value)?.iter().map(|one| match one {
            Value::Bool(one) => Ok(*one),
            other => Err(self.needs("a list of booleans", other)),
        });
        Ok(booleans.collect::<Result<Vec<bool>, _>>()?.into_iter())
    }

    fn length(self, value: &Value) -> Result<usize, String> {
        match value {
            Value::String(text) => Ok(text.chars().count()),
            Value::List(list) => Ok(list.len()),
            Value::Map(map) => Ok(map.len()),
            other => Err(self.needs("a text, a list or a map", other)),
        }
    }

    fn order(self, value: &Value) -> Result<Ordering, String> {
        let (first, second) = self.pair(value)?;
        match (first, second) {
            (Value::String(first), Value::String(second)) => Ok(first.cmp(second)),
            (Value::Number(first), Value::Number(second)) => Ok(compare(first, second)),
            _ => Err(format!(
                "`{}` needs two numbers or two texts and got {} and {}",
                self.name(),
                first.kind(),
                second.kind()
            )),
        }
    }

    fn contains(self, value: &Value) -> Result<bool, String> {
        let (whole, part) = self.pair(value)?;
        Ok(match whole {
            Value::String(text) => text.contains(self.text(part)?),
            Value::List(list) => list.iter().any(|element| equal(element, part)),
            Value::Map(map) => map.contains_key(self.text(part)?),
            other => return Err(self.needs("a text, a list or a map to look in", other)),
        })
    }

    fn zip(self, value: &Value) -> Result<Value, String> {
        let lists = self.list(value)?.iter().map(|list| self.list(list));
        let lists = lists.collect::<Result<Vec<&[Value]>, _>>()?;
        let lengths: Vec<usize> = lists.iter().map(|list| list.len()).collect();
        let length = lengths.first().copied().unwrap_or(0);
        if lengths.iter().any(|other| *other != length) {
            let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
            return Err(format!(
                "`{}` needs lists of one length and got lists of {}",
                self.name(),
                lengths.join(", ")
            ));
        }
        let row =
            |index: usize| -> Value { lists.iter().map(|list| list[index].clone()).collect() };
        Ok((0..length).map(row).collect())
    }

    fn arithmetic(self, first: &Number, second: &Number) -> Result<Number, String> {
        let whole = |number: &Number| {
            let signed = number.as_i64().map(i128::from);
            signed.or_else(|| number.as_u64().map(i128::from))
        };
        if let (Some(first), Some(second)) = (whole(first), whole(second))
            && self != Self::Divide
        {
            // Of 64 bits each: no sum and no product of them has more than 128.
            let result = match self {
                Self::Add => first + second,
                Self::Subtract => first - second,
                _ => first * second,
            };
            let number = i64::try_from(result).map(Number::from);
            let number = number.or_else(|_| u64::try_from(result).map(Number::from));
            return number.map_err(|_| self.too_large());
        }
        let (first, second) = (float(first), float(second));
        let result = match self {
            Self::Add => first + second,
            Self::Subtract => first - second,
            Self::Multiply => first * second,
            _ if second == 0.0 => return Err(format!("`{}` by zero", self.name())),
            _ => first / second,
        };
        Number::from_f64(result).ok_or_else(|| self.too_large())
    }

    fn too_large(self) -> String {
        format!("what `{}` comes to is too large for a number", self.name())
    }
}

/// Pieces of at most `size` characters.
fn chunks(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((end, _)) = rest.char_indices().nth(size) else {
            return Some(std::mem::take(&mut rest));
        };
        // What follows decides as well: a piece may be full to the last word.
        let next = rest[end..].chars().next().map_or(0, char::len_utf8);
        let within = &rest[..end + next];
        let between = ["\n\n", "\n", ". ", " "].iter();
        let mut ends = between.filter_map(|mark| {
            let at = within.rfind(mark)?;
            let at = if *mark == ". " { at + 1 } else { at };
            (at >= end / 2 && at > 0).then_some(at)
        });
        let (piece, after) = rest.split_at(ends.next().unwrap_or(end));
        rest = after.trim_start();
        Some(piece.trim_end())
    })
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

fn compare(first: &Number, second: &Number) -> Ordering {
    // Whole numbers are compared as they are: beyond 2⁵³ floats are not exact.
    if let (Some(first), Some(second)) = (first.as_i64(), second.as_i64()) {
        return first.cmp(&second);
    }
    if let (Some(first), Some(second)) = (first.as_u64(), second.as_u64()) {
        return first.cmp(&second);
    }
    // Adding zero makes one of the two zeros.
    (float(first) + 0.0).total_cmp(&(float(second) + 0.0))
}

/// Whether two values are the same, where 1 is 1.0.
pub(super) fn equal(first: &Value, second: &Value) -> bool {
    match (first, second) {
        (Value::Number(first), Value::Number(second)) => compare(first, second).is_eq(),
        (Value::List(first), Value::List(second)) => {
            first.len() == second.len() && first.iter().zip(second.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Map(first), Value::Map(second)) => {
            first.len() == second.len()
                && first
                    .iter()
                    .all(|(key, a)| second.get(key).is_some_and(|b| equal(a, b)))
        }
        (first, second) => first == second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
    fn check(
        function: Compute,
        input: serde_json::Value,
        expected: Result<serde_json::Value, &str>,
    ) {
        let result = function.apply(&Value::from(input.clone()));
        let result = result.as_ref().map(serde_json::Value::from);
        assert_eq!(result.map_err(|error| &**error), expected, "{input}");
    }

    #[test]
    fn values_are_compared() {
        for (first, second, same) in [
            (json!(1), json!(1.0), true),
            (json!("a"), json!("a"), true),
            (json!("1"), json!(1), false),
            (json!([1, {"a": null}]), json!([1.0, {"a": null}]), true),
            (json!([1]), json!([1, 2]), false),
            (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), true),
            (json!(u64::MAX), json!(u64::MAX - 1), false),
            (json!(0.0), json!(-0.0), true),
        ] {
            let pair = json!([first, second]);
            check(Compute::Equal, pair.clone(), Ok(same.into()));
            check(Compute::NotEqual, pair, Ok((!same).into()));
        }
        check(Compute::Less, json!([1, 2]), Ok(true.into()));
        check(Compute::Less, json!([2.5, 2]), Ok(false.into()));
        check(Compute::LessOrEqual, json!([2, 2.0]), Ok(true.into()));
        check(Compute::Greater, json!(["b", "a"]), Ok(true.into()));
        check(Compute::Greater, json!([-1, u64::MAX]), Ok(false.into()));
        check(
            Compute::GreaterOrEqual,
            json!([9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64]),
            Ok(true.into()),
        );
    }

    #[test]
    fn texts_lists_and_maps_are_looked_into() {
        check(Compute::Contains, json!(["a text", "ex"]), Ok(true.into()));
        check(Compute::Contains, json!([["a", 1], 1.0]), Ok(true.into()));
        check(Compute::Contains, json!([{"a": 1}, "b"]), Ok(false.into()));
        check(Compute::StartsWith, json!(["text", "te"]), Ok(true.into()));
        check(Compute::EndsWith, json!(["text", "te"]), Ok(false.into()));
        check(Compute::IsEmpty, json!(""), Ok(true.into()));
        check(Compute::IsEmpty, json!(null), Ok(true.into()));
        check(Compute::IsEmpty, json!([0]), Ok(false.into()));
        check(Compute::Length, json!("äöü"), Ok(3.into()));
        check(Compute::Length, json!({"a": 1}), Ok(1.into()));
        check(Compute::Join, json!([["a", 1], ", "]), Ok("a, 1".into()));
        check(Compute::Trim, json!(" Bug\n"), Ok("Bug".into()));
        check(Compute::Lowercase, json!("BUG"), Ok("bug".into()));
        check(
            Compute::Zip,
            json!([[1, 2], ["a", "b"]]),
            Ok(json!([[1, "a"], [2, "b"]])),
        );
        check(Compute::Zip, json!([]), Ok(json!([])));
    }

    #[test]
    fn booleans_and_numbers_are_worked_with() {
        check(Compute::And, json!([true, true, false]), Ok(false.into()));
        check(Compute::Or, json!([false, true]), Ok(true.into()));
        check(Compute::And, json!([]), Ok(true.into()));
        check(Compute::Not, json!(false), Ok(true.into()));
        check(Compute::Add, json!([1, 2]), Ok(3.into()));
        check(Compute::Add, json!([0.5, 2]), Ok(2.5.into()));
        check(Compute::Add, json!([i64::MAX, 1]), Ok((1_u64 << 63).into()));
        check(
            Compute::Subtract,
            json!([1, u64::MAX]),
            Err("what `subtract` comes to is too large for a number"),
        );
        check(Compute::Multiply, json!([-3, 4]), Ok((-12).into()));
        check(Compute::Divide, json!([7, 2]), Ok(3.5.into()));
    }

    #[test]
    fn what_can_not_be_done_is_told() {
        check(
            Compute::Keys,
            json!([]),
            Err("`keys` needs a map and got a list"),
        );
        check(
            Compute::Less,
            json!([1, "a"]),
            Err("`less` needs two numbers or two texts and got a number and a string"),
        );
        check(
            Compute::Equal,
            json!([1]),
            Err("`equal` needs a list of two values and got one of 1"),
        );
        check(
            Compute::Equal,
            json!(1),
            Err("`equal` needs a list of two values and got a number"),
        );
        check(
            Compute::Not,
            json!(1),
            Err("`not` needs a boolean and got a number"),
        );
        check(
            Compute::And,
            json!([true, null]),
            Err("`and` needs a list of booleans and got null"),
        );
        check(
            Compute::IsEmpty,
            json!(0),
            Err("`is_empty` needs a text, a list or a map and got a number"),
        );
        check(
            Compute::Contains,
            json!(["a", 1]),
            Err("`contains` needs a text and got a number"),
        );
        check(Compute::Divide, json!([1, 0]), Err("`divide` by zero"));
        check(
            Compute::Add,
            json!([1, "a"]),
            Err("`add` needs two numbers and got a string"),
        );
        check(
            Compute::Multiply,
            json!([1e308, 1e308]),
            Err("what `multiply` comes to is too large for a number"),
        );
        check(
            Compute::Zip,
            json!([[1], []]),
            Err("`zip` needs lists of one length and got lists of 1, 0"),
        );
    }

    #[test]
    fn texts_are_cut_where_they_may_be() {
        let check = |text: &str, size: usize, expected: &[&str]| {
            let found = Compute::Chunks.apply(&Value::from(json!([text, size])));
            assert_eq!(found, Ok(Value::from(json!(expected))), "{text:?} {size}");
        };
        check("", 5, &[]);
        check("  \n", 5, &[]);
        check("one", 5, &["one"]);
        check("one two three", 7, &["one two", "three"]);
        check("one two three", 8, &["one two", "three"]);
        check("äöüäöü", 4, &["äöüä", "öü"]);
        check("a b\n\nc d e f", 7, &["a b", "c d e f"]);
        check("One. Two three", 10, &["One. Two", "three"]);
        check("It is. It was so", 10, &["It is.", "It was so"]);
        // What would be less than half full is not cut off.
        check("a\n\nbbbbb ccccc", 12, &["a\n\nbbbbb", "ccccc"]);
        let no_size = "`chunks` needs the size of a piece, a whole number of 1 or more, and got 0";
        let found = Compute::Chunks.apply(&Value::from(json!(["text", 0])));
        assert_eq!(found, Err(no_size.to_owned()));
    }

    #[test]
    fn every_name_is_of_one_function() {
        for (index, function) in Compute::ALL.into_iter().enumerate() {
            let found = Compute::ALL
                .iter()
                .position(|other| other.name() == function.name());
            assert_eq!(found, Some(index));
        }
    }
}
