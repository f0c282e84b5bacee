//! [`InputIdentity`]: an input by its content, whatever its place.

use super::digest::{Digest, digest_type};
use crate::value::Value;

digest_type! {
    /// An input of a pipeline by its content, whatever its place among the others:
    /// what is recorded of it is found again when the inputs come in another order,
    /// or when there are more of them.
    ///
    /// It is 128 bits of BLAKE3 over the pipeline's name, the content and which
    /// occurrence of that content it is in its run. Maps are the same whatever the
    /// order of their keys; `1` and `1.0` are not the same.
    ///
    /// ```
    /// use inf_engine::Value;
    /// use inf_engine::journal::InputIdentity;
    ///
    /// let apple = Value::from("apple");
    /// let first = InputIdentity::of("compare", &apple, 0);
    /// assert_eq!(first, InputIdentity::of("compare", &apple, 0));
    /// assert_ne!(first, InputIdentity::of("compare", &apple, 1));
    /// assert_ne!(first, InputIdentity::of("describe", &apple, 0));
    /// ```
    pub InputIdentity
}

digest_type! {
    /// The arguments of a host function, by their content: 128 bits of BLAKE3.
    ///
    /// [`HostRecord`](super::HostRecord) has it.
    ///
    /// ```
    /// use inf_engine::Value;
    /// use inf_engine::journal::ArgumentsDigest;
    ///
    /// let one = ArgumentsDigest::of(&Value::from("one"));
    /// assert_eq!(one, ArgumentsDigest::of(&Value::from("one")));
    /// assert_eq!(one.to_string().len(), 32);
    /// ```
    pub ArgumentsDigest
}

impl InputIdentity {
    /// The identity of occurrence number `occurrence`, from 0, of `input` in a run
    /// of `pipeline`.
    pub fn of(pipeline: &str, input: &Value, occurrence: u64) -> Self {
        let first = Self::first_of(pipeline, input);
        first.occurrence(occurrence)
    }

    /// The identity of the first occurrence of `input` in a run of `pipeline`.
    pub(crate) fn first_of(pipeline: &str, input: &Value) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal input v1");
        update_text(&mut hasher, pipeline);
        update_value(&mut hasher, input);
        Self(Digest::of(&hasher))
    }

    /// From the identity of the first occurrence to that of number `occurrence`,
    /// from 0.
    pub(crate) fn occurrence(self, occurrence: u64) -> Self {
        if occurrence == 0 {
            return self;
        }
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal occurrence v1");
        hasher.update(self.0.bytes());
        hasher.update(&occurrence.to_le_bytes());
        Self(Digest::of(&hasher))
    }

    pub(super) fn from_hex(digits: &[u8]) -> Option<Self> {
        Digest::from_hex(digits).map(Self)
    }
}

impl ArgumentsDigest {
    /// The digest of `arguments`.
    pub fn of(arguments: &Value) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal arguments v1");
        update_value(&mut hasher, arguments);
        Self(Digest::of(&hasher))
    }
}

/// Each kind of value begins with a letter of its own, and what has a length
/// says it, so that no two values look alike.
fn update_value(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Null => drop(hasher.update(b"z")),
        Value::Bool(false) => drop(hasher.update(b"f")),
        Value::Bool(true) => drop(hasher.update(b"t")),
        Value::Number(number) => {
            hasher.update(b"n");
            update_text(hasher, &number.to_string());
        }
        Value::String(text) => {
            hasher.update(b"s");
            update_text(hasher, text);
        }
        Value::List(list) => {
            hasher.update(b"l");
            update_count(hasher, list.len());
            list.iter()
                .for_each(|element| update_value(hasher, element));
        }
        Value::Map(map) => {
            hasher.update(b"m");
            update_count(hasher, map.len());
            let mut update_entry = |(key, value): (&std::sync::Arc<str>, &Value)| {
                update_text(hasher, key);
                update_value(hasher, value);
            };
            if map.keys().is_sorted() {
                map.iter().for_each(update_entry);
            } else {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                entries.into_iter().for_each(&mut update_entry);
            }
        }
    }
}

fn update_text(hasher: &mut blake3::Hasher, text: &str) {
    update_count(hasher, text.len());
    hasher.update(text.as_bytes());
}

/// Eight bytes on every machine, whatever its `usize`.
fn update_count(hasher: &mut blake3::Hasher, count: usize) {
    hasher.update(&(count as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_has_another_identity_and_the_order_of_keys_does_not_count() {
        let values = [
            json!(null),
            json!(false),
            json!(true),
            json!(0),
            json!(0.0),
            json!(1),
            json!("1"),
            json!(""),
            json!([]),
            json!({}),
            json!(["a", "b"]),
            json!(["ab"]),
            json!([["a"], "b"]),
            json!([["a", "b"]]),
            json!({"a": "b"}),
            json!({"a": {"b": null}}),
            json!({"a": null, "b": null}),
        ];
        let mut identities = Vec::new();
        for value in values {
            let value = Value::from(value);
            for occurrence in [0, 1, 2] {
                identities.push(InputIdentity::of("p", &value, occurrence));
            }
            identities.push(InputIdentity::of("q", &value, 0));
        }
        let count = identities.len();
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), count);
        let one = Value::from(json!({"a": 1, "b": {"c": 2, "d": 3}}));
        let other = Value::from(json!({"b": {"d": 3, "c": 2}, "a": 1}));
        assert_eq!(
            InputIdentity::of("p", &one, 0),
            InputIdentity::of("p", &other, 0)
        );
    }

    #[test]
    fn the_values_never_change() {
        let value = Value::from(json!({"b": [1, 2.5, "x"], "a": null}));
        let shown = [0, 3].map(|occurrence| InputIdentity::of("p", &value, occurrence).to_string());
        assert_eq!(
            shown,
            [
                "413e44d433a9769dcd01133af46da48b",
                "dad8e8bca5a90337f12006d339a1b5fb"
            ]
        );
        assert_eq!(
            ArgumentsDigest::of(&value).to_string(),
            "bf6688bb3107bc29b2570b3c40298020"
        );
    }
}
