//! `inf-bench optimize`: how much sooner an optimization ends whose calls are made
//! at once.
//!
//! The same evolution of a prompt, with the same seed, by models in this process
//! that take their time: once with one call after the other, and once with all that
//! do not depend on each other in flight. Both have to come to the same candidates.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse};
use inf_engine::execution::Bind;
use inf_engine::module::LlmInference;
use inf_engine::optimization::{Dataset, Example, Gepa, GepaReport, MatchLoss, Reasoner};
use inf_engine::parameter::Parameter;
use inf_engine::resources::{ResourceConfig, ResourceManager};
use serde_json::json;
use tokio::runtime::Builder;

use crate::Failure;
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Milliseconds until an answer.
    #[arg(long, default_value_t = 200, value_parser = crate::figure::count)]
    latency: usize,
    /// Proposals that are made and tried at once.
    #[arg(long, default_value_t = 8, value_parser = crate::figure::count)]
    width: usize,
    /// Rounds of as many proposals.
    #[arg(long, default_value_t = 1, value_parser = crate::figure::count)]
    rounds: usize,
    /// How often both are measured.
    #[arg(long, default_value_t = 1, value_parser = crate::figure::count)]
    repeats: usize,
}

/// More than an evolution ever has in flight.
const AT_ONCE: usize = 1_000;

const RULES: usize = 8;

/// The examples of a part; each rule has as many.
const EXAMPLES: usize = 16;

/// A model that is a function, and takes its time.
struct Model {
    latency: Duration,
    answer: fn(&LlmRequest) -> String,
}

impl LlmClient for Model {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(self.latency).await;
            Ok(LlmResponse::from_text((self.answer)(request)))
        })
    }
}

fn rule(item: usize) -> String {
    format!("rule {}", item % RULES)
}

/// Right if the system prompt has the rule for the item.
fn answer(request: &LlmRequest) -> String {
    let prompt = request.prompt();
    let item = prompt.parse().unwrap_or_default();
    let system = request.system().unwrap_or_default();
    if system.lines().any(|line| line == rule(item)) {
        format!("done {item}")
    } else {
        "no rule".to_owned()
    }
}

/// Adds the first rule that is wanting.
fn rewrite(request: &LlmRequest) -> String {
    let prompt = request.prompt();
    let (_, after) = prompt.split_once("<current>\n").unwrap_or_default();
    let (current, feedback) = after.split_once("\n</current>").unwrap_or_default();
    let wanting = feedback.split("expected `done ").skip(1).find_map(|rest| {
        let rule = rule(rest.split_once('`')?.0.parse().ok()?);
        (!current.lines().any(|line| line == rule)).then_some(rule)
    });
    let text = [current, wanting.as_deref().unwrap_or_default()].join("\n");
    json!({ "rules": [], "text": text }).to_string()
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut sequential, mut at_once, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut calls = 0;
    for _ in 0..options.repeats {
        let one = runtime.block_on(evolve(options, 1))?;
        let all = runtime.block_on(evolve(options, AT_ONCE))?;
        if one.candidates != all.candidates {
            return Err("one call after the other came to other candidates".into());
        }
        calls = usize::try_from(one.spent.calls)?;
        let (one, all) = (one.elapsed.as_secs_f64(), all.elapsed.as_secs_f64());
        sequential.push(one);
        at_once.push(all);
        times.push(one / all);
    }
    let figure = |name, unit, repeats| {
        Figure::new(name, unit, repeats)
            .with("calls", calls)
            .with("latency", options.latency)
            .with("width", options.width)
    };
    Ok(vec![
        figure("optimize.sequential", "s", sequential),
        figure("optimize.at_once", "s", at_once),
        figure("optimize.times", "x", times),
    ])
}

/// An evolution with so many calls at once.
async fn evolve(options: &Options, most: usize) -> Result<GepaReport, Failure> {
    let latency = Duration::from_millis(options.latency as u64);
    let model = |answer| Arc::new(Model { latency, answer });
    let resources = ResourceManager::new(&ResourceConfig::new())?
        .with_client("fast", model(answer), most)
        .with_client("smart", model(rewrite), most);
    let resources = Arc::new(resources);
    let prompt = Parameter::new("Do what the rules say.").described("The rules.");
    let pipeline = LlmInference::new("fast")
        .system_prompt(&prompt)
        .bind(Arc::clone(&resources))?;
    let items = |first: usize| -> Dataset {
        let items = first..first + EXAMPLES;
        items
            .map(|item| Example::new(item.to_string()).expecting(format!("done {item}")))
            .collect()
    };
    let (training, validation) = (items(0), items(EXAMPLES));
    let loss = MatchLoss::exact();
    let report = Gepa::new(
        &loss,
        &training,
        &validation,
        Reasoner::new("smart", resources)?,
    )
    .with_width(options.width)
    .with_rounds(options.rounds)
    .evolve(&pipeline)
    .await;
    Ok(report)
}
