//! Budgets: what runs may spend together, and what happens when they did.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry, Usage,
};
use inf_engine::execution::{
    BatchResult, Budget, ErrorKind, ErrorPolicy, ExecutionManager, ExecutionSettings, Hedging,
    Spent,
};
use inf_engine::graph::{GraphBuilder, NodeRef, Shape};
use inf_engine::journal::Journal;
use inf_engine::prelude::*;
use inf_engine::resources::{Dollars, OwnClient, Price, ResourceManager, Strategy};
use inf_engine::value::Data;
use tokio::time::{Instant, sleep};

use crate::support::peer::{Peer, call, limit, one_call, texts};

/// A dollar for a thousand tokens of either kind.
fn price() -> Price {
    Price::new(1_000.0, 1_000.0)
}

fn tokens(input_tokens: u64, output_tokens: u64) -> LlmResponse {
    let mut response = LlmResponse::from_text("answer");
    response.usage = Usage::new(input_tokens, output_tokens);
    response
}

/// Every answer takes a second and so many tokens.
fn of_tokens(input_tokens: u64, output_tokens: u64) -> Arc<Peer> {
    Peer::new(move |_| {
        (
            Duration::from_secs(1),
            Ok(tokens(input_tokens, output_tokens)),
        )
    })
}

fn priced(peer: &Arc<Peer>, most: usize) -> Arc<ResourceManager> {
    let peer: Arc<dyn LlmClient> = Arc::<Peer>::clone(peer);
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    Arc::new(resources.with_clients(
        "a",
        Strategy::default(),
        [OwnClient::new(peer, most).with_price(price())],
    ))
}

/// A call whose answer has at most so many tokens.
fn bounded(resources: &Arc<ResourceManager>, max_tokens: u32) -> Pipeline<String, String> {
    let ask = LlmInference::new("a").max_tokens(max_tokens);
    ask.bind(resources).unwrap()
}

fn settings(budget: &Budget) -> ExecutionSettings {
    ExecutionSettings::default().with_budget(budget)
}

fn outputs<O>(results: &[BatchResult<O>]) -> usize {
    results
        .iter()
        .filter(|result| result.output.is_ok())
        .count()
}

/// How all others ended: as the one kind that they may have.
fn refusals<O: std::fmt::Debug>(results: &[BatchResult<O>]) -> Vec<String> {
    let errors = results
        .iter()
        .filter_map(|result| result.output.as_ref().err());
    let messages = errors.map(|error| {
        assert_eq!(error.kind, ErrorKind::Budget, "{error}");
        error.to_string()
    });
    messages.collect()
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_exactly_however_many_are_in_flight() {
    for at_once in [1, 7, 64] {
        let peer = Peer::of_a_second();
        let pipeline = one_call(&crate::support::peer::resources([("a", &peer, at_once)]));
        let budget = Budget::calls(10);
        let pipeline = pipeline.with_settings(settings(&budget));
        let results = pipeline.run_batch(texts(100)).await;
        assert_eq!((peer.asked().len(), outputs(&results)), (10, 10));
        assert_eq!(results.len(), 100);
        let told = refusals(&results);
        assert!(
            told[0].contains("the budget of 10 calls is used up"),
            "{}",
            told[0]
        );
        assert!(
            told[89].contains("not begun, because the budget"),
            "{}",
            told[89]
        );
        assert_eq!(budget.remaining().calls, Some(0));
        // Another run finds it as it is.
        let results = pipeline.run_batch(texts(3)).await;
        assert_eq!((outputs(&results), peer.asked().len()), (0, 10));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_reserved_is_never_more_than_the_budget() {
    // A request of 5 tokens about (its frame counts 4), and up to 95 of answer.
    let peer = of_tokens(5, 45);
    let pipeline = bounded(&priced(&peer, 64), 95);
    let budget = Budget::tokens(1_000);
    let start = Instant::now();
    let results = pipeline
        .with_settings(settings(&budget))
        .run_batch(texts(100))
        .await;
    // At first ten at once; they leave half of what they reserved, so that five
    // more go, then two, and then one after the other.
    let Spent { tokens, calls, .. } = budget.spent();
    assert_eq!((tokens, calls), (950, 19));
    assert_eq!(outputs(&results), 19);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let told = &refusals(&results)[0];
    assert!(
        told.ends_with(
            "the budget of 1000 tokens does not allow another call: 950 tokens were spent on 19 calls, and \
             the next one may take up to 100 tokens"
        ),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn dollars_are_those_of_the_price_and_are_told_with_results() {
    let peer = of_tokens(5, 95);
    let pipeline = bounded(&priced(&peer, 4), 95);
    let budget = Budget::dollars(1.05);
    let results = pipeline
        .with_settings(settings(&budget))
        .run_batch(texts(40))
        .await;
    // Ten cents each.
    assert_eq!(outputs(&results), 10);
    assert_eq!(budget.spent().cost.total(), Some(Dollars::new(1.0)));
    assert_eq!(budget.remaining().dollars, Some(Dollars::new(0.05)));
    let told = &refusals(&results)[0];
    let expected = "the budget of $1.05 does not allow another call: $1.00 were spent on 10 calls, and the next \
                    one may take up to $0.10";
    assert!(told.ends_with(expected), "{told}");
    let costs: Vec<_> = results
        .iter()
        .filter_map(|result| result.cost.total())
        .collect();
    assert_eq!(costs.iter().copied().sum::<Dollars>(), Dollars::new(1.0));
    let metrics = &pipeline.resources().metrics()["a"];
    assert_eq!(metrics.cost.total(), Some(Dollars::new(1.0)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nothing_bounds_is_learnt_and_made_alone_at_the_end() {
    let peer = of_tokens(5, 95);
    let resources = priced(&peer, 64);
    let pipeline = one_call(&resources);
    let budget = Budget::tokens(10_030);
    let results = pipeline
        .with_settings(settings(&budget))
        .run_batch(texts(200))
        .await;
    let spent = budget.spent();
    // The last one began with 30 left, alone, and took a hundred.
    assert_eq!((spent.tokens, spent.calls), (10_100, 101));
    assert_eq!(outputs(&results), 101);
    assert!(refusals(&results)[0].contains("takes at least 6 tokens"));
    // Even one that is smaller than the guess is of use.
    let small = Budget::tokens(150);
    let results = pipeline
        .with_settings(settings(&small))
        .run_batch(texts(9))
        .await;
    assert_eq!((small.spent().calls, outputs(&results)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_ends_and_inputs_that_need_no_more_have_their_output() {
    // `one` and then `two`, for each input.
    let mut graph = GraphBuilder::new("chain", String::schema());
    let one = graph.add(call("a", "one", NodeRef::INPUT));
    let two = graph.add(call("a", "two", one));
    let graph = graph.finish(Shape::from(two)).unwrap();
    let peer = Peer::of_a_second();
    let resources = crate::support::peer::resources([("a", &peer, 4)]);
    let pipeline = graph.bind_as::<String, String>(&resources).unwrap();
    let budget = Budget::calls(7);
    let settings = settings(&budget).with_error_policy(ErrorPolicy::FailFast);
    let results = pipeline.with_settings(settings).run_batch(texts(20)).await;
    // Four `one`s, then three `two`s; the fourth has no budget. Under `FailFast`,
    // too, what is in flight then is not cancelled.
    assert_eq!((peer.asked().len(), outputs(&results)), (7, 3));
    let told = refusals(&results);
    assert!(
        told[0].starts_with("node `two` (alias `a`): the budget"),
        "{}",
        told[0]
    );
    assert_eq!(told.len(), 17);
}

#[tokio::test(start_paused = true)]
async fn every_budget_of_every_scope_holds() {
    let peer = Peer::of_a_second();
    let pipeline = one_call(&crate::support::peer::resources([("a", &peer, 4)]));
    let (outer, inner, own) = (Budget::calls(5), Budget::calls(9), Budget::calls(3));
    let run = async {
        let once = pipeline.with_settings(settings(&own));
        assert_eq!(outputs(&once.run_batch(texts(9)).await), 3);
        assert_eq!(outputs(&pipeline.run_batch(texts(9)).await), 2);
    };
    settings(&outer).scope(settings(&inner).scope(run)).await;
    let calls = [&outer, &inner, &own].map(|budget| budget.spent().calls);
    assert_eq!(calls, [5, 5, 3]);
    assert_eq!(outputs(&pipeline.run_batch(texts(9)).await), 9);
}

#[tokio::test(start_paused = true)]
async fn runs_inside_of_host_functions_spend_the_money_of_the_run_around_them() {
    let peer = Peer::of_a_second();
    let inner = one_call(&crate::support::peer::resources([("a", &peer, 4)]));
    let graph = Tracer::new("outer").trace(|text: Proxy<String>| {
        let inner = inner.clone();
        text.try_then_async("ask", move |text: String| inner.run(text))
    });
    let graph = graph.unwrap();
    let pipeline = graph.bind_as::<String, String>(inner.resources()).unwrap();
    let budget = Budget::calls(2);
    let results = pipeline
        .with_settings(settings(&budget))
        .run_batch(texts(4))
        .await;
    assert_eq!((outputs(&results), peer.asked().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn runs_on_several_managers_wait_for_each_other() {
    let peer = of_tokens(5, 15);
    let pipeline = bounded(&priced(&peer, 64), 95);
    let budget = Budget::tokens(220);
    let run = |_: usize| {
        let manager = ExecutionManager::new(100);
        let settings = settings(&budget).with_manager(&manager);
        let pipeline = pipeline.with_settings(settings);
        async move { (pipeline.run_batch(texts(3)).await, manager) }
    };
    // Two fit at once; what they leave is enough for all six.
    let both = async { tokio::join!(run(0), run(1)) };
    let both = tokio::time::timeout(Duration::from_hours(1), both).await;
    let (one, two) = both.expect("each is woken when calls of the other one end");
    assert_eq!(outputs(&one.0) + outputs(&two.0), 6);
    assert_eq!(budget.spent().tokens, 120);
}

#[tokio::test(start_paused = true)]
async fn budgets_in_different_orders_do_not_keep_each_other_busy() {
    let peer = of_tokens(5, 15);
    let pipeline = bounded(&priced(&peer, 64), 95);
    let (one, two) = (Budget::tokens(250), Budget::tokens(350));
    let run = |first: &Budget, second: &Budget| {
        let settings = settings(first).with_budget(second);
        let pipeline = pipeline.with_settings(settings);
        async move { pipeline.run_batch(texts(5)).await }
    };
    let (a, b) = tokio::join!(run(&one, &two), run(&two, &one));
    assert!(outputs(&a) + outputs(&b) >= 8);
    assert_eq!(one.spent(), two.spent());
}

#[tokio::test(start_paused = true)]
async fn failures_retries_and_refusals_count_what_they_were_charged() {
    let asked = AtomicUsize::new(0);
    let peer = Peer::new(move |_| {
        let error = |kind| Err(ClientError::new(kind, "no"));
        let outcome = match asked.fetch_add(1, Ordering::SeqCst) {
            // Refused for a limit: nothing was done.
            0 => limit(),
            1 => error(ClientErrorKind::Server),
            // Its answer may have been written.
            2 => error(ClientErrorKind::Timeout),
            // It does not say what it charged.
            3 => Ok(LlmResponse::from_text("x")),
            _ => Ok(tokens(5, 5)),
        };
        (Duration::from_millis(10), outcome)
    });
    let pipeline = bounded(&priced(&peer, 1), 95);
    let budget = Budget::calls(1_000);
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let pipeline = pipeline.with_settings(settings(&budget).with_journal(&journal));
    pipeline.run("1".to_owned()).await.unwrap();
    let spent = budget.spent();
    assert_eq!((spent.calls, spent.tokens), (3, 200));
    pipeline.run("2".to_owned()).await.unwrap();
    let spent = budget.spent();
    assert_eq!((spent.calls, spent.tokens), (4, 210));
    assert_eq!(spent.cost.total(), Some(Dollars::new(0.21)));
    // A run that goes on tomorrow begins with as much spent.
    journal.flushed().await.unwrap();
    assert_eq!(Spent::recorded_in(folder.path()).unwrap(), spent);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_given_up_are_paid_for() {
    let asked = AtomicUsize::new(0);
    // The first twenty make latencies known, and the next one hangs.
    let peer = Peer::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        20 => (Duration::from_mins(1), Ok(tokens(5, 5))),
        _ => (Duration::from_secs(1), Ok(tokens(5, 5))),
    });
    let pipeline = bounded(&priced(&peer, 64), 95);
    let budget = Budget::calls(1_000);
    let settings =
        settings(&budget).with_hedging(Hedging::after_percentile(95.0).with_max_share(1.0));
    let pipeline = pipeline.with_settings(settings);
    pipeline.run_batch(texts(20)).await;
    pipeline.run("1".to_owned()).await.unwrap();
    let spent = budget.spent();
    assert_eq!((spent.calls, spent.tokens), (22, 21 * 10 + 100));

    let mut results = pipeline.stream(texts(3));
    sleep(Duration::from_millis(500)).await;
    results.cancel();
    while results.next().await.is_some() {}
    assert_eq!(budget.spent().calls, 25);
    // Nothing stays reserved.
    assert_eq!(budget.remaining().calls, Some(975));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_has_to_fit_as_well() {
    let asked = AtomicUsize::new(0);
    let peer = Peer::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        20 => (Duration::from_mins(1), Ok(tokens(5, 5))),
        _ => (Duration::from_secs(1), Ok(tokens(5, 5))),
    });
    let pipeline = bounded(&priced(&peer, 64), 95);
    let budget = Budget::calls(21);
    let settings =
        settings(&budget).with_hedging(Hedging::after_percentile(95.0).with_max_share(1.0));
    let pipeline = pipeline.with_settings(settings);
    pipeline.run_batch(texts(20)).await;
    let start = Instant::now();
    pipeline.run("1".to_owned()).await.unwrap();
    assert_eq!((start.elapsed().as_secs(), peer.asked().len()), (60, 21));
}

#[tokio::test(start_paused = true)]
async fn a_budget_in_dollars_needs_prices_before_anything_is_called() {
    let peer = Peer::of_a_second();
    let pipeline = one_call(&crate::support::peer::resources([("a", &peer, 4)]));
    let pipeline = pipeline.with_settings(settings(&Budget::dollars(5.0)));
    let results = pipeline.run_batch(texts(3)).await;
    assert!(peer.asked().is_empty());
    let told = refusals(&results);
    assert_eq!(told.len(), 3);
    assert!(
        told[0].starts_with("a budget of $5.00 needs the price of every model that is called, and that of the endpoint `a` is not known: write `price:"),
        "{}", told[0]
    );
    // Tokens can be counted without.
    let pipeline = one_call(&crate::support::peer::resources([(
        "a",
        &Peer::of_a_second(),
        4,
    )]));
    let budget = Budget::tokens(1_000_000);
    let results = pipeline
        .with_settings(settings(&budget))
        .run_batch(texts(3))
        .await;
    assert_eq!((outputs(&results), budget.spent().cost.unknown), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_paused_endpoint_does_not_hold_up_the_end() {
    let quick = Peer::of_a_second();
    let full = Peer::new(|_| {
        let error = ClientError::new(ClientErrorKind::RateLimited, "full");
        let after = Some(Duration::from_hours(1));
        let error = error.with_retry(Retry::RateLimited { after });
        (Duration::from_millis(500), Err(error))
    });
    let resources = crate::support::peer::resources([("a", &quick, 1), ("b", &full, 4)]);
    let mut graph = GraphBuilder::new("both", String::schema());
    let one = graph.add(call("a", "one", NodeRef::INPUT));
    graph.add(call("b", "two", NodeRef::INPUT));
    let graph = graph.finish(Shape::from(one)).unwrap();
    let pipeline = graph.bind_as::<String, String>(&resources).unwrap();
    let budget = Budget::calls(3);
    let start = Instant::now();
    let results = pipeline
        .with_settings(settings(&budget))
        .run_batch(texts(9))
        .await;
    // Calls of `b` cost nothing, and wait for an hour.
    assert_eq!((quick.asked().len(), refusals(&results).len()), (3, 9));
    assert_eq!(start.elapsed().as_secs(), 3);
}

/// A client that is asked by budgets alone, so that it need not do anything.
struct Silent;

impl LlmClient for Silent {
    fn send<'a>(&'a self, _: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_early_gives_back_what_it_reserved() {
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = Arc::new(resources.with_client("a", Arc::new(Silent), 8));
    let budget = Budget::calls(100);
    let pipeline = one_call(&resources).with_settings(settings(&budget));
    let mut results = pipeline.stream(texts(50));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (budget.remaining().calls, budget.spent().calls),
        (Some(92), 0)
    );
    results.stop();
    drop(results);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (budget.remaining().calls, budget.spent().calls),
        (Some(92), 8)
    );
}

/// Numbers that follow from a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        // The splitmix64 generator of Steele, Lea and Flood.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// Runs that share budgets, with failures, refusals and answers of all lengths:
/// no budget is exceeded, none keeps anything reserved, and every input ends.
#[tokio::test(start_paused = true)]
async fn budgets_hold_whatever_happens() {
    for seed in 0..300 {
        let mut draws = Draws(seed);
        let mut moods = Draws(seed + 1_000);
        let moods = std::sync::Mutex::new(move |most| moods.below(most));
        let peer = Peer::new(move |_| {
            let mut draw = moods.lock().unwrap();
            let took = Duration::from_millis(draw(2_000));
            let outcome = match draw(10) {
                0 => Err(ClientError::new(ClientErrorKind::Server, "no")),
                1 => Err(ClientError::new(ClientErrorKind::Timeout, "no")),
                2 => limit(),
                3 => Err(ClientError::new(ClientErrorKind::Refused, "no")),
                // Never more than is reserved.
                _ => Ok(tokens(1 + draw(5), 1 + draw(50))),
            };
            (took, outcome)
        });
        let resources = priced(&peer, usize::try_from(1 + draws.below(20)).unwrap());
        let pipeline = bounded(&resources, 50);
        let budgets = [
            Budget::tokens(draws.below(2_000)),
            Budget::calls(draws.below(40)),
            Budget::dollars(f64::from(u32::try_from(draws.below(2_000)).unwrap()) / 1e3)
                .and_calls(draws.below(60)),
        ];
        let runs = (0..=draws.below(3)).map(|_| {
            let mut settings = ExecutionSettings::default();
            let first = draws.below(3);
            for place in first..=first + draws.below(3) {
                settings = settings.with_budget(&budgets[usize::try_from(place % 3).unwrap()]);
            }
            if draws.below(2) == 0 {
                settings = settings.with_hedging(Hedging::after_percentile(50.0));
            }
            if draws.below(2) == 0 {
                settings = settings.with_manager(&ExecutionManager::new(5));
            }
            if draws.below(4) == 0 {
                settings = settings.with_error_policy(ErrorPolicy::FailFast);
            }
            pipeline.with_settings(settings).run_batch(texts(20))
        });
        let ended = tokio::time::timeout(
            Duration::from_hours(1),
            futures_util::future::join_all(runs.collect::<Vec<_>>()),
        );
        let ended = ended.await.unwrap_or_else(|_| panic!("seed {seed} hangs"));
        assert!(ended.iter().all(|results| results.len() == 20));
        // What was given up is told after the results.
        sleep(Duration::from_secs(5)).await;
        for budget in &budgets {
            let (limits, spent, left) = (budget.limits(), budget.spent(), budget.remaining());
            let dollars = |cost: Option<Dollars>| cost.unwrap_or_default();
            assert!(
                limits.calls.is_none_or(|most| spent.calls <= most),
                "seed {seed}"
            );
            assert!(
                limits.tokens.is_none_or(|most| spent.tokens <= most),
                "seed {seed}"
            );
            assert!(
                limits.dollars.is_none_or(|most| spent.cost.known <= most),
                "seed {seed}"
            );
            assert_eq!(
                left.calls,
                limits.calls.map(|most| most - spent.calls),
                "seed {seed}"
            );
            assert_eq!(
                left.tokens,
                limits.tokens.map(|most| most - spent.tokens),
                "seed {seed}"
            );
            let rest = limits
                .dollars
                .map(|most| most.saturating_sub(spent.cost.known));
            assert_eq!(dollars(left.dollars), dollars(rest), "seed {seed}");
        }
    }
}
