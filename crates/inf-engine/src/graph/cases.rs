//! Whether the cases of a branch are those that there can be, as far as a schema
//! lists the values.

use crate::document::did_you_mean;
use crate::value::{Schema, Value};

/// Names the values of `schema` that have no case, if it lists its values.
pub(crate) fn missing_cases(schema: &Schema, cases: &[&Value]) -> Option<String> {
    let alternatives = schema.alternatives()?.into_iter().map(Value::from);
    let missing = alternatives.filter(|value| !cases.contains(&value));
    let missing: Vec<String> = missing.map(|value| format!("{value:?}")).collect();
    let missing = missing.join(", ");
    (!missing.is_empty())
        .then(|| format!("there is no case for {missing}: add what is to run for it, or a default"))
}

/// Names the cases that are no values of `schema`, if it lists its values.
pub(super) fn impossible_cases(schema: &Schema, cases: &[&Value]) -> Vec<String> {
    let Some(alternatives) = schema.alternatives() else {
        return Vec::new();
    };
    let alternatives: Vec<Value> = alternatives.into_iter().map(Value::from).collect();
    let texts: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
    let impossible = cases.iter().filter(|case| !alternatives.contains(case));
    let problem = |case: &&Value| {
        let hint = did_you_mean(&case.to_string(), texts.iter().map(String::as_str));
        format!("the case {case:?} is no value that can come; {hint}")
    };
    impossible.map(problem).collect()
}
