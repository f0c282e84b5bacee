//! Finds a limit that nobody tells: a server accepts 20 calls a second, later 40, and
//! refuses what is more. Two loops as one writes them ask it the same.
//!
//! ```text
//! cargo run -p inf-examples --example stay_within_limits
//! ```
//!
//! Each of the three has a server of its own and 3,600 prompts. The table shows how
//! many answers each got a second, and how many of its calls were refused, as the
//! server counts them. The clock is tokio's paused one, which jumps to the next moment
//! at which something happens: minutes pass in a second, and the figures are the same
//! every time. Worth reading:
//!
//! * `HiddenQuota` is a provider of one's own: a client is one method.
//! * The engine is told nothing but a ceiling of 64 calls at once. It finds the limit by
//!   being refused, at first as often as the ceiling allows; then it stays just below the
//!   rate and looks again now and then, which is what the few refusals are.
//! * A refused call waits and is no failure. The loop's calls give up at some point,
//!   as those of most SDKs do, and are the answers that it lacks.

mod loops;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::simulated::{Latency, Quota, SimulatedClient, SimulatedSettings};
use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest};
use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_examples::file;
use tokio::time::{Instant, interval_at};

const PROMPTS: usize = 3_600;

/// What the server accepts a second, at first and later, and how much it saves up.
const RATES: [u32; 2] = [20, 40];
const BURST: u32 = 10;
const CHANGES_AFTER: Duration = Duration::from_mins(1);

/// Calls that the engine may make at once, as many as the wider loop.
const AT_ONCE: usize = 64;

/// How often is looked at what the server counted.
const PERIOD: Duration = Duration::from_secs(20);

/// A server whose limit is in no header and in no documentation, and that changes it.
struct HiddenQuota {
    at_first: SimulatedClient,
    later: SimulatedClient,
    began: Instant,
}

impl HiddenQuota {
    fn new() -> Result<Self, Box<dyn Error>> {
        let accepting = |rate: u32| {
            let settings = SimulatedSettings {
                latency: Latency {
                    median_ms: 500.0,
                    spread: 0.4,
                    ..Latency::default()
                },
                quota: Some(Quota {
                    requests_per_second: rate.into(),
                    burst: BURST,
                    hint: false,
                }),
                ..SimulatedSettings::default()
            };
            SimulatedClient::new("hidden", settings)
        };
        Ok(Self {
            at_first: accepting(RATES[0])?,
            later: accepting(RATES[1])?,
            began: Instant::now(),
        })
    }

    /// The calls that it accepted and refused so far.
    fn counts(&self) -> (u64, u64) {
        let (first, later) = (&self.at_first, &self.later);
        let refused = first.rate_limited() + later.rate_limited();
        (first.calls() + later.calls(), refused)
    }
}

impl LlmClient for HiddenQuota {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        if self.began.elapsed() < CHANGES_AFTER {
            self.at_first.send(request)
        } else {
            self.later.send(request)
        }
    }
}

/// How many of the prompts inf-engine has answered.
async fn engine(server: Arc<HiddenQuota>, prompts: Vec<String>) -> Result<usize, Box<dyn Error>> {
    let resources =
        ResourceManager::new(&ResourceConfig::new())?.with_client("fast", server, AT_ONCE);
    let pipeline = LlmInference::new("fast").bind(resources)?;
    let mut results = pipeline.stream(prompts);
    let mut answered = 0;
    while let Some(result) = results.next().await {
        answered += usize::from(result.output.is_ok());
    }
    Ok(answered)
}

/// What came of a way to ask.
struct Course {
    name: &'static str,
    /// What the server counted in each period: calls accepted and calls refused.
    periods: Vec<(u64, u64)>,
    /// What it counted in all.
    counted: (u64, u64),
    answered: usize,
    took: Duration,
}

/// Watches a way to ask a server of its own.
async fn watch<Work: Future<Output = Result<usize, Box<dyn Error>>>>(
    name: &'static str,
    work: impl FnOnce(Arc<HiddenQuota>) -> Work,
) -> Result<Course, Box<dyn Error>> {
    let server = Arc::new(HiddenQuota::new()?);
    let began = Instant::now();
    let mut ends = interval_at(began + PERIOD, PERIOD);
    let mut periods = Vec::new();
    let mut before = (0, 0);
    let mut work = std::pin::pin!(work(Arc::clone(&server)));
    let answered = loop {
        tokio::select! {
            answered = &mut work => break answered?,
            _ = ends.tick() => {
                let now = server.counts();
                periods.push((now.0 - before.0, now.1 - before.1));
                before = now;
            }
        }
    };
    Ok(Course {
        name,
        periods,
        counted: server.counts(),
        answered,
        took: began.elapsed(),
    })
}

/// The time that nobody can beat.
fn ideal() -> Duration {
    let before = BURST + RATES[0] * 60;
    let after = u32::try_from(PROMPTS).unwrap_or(u32::MAX) - before;
    CHANGES_AFTER + Duration::from_secs(1) * after / RATES[1]
}

async fn compare() -> Result<[Course; 3], Box<dyn Error>> {
    let summaries = JsonLines::<loops::Listing>::open(file("02_describe_packages/packages.jsonl"))?;
    let summaries = summaries.collect::<Result<Vec<_>, _>>()?;
    let prompts = summaries.iter().cycle().enumerate().take(PROMPTS);
    let prompts: Vec<String> = prompts
        .map(|(count, listing)| format!("Question {count} about: {}", listing.summary))
        .collect();
    Ok([
        watch("loop, 8 at once", |server| {
            loops::ask_all(server, &prompts, 8)
        })
        .await?,
        watch("loop, 64 at once", |server| {
            loops::ask_all(server, &prompts, AT_ONCE)
        })
        .await?,
        watch("inf-engine", |server| engine(server, prompts.clone())).await?,
    ])
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let courses = compare().await?;

    let seconds = PERIOD.as_secs();
    println!("Calls accepted and refused in each {seconds} seconds:\n");
    print!("{:>8}{:>8}", "from", "quota");
    for course in &courses {
        print!("{:>18}", course.name);
    }
    println!();
    let longest = courses.iter().map(|course| course.periods.len()).max();
    for period in 0..longest.unwrap_or_default() {
        let start = PERIOD * u32::try_from(period)?;
        let rate = RATES[usize::from(start >= CHANGES_AFTER)];
        print!("{:>6} s{:>8}", start.as_secs(), u64::from(rate) * seconds);
        for course in &courses {
            // Who has ended leaves its place empty.
            if let Some((accepted, refused)) = course.periods.get(period) {
                print!("{:>18}", format!("{accepted} + {refused:>4}"));
            }
        }
        println!();
    }

    let ideal = ideal().as_secs_f64();
    println!("\nAll {PROMPTS} prompts, for which the quota needs {ideal:.0} s:\n");
    for course in &courses {
        let took = course.took.as_secs_f64();
        let (accepted, refused) = course.counted;
        println!(
            "{:<16} {took:>4.0} s, {refused} of {} calls refused, {} prompts not answered",
            course.name,
            accepted + refused,
            PROMPTS - course.answered,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_found_and_kept() {
        let [narrow, wide, engine] = compare().await.unwrap();
        let ideal = ideal();
        // So few at once never meet the limit, and leave it unused.
        assert_eq!(narrow.counted.1, 0);
        assert!(narrow.took > ideal.mul_f64(1.5), "{:?}", narrow.took);
        assert!(wide.counted.1 > 1_000, "{:?}", wide.counted);
        assert_eq!(engine.answered, PROMPTS);
        assert!(engine.took < ideal.mul_f64(1.05), "{:?}", engine.took);
        let first = engine.periods[0].1;
        assert!(first <= 2 * AT_ONCE as u64, "{first}");
        // Afterwards 1 % at most, but for the step.
        assert!(engine.counted.1 - first < 50, "{:?}", engine.periods);
    }
}
