//! [`LlmResponse`] in files.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::timestamp::milliseconds;
use crate::clients::{FinishReason, LlmResponse, Reasoning, Timings, ToolCall, Usage};

/// A response that is written.
#[derive(Serialize)]
pub(super) struct ResponseParts<'r> {
    text: &'r str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'r [ToolCall],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasoning: &'r [Reasoning],
    #[serde(with = "finish_reason")]
    finish_reason: &'r FinishReason,
    usage: &'r Usage,
    model: &'r str,
    timings: TimingsJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'r str>,
}

/// A response that is read.
#[derive(Deserialize)]
pub(super) struct ResponseJson {
    text: String,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
    #[serde(default)]
    reasoning: Vec<Reasoning>,
    #[serde(with = "finish_reason")]
    finish_reason: FinishReason,
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    model: String,
    #[serde(default)]
    timings: TimingsJson,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct TimingsJson {
    #[serde(rename = "first_byte_ms", with = "milliseconds")]
    first_byte: Duration,
    #[serde(
        rename = "first_token_ms",
        default,
        with = "milliseconds::option",
        skip_serializing_if = "Option::is_none"
    )]
    first_token: Option<Duration>,
    #[serde(rename = "total_ms", with = "milliseconds")]
    total: Duration,
}

impl<'r> ResponseParts<'r> {
    pub(super) fn of(response: &'r LlmResponse) -> Self {
        let Timings {
            first_byte,
            first_token,
            total,
        } = response.timings;
        Self {
            text: &response.text,
            tool_calls: &response.tool_calls,
            reasoning: &response.reasoning,
            finish_reason: &response.finish_reason,
            usage: &response.usage,
            model: &response.model,
            timings: TimingsJson {
                first_byte,
                first_token,
                total,
            },
            id: response.id.as_deref(),
            request_id: response.request_id.as_deref(),
        }
    }
}

impl From<ResponseJson> for LlmResponse {
    fn from(json: ResponseJson) -> Self {
        Self {
            text: json.text,
            tool_calls: json.tool_calls,
            reasoning: json.reasoning,
            finish_reason: json.finish_reason,
            usage: json.usage,
            model: json.model,
            timings: Timings {
                first_byte: json.timings.first_byte,
                first_token: json.timings.first_token,
                total: json.timings.total,
            },
            id: json.id,
            request_id: json.request_id,
            rate_limits: None,
        }
    }
}

/// One of the known words, or `{"other": …}`.
mod finish_reason {
    use super::{Cow, Deserialize, Deserializer, FinishReason, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Json<'r> {
        Stop,
        Length,
        ToolCalls,
        ContentFilter,
        Refusal,
        Other(Cow<'r, str>),
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn serialize<S: Serializer>(
        reason: &&FinishReason,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = match reason {
            FinishReason::Stop => Json::Stop,
            FinishReason::Length => Json::Length,
            FinishReason::ToolCalls => Json::ToolCalls,
            FinishReason::ContentFilter => Json::ContentFilter,
            FinishReason::Refusal => Json::Refusal,
            FinishReason::Other(other) => Json::Other(other.into()),
        };
        json.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<FinishReason, D::Error> {
        Ok(match Json::deserialize(deserializer)? {
            Json::Stop => FinishReason::Stop,
            Json::Length => FinishReason::Length,
            Json::ToolCalls => FinishReason::ToolCalls,
            Json::ContentFilter => FinishReason::ContentFilter,
            Json::Refusal => FinishReason::Refusal,
            Json::Other(other) => FinishReason::Other(other.into_owned()),
        })
    }
}
