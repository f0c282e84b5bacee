//! Random graphs on random endpoints, on a paused clock, against an
//! interpreter that does one thing after the other.
//!
//! Every failure names its seed; `SIMULATION_SEED=n` runs that one alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::Value;
use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry,
};
use inf_engine::execution::{BatchResult, ExecutionSettings};
use inf_engine::graph::{
    GraphBuilder, GraphNode, HostCall, HostFunction, InferenceGraph, LlmCall, NodeRef, Operation,
    Reference, Shape, Template, TemplatePart,
};
use inf_engine::resources::{ResourceConfig, ResourceManager};
use inf_engine::value::Schema;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const ALIASES: [&str; 3] = ["a", "b", "c"];

/// What happens to a call is decided by what it asks and how often that was
/// asked before, never by when.
#[derive(Debug, PartialEq)]
enum Fate {
    Answer(String),
    Refuse,
    Fail,
    Limit(Option<Duration>),
}

fn hash(parts: &[&str]) -> u64 {
    // FNV-1a, which is the same everywhere.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn fate(seed: u64, alias: &str, prompt: &str, occurrence: u32) -> Fate {
    let asked = hash(&[&seed.to_string(), alias, prompt]);
    if asked.is_multiple_of(23) {
        return Fate::Refuse;
    }
    match hash(&[&asked.to_string(), &occurrence.to_string()]) % 10 {
        0 | 1 if occurrence < 2 => Fate::Fail,
        2 if occurrence < 3 => Fate::Limit(Some(Duration::from_millis(asked % 3_000))),
        3 if occurrence < 3 => Fate::Limit(None),
        _ => Fate::Answer(format!("{alias}{asked:x}")),
    }
}

/// What all endpoints of a run have seen.
#[derive(Default)]
struct Log {
    in_flight: HashMap<&'static str, usize>,
    most_in_flight: HashMap<&'static str, usize>,
    most_in_all: usize,
    asked: HashMap<(&'static str, String), u32>,
    /// When which call was sent.
    calls: Vec<(Duration, &'static str, String)>,
}

struct Peer {
    seed: u64,
    alias: &'static str,
    start: tokio::time::Instant,
    log: Arc<Mutex<Log>>,
}

impl Peer {
    fn begin(&self, prompt: &str) -> Fate {
        let mut log = self.log.lock().unwrap();
        log.calls
            .push((self.start.elapsed(), self.alias, prompt.to_owned()));
        let in_flight = log.in_flight.entry(self.alias).or_default();
        *in_flight += 1;
        let in_flight = *in_flight;
        let most = log.most_in_flight.entry(self.alias).or_default();
        *most = in_flight.max(*most);
        log.most_in_all = log.most_in_all.max(log.in_flight.values().sum());
        let occurrence = log
            .asked
            .entry((self.alias, prompt.to_owned()))
            .or_default();
        *occurrence += 1;
        fate(self.seed, self.alias, prompt, *occurrence - 1)
    }
}

impl LlmClient for Peer {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let prompt = request.prompt();
            let fate = self.begin(prompt);
            let took = hash(&[prompt, self.alias]) % 2_000;
            tokio::time::sleep(Duration::from_millis(took)).await;
            *self
                .log
                .lock()
                .unwrap()
                .in_flight
                .get_mut(self.alias)
                .unwrap() -= 1;
            match fate {
                Fate::Answer(answer) => Ok(LlmResponse::from_text(answer)),
                Fate::Refuse => Err(ClientError::new(ClientErrorKind::Refused, "no")),
                Fate::Fail => Err(ClientError::new(ClientErrorKind::Server, "later")),
                Fate::Limit(after) => {
                    let error = ClientError::new(ClientErrorKind::RateLimited, "full");
                    Err(error.with_retry(Retry::RateLimited { after }))
                }
            }
        })
    }
}

fn shout(text: &Value) -> Result<String, String> {
    let text = text.to_string().to_uppercase();
    if hash(&[&text]).is_multiple_of(29) {
        Err("hoarse".to_owned())
    } else {
        Ok(text)
    }
}

/// A random graph of calls, prompts, host functions and packed values.
fn random_graph(random: &mut Pcg64) -> InferenceGraph {
    let mut builder = GraphBuilder::new("random", Schema::any());
    let mut nodes = vec![NodeRef::INPUT];
    for number in 0..random.random_range(1..14) {
        let mut template = Template::text(format!("node {number}:"));
        for _ in 0..random.random_range(1..4) {
            let node = *nodes.choose(random).unwrap();
            template.push(TemplatePart::Reference(Reference::from(node)));
            template.push(TemplatePart::Text(" ".to_owned()));
        }
        let first = Shape::from(*nodes.choose(random).unwrap());
        let second = Shape::from(*nodes.choose(random).unwrap());
        let operation = match random.random_range(0..8) {
            0 => Operation::Prompt(template),
            1 => Operation::Pack(Shape::List(vec![first, second])),
            2 => Operation::Host(HostCall {
                function: "shout".into(),
                input: first,
            }),
            _ => Operation::Llm(LlmCall::new(*ALIASES.choose(random).unwrap(), template)),
        };
        let is_host = matches!(operation, Operation::Host(_));
        let node = GraphNode::new(format!("n{number}"), operation);
        let node = builder.add(node.with_priority(random.random_range(-1..2)));
        if is_host {
            let function = HostFunction::fallible("shout", |text: Value| shout(&text)).quick();
            builder.set_host_function(node, function);
        }
        nodes.push(node);
    }
    let ends = nodes.iter().rev().take(3).map(|&node| Shape::from(node));
    builder.finish(Shape::List(ends.collect())).unwrap()
}

/// One thing after the other: the value of every node, or `None` if it fails
/// or needs one that does, and the nodes that fail by their own fault.
fn interpret(
    graph: &InferenceGraph,
    seed: u64,
    input: &Value,
) -> (Vec<Option<Value>>, Vec<String>) {
    let mut values: Vec<Option<Value>> = Vec::new();
    let mut failed = Vec::new();
    for node in graph.nodes() {
        let needs = node.operation().dependencies();
        let value = if needs.iter().any(|node| values[node.index()].is_none()) {
            None
        } else {
            let read = |reference: &Reference| values[reference.node.index()].clone().unwrap();
            let fill = |template: &Template| {
                let parts = template.parts().iter().map(|part| match part {
                    TemplatePart::Text(text) => text.clone(),
                    TemplatePart::Reference(reference) => read(reference).to_string(),
                    TemplatePart::Parameter(_) => unreachable!(),
                });
                parts.collect::<String>()
            };
            let result = match node.operation() {
                Operation::Input => Some(input.clone()),
                Operation::Prompt(template) => Some(Value::from(fill(template))),
                Operation::Pack(shape) => Some(build(shape, &read)),
                Operation::Host(call) => shout(&build(&call.input, &read)).ok().map(Value::from),
                Operation::Llm(call) => {
                    // Passing failures end after three occurrences.
                    match fate(seed, call.alias.as_str(), &fill(&call.prompt), 9) {
                        Fate::Answer(answer) => Some(Value::from(answer)),
                        _ => None,
                    }
                }
                _ => unreachable!(),
            };
            if result.is_none() {
                failed.push(node.name().to_owned());
            }
            result
        };
        values.push(value);
    }
    (values, failed)
}

fn build(shape: &Shape, read: &dyn Fn(&Reference) -> Value) -> Value {
    match shape {
        Shape::Reference(reference) => read(reference),
        Shape::List(parts) => parts.iter().map(|part| build(part, read)).collect(),
        _ => unreachable!(),
    }
}

/// What a run did, to compare it with another one.
struct Ran {
    results: Vec<BatchResult<Value>>,
    log: Log,
}

async fn run(graph: &InferenceGraph, seed: u64, inputs: &[Value], caps: &Caps) -> Ran {
    let log = Arc::new(Mutex::new(Log::default()));
    let config = ResourceConfig::new().with_max_total_concurrent(caps.total);
    let mut resources = ResourceManager::new(&config).unwrap();
    for alias in ALIASES {
        let peer = Peer {
            seed,
            alias,
            start: tokio::time::Instant::now(),
            log: Arc::clone(&log),
        };
        resources = resources.with_client(alias, Arc::new(peer), caps.endpoint);
    }
    let settings = ExecutionSettings::default()
        .with_max_inputs_in_flight(caps.inputs)
        .with_max_concurrent(caps.run);
    let pipeline = graph
        .clone()
        .bind(resources)
        .unwrap()
        .with_settings(settings);
    let batch = pipeline.run_batch(inputs.to_vec());
    // On a paused clock a run that waits for nothing gets here at once.
    let results = tokio::time::timeout(Duration::from_hours(24), batch).await;
    let results = results.unwrap_or_else(|_| panic!("seed {seed}: the run never ends"));
    let log = std::mem::take(&mut *log.lock().unwrap());
    Ran { results, log }
}

struct Caps {
    endpoint: usize,
    total: usize,
    run: usize,
    inputs: usize,
}

async fn simulate(seed: u64) {
    let mut random = Pcg64::seed_from_u64(seed);
    let graph = random_graph(&mut random);
    let caps = Caps {
        endpoint: random.random_range(1..6),
        total: random.random_range(1..10),
        run: random.random_range(1..10),
        inputs: random.random_range(1..12),
    };
    let inputs: Vec<Value> = (0..random.random_range(1..12))
        .map(|index| Value::from(format!("input {index}")))
        .collect();
    let ran = run(&graph, seed, &inputs, &caps).await;

    assert_eq!(ran.results.len(), inputs.len(), "seed {seed}");
    for (index, (result, input)) in ran.results.iter().zip(&inputs).enumerate() {
        assert_eq!(result.index, index, "seed {seed}");
        let (values, failed) = interpret(&graph, seed, input);
        match &result.output {
            Ok(output) => {
                let read = |reference: &Reference| values[reference.node.index()].clone().unwrap();
                assert_eq!(
                    *output,
                    build(graph.output(), &read),
                    "seed {seed}, input {index}"
                );
                assert!(failed.is_empty(), "seed {seed}, input {index}");
            }
            Err(error) => {
                let node = error.node.as_ref().expect("every failure here is a node's");
                assert!(failed.contains(node), "seed {seed}, input {index}: {error}");
            }
        }
    }
    for (alias, most) in &ran.log.most_in_flight {
        assert!(
            *most <= caps.endpoint,
            "seed {seed}: {most} calls at once at `{alias}`"
        );
    }
    assert!(
        ran.log.most_in_all <= caps.total.min(caps.run),
        "seed {seed}"
    );
    assert!(
        ran.log.in_flight.values().all(|calls| *calls == 0),
        "seed {seed}"
    );

    let again = run(&graph, seed, &inputs, &caps).await;
    assert_eq!(
        ran.log.calls, again.log.calls,
        "seed {seed}: another order of calls"
    );
}

#[tokio::test(start_paused = true)]
async fn random_graphs_come_to_what_an_interpreter_says() {
    let seeds = match std::env::var("SIMULATION_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("SIMULATION_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..400,
    };
    for seed in seeds {
        simulate(seed).await;
    }
}

/// Notes what it is asked and takes a second to answer.
struct Notes(Arc<Mutex<Vec<String>>>);

impl LlmClient for Notes {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        self.0.lock().unwrap().push(request.prompt().to_owned());
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(LlmResponse::from_text("answer"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn ready_calls_go_by_priority_then_age_then_what_is_left_to_do() {
    let mut builder = GraphBuilder::new("order", Schema::any());
    let mut add = |name: &str, priority: i32, read: NodeRef| {
        let mut prompt = Template::text(format!("{name} "));
        prompt.push(TemplatePart::Reference(read.into()));
        let call = Operation::Llm(LlmCall::new("a", prompt));
        builder.add(GraphNode::new(name, call).with_priority(priority))
    };
    let late = add("late", 1, NodeRef::INPUT);
    let short = add("short", 0, NodeRef::INPUT);
    let long = add("long", 0, NodeRef::INPUT);
    let end = add("end", 0, long);
    let urgent = add("urgent", -1, NodeRef::INPUT);
    let ends = [late, short, end, urgent].map(Shape::from).to_vec();
    let graph = builder.finish(Shape::List(ends)).unwrap();

    let sent = Arc::new(Mutex::new(Vec::new()));
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = resources.with_client("a", Arc::new(Notes(Arc::clone(&sent))), 1);
    let pipeline = graph.bind(resources).unwrap();
    let results = pipeline.run_batch(["0", "1"].map(Value::from)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let sent = sent.lock().unwrap();
    let first_word = |prompt: &String| prompt.split(' ').next().unwrap().to_owned();
    let order: Vec<String> = sent.iter().map(first_word).collect();
    assert_eq!(
        order,
        [
            "urgent", "urgent", // priority before age
            "long", "short", "end", // the older input first, the longer way first
            "long", "short", "end", "late", "late",
        ]
    );
}
