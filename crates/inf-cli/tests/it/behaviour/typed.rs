//! Answers that fit a schema.

use inf_engine::clients::{Delta, StructuredOutput};
use serde_json::Value as Json;

use super::provider::{Feature, Provider};
use super::requests::typed;
use super::subject::{Scene, Subject};

pub(super) async fn an_answer_fits_its_schema(subject: &Subject) {
    if !subject.has(Feature::Schemas) {
        return;
    }
    check(subject, StructuredOutput::Native).await;
}

pub(super) async fn an_answer_fits_its_schema_by_way_of_a_tool(subject: &Subject) {
    // Ollama can't be made to call a tool.
    if subject.provider != Provider::Ollama && subject.obeys_tool_choice() {
        check(subject, StructuredOutput::Tool).await;
    }
}

async fn check(subject: &Subject, mode: StructuredOutput) {
    let Some(client) = subject.ask_as(Scene::Echo, mode) else {
        return;
    };
    let sent = client.send(&typed()).await.expect("an answer");
    let mut pieces = String::new();
    let mut sink = |delta: Delta<'_>| {
        if let Delta::Text(more) = delta {
            pieces.push_str(more);
        }
    };
    let streamed = client.stream(&typed(), &mut sink).await.expect("an answer");
    for response in [&sent, &streamed] {
        let value: Json = serde_json::from_str(&response.text).expect("JSON");
        assert!(
            value["count"].is_i64() && value["name"].is_string(),
            "{value}"
        );
        assert_eq!(response.tool_calls, []);
    }
    assert_eq!(pieces, streamed.text);
}
