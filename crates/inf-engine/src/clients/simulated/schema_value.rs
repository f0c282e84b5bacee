//! Values that satisfy a JSON schema (draft 2020-12).
//!
//! A value is made in one walk through the schema, then checked with a real
//! validator. The walk therefore may guess: if the check finds fault, the next
//! walk draws other numbers, or keeps to the examples, the defaults or the
//! least that is allowed. What is returned always satisfies the schema.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

use super::excerpt::words;
use super::request_digest::{Draw, RequestDigest};
use super::schema_generator::{SchemaGenerator, Style};

/// Validators that are kept; a pipeline has a handful of schemas.
const MOST_VALIDATORS: usize = 64;

/// How often all [`STYLES`] are tried while only the check finds fault.
const ROUNDS: u32 = 5;

/// How the walks go, one after the other.
const STYLES: [Style; 7] = [
    FULL,
    FULL,
    BARE,
    BARE,
    DEFAULTS,
    BARE,
    // Only what must be there: for schemas whose full form is endless.
    Style {
        lean: true,
        ..DEFAULTS
    },
];
const FULL: Style = Style {
    examples: true,
    defaults: false,
    lean: false,
};
const BARE: Style = Style {
    examples: false,
    ..FULL
};
const DEFAULTS: Style = Style {
    defaults: true,
    ..FULL
};

/// Makes values for schemas, and keeps the validators of those it has seen.
#[derive(Debug, Default)]
pub(super) struct SchemaAnswers {
    validators: Mutex<HashMap<blake3::Hash, Arc<Validator>>>,
}

impl SchemaAnswers {
    /// A value for `schema`, drawn from `digest`, its strings out of `prompt`.
    ///
    /// # Errors
    ///
    /// A sentence that says what in the schema can't be satisfied.
    pub(super) fn value(
        &self,
        schema: &Value,
        prompt: &str,
        digest: &RequestDigest,
    ) -> Result<Value, String> {
        let validator = self.validator(schema)?;
        let words = words(prompt);
        let mut rng = digest.rng(Draw::Answer);
        let mut problem = String::new();
        for _ in 0..ROUNDS {
            let mut was_made = false;
            for style in STYLES {
                // Each walk has numbers of its own, whatever the one before drew.
                let walk_rng = rand::SeedableRng::from_rng(&mut rng);
                match SchemaGenerator::new(schema, &words, walk_rng, style).generate() {
                    Err(why) => problem = why,
                    Ok(value) => match validator.validate(&value) {
                        Ok(()) => return Ok(value),
                        Err(error) => {
                            was_made = true;
                            problem = describe(&error);
                        }
                    },
                }
            }
            // Other numbers may pass the check, but they don't make a walk
            // possible that is not.
            if !was_made {
                break;
            }
        }
        Err(problem)
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let key = blake3::hash(schema.to_string().as_bytes());
        let lock = || {
            self.validators
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(validator) = lock().get(&key) {
            return Ok(Arc::clone(validator));
        }
        // Built outside the lock: it takes a while, and twice does no harm.
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .map(Arc::new)
            .map_err(|error| format!("it is no valid JSON schema: {error}"))?;
        let mut validators = lock();
        if validators.len() >= MOST_VALIDATORS {
            validators.clear();
        }
        validators.insert(key, Arc::clone(&validator));
        Ok(validator)
    }
}

fn describe(error: &jsonschema::ValidationError<'_>) -> String {
    match error.instance_path().as_str() {
        "" => error.to_string(),
        path => format!("at `{path}`: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemars::JsonSchema;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::super::super::LlmRequest;
    use super::*;

    const PROMPT: &str = "Review this:\nThe quick brown fox jumps over the lazy dog.";

    fn draw(schema: &Value, seed: u64) -> Result<Value, String> {
        let digest = RequestDigest::of(seed, "m", &LlmRequest::from_prompt(PROMPT));
        SchemaAnswers::default().value(schema, PROMPT, &digest)
    }

    /// Draws with many seeds and checks every value with a validator.
    fn check(schema: &Value) -> Vec<Value> {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .expect("a valid schema");
        (0..30)
            .map(|seed| {
                let value = draw(schema, seed).unwrap_or_else(|why| panic!("{schema}: {why}"));
                assert!(validator.is_valid(&value), "{value} for {schema}");
                value
            })
            .collect()
    }

    fn check_problem(schema: &Value, expected: &str) {
        let problem = draw(schema, 0).expect_err("no value");
        assert!(problem.contains(expected), "{problem}");
    }

    /// The schema of a Rust type gives values that the type can be read from.
    fn check_type<T: JsonSchema + DeserializeOwned>() {
        let schema = serde_json::to_value(schemars::schema_for!(T)).expect("JSON");
        for value in check(&schema) {
            let read = serde_json::from_value::<T>(value.clone());
            assert!(read.is_ok(), "{value} for {schema}: {:?}", read.err());
        }
    }

    mod types {
        use std::collections::{BTreeMap, HashMap, HashSet};

        use schemars::JsonSchema;
        use serde::Deserialize;

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        #[serde(deny_unknown_fields)]
        pub(super) struct Review {
            /// One line.
            title: String,
            stars: u8,
            score: f32,
            verdict: Verdict,
            tags: HashSet<String>,
            author: Option<Author>,
            by_name: HashMap<String, Vec<i64>>,
            by_number: BTreeMap<u32, bool>,
            pair: (String, u16),
            fixed: [i32; 3],
            letter: char,
            #[serde(default)]
            note: String,
            anything: serde_json::Value,
            nothing: (),
        }

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        pub(super) enum Verdict {
            Good,
            Bad,
            /// With a doc comment it becomes an alternative of its own.
            Mixed {
                because: String,
            },
            Number(i32),
            Two(bool, String),
        }

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        pub(super) struct Author {
            #[schemars(email)]
            email: String,
            #[schemars(length(min = 3, max = 5))]
            name: String,
            #[schemars(range(min = 18, max = 99))]
            age: u64,
            #[serde(flatten)]
            role: Role,
        }

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub(super) enum Role {
            Critic { since: u16 },
            Guest,
        }

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        pub(super) struct Comment {
            text: String,
            replies: Vec<Comment>,
            parent: Option<Box<Comment>>,
        }

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        #[serde(untagged)]
        pub(super) enum Expression {
            Number(f64),
            Sum(Box<Expression>, Box<Expression>),
            Negated { operand: Box<Expression> },
            Wrapped(Box<Thread>),
        }

        #[derive(Deserialize, JsonSchema)]
        #[expect(dead_code, reason = "only read from JSON")]
        pub(super) struct Thread {
            first: Comment,
            all: Vec<Comment>,
            value: Expression,
        }
    }

    #[test]
    fn rust_types_can_be_read_from_the_values_of_their_schemas() {
        check_type::<types::Review>();
        check_type::<types::Verdict>();
        check_type::<types::Author>();
        check_type::<types::Role>();
        check_type::<types::Comment>();
        check_type::<types::Expression>();
        check_type::<types::Thread>();
        check_type::<Vec<types::Verdict>>();
        check_type::<Option<types::Review>>();
        check_type::<String>();
    }
    #[test]
    fn written_schemas_are_satisfied() {
        let person = json!({
            "type": "object",
            "properties": { "name": { "type": "string", "minLength": 1 } },
            "required": ["name"],
        });
        for schema in [
            json!({}),
            json!(true),
            json!({ "type": ["string", "null"] }),
            json!({ "type": ["null", "integer"], "minimum": 5 }),
            json!({ "const": { "a": [1, null] } }),
            json!({ "enum": ["a", 1, null, { "b": 2 }] }),
            json!({ "type": "integer", "enum": ["a", 1, 2.5] }),
            json!({ "items": { "type": "boolean" }, "minItems": 4, "maxItems": 4 }),
            json!({ "type": "array", "uniqueItems": true, "items": { "enum": [1, 2, 3] }, "minItems": 3 }),
            json!({ "prefixItems": [{ "const": 1 }, { "type": "string" }], "items": false, "minItems": 2 }),
            json!({ "prefixItems": [{ "const": 1 }], "items": { "type": "null" }, "minItems": 3 }),
            json!({ "type": "array", "contains": { "const": "x" }, "minContains": 2 }),
            json!({ "type": "object", "required": ["a"], "additionalProperties": { "type": "integer" } }),
            json!({ "type": "object", "minProperties": 3, "additionalProperties": { "type": "null" } }),
            json!({ "type": "object", "maxProperties": 1, "properties": { "a": {}, "b": {}, "c": {} }, "required": ["b"] }),
            json!({ "type": "object", "propertyNames": { "enum": ["x", "y"] }, "minProperties": 2, "additionalProperties": { "const": 0 } }),
            json!({ "properties": { "a": false, "b": { "const": 1 } } }),
            json!({ "$defs": { "p": person }, "allOf": [
                { "$ref": "#/$defs/p" },
                { "properties": { "age": { "type": "integer", "minimum": 0 } }, "required": ["age"] },
                { "properties": { "name": { "maxLength": 4 } } },
            ] }),
            json!({ "definitions": { "p": person }, "anyOf": [{ "$ref": "#/definitions/p" }, { "type": "null" }] }),
            json!({ "$defs": { "a/b": { "const": 3 } }, "$ref": "#/$defs/a~1b" }),
            json!({ "type": "object", "properties": { "k": { "enum": ["x", "y"] } }, "required": ["k"],
                "oneOf": [
                    { "properties": { "k": { "const": "x" }, "v": { "type": "integer" } }, "required": ["v"] },
                    { "properties": { "k": { "const": "y" } } },
                ] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }],
                "oneOf": [{ "minimum": 3, "type": "integer" }, { "type": "boolean" }] }),
            // Found by trying again until the check agrees.
            json!({ "type": "boolean", "not": { "const": true } }),
            json!({ "type": "string", "pattern": "^[A-Z]{3}$", "examples": ["ABC"] }),
            json!({ "type": "string", "pattern": "^[A-Z]{3}$", "default": "ABC" }),
            json!({ "type": "string", "maxLength": 3, "examples": ["too long"] }),
            // Endless unless the recursion is ended in time.
            json!({ "properties": { "next": { "$ref": "#" } } }),
            json!({ "properties": { "next": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] } }, "required": ["next"] }),
            json!({ "type": "array", "items": { "$ref": "#" } }),
            json!({ "$defs": {
                "even": { "anyOf": [{ "$ref": "#/$defs/odd" }, { "const": 0 }] },
                "odd": { "properties": { "less": { "$ref": "#/$defs/even" } }, "required": ["less"], "type": "object" },
            }, "$ref": "#/$defs/even" }),
        ] {
            check(&schema);
        }
    }

    #[test]
    fn what_can_not_be_satisfied_says_where_and_why() {
        check_problem(&json!(false), "it allows nothing here");
        check_problem(
            &json!({ "properties": { "a": { "items": { "minimum": 2, "maximum": 1 }, "minItems": 1 } }, "required": ["a"] }),
            "at `/a/items`: no number is within the bounds",
        );
        check_problem(
            &json!({ "properties": { "next": { "$ref": "#" } }, "required": ["next"] }),
            "it never ends",
        );
        check_problem(&json!({ "$ref": "#" }), "it never ends");
        check_problem(&json!({ "allOf": [{ "$ref": "#" }] }), "it never ends");
        check_problem(
            &json!({ "allOf": [{ "type": "string" }, { "type": "null" }] }),
            "the parts of `allOf` exclude each other",
        );
        check_problem(
            &json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
            "does not match",
        );
        check_problem(&json!({ "type": "strin" }), "it is no valid JSON schema");
        check_problem(
            &json!({ "enum": [1], "type": "string" }),
            "no value of `enum`",
        );
        check_problem(
            &json!({ "type": "array", "minItems": 10_000_000 }),
            "too large",
        );
    }

    #[test]
    fn choices_that_multiply_end_as_well() {
        // Every level doubles the ways to fail.
        let mut schema = json!({ "type": "integer", "minimum": 2, "maximum": 1 });
        for _ in 0..25 {
            schema = json!({ "anyOf": [schema, schema] });
            if schema.to_string().len() > 100_000 {
                break;
            }
        }
        assert!(draw(&schema, 0).is_err());
        let both = json!({ "type": "array", "items": { "$ref": "#/$defs/t" }, "minItems": 2 });
        check_problem(
            &json!({ "$defs": { "t": both }, "$ref": "#/$defs/t" }),
            "it never ends",
        );
    }

    #[test]
    fn a_recursive_type_is_shown_once_below_itself() {
        let schema = serde_json::to_value(schemars::schema_for!(types::Comment));
        for value in check(&schema.expect("JSON")) {
            assert!(value["replies"][0]["text"].is_string(), "{value}");
            assert!(value["parent"].is_object(), "{value}");
            assert_eq!(value["replies"][0]["replies"], json!([]), "{value}");
        }
    }

    #[test]
    fn strings_are_words_of_the_prompt_and_seeds_differ() {
        let schema =
            json!({ "properties": { "a": { "type": "string" }, "b": { "type": "integer" } } });
        let values = check(&schema);
        for value in &values {
            for word in value["a"].as_str().expect("a string").split(' ') {
                assert!(PROMPT.contains(word), "{word}");
            }
        }
        assert!(values.iter().any(|value| value != &values[0]));
        assert_eq!(values, check(&schema));
    }

    /// Schemas that can be satisfied, of every keyword that is followed.
    fn schemas() -> impl Strategy<Value = Value> {
        let bounds = (-50_i64..50, 0_i64..40);
        let leaf = prop_oneof![
            Just(json!({ "type": "null" })),
            Just(json!({ "type": "boolean" })),
            Just(json!({})),
            bounds.clone().prop_map(
                |(low, width)| json!({ "type": "integer", "minimum": low, "maximum": low + width })
            ),
            (bounds, 1_i64..9).prop_map(|((low, width), multiple)| json!({
                "type": "number",
                "exclusiveMinimum": low,
                "maximum": low + width + multiple,
                "multipleOf": multiple,
            })),
            (0_u32..30, 0_u32..30).prop_map(|(least, more)| json!({
                "type": "string",
                "minLength": least,
                "maxLength": least + more,
            })),
            prop::sample::select(vec!["date", "date-time", "email", "uri", "uuid"])
                .prop_map(|format| json!({ "type": "string", "format": format })),
            prop::collection::vec(0..100, 1..4).prop_map(|mut values| {
                values.dedup();
                values.sort_unstable();
                values.dedup();
                json!({ "enum": values })
            }),
            any::<i16>().prop_map(|value| json!({ "const": value })),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            let several = prop::collection::vec(inner.clone(), 1..4);
            let named = |schemas: Vec<Value>| -> serde_json::Map<String, Value> {
                let names = ["a", "b", "c", "d"].map(str::to_owned);
                names.into_iter().zip(schemas).collect()
            };
            prop_oneof![
                (several.clone(), 0_usize..4, any::<bool>()).prop_map(
                    move |(schemas, required, open)| {
                        let properties = named(schemas);
                        let required: Vec<_> = properties.keys().take(required).collect();
                        json!({
                            "type": "object",
                            "required": required,
                            "properties": properties,
                            "additionalProperties": open,
                        })
                    }
                ),
                (inner.clone(), 0..4_u32, 0..4_u32).prop_map(|(items, least, more)| json!({
                    "type": "array",
                    "items": items,
                    "minItems": least,
                    "maxItems": least + more,
                })),
                several.clone().prop_map(|schemas| json!({
                    "type": "array",
                    "minItems": schemas.len(),
                    "prefixItems": schemas,
                    "items": false,
                })),
                several
                    .clone()
                    .prop_map(|schemas| json!({ "anyOf": schemas })),
                several.prop_map(move |schemas| {
                    let parts: Vec<_> = named(schemas)
                        .into_iter()
                        .map(|(name, schema)| {
                            json!({
                                "properties": { (&name): schema },
                                "required": [name],
                            })
                        })
                        .collect();
                    json!({ "type": "object", "allOf": parts })
                }),
                inner.prop_map(|schema| json!({ "oneOf": [
                    { "type": "object", "properties": { "x": schema }, "required": ["x"] },
                    { "type": "null" },
                ] })),
            ]
        })
    }

    proptest! {
        #[test]
        fn random_schemas_are_satisfied(schema in schemas(), seed: u64) {
            let value = draw(&schema, seed);
            let value = value.map_err(|why| TestCaseError::fail(format!("{schema}: {why}")))?;
            prop_assert!(jsonschema::is_valid(&schema, &value), "{} for {}", value, schema);
        }
    }
}
