//! What the tests share.

mod full_peer;
pub(crate) mod peer;
mod raw_peer;
mod wire_formats;

pub(crate) use full_peer::FullPeer;
pub(crate) use raw_peer::{Answer, RawPeer};
pub(crate) use wire_formats::{WireFormat, wire_formats};

use inf_engine::clients::openai::OpenAiClient;
use inf_engine::clients::{
    ClientError, Delta, HttpSettings, HttpStack, LlmClient, LlmRequest, LlmResponse,
};

/// A key that must never be seen again.
pub(crate) const KEY: &str = "sk-test-0123456789/abcdef";

/// A client of `base_url` with a key, as a program would make one.
pub(crate) fn client(base_url: &str) -> OpenAiClient {
    client_with(base_url, |settings| settings)
}

/// The same client with other settings.
pub(crate) fn client_with(
    base_url: &str,
    change: impl FnOnce(HttpSettings) -> HttpSettings,
) -> OpenAiClient {
    let settings = HttpSettings::new(base_url, "test-model").with_api_key("TEST_KEY", KEY.into());
    let http = HttpStack::new().expect("an HTTP stack");
    OpenAiClient::new(http, change(settings)).expect("usable settings")
}

/// Asks `client` something; an error is checked for the key.
pub(crate) async fn ask(client: &dyn LlmClient) -> Result<LlmResponse, ClientError> {
    let outcome = client.send(&LlmRequest::from_prompt("Hi")).await;
    if let Err(error) = &outcome {
        assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
    }
    outcome
}

/// The same, in pieces; thoughts are in brackets.
pub(crate) async fn ask_in_pieces(
    client: &dyn LlmClient,
) -> (Result<LlmResponse, ClientError>, Vec<String>) {
    let mut pieces = Vec::new();
    let request = LlmRequest::from_prompt("Hi");
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Reasoning(text) => pieces.push(format!("({text})")),
        Delta::Text(text) => pieces.push(text.to_owned()),
        _ => unreachable!("there are no other pieces"),
    };
    let outcome = client.stream(&request, &mut sink).await;
    if let Err(error) = &outcome {
        assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
    }
    (outcome, pieces)
}
