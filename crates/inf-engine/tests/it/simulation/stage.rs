//! The stage: plays a scenario and records what happens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use inf_engine::Value;
use inf_engine::execution::{
    BatchResult, Budget, Cancellation, ExecutionManager, ExecutionSettings, Pipeline, ResultStream,
};
use inf_engine::resources::{OwnClient, Price, ResourceConfig, ResourceManager, Strategy};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::peers::{ALIASES, Log, Peer, hash};
use super::record::{Got, Notary, Notes, Record, RunRecord};
use super::scenario::{Ending, Reader, RunScenario, Scenario};

/// Plays `scenario` on a runtime and a clock of its own.
pub(super) fn perform(scenario: &Scenario) -> Record {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        // On a paused clock a run that waits for nothing gets here at once.
        let days = Duration::from_hours(24 * 30);
        let played = tokio::time::timeout(days, play(scenario)).await;
        played.unwrap_or_else(|_| panic!("a run never ends"))
    })
}

/// One run of the scenario, on stage.
#[derive(Clone)]
struct Actor {
    run: usize,
    scenario: Arc<RunScenario>,
    start: Instant,
    notes: Arc<Mutex<Notes>>,
    pulled: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
    cancellation: Cancellation,
}

async fn play(scenario: &Scenario) -> Record {
    let start = Instant::now();
    let log = Arc::new(Mutex::new(Log::default()));
    let mut config = ResourceConfig::new();
    config.max_total_concurrent = scenario.max_total_concurrent;
    let mut resources = ResourceManager::new(&config).unwrap();
    for (alias, name) in ALIASES.into_iter().enumerate() {
        let peer = Arc::new(Peer {
            alias,
            temper: scenario.temper,
            start,
            log: Arc::clone(&log),
        });
        let group = scenario.groups[alias];
        let endpoints = (0..group.map_or(1, |group| group.endpoints)).map(|place| {
            let peer = Arc::<Peer>::clone(&peer);
            let mut own = OwnClient::new(peer, scenario.endpoints[alias])
                .with_price(Price::new(2.0, 10.0))
                .with_weight([1.0, 0.3, 2.0][place]);
            let Some(group) = group else { return own };
            if let Some(requests) = group.requests_per_minute {
                own = own.with_requests_per_minute(requests);
            }
            if let Some(tokens) = group.tokens_per_minute {
                own = own.with_tokens_per_minute(tokens);
            }
            if let Some(burst) = group.burst {
                own = own.with_burst(burst);
            }
            own
        });
        let strategy = group.map_or(Strategy::default(), |group| group.strategy);
        resources = resources.with_clients(name, strategy, endpoints);
    }
    let resources = Arc::new(resources);
    let bounds = scenario.managers.iter();
    let managers: Vec<ExecutionManager> = bounds.map(|&most| ExecutionManager::new(most)).collect();
    let budgets = scenario.budgets.iter();
    let budgets: Vec<Budget> = budgets.map(|purse| purse.to_budget()).collect();
    let notes = Arc::new(Mutex::new(Notes::default()));
    let runs = scenario.runs.iter().map(|_| RunRecord::default());
    notes.lock().unwrap().runs = runs.collect();
    let mut acting = JoinSet::new();
    for (run, part) in scenario.runs.iter().enumerate() {
        let actor = Actor {
            run,
            scenario: Arc::new(part.clone()),
            start,
            notes: Arc::clone(&notes),
            pulled: Arc::default(),
            taken: Arc::default(),
            cancellation: Cancellation::new(),
        };
        let manager = part.manager.map(|place| managers[place].clone());
        let budgets = part.budgets.iter().map(|place| budgets[*place].clone());
        acting.spawn(actor.act(Arc::clone(&resources), manager, budgets.collect()));
    }
    acting.join_all().await;
    // What was given up is gone when everything has had its turn.
    sleep(Duration::from_millis(1)).await;
    let notes = std::mem::take(&mut *notes.lock().unwrap());
    let log = std::mem::take(&mut *log.lock().unwrap());
    let metrics = resources.metrics();
    Record {
        calls: log.calls,
        attempts: notes.attempts,
        runs: notes.runs,
        metrics: ALIASES.map(|alias| metrics[alias].clone()).to_vec(),
        budgets,
    }
}

impl Actor {
    async fn act(
        self,
        resources: Arc<ResourceManager>,
        manager: Option<ExecutionManager>,
        budgets: Vec<Budget>,
    ) {
        let begins = Duration::from_millis(self.scenario.begins_ms);
        sleep_until(self.start + begins).await;
        if let Ending::CancelledElsewhere { ms } = self.scenario.ending {
            let actor = self.clone();
            tokio::spawn(async move {
                sleep_until(actor.start + Duration::from_millis(ms)).await;
                actor.note_ended_by_hand();
                actor.cancellation.cancel();
            });
        }
        let notary = Notary {
            run: self.run,
            start: self.start,
            notes: Arc::clone(&self.notes),
        };
        let mut settings = self.scenario.settings.to_execution_settings();
        settings.manager = manager;
        let settings = settings
            .with_observer(Arc::new(notary))
            .with_cancellation(&self.cancellation);
        let settings = budgets
            .iter()
            .fold(settings, ExecutionSettings::with_budget);
        let graph = self.scenario.graph.0.clone();
        let pipeline = graph.bind(&resources).unwrap();
        if self.scenario.by_scope {
            settings.scope(self.read(pipeline)).await;
        } else {
            self.read(pipeline.with_settings(settings)).await;
        }
        let pulled = self.pulled.load(Ordering::Relaxed);
        self.note(|run| run.pulled = pulled);
    }

    async fn read(&self, pipeline: Pipeline) {
        if self.scenario.reader == Reader::Batch {
            self.read_batch(&pipeline).await;
            return;
        }
        let inputs = self.scenario.inputs;
        let actor = self.clone();
        let read = move |index| actor.scenario.input(actor.run, index).map(Value::from);
        let actor = self.clone();
        let count = move |_: &Result<Value, String>| actor.note_pulled();
        let results = match self.scenario.late_ms {
            None => pipeline.try_stream((0..inputs).map(read).inspect(count)),
            Some(late) => {
                let run = self.run;
                let wait = move |input| async move {
                    let drawn = hash(&[&run.to_string(), &format!("{input:?}"), "late"]);
                    // Some come at once.
                    if !drawn.is_multiple_of(4) {
                        sleep(Duration::from_millis(drawn / 7 % late)).await;
                    }
                    input
                };
                let source = stream::iter((0..inputs).map(read)).then(wait);
                pipeline.try_stream(source.inspect(count))
            }
        };
        let results = if self.scenario.in_order {
            results.in_order()
        } else {
            results
        };
        self.read_stream(results).await;
    }

    async fn read_batch(&self, pipeline: &Pipeline) {
        let inputs = (0..self.scenario.inputs).map(|index| {
            let input = self.scenario.input(self.run, index);
            Value::from(input.unwrap())
        });
        let batch = pipeline.run_batch(inputs);
        let results = match self.scenario.ending {
            Ending::Dropped { ms } => {
                let at = self.start + Duration::from_millis(ms);
                tokio::time::timeout_at(at, batch).await.ok()
            }
            _ => Some(batch.await),
        };
        match results {
            Some(results) => results
                .into_iter()
                .for_each(|result| self.note_result(result)),
            None => self.note_dropped(),
        }
    }

    async fn read_stream(&self, mut results: ResultStream<Value>) {
        let ending = match self.scenario.ending {
            Ending::Dropped { ms } | Ending::Stopped { ms } | Ending::Cancelled { ms } => Some(ms),
            Ending::ByItself | Ending::CancelledElsewhere { .. } => None,
        };
        let mut ending = ending.map(|ms| self.start + Duration::from_millis(ms));
        loop {
            let at = ending.unwrap_or(self.start);
            tokio::select! {
                biased;
                () = sleep_until(at), if ending.is_some() => {
                    ending = None;
                    match self.scenario.ending {
                        Ending::Stopped { .. } => results.stop(),
                        Ending::Cancelled { .. } => results.cancel(),
                        _ => {
                            drop(results);
                            self.note_dropped();
                            return;
                        }
                    }
                    self.note_ended_by_hand();
                }
                result = results.next() => {
                    let Some(result) = result else {
                        break;
                    };
                    let taken = self.taken.fetch_add(1, Ordering::Relaxed);
                    self.note_result(result);
                    match self.scenario.reader {
                        Reader::Slow { ms } => sleep(Duration::from_millis(ms)).await,
                        Reader::Pauses { after, ms } if taken == after => {
                            sleep(Duration::from_millis(ms)).await;
                        }
                        _ => {}
                    }
                }
            }
        }
        let progress = results.progress();
        self.note(|run| run.progress = Some(progress));
    }

    fn note(&self, note: impl FnOnce(&mut RunRecord)) {
        note(&mut self.notes.lock().unwrap().runs[self.run]);
    }

    fn note_pulled(&self) {
        let pulled = self.pulled.fetch_add(1, Ordering::Relaxed) + 1;
        let unread = pulled - self.taken.load(Ordering::Relaxed);
        self.note(|run| run.most_unread = run.most_unread.max(unread));
    }

    fn note_result(&self, result: BatchResult<Value>) {
        let got = Got {
            at: self.start.elapsed(),
            index: result.index,
            output: result
                .output
                .map_err(|error| (error.node.map(String::from), error.kind, error.message)),
            usage: result.usage,
        };
        self.note(|run| run.results.push(got));
    }

    fn note_ended_by_hand(&self) {
        let now = self.start.elapsed();
        self.note(|run| run.ended_by_hand = Some(now));
    }

    fn note_dropped(&self) {
        self.note_ended_by_hand();
        self.note(|run| run.was_dropped = true);
    }
}
