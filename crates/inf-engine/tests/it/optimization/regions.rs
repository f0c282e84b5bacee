//! Records and the way back through control flow: each kind with parameters inside.

use std::sync::Arc;

use inf_engine::clients::{ClientError, ClientErrorKind};
use inf_engine::optimization::{
    Dataset, Example, LlmOptimizer, Reasoner, Trainer, VerifierLoss, backward, evaluate,
};
use inf_engine::prelude::*;
use inf_engine::{Feedback, Value};
use insta::assert_snapshot;
use serde_json::json;

use super::model::{Model, resources};

/// A pipeline of a file, where each parameter is named for who reads it.
fn graph(parameters: &[&str], text: &str) -> InferenceGraph {
    let parameters = parameters.iter();
    let parameters = parameters
        .map(|name| format!("\n  {name}: {{ value: {name}, description: What {name} does. }}"));
    let parameters: String = parameters.collect();
    let text = format!("version: 1\nname: flow\nparameters:{parameters}\n{text}");
    InferenceGraph::from_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Says what it is asked, in brackets, and of `seven` the number; `bad` is refused.
fn echo() -> Arc<Model> {
    Model::fallible(|request| {
        let prompt = request.prompt();
        if prompt.contains("bad") {
            return Err(ClientError::new(ClientErrorKind::Refused, "no"));
        }
        Ok(match &*prompt {
            "seven" => "7".to_owned(),
            prompt => format!("<{prompt}>"),
        })
    })
}

fn wrong() -> VerifierLoss {
    VerifierLoss::of_sample("wrong", |_| (0.0, "it is wrong".to_owned()))
}

/// Which places of the record the feedback on each parameter is about, in its order.
async fn learned(
    parameters: &[&str],
    text: &str,
    input: serde_json::Value,
) -> (Vec<String>, String) {
    let pipeline = graph(parameters, text)
        .bind(resources([("a", &echo())]))
        .unwrap();
    let batch: Dataset = [Example::new(input)].into_iter().collect();
    pipeline.train();
    let outputs = evaluate(&pipeline, &batch, &wrong()).await;
    let report = backward(&pipeline, &outputs, None).await;
    let about = |feedback: &Feedback| {
        let [node, prompt] = ["node", "prompt"].map(|key| feedback.metadata.get(key));
        let text = |value: Option<&Value>| value.map(ToString::to_string).unwrap_or_default();
        format!("{} ({})", text(node), text(prompt))
    };
    let parameters = pipeline.named_parameters().into_iter();
    let learned = parameters.map(|(path, parameter)| {
        let places: Vec<String> = parameter.feedback().iter().map(about).collect();
        format!("{path}: {}", places.join(", "))
    });
    (learned.collect(), report.to_string())
}

const ROUTER: &str = r#"
input: { text: string, urgent: boolean }
nodes:
  facts: { llm: a, system: "{parameters.facts}", prompt: "facts {input.text}" }
  kind: { llm: a, system: "{parameters.kind}", prompt: "kind {input.text}" }
  reply:
    match: kind
    cases:
      "<kind bug>":
        nodes:
          fix: { llm: a, system: "{parameters.fix}", prompt: "fix {facts}" }
        output: fix
    default:
      nodes: { talk: { llm: a, system: "{parameters.talk}", prompt: "talk" } }
      output: talk
output: reply
"#;

#[tokio::test(start_paused = true)]
async fn the_arm_that_ran_learns_and_so_does_what_chose_it() {
    let parameters = ["facts", "kind", "fix", "talk"];
    let (bug, way) = learned(&parameters, ROUTER, json!({"text": "bug", "urgent": true})).await;
    assert_eq!(
        bug,
        [
            "facts: facts (facts bug)",
            "kind: kind (kind bug)",
            "fix: reply/<kind bug>/fix (fix <facts bug>)",
            "talk: "
        ]
    );
    assert_snapshot!("regions_branch", way);
    let (talk, _) = learned(
        &parameters,
        ROUTER,
        json!({"text": "hello", "urgent": true}),
    )
    .await;
    let expected = [
        "facts: ",
        "kind: kind (kind hello)",
        "fix: ",
        "talk: reply/default/talk (talk)",
    ];
    assert_eq!(talk, expected);
}

#[tokio::test(start_paused = true)]
async fn a_value_without_an_arm_is_the_fault_of_what_chose() {
    let text = ROUTER.replace(
        "    default:\n      nodes: { talk: { llm: a, system: \"{parameters.talk}\", prompt: \"talk\" } }\n      output: talk\n",
        "",
    );
    let input = json!({"text": "hello", "urgent": true});
    let (learned, _) = learned(&["facts", "kind", "fix"], &text, input).await;
    assert_eq!(learned, ["facts: ", "kind: kind (kind hello)", "fix: "]);
}

#[tokio::test(start_paused = true)]
async fn every_element_of_a_map_learns_in_order_and_what_it_captures_once() {
    let text = r#"
input: [string]
nodes:
  style: { llm: a, system: "{parameters.style}", prompt: "style" }
  words: { llm: a, system: "{parameters.words}", prompt: "words" }
  list: { pack: [input.0, words, input.1] }
  each:
    map: list
    as: word
    nodes:
      draft: { llm: a, system: "{parameters.draft}", prompt: "draft {word}" }
      final: { llm: a, system: "{parameters.final}", prompt: "final {draft} {style}" }
    output: final
output: each
"#;
    let parameters = ["style", "words", "draft", "final"];
    let (learned, way) = learned(&parameters, text, json!(["x", "y"])).await;
    let each = |name: &str, prompts: [&str; 3]| {
        let places = prompts.iter().enumerate();
        let places = places.map(|(place, prompt)| format!("each[{place}]/{name} ({prompt})"));
        format!("{name}: {}", places.collect::<Vec<_>>().join(", "))
    };
    assert_eq!(
        learned,
        [
            "style: style (style)".to_owned(),
            "words: words (words)".to_owned(),
            each("draft", ["draft x", "draft <words>", "draft y"]),
            each(
                "final",
                [
                    "final <draft x> <style>",
                    "final <draft <words>> <style>",
                    "final <draft y> <style>"
                ]
            ),
        ]
    );
    assert_snapshot!("regions_map", way);
}

#[tokio::test(start_paused = true)]
async fn an_element_that_failed_learns_where_failures_are_results() {
    let text = r#"
input: [string]
nodes:
  each:
    map: input
    as: word
    results: true
    nodes: { draft: { llm: a, system: "{parameters.draft}", prompt: "{word}", output: integer } }
    output: draft
output: each
"#;
    // What is refused is not the fault of a prompt.
    let (learned, report) = learned(&["draft"], text, json!(["seven", "bad", "x"])).await;
    assert_eq!(learned, ["draft: each[0]/draft (seven), each[2]/draft (x)"]);
    assert!(!report.contains("each[1]"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_filter_learns_and_so_does_what_made_its_elements() {
    let text = r#"
input: string
nodes:
  word: { llm: a, system: "{parameters.word}", prompt: "{input}" }
  list: { pack: [word] }
  kept:
    filter: list
    as: one
    nodes:
      says: { llm: a, system: "{parameters.says}", prompt: "says {one}" }
      fits: { compute: contains, input: [says, { $value: "x" }] }
    output: fits
output: kept
"#;
    let (learned, _) = learned(&["word", "says"], text, json!("x")).await;
    assert_eq!(learned, ["word: word (x)", "says: kept[0]/says (says <x>)"]);
}

fn fold(settings: &str) -> String {
    format!(
        r#"
input: [string]
nodes:
  first: {{ llm: a, system: "{{parameters.first}}", prompt: "first" }}
  whole:
    fold: input
    as: [left, right]{settings}
    nodes: {{ both: {{ llm: a, system: "{{parameters.both}}", prompt: "{{left}}{{right}}" }} }}
    output: both
output: [whole, first]
"#
    )
}

#[tokio::test(start_paused = true)]
async fn a_fold_learns_from_its_last_step_to_its_first() {
    let initial = fold("\n    initial: first");
    let (in_order, way) = learned(&["first", "both"], &initial, json!(["a", "b"])).await;
    assert_eq!(
        in_order,
        [
            "first: first (first)",
            "both: whole[1]/both (<<first>a>b), whole[0]/both (<first>a)"
        ]
    );
    assert_snapshot!("regions_fold", way);
    let tree = fold("\n    tree: true");
    let (tree, _) = learned(&["first", "both"], &tree, json!(["a", "b", "c", "d", "e"])).await;
    assert_eq!(
        tree[1],
        "both: whole[2.0]/both (<<ab><cd>>e), whole[1.0]/both (<ab><cd>), whole[0.0]/both (ab), \
         whole[0.1]/both (cd)"
    );
}

const LOOP: &str = r#"
input: string
nodes:
  draft: { llm: a, system: "{parameters.draft}", prompt: "{input}" }
  revised:
    repeat: draft
    as: text
    max: 3
    nodes:
      better: { llm: a, system: "{parameters.better}", prompt: "{text}" }
      verdict: { llm: a, system: "{parameters.verdict}", prompt: "is {better} good?" }
      done: { compute: contains, input: [verdict, { $value: "<<<x" }] }
    until: done
    output: better
output: revised.state
"#;

#[tokio::test(start_paused = true)]
async fn a_loop_learns_iteration_by_iteration_backwards() {
    let (learned, way) = learned(&["draft", "better", "verdict"], LOOP, json!("x")).await;
    assert_eq!(
        learned,
        [
            "draft: draft (x)",
            "better: revised[1]/better (<<x>>), revised[0]/better (<x>)",
            // That it went on the first time was no mistake.
            "verdict: revised[1]/verdict (is <<<x>>> good?)",
        ]
    );
    assert_snapshot!("regions_loop", way);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_teaches_what_gave_the_value() {
    let text = r#"
input: string
nodes:
  safe:
    try:
      nodes:
        first: { llm: a, system: "{parameters.first}", prompt: "first {input}" }
        second: { llm: a, system: "{parameters.second}", prompt: "second {first}" }
      output: second
    fallback:
      nodes: { other: { llm: a, system: "{parameters.other}", prompt: "other" } }
      output: other
output: safe
"#;
    let parameters = ["first", "second", "other"];
    let (good, _) = learned(&parameters, text, json!("x")).await;
    assert_eq!(
        good,
        [
            "first: safe/try/first (first x)",
            "second: safe/try/second (second <first x>)",
            "other: "
        ]
    );
    let (bad, _) = learned(&parameters, text, json!("bad")).await;
    assert_eq!(
        bad,
        ["first: ", "second: ", "other: safe/fallback/other (other)"]
    );
    // What failed by itself learns, too, and knows why; what was refused can't.
    let typed = text.replace("{first}\" }", "{first}\", output: integer }");
    let (wrong, _) = learned(&parameters, &typed, json!("x")).await;
    assert_eq!(
        wrong,
        [
            "first: safe/try/first (first x)",
            "second: safe/try/second (second <first x>)",
            "other: safe/fallback/other (other)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn regions_nest() {
    let text = r#"
input: [[string]]
nodes:
  outer:
    map: input
    as: row
    nodes:
      inner:
        map: row
        as: word
        nodes: { say: { llm: a, system: "{parameters.say}", prompt: "{word}" } }
        output: say
      sum: { llm: a, system: "{parameters.sum}", prompt: "{inner}" }
    output: sum
output: outer
"#;
    let (learned, _) = learned(&["say", "sum"], text, json!([["a", "b"], ["c"]])).await;
    assert_eq!(
        learned[0],
        "say: outer[0]/inner[0]/say (a), outer[0]/inner[1]/say (b), outer[1]/inner[0]/say (c)"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_region_is_said_to_the_call_that_failed() {
    let text = r#"
input: [string]
nodes:
  each:
    map: input
    as: word
    nodes: { count: { llm: a, system: "{parameters.count}", prompt: "{word}", output: integer } }
    output: count
output: each
"#;
    let (learned, _) = learned(&["count"], text, json!(["x"])).await;
    assert_eq!(learned, ["count: each[0]/count (x)"]);
}

/// What is learnt in a loop and in an arm is rewritten, and the gate sees it: the
/// whole of training, through regions.
#[tokio::test(start_paused = true)]
async fn training_improves_what_runs_in_regions() {
    let text = r#"
input: [string]
nodes:
  each:
    map: input
    as: word
    nodes: { say: { llm: a, system: "{parameters.say}", prompt: "{word}" } }
    output: say
output: each
"#;
    let student = Model::new(|request| {
        let is_polite = request.system().is_some_and(|text| text.contains("please"));
        if is_polite {
            "right".to_owned()
        } else {
            "wrong".to_owned()
        }
    });
    let smart = Model::new(|_| json!({"rules": [], "text": "say please"}).to_string());
    let models = resources([("a", &student), ("smart", &smart)]);
    let pipeline = graph(&["say"], text).bind(Arc::clone(&models)).unwrap();
    let reasoner = Reasoner::new("smart", models).unwrap();
    let data: Dataset = (0..8)
        .map(|n| Example::new(json!([n.to_string(), "x"])))
        .collect();
    let loss = VerifierLoss::of_output("right", |output: Vec<String>| {
        output.iter().all(|one| one == "right")
    });
    let mut optimizer = LlmOptimizer::new(&pipeline, reasoner);
    let report = Trainer::new(&loss, &data, &data)
        .train(&pipeline, &mut optimizer)
        .await;
    assert_eq!(report.after.mean(), Some(1.0));
    assert_eq!(pipeline.state_dict().get("say"), Some("say please"));
}
