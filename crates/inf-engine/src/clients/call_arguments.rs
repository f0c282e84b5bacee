//! A tool call's arguments for formats that write them as JSON, not as text.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// Writes the arguments as the object that they are. A model may have written
/// something else, and is shown that as it was, under a name that says so: a
/// conversation about the mistake has to be able to go on.
pub(crate) struct CallArguments<'c>(pub(crate) &'c str);

impl Serialize for CallArguments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.trim();
        if text.is_empty() {
            return serializer.serialize_map(Some(0))?.end();
        }
        if let Ok(object) = serde_json::from_str::<Map<String, Value>>(text) {
            return object.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("unreadable_arguments", self.0)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_as_they_are() {
        let check = |text, expected: &str| {
            let written = serde_json::to_string(&CallArguments(text)).expect("JSON");
            assert_eq!(written, expected);
        };
        check(r#"{"b": 1, "a": 2.0}"#, r#"{"b":1,"a":2.0}"#);
        check("", "{}");
        check("{\"a", r#"{"unreadable_arguments":"{\"a"}"#);
        check("[1]", r#"{"unreadable_arguments":"[1]"}"#);
    }
}
