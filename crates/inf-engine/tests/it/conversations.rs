//! Conversations, pictures and all that a call can say, from modules and from
//! pipeline files to the request.

use std::time::Duration;

use inf_engine::clients::LlmRequest;
use inf_engine::conversation::ReasoningEffort;
use inf_engine::conversation::{Conversation, Image, Message, Part, Role};
use inf_engine::document::DocumentFormat;
use inf_engine::execution::ErrorKind;
use inf_engine::prelude::*;
use inf_engine::trace::Chat;
use serde_json::json;

use crate::support::dialogue::{Dialogue, says};

fn peer() -> std::sync::Arc<Dialogue> {
    Dialogue::new(|_, _| (Duration::from_secs(1), Ok(says("fine"))))
}

async fn asked_by<M>(module: M, input: M::Input) -> LlmRequest
where
    M: Forward + 'static,
{
    let peer = peer();
    module
        .bind(peer.resources(1))
        .unwrap()
        .run(input)
        .await
        .unwrap();
    peer.asked().pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn everything_that_a_call_says_reaches_the_client() {
    let ask = LlmInference::new("a")
        .system_prompt("Be brief.")
        .temperature(0.5)
        .top_p(0.9)
        .seed(7)
        .max_tokens(20)
        .reasoning_effort(ReasoningEffort::Low)
        .stop("\n")
        .extra("min_p", 0.1)
        .extra("guided_regex", "[a-z]+");
    let request = asked_by(ask, "Hi".to_owned()).await;
    let extra = json!({"min_p": 0.1, "guided_regex": "[a-z]+"});
    let mut expected = LlmRequest::from_messages([
        Message::new(Role::System, "Be brief."),
        Message::new(Role::User, "Hi"),
    ]);
    expected.temperature = Some(0.5);
    expected.top_p = Some(0.9);
    expected.seed = Some(7);
    expected.max_tokens = Some(20);
    expected.reasoning_effort = Some(ReasoningEffort::Low);
    expected.stop = vec!["\n".to_owned()];
    expected.extra = extra.as_object().cloned().map(Into::into);
    assert_eq!(request, expected);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_with_pictures_is_asked_as_it_is() {
    let asked = Conversation::new()
        .user("What is this?")
        .image(Image::bytes("image/png", vec![1, 2, 3]))
        .assistant("A cat.")
        .user("What colour?");
    let look = LlmInference::new("a").system_prompt("Look.").chat();
    let request = asked_by(look, asked.clone()).await;
    assert_eq!(request.messages[0], Message::new(Role::System, "Look."));
    assert_eq!(request.messages[1..], asked.messages);
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Asked {
    earlier: Conversation,
    picture: Image,
    question: String,
}

#[derive(Module)]
struct Look {
    look: LlmInference<String, Conversation>,
}

impl Forward for Look {
    type Input = Asked;
    type Output = String;
    fn forward(&self, input: Proxy<Asked>) -> Proxy<String> {
        let question = input.question();
        let asked = prompt!("Briefly: {question}");
        let chat = Chat::new().earlier(input.earlier()).user(asked);
        self.look.call(chat.image(input.picture()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_put_together_of_proxies_and_saved() {
    let look = || Look {
        look: LlmInference::new("a").chat(),
    };
    let input = || Asked {
        earlier: Conversation::new().user("Hi").assistant("Hello"),
        picture: Image::url("https://example.org/cat.png"),
        question: "what is it?".to_owned(),
    };
    let expected = Conversation::new()
        .user("Hi")
        .assistant("Hello")
        .user("Briefly: what is it?")
        .image(Image::url("https://example.org/cat.png"));
    assert_eq!(asked_by(look(), input()).await.messages, expected.messages);
    // The same from its file.
    let graph = look().trace().unwrap();
    let text = graph.to_text(DocumentFormat::Yaml);
    insta::assert_snapshot!(text);
    let read = InferenceGraph::from_text(&text).unwrap();
    assert_eq!(read, graph);
    let peer = peer();
    let pipeline = read.bind(peer.resources(1)).unwrap();
    let value = inf_engine::value::Data::to_value(&input()).unwrap();
    pipeline.run(value).await.unwrap();
    assert_eq!(peer.asked()[0].messages, expected.messages);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_conversation_is_an_error_of_its_input() {
    let graph = InferenceGraph::from_text(
        r#"
version: 1
name: chat
input: { messages: any }
nodes:
  answer: { llm: a, messages: input.messages, prompt: "And?" }
output: answer
"#,
    )
    .unwrap();
    let peer = peer();
    let pipeline = graph.bind(peer.resources(1)).unwrap();
    let inputs = [
        json!([{"role": "user", "content": "Hi"}]),
        json!([{"role": "robot", "content": "Hi"}]),
        json!("Hi"),
        json!([]),
    ];
    let inputs = inputs.map(|messages| Value::from(json!({"messages": messages})));
    let results = pipeline.run_batch(inputs).await;
    assert!(results[0].output.is_ok());
    let asked = peer.asked();
    assert_eq!(asked.len(), 1);
    let said: Vec<_> = asked[0].messages.iter().map(|said| said.text()).collect();
    assert_eq!(said, ["Hi", "And?"]);
    let errors = results[1..].iter().map(|result| {
        let error = result.output.as_ref().unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert_eq!(error.node.as_deref(), Some("answer"));
        error.message.clone()
    });
    insta::assert_snapshot!(errors.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_picture_is_no_text() {
    let ask = LlmInference::new("a");
    let error = Tracer::new("look")
        .trace(|picture: Proxy<Image>| ask.call(prompt!("What is {picture}?")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`Chat::new().user(…).image(…)`"), "{error}");
}

#[test]
fn a_picture_of_a_message_is_a_part() {
    let asked = Conversation::new().image(Image::url("data:image/png;base64,AA=="));
    assert!(matches!(asked.messages[0].parts[..], [Part::Image(_)]));
}

#[test]
fn what_calls_say_more_is_saved_and_counts_in_the_hash() {
    let text = |more: &str| {
        format!(
            "version: 1\nname: ask\nnodes:\n  a:\n    llm: fast\n    prompt: '{{input}}'\n{more}output: a\n"
        )
    };
    let plain = InferenceGraph::from_text(&text("")).unwrap();
    let mut hashes = vec![plain.content_hash()];
    for more in [
        "    top_p: 0.5\n",
        "    seed: 7\n",
        "    reasoning_effort: high\n",
        "    extra: { min_p: 0.1 }\n",
        "    messages: input\n",
        "    tools: [search]\n",
        "    tools: [search]\n    tool_choice: required\n",
        "    tools: [search]\n    tool_choice: { tool: search }\n",
        "    tools: [search]\n    tool_choice: never\n",
        "    tools: [search]\n    max_turns: 3\n",
    ] {
        let graph = InferenceGraph::from_text(&text(more)).unwrap();
        for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
            let written = graph.to_text(format);
            assert_eq!(
                InferenceGraph::from_text(&written).unwrap(),
                graph,
                "{written}"
            );
        }
        assert!(!hashes.contains(&graph.content_hash()), "{more}");
        hashes.push(graph.content_hash());
    }
}

#[test]
fn what_is_wrong_with_a_call_is_told_with_its_place() {
    let text = r#"
version: 1
name: wrong
nodes:
  a: { llm: fast, prompt: "{input}", top_p: 0, max_turns: 0, tools: [find, find], tool_choice: { tool: fnid } }
  b: { llm: fast, prompt: "{input}", tool_choice: required }
  c: { pack: [a], seed: 1, tools: [find] }
  d: { llm: fast }
output: a
"#;
    let error = InferenceGraph::from_text(text).unwrap_err();
    insta::assert_snapshot!(error.to_string());
}
