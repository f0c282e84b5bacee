//! Scenarios: everything that a seed decides.

use std::time::Duration;

use inf_engine::execution::{Budget, ErrorPolicy, ExecutionManager, ExecutionSettings, Hedging};
use inf_engine::resources::Strategy;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::graphs::{self, Drawn};
use super::peers::{ALIASES, Temper};

/// Several runs over shared endpoints.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) temper: Temper,
    /// The most calls at once of each endpoint.
    pub(super) endpoints: [usize; ALIASES.len()],
    pub(super) max_total_concurrent: Option<usize>,
    /// How many inputs each manager may have under way; the global one comes
    /// on top of these.
    pub(super) managers: Vec<usize>,
    pub(super) runs: Vec<RunScenario>,
    /// What is behind each alias, where that is more than one endpoint of which
    /// nothing is declared.
    pub(super) groups: [Option<Group>; ALIASES.len()],
    pub(super) budgets: Vec<Purse>,
}

/// Endpoints behind an alias, all of the same provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) strategy: Strategy,
    pub(super) endpoints: usize,
    /// Of each of them.
    pub(super) requests_per_minute: Option<u32>,
    pub(super) tokens_per_minute: Option<u32>,
    pub(super) burst: Option<u32>,
}

/// What a budget holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purse {
    Calls(u64),
    Tokens(u64),
    Dollars(f64),
}

impl Purse {
    pub(super) fn to_budget(self) -> Budget {
        match self {
            Self::Calls(calls) => Budget::calls(calls),
            Self::Tokens(tokens) => Budget::tokens(tokens),
            Self::Dollars(dollars) => Budget::dollars(dollars),
        }
    }
}

impl Group {
    fn draw(random: &mut Pcg64) -> Self {
        let strategies = [
            Strategy::LeastLoaded,
            Strategy::RoundRobin,
            Strategy::Weighted,
            Strategy::Priority,
        ];
        let strategy = strategies.choose(random).copied().unwrap_or_default();
        let [requests, tokens, burst] = [2, 2, 3].map(|of| random.random_ratio(1, of));
        Self {
            strategy,
            endpoints: random.random_range(1..4),
            requests_per_minute: requests.then(|| random.random_range(6..300)),
            tokens_per_minute: tokens.then(|| random.random_range(300..60_000)),
            burst: burst.then(|| random.random_range(1..20)),
        }
    }
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct RunScenario {
    pub(super) begins_ms: u64,
    /// `None` is the global one.
    pub(super) manager: Option<usize>,
    pub(super) graph: Drawn,
    pub(super) inputs: usize,
    /// Every so-manieth input can't be read.
    pub(super) invalid: Option<usize>,
    /// How late inputs are at most; otherwise they are all at hand.
    pub(super) late_ms: Option<u64>,
    pub(super) settings: Settings,
    /// Whether the settings are those of a scope around the run.
    pub(super) by_scope: bool,
    pub(super) reader: Reader,
    pub(super) in_order: bool,
    pub(super) ending: Ending,
    /// The places of the budgets that it has.
    pub(super) budgets: Vec<usize>,
}

/// Who reads the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Batch,
    Fast,
    Slow { ms: u64 },
    Pauses { after: usize, ms: u64 },
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    ByItself,
    Dropped {
        ms: u64,
    },
    Stopped {
        ms: u64,
    },
    Cancelled {
        ms: u64,
    },
    /// By a handle, from another task.
    CancelledElsewhere {
        ms: u64,
    },
}

/// What a run's settings say.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) max_concurrent: Option<usize>,
    pub(super) max_inputs_in_flight: Option<usize>,
    pub(super) max_results_waiting: Option<usize>,
    pub(super) error_policy: Option<ErrorPolicy>,
    pub(super) max_retries: Option<u32>,
    pub(super) task_timeout_ms: Option<u64>,
    pub(super) run_timeout_ms: Option<u64>,
    pub(super) priority: Option<i32>,
    /// Percentile and share.
    pub(super) hedging: Option<(f64, f64)>,
}

impl Settings {
    fn draw(random: &mut Pcg64) -> Self {
        let policies = [
            ErrorPolicy::RetryThenFail,
            ErrorPolicy::RetryThenFail,
            ErrorPolicy::Continue,
            ErrorPolicy::FailFast,
        ];
        let mut maybe = |of: u32| random.random_ratio(1, of);
        let [concurrent, inputs, results, retries] = [maybe(2), maybe(2), maybe(3), maybe(5)];
        let [task, run, priority, hedging] = [maybe(8), maybe(10), maybe(3), maybe(4)];
        let policy = policies.choose(random).copied();
        Self {
            max_concurrent: concurrent.then(|| random.random_range(1..10)),
            max_inputs_in_flight: inputs.then(|| random.random_range(1..12)),
            max_results_waiting: results.then(|| random.random_range(0..6)),
            error_policy: policy.filter(|policy| *policy != ErrorPolicy::default()),
            max_retries: retries.then(|| random.random_range(0..4)),
            task_timeout_ms: task.then(|| random.random_range(100..5_000)),
            run_timeout_ms: run.then(|| random.random_range(0..40_000)),
            priority: priority.then(|| random.random_range(-2..3)),
            hedging: hedging.then(|| {
                (
                    random.random_range(50.0..99.0),
                    random.random_range(0.05..0.6),
                )
            }),
        }
    }

    pub(super) fn to_execution_settings(&self) -> ExecutionSettings {
        let mut settings = ExecutionSettings::default();
        settings.max_concurrent = self.max_concurrent;
        settings.max_inputs_in_flight = self.max_inputs_in_flight;
        settings.max_results_waiting = self.max_results_waiting;
        settings.error_policy = self.error_policy;
        settings.max_retries = self.max_retries;
        settings.task_timeout = self.task_timeout_ms.map(Duration::from_millis);
        settings.run_timeout = self.run_timeout_ms.map(Duration::from_millis);
        settings.priority = self.priority;
        settings.hedging = self
            .hedging
            .map(|(percentile, share)| Hedging::after_percentile(percentile).with_max_share(share));
        settings
    }

    /// Whether retries and failures are known beforehand: otherwise it depends on
    /// time which request gets which fate.
    pub(super) fn is_exact(&self) -> bool {
        self.hedging.is_none() && self.task_timeout_ms.is_none()
    }

    /// The retries that passing failures have.
    pub(super) fn retries(&self) -> usize {
        match self.error_policy.unwrap_or_default() {
            ErrorPolicy::RetryThenFail => self.max_retries.unwrap_or(3) as usize,
            _ => 0,
        }
    }
}

impl RunScenario {
    fn draw(random: &mut Pcg64, managers: usize) -> Self {
        let inputs = match random.random_range(0..10) {
            0 => random.random_range(30..80),
            1 => 0,
            _ => random.random_range(1..14),
        };
        let manager = random.random_range(0..=managers);
        let ms = random.random_range(0..30_000);
        let mut reader = match random.random_range(0..6) {
            0 | 1 => Reader::Batch,
            2 | 3 => Reader::Fast,
            4 => Reader::Slow {
                ms: random.random_range(1..3_000),
            },
            _ => Reader::Pauses {
                after: random.random_range(0..6),
                ms: random.random_range(1..100_000),
            },
        };
        let ending = match random.random_range(0..16) {
            0 => Ending::Dropped { ms },
            1 => Ending::Stopped { ms },
            2 => Ending::Cancelled { ms },
            3 => Ending::CancelledElsewhere { ms },
            _ => Ending::ByItself,
        };
        let needs_stream = matches!(ending, Ending::Stopped { .. } | Ending::Cancelled { .. });
        if reader == Reader::Batch && needs_stream {
            reader = Reader::Fast;
        }
        let is_stream = reader != Reader::Batch;
        let chance = |random: &mut Pcg64, of: u32| is_stream && random.random_ratio(1, of);
        let is_late = chance(random, 3);
        let has_invalid = chance(random, 5);
        let in_order = chance(random, 3);
        let graph = graphs::draw(random);
        let mut settings = Settings::draw(random);
        if graph.handles_failures() {
            // What fails decides what is asked: it must not depend on time.
            settings.hedging = None;
            settings.task_timeout_ms = None;
        }
        Self {
            begins_ms: if random.random_bool(0.5) {
                0
            } else {
                random.random_range(0..10_000)
            },
            manager: (manager < managers).then_some(manager),
            graph,
            inputs,
            invalid: has_invalid.then(|| random.random_range(2..6)),
            late_ms: is_late.then(|| random.random_range(1..4_000)),
            settings,
            by_scope: random.random_ratio(1, 3),
            reader,
            in_order,
            ending,
            budgets: Vec::new(),
        }
    }

    pub(super) fn input(&self, run: usize, index: usize) -> Result<String, String> {
        match self.invalid {
            Some(every) if index % every == 1 => Err("unreadable".to_owned()),
            _ => Ok(format!("run {run} input {index}")),
        }
    }

    pub(super) fn max_concurrent(&self) -> usize {
        self.settings.max_concurrent.unwrap_or(usize::MAX)
    }

    /// Whether everything that can be known beforehand is known.
    pub(super) fn is_plain(&self) -> bool {
        self.ending == Ending::ByItself
            && self.settings.run_timeout_ms.is_none()
            && self.settings.task_timeout_ms.is_none()
            && self.settings.hedging.is_none()
            && self.settings.error_policy != Some(ErrorPolicy::FailFast)
    }
}

impl Scenario {
    pub(super) fn draw(seed: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let random = &mut random;
        let percent = |random: &mut Pcg64, most| {
            if random.random_bool(0.5) {
                0
            } else {
                random.random_range(0..most)
            }
        };
        let temper = Temper {
            seed,
            refusals: percent(random, 10),
            failures: percent(random, 40),
            limits: percent(random, 30),
            hangs: percent(random, 6),
            usual_ms: random.random_range(0..2_000),
            tail: random.random_range(1..40),
        };
        let most = [2, 6, 20].choose(random).copied().unwrap_or(6);
        let endpoints = std::array::from_fn(|_| random.random_range(1..=most));
        let is_bounded = random.random_bool(0.5);
        let max_total_concurrent = is_bounded.then(|| random.random_range(1..10));
        let managers: Vec<usize> = (0..random.random_range(0..3))
            .map(|_| random.random_range(1..8))
            .collect();
        let runs =
            (0..random.random_range(1..5)).map(|_| RunScenario::draw(random, managers.len()));
        let mut runs: Vec<RunScenario> = runs.collect();
        let has_groups = random.random_ratio(1, 3);
        let groups = std::array::from_fn(|_| {
            let is_group = has_groups && random.random_ratio(2, 3);
            is_group.then(|| Group::draw(random))
        });
        let has_budgets = random.random_ratio(1, 4);
        let budgets = (0..if has_budgets {
            random.random_range(1..3)
        } else {
            0
        })
            .map(|_| match random.random_range(0..3) {
                0 => Purse::Calls(random.random_range(0..60)),
                1 => Purse::Tokens(random.random_range(0..20_000)),
                _ => Purse::Dollars(random.random_range(0.0..0.02)),
            });
        let budgets: Vec<Purse> = budgets.collect();
        for run in &mut runs {
            let places = 0..budgets.len();
            run.budgets = places.filter(|_| random.random_bool(0.6)).collect();
        }
        Self {
            seed,
            temper,
            endpoints,
            max_total_concurrent,
            managers,
            runs,
            groups,
            budgets,
        }
    }

    /// Whether the same must happen when it is played again: of every third
    /// scenario, because it takes as long as everything else.
    pub(super) fn is_played_twice(&self) -> bool {
        self.seed.is_multiple_of(3)
    }

    /// The most calls at once behind an alias.
    pub(super) fn most_at(&self, alias: usize) -> usize {
        let endpoints = self.groups[alias].map_or(1, |group| group.endpoints);
        self.endpoints[alias] * endpoints
    }

    /// The bound of a manager.
    pub(super) fn max_executions(&self, manager: Option<usize>) -> usize {
        manager.map_or(ExecutionManager::DEFAULT_MAX_EXECUTIONS, |place| {
            self.managers[place]
        })
    }
}
