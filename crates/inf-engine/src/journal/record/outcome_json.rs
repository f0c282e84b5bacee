//! Outcomes in files: `{"ok": …}` or `{"error": …}`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome<O, E> {
    Ok(O),
    Error(E),
}

impl<O, E> From<Outcome<O, E>> for Result<O, E> {
    fn from(outcome: Outcome<O, E>) -> Self {
        match outcome {
            Outcome::Ok(value) => Ok(value),
            Outcome::Error(error) => Err(error),
        }
    }
}

fn write<O: Serialize, E: Serialize, S: Serializer>(
    outcome: Result<O, E>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match outcome {
        Ok(value) => Outcome::<O, E>::Ok(value).serialize(serializer),
        Err(error) => Outcome::<O, E>::Error(error).serialize(serializer),
    }
}

/// Of a call: the parts of its response.
pub(super) mod of_call {
    use super::super::super::record::response_json::{ResponseJson, ResponseParts};
    use super::super::RecordedFailure;
    use super::{Deserialize, Deserializer, Outcome, Serializer, write};
    use crate::clients::LlmResponse;

    type Parts = Result<LlmResponse, RecordedFailure>;

    pub(in super::super) fn serialize<S: Serializer>(
        outcome: &Parts,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(outcome.as_ref().map(ResponseParts::of), serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Parts, D::Error> {
        let outcome = Outcome::<ResponseJson, RecordedFailure>::deserialize(deserializer)?;
        Ok(Result::from(outcome).map(LlmResponse::from))
    }
}

/// Of a host function: its value.
pub(super) mod of_value {
    use super::super::RecordedFailure;
    use super::{Deserialize, Deserializer, Outcome, Serializer, write};
    use crate::value::Value;

    type Parts = Result<Value, RecordedFailure>;

    pub(in super::super) fn serialize<S: Serializer>(
        outcome: &Parts,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(outcome.as_ref(), serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Parts, D::Error> {
        Outcome::deserialize(deserializer).map(Result::from)
    }
}

/// Of an input: its output.
pub(super) mod of_input {
    use super::super::InputFailure;
    use super::{Deserialize, Deserializer, Outcome, Serializer, write};
    use crate::value::Value;

    type Parts = Result<Value, InputFailure>;

    pub(in super::super) fn serialize<S: Serializer>(
        outcome: &Parts,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        write(outcome.as_ref(), serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Parts, D::Error> {
        Outcome::deserialize(deserializer).map(Result::from)
    }
}
