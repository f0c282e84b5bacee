//! Fields of a body that are the user's.

use serde::Serialize;
use serde_json::{Map, Value};

use super::WireFormat;
use crate::clients::{ClientError, ClientErrorKind, ExtraFields};

/// Refuses fields that would make a call another one than the engine knows of;
/// `whose` they are begins the sentence.
pub(super) fn check(
    fields: &ExtraFields,
    format: &WireFormat,
    whose: &str,
) -> Result<(), ClientError> {
    let own = format
        .own_fields
        .iter()
        .find(|own| fields.contains_key(**own));
    match own {
        None => Ok(()),
        Some(own) => {
            let message =
                format!("{whose} set `{own}`, which the engine writes itself; take it out");
            Err(ClientError::new(ClientErrorKind::Refused, message))
        }
    }
}

/// `body` as JSON, with the fields of `endpoint` and then those of `request` in
/// it. Nothing is copied if there are none, as mostly.
pub(super) fn write(
    body: &impl Serialize,
    endpoint: &ExtraFields,
    request: Option<&ExtraFields>,
) -> Result<Vec<u8>, serde_json::Error> {
    let request = request.filter(|fields| !fields.is_empty());
    if endpoint.is_empty() && request.is_none() {
        return serde_json::to_vec(body);
    }
    let mut whole = serde_json::to_value(body)?;
    if let Value::Object(whole) = &mut whole {
        merge(whole, endpoint);
        if let Some(request) = request {
            merge(whole, request);
        }
    }
    serde_json::to_vec(&whole)
}

/// Puts `fields` into `body`. Where both have an object, its fields are put in
/// one by one: `options: {num_ctx: 8192}` says nothing about the temperature.
/// Nothing (`null`) takes a field out, which a server may not know.
fn merge(body: &mut Map<String, Value>, fields: &ExtraFields) {
    for (name, value) in fields {
        match (body.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(fields)) => merge(known, fields),
            (_, Value::Null) => {
                body.shift_remove(name);
            }
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_request_goes_before_the_endpoint_and_objects_are_merged() {
        let fields = |value: Value| value.as_object().cloned().expect("an object");
        let body = json!({
            "model": "m", "options": {"temperature": 0.5}, "think": true, "stream_options": {}
        });
        let endpoint = fields(
            json!({"options": {"num_ctx": 1, "seed": 2}, "think": false, "stream_options": null}),
        );
        let request = fields(json!({"options": {"seed": 3}, "keep_alive": "5m"}));
        let written = write(&body, &endpoint, Some(&request)).expect("JSON");
        let expected = json!({
            "model": "m",
            "options": {"temperature": 0.5, "num_ctx": 1, "seed": 3},
            "think": false,
            "keep_alive": "5m"
        });
        assert_eq!(
            serde_json::from_slice::<Value>(&written).expect("JSON"),
            expected
        );
    }
}
