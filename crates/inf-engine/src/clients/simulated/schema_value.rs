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
        for style in STYLES {
            // Each walk has numbers of its own, whatever the one before drew.
            let walk_rng = rand::SeedableRng::from_rng(&mut rng);
            let made = SchemaGenerator::new(schema, &words, walk_rng, style).generate();
            let checked = made.and_then(|value| match validator.validate(&value) {
                Ok(()) => Ok(value),
                Err(error) => Err(format!("at `{}`: {error}", error.instance_path())),
            });
            match checked {
                Ok(value) => return Ok(value),
                Err(why) => problem = why,
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
