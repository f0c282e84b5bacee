//! Models that call tools.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::FinishReason;
use inf_engine::conversation::{Part, Reasoning, Role, ToolCall, ToolChoice};
use inf_engine::execution::{
    Cancellation, ErrorKind, ExecutionSettings, Hedging, Observer, Profile, ToolOutcome, ToolReport,
};
use inf_engine::graph::Tool;
use inf_engine::prelude::*;
use tokio::time::{Instant, sleep};

use crate::support::dialogue::{Dialogue, calls, last_of, says};

#[derive(Deserialize, JsonSchema)]
struct Add {
    /// The first number.
    a: i64,
    /// The second number.
    b: i64,
}

fn add() -> Tool {
    Tool::new("add", "Adds two numbers.", |ask: Add| async move {
        sleep(Duration::from_secs(1)).await;
        ask.a + ask.b
    })
}

fn today() -> Tool {
    Tool::new("today", "The date.", |(): ()| async { "Thursday" })
}

fn broken() -> Tool {
    Tool::fallible("divide", "Divides.", |ask: Add| async move {
        match ask.b {
            0 => Err("`b` is 0"),
            1 => panic!("one is too few"),
            b => Ok(ask.a / b),
        }
    })
}

fn settings() -> ExecutionSettings {
    ExecutionSettings::default()
}

fn with_tools(peer: &Arc<Dialogue>) -> Pipeline<String, String> {
    let ask = LlmInference::new("a").tools([add(), today(), broken()]);
    ask.bind(peer.resources(1)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn tools_of_a_turn_run_at_once_and_their_results_go_back() {
    let turn = calls(&[
        ("add", r#"{"a": 1, "b": 2}"#),
        ("today", ""),
        ("add", r#"{"a": 3, "b": 4}"#),
    ]);
    let peer = Dialogue::script([turn, says("three")]);
    let start = Instant::now();
    let mut results = with_tools(&peer).stream(["What is 1 + 2?".to_owned()]);
    let result = results.next().await.unwrap();
    assert_eq!(result.output.unwrap(), "three");
    // Two calls, and both additions side by side.
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(result.usage.input_tokens, 20);
    let progress = results.progress();
    assert_eq!((progress.calls, progress.tool_calls), (2, 3));
    let asked = peer.asked();
    let names: Vec<_> = asked[0].tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["add", "today", "divide"]);
    let spec = serde_json::to_string(&asked[0].tools[0].parameters).unwrap();
    assert!(spec.contains("The first number."), "{spec}");
    let roles: Vec<Role> = asked[1].messages.iter().map(|said| said.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(last_of(&asked[1]), "tool: id-0 3; id-1 Thursday; id-2 7");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_is_told_to_the_model_and_fails_nothing() {
    let turn = calls(&[
        ("divide", r#"{"a": 1, "b": 0}"#),
        ("divide", r#"{"a": 1, "b": 1}"#),
        ("divide", r#"{"a": 1}"#),
        ("divide", r#"{"a": 1, "#),
        ("multiply", r#"{"a": 1, "b": 2}"#),
    ]);
    let peer = Dialogue::script([turn, says("sorry")]);
    let answer = with_tools(&peer).run("What is 1 / 0?".to_owned()).await;
    assert_eq!(answer.unwrap(), "sorry");
    let told = last_of(&peer.asked()[1]).replace("; id-", "\nid-");
    insta::assert_snapshot!(told, @r#"
    tool: id-0 failed error: `b` is 0
    id-1 failed error: the tool panicked: one is too few
    id-2 failed error: the arguments do not fit their schema: "b" is a required property
    id-3 failed error: the arguments are not JSON: EOF while parsing a value at line 1 column 8
    id-4 failed error: there is no tool `multiply`; there are `add`, `today`, `divide`
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_tools_of_a_turn_are_bounded() {
    let peer = Dialogue::script([calls(&[("today", "{}"); 130]), says("enough")]);
    let mut results = with_tools(&peer).stream(["Which?".to_owned()]);
    assert_eq!(results.next().await.unwrap().output.unwrap(), "enough");
    assert_eq!(results.progress().tool_calls, 128);
    let told = last_of(&peer.asked()[1]);
    assert_eq!(told.matches("Thursday").count(), 128);
    assert!(
        told.ends_with("id-129 failed error: only 128 tools run in one turn"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn turns_are_bounded() {
    let endless = || Dialogue::script([calls(&[("today", "{}")])]);
    for (module, expected) in [
        (LlmInference::new("a"), 10),
        (LlmInference::new("a").max_turns(3), 3),
        (LlmInference::new("a").max_turns(1), 1),
    ] {
        let peer = endless();
        let pipeline = module.tools([today()]).bind(peer.resources(1));
        let error = pipeline
            .unwrap()
            .run("Which?".to_owned())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooManyTurns);
        assert_eq!(
            error.message,
            format!(
                "the model still calls tools (`today`) in turn {expected}, the last one: raise \
                 `max_turns`, or say in the prompt when it has to answer"
            )
        );
        assert_eq!(peer.asked().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_has_to_call_a_tool_is_free_after_that() {
    for (choice, later) in [
        (ToolChoice::Required, ToolChoice::Auto),
        (ToolChoice::Tool("today".to_owned()), ToolChoice::Auto),
        (ToolChoice::Auto, ToolChoice::Auto),
        (ToolChoice::Never, ToolChoice::Never),
    ] {
        let peer = Dialogue::script([calls(&[("today", "{}")]), says("Thursday")]);
        let ask = LlmInference::new("a").tools([today()]);
        let pipeline = ask.tool_choice(choice.clone()).bind(peer.resources(1));
        pipeline.unwrap().run("Which?".to_owned()).await.unwrap();
        let asked = peer.asked();
        let choices: Vec<_> = asked.iter().map(|request| &request.tool_choice).collect();
        assert_eq!(choices, [&choice, &later]);
    }
}

/// One place at the endpoint, and two inputs whose tools take long: their calls
/// do not wait for each other's tools.
#[tokio::test(start_paused = true)]
async fn a_tool_that_runs_has_no_place_at_the_endpoint() {
    let slow = Tool::new("slow", "Takes a minute.", |(): ()| async {
        sleep(Duration::from_mins(1)).await;
    });
    let peer = Dialogue::new(|request, _| {
        let answer = match request.messages.len() {
            1 => calls(&[("slow", "{}")]),
            _ => says("done"),
        };
        (Duration::from_secs(1), Ok(answer))
    });
    let ask = LlmInference::new("a").tools([slow]);
    let pipeline = ask.bind(peer.resources(1)).unwrap();
    let start = Instant::now();
    let results = pipeline.run_batch(["0", "1"].map(str::to_owned)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    assert_eq!(start.elapsed().as_secs(), 63);
}

#[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
struct Sum {
    sum: i64,
}

#[tokio::test(start_paused = true)]
async fn a_typed_output_and_tools_work_together() {
    let peer = Dialogue::script([
        calls(&[("add", r#"{"a": 1, "b": 2}"#)]),
        says("It is three."),
        calls(&[("today", "{}")]),
        says(r#"{"sum": 3}"#),
    ]);
    let ask = LlmInference::<Sum>::typed("a").tools([add(), today()]);
    let pipeline = ask.bind(peer.resources(1)).unwrap();
    let sum = pipeline.run("What is 1 + 2?".to_owned()).await.unwrap();
    assert_eq!(sum, Sum { sum: 3 });
    let asked = peer.asked();
    let last: Vec<String> = asked.iter().map(last_of).collect();
    assert_eq!(last[1], "tool: id-0 3");
    assert!(last[2].starts_with("user: That is not what was asked for: it is not JSON"));
    assert_eq!(last[3], "tool: id-0 Thursday");
    assert!(asked.iter().all(|request| request.output_schema.is_some()));
}

/// What the provider wants back comes back, and what has no identifier gets one.
#[tokio::test(start_paused = true)]
async fn what_a_model_said_is_given_back_to_it() {
    let thought = |block: Option<serde_json::Value>| Reasoning {
        text: "Hm.".to_owned(),
        block,
    };
    let signed = thought(Some(serde_json::json!({"signature": "abc"})));
    let mut turn = says("");
    turn.text = "Let me see.".to_owned();
    turn.reasoning = vec![thought(None), signed.clone()];
    turn.tool_calls = vec![ToolCall {
        id: String::new(),
        name: "today".to_owned(),
        arguments: "{}".to_owned(),
    }];
    turn.finish_reason = FinishReason::ToolCalls;
    let peer = Dialogue::script([turn, says("Thursday")]);
    with_tools(&peer).run("Which?".to_owned()).await.unwrap();
    let said = &peer.asked()[1].messages[1];
    let call = ToolCall {
        id: "call_1_0".to_owned(),
        name: "today".to_owned(),
        arguments: "{}".to_owned(),
    };
    let expected = [
        Part::Reasoning(signed),
        Part::Text("Let me see.".into()),
        Part::ToolCall(call),
    ];
    assert_eq!(said.parts, expected);
    assert_eq!(last_of(&peer.asked()[1]), "tool: call_1_0 Thursday");
}

/// Counts how often it was begun, and how often it was dropped before its end.
fn stubborn(begun: &Arc<AtomicUsize>, dropped: &Arc<AtomicUsize>) -> Tool {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (begun, dropped) = (Arc::clone(begun), Arc::clone(dropped));
    Tool::new("wait", "Waits for an hour.", move |(): ()| {
        begun.fetch_add(1, Ordering::SeqCst);
        let dropped = Dropped(Arc::clone(&dropped));
        async move {
            sleep(Duration::from_hours(1)).await;
            drop(dropped);
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_task_timeout_is_for_tools_too() {
    let (begun, dropped) = Default::default();
    let peer = Dialogue::script([calls(&[("wait", "{}"), ("wait", "{}")]), says("well")]);
    let ask = LlmInference::new("a").tools([stubborn(&begun, &dropped)]);
    let pipeline = ask.bind(peer.resources(1)).unwrap();
    let pipeline = pipeline.with_settings(settings().with_task_timeout(Duration::from_secs(5)));
    let start = Instant::now();
    assert_eq!(pipeline.run("Which?".to_owned()).await.unwrap(), "well");
    assert_eq!(start.elapsed().as_secs(), 7);
    let result = "failed error: no result within 5 s, the run's `task_timeout`";
    let expected = format!("tool: id-0 {result}; id-1 {result}");
    assert_eq!(last_of(&peer.asked()[1]), expected);
    assert_eq!(
        (begun.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst)),
        (2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_early_ends_its_tools() {
    let (begun, dropped) = Default::default();
    let told = Arc::new(Tools::default());
    let cancellation = Cancellation::new();
    let peer = Dialogue::script([calls(&[("wait", "{}"), ("wait", "{}")]), says("never")]);
    let ask = LlmInference::new("a").tools([stubborn(&begun, &dropped)]);
    let pipeline = ask.bind(peer.resources(1)).unwrap();
    let pipeline = pipeline.with_settings(
        settings()
            .with_cancellation(&cancellation)
            .with_observer(told.clone()),
    );
    let run = tokio::spawn(pipeline.run("Which?".to_owned()));
    sleep(Duration::from_secs(10)).await;
    cancellation.cancel();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    // The tasks that were given up are dropped by the runtime.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(
        (begun.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst)),
        (2, 2)
    );
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told, ["wait cancelled 9 s", "wait cancelled 9 s"]);
}

#[derive(Default)]
struct Tools(Mutex<Vec<String>>);

impl Observer for Tools {
    fn tool_ended(&self, tool: &ToolReport<'_>) {
        let outcome = match tool.outcome {
            ToolOutcome::Completed => "completed".to_owned(),
            ToolOutcome::Failed(why) => format!("failed ({why})"),
            _ => "cancelled".to_owned(),
        };
        let seconds = tool.ended.duration_since(tool.started).as_secs();
        let told = format!("{} {outcome} {seconds} s", tool.tool);
        self.0.lock().unwrap().push(told);
    }
}

#[tokio::test(start_paused = true)]
async fn observers_and_profiles_know_of_tools() {
    let told = Arc::new(Tools::default());
    let profile = Profile::new();
    let turn = calls(&[
        ("add", r#"{"a": 1, "b": 2}"#),
        ("divide", r#"{"a": 1, "b": 0}"#),
    ]);
    let peer = Dialogue::script([turn, says("three")]);
    let settings = settings()
        .with_observer(told.clone())
        .with_profile(&profile);
    let pipeline = with_tools(&peer).with_settings(settings);
    pipeline.run("What is 1 + 2?".to_owned()).await.unwrap();
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told, ["divide failed (`b` is 0) 0 s", "add completed 1 s"]);
    let summary = profile.summary();
    assert_eq!(summary.calls, 2);
    let node = &summary.nodes[0];
    assert_eq!(
        (
            node.attempts,
            node.tool_turns,
            node.tools,
            node.tools_failed
        ),
        (2, 1, 2, 1)
    );
    assert_eq!((node.took.as_secs(), node.in_tools.as_secs()), (2, 1));
    // The way of the input goes through the tool.
    let path = &summary.critical_paths[0];
    assert_eq!(path.took.as_secs(), 3);
    assert_eq!(path.steps[0].calling.as_secs(), 3);
    let text = summary.to_string();
    assert!(
        text.contains("llm called 2 tools in 1 turn, of which 1 failed, 1 s in sum"),
        "{text}"
    );
    let mut trace = Vec::new();
    profile.chrome_trace(&mut trace).unwrap();
    let trace = String::from_utf8(trace).unwrap();
    assert!(trace.contains(r#""name":"add","cat":"tool""#), "{trace}");
}

/// Each turn may be hedged, and the tools of a turn run once.
#[tokio::test(start_paused = true)]
async fn tools_run_once_where_calls_are_sent_twice() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let count = Tool::new("count", "Counts.", move |(): ()| {
        let count = counted.fetch_add(1, Ordering::SeqCst);
        async move { count }
    });
    let peer = Dialogue::new(|request, place| {
        let took = if place % 25 == 24 { 30 } else { 1 };
        let answer = match request.messages.len() {
            1 => calls(&[("count", "{}")]),
            _ => says("done"),
        };
        (Duration::from_secs(took), Ok(answer))
    });
    let ask = LlmInference::new("a").tools([count]);
    let hedging = Hedging::after_percentile(90.0).with_max_share(0.5);
    let settings = settings().with_hedging(hedging);
    let pipeline = ask.bind(peer.resources(4)).unwrap().with_settings(settings);
    let mut results = pipeline.stream((0..60).map(|input| input.to_string()));
    let mut count = 0;
    while let Some(result) = results.next().await {
        assert_eq!(result.output.unwrap(), "done");
        count += 1;
    }
    assert_eq!((count, runs.load(Ordering::SeqCst)), (60, 60));
    assert!(results.progress().hedges > 0);
}

#[test]
fn a_file_names_tools_and_asks_for_them() {
    let ask = LlmInference::new("a")
        .tools([add(), today()])
        .tool_choice(ToolChoice::Required)
        .max_turns(4);
    let graph = ask.trace().unwrap();
    let text = graph.to_text(inf_engine::document::DocumentFormat::Yaml);
    insta::assert_snapshot!(text);
    let read = InferenceGraph::from_text(&text).unwrap();
    assert_eq!(read, graph);
    assert_eq!(read.content_hash(), graph.content_hash());
    let resources = || Dialogue::script([says("hi")]).resources(1);
    let error = read.clone().bind(resources()).unwrap_err();
    insta::assert_snapshot!(error.to_string());
    let given = read.with_tools([add(), today(), broken()]);
    assert!(given.bind(resources()).is_ok());
    insta::assert_snapshot!(graph.to_dot());
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "nothing calls it")]
struct Pair(i64, i64);

#[test]
fn tools_that_can_not_be_are_told_when_they_are_traced() {
    let trace = |tools: Vec<Tool>| {
        let error = LlmInference::new("a").tools(tools).trace();
        error.unwrap_err().to_string()
    };
    let named = |name: &str| Tool::new(name, "", |(): ()| async {});
    let wrong = [
        vec![named("two words")],
        vec![named("")],
        vec![Tool::new("text", "", |text: String| async move { text })],
        vec![Tool::new("pair", "", |_: Pair| async {})],
        vec![Tool::new("parse", "", |_: Add| async {
            "1".parse::<u8>().map_err(|error| error.to_string())
        })],
        vec![named("same"), Tool::new("same", "", |(): ()| async { 1 })],
        vec![today(), today()],
    ];
    insta::assert_snapshot!(wrong.map(trace).join("\n\n"));
}

/// A run inside of a tool goes on where its manager is full with the run around
/// it, and has the settings of the scope around that one.
#[tokio::test(start_paused = true)]
async fn a_tool_may_run_a_pipeline() {
    let peer = Dialogue::new(|request, _| {
        let answer = match (&*request.prompt(), request.messages.len()) {
            ("inner", _) => says("forty-two"),
            (_, 1) => calls(&[("ask", "{}"), ("ask", "{}")]),
            _ => says("done"),
        };
        (Duration::from_secs(1), Ok(answer))
    });
    let resources = peer.resources(1);
    let inner = LlmInference::new("a").bind(Arc::clone(&resources)).unwrap();
    let ask = Tool::fallible("ask", "Asks another model.", move |(): ()| {
        let inner = inner.clone();
        async move {
            let most = ExecutionSettings::current().max_concurrent;
            let answer = inner.run("inner".to_owned()).await;
            answer.map(|answer| format!("{answer} with {most:?}"))
        }
    });
    let manager = inf_engine::execution::ExecutionManager::new(1);
    let scope = settings().with_manager(&manager).with_max_concurrent(7);
    let outer = LlmInference::new("a").tools([ask]).bind(resources);
    let answer = scope.scope(outer.unwrap().run("outer".to_owned())).await;
    assert_eq!(answer.unwrap(), "done");
    let expected = "tool: id-0 forty-two with Some(7); id-1 forty-two with Some(7)";
    assert_eq!(last_of(peer.asked().last().unwrap()), expected);
}
