//! Whether the cases of a branch are those that there can be, as far as a schema
//! lists the values.

use super::compute::equal;
use crate::document::did_you_mean;
use crate::value::{Schema, Value};

/// Names the values of `schema` that have no case, if it lists its values.
pub(crate) fn missing_cases(schema: &Schema, cases: &[&Value]) -> Option<String> {
    let alternatives = schema.alternatives()?.into_iter().map(Value::from);
    let missing = alternatives.filter(|value| !cases.iter().any(|case| equal(case, value)));
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
    let can_come = |case: &Value| alternatives.iter().any(|value| equal(case, value));
    let impossible = cases.iter().filter(|case| !can_come(case));
    let problem = |case: &&Value| {
        let hint = did_you_mean(&case.to_string(), texts.iter().map(String::as_str));
        format!("the case {case:?} is no value that can come; {hint}")
    };
    impossible.map(problem).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        let schema = Schema::from_json(json!({"enum": [1.0, 2]}));
        let [one, two, three] = [Value::from(1), Value::from(2.0), Value::from(3)];
        assert_eq!(missing_cases(&schema, &[&one, &two]), None);
        assert!(missing_cases(&schema, &[&one]).is_some_and(|told| told.contains('2')));
        assert!(impossible_cases(&schema, &[&one, &two]).is_empty());
        assert_eq!(impossible_cases(&schema, &[&one, &three]).len(), 1);
    }
}
