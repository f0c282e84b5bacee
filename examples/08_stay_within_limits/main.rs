//! Finds a limit that nobody tells: a server accepts 20 calls a second, later 40, and
//! refuses what is more. Two loops as one writes them ask it the same.
//!
//! ```text
//! cargo run -p inf-examples --example stay_within_limits
//! ```
//!
//! Each of the three has a server of its own and 3,600 prompts. The table shows how many
//! of its calls were accepted and refused, as the server counts them. The narrow loop is
//! never refused and leaves half of the quota unused; the wide one uses it, has more than
//! half of its calls refused and gives up on some prompts; the engine's column is the limit
//! that it found. The clock is tokio's paused one, which jumps to the next moment at which
//! something happens: minutes pass in a second or two. Worth reading:
//!
//! * `HiddenQuota` is a provider of one's own: a client is one method (`hidden_quota.rs`).
//! * The engine is told nothing but a ceiling of 64 calls at once. It finds the limit by
//!   being refused, at first as often as the ceiling allows; then it stays just below the
//!   rate and looks again now and then, which is what the few refusals are.
//! * A refused call waits and is no failure. The calls of a loop give up at some point,
//!   as those of most SDKs do, and are the answers that it lacks (`loops.rs`).

mod course;
mod hidden_quota;
mod loops;

use std::error::Error;
use std::sync::Arc;

use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_examples::file;

use course::{Course, PERIOD, watch};
use hidden_quota::{CHANGES_AFTER, HiddenQuota, RATES, ideal};

const PROMPTS: u32 = 3_600;

/// Calls that the engine may make at once, as many as the wider loop.
const AT_ONCE: usize = 64;

/// How many of the prompts inf-engine has answered.
async fn engine(server: Arc<HiddenQuota>, prompts: Vec<String>) -> Result<u32, Box<dyn Error>> {
    let resources =
        ResourceManager::new(&ResourceConfig::new())?.with_client("fast", server, AT_ONCE);
    let pipeline = LlmInference::new("fast").bind(resources)?;
    let mut results = pipeline.stream(prompts);
    let mut answered = 0;
    while let Some(result) = results.next().await {
        answered += u32::from(result.output.is_ok());
    }
    Ok(answered)
}

/// Three ways to ask, one after the other.
async fn compare() -> Result<[Course; 3], Box<dyn Error>> {
    let summaries = JsonLines::<loops::Listing>::open(file("02_describe_packages/packages.jsonl"))?;
    let summaries = summaries.collect::<Result<Vec<_>, _>>()?;
    let prompts = summaries.iter().cycle().zip(0..PROMPTS);
    let prompts = prompts.map(|(listing, count)| format!("{count}: {}", listing.summary));
    let prompts: Vec<String> = prompts.collect();
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
    let names = courses.iter().map(|course| format!("{:>18}", course.name));
    println!("{:>8}{:>8}{}", "from", "quota", names.collect::<String>());
    let longest = courses.iter().map(|course| course.periods.len()).max();
    for period in 0..longest.unwrap_or_default() {
        let start = PERIOD * u32::try_from(period)?;
        let rate = RATES[usize::from(start >= CHANGES_AFTER)];
        print!("{:>6} s{:>8}", start.as_secs(), u64::from(rate) * seconds);
        // Who has ended leaves its place empty.
        for course in &courses {
            if let Some((accepted, refused)) = course.periods.get(period) {
                print!("{:>18}", format!("{accepted} + {refused:>4}"));
            }
        }
        println!();
    }

    let all = ideal(PROMPTS).as_secs_f64();
    println!("\nAll {PROMPTS} prompts, for which the quota needs {all:.0} s:\n");
    for course in &courses {
        let took = course.took.as_secs_f64();
        let used = ideal(course.answered).as_secs_f64() / took;
        let (accepted, refused) = course.counted;
        println!(
            "{:<16} {took:>4.0} s, {:>3.0} % of the quota, {refused} of {} calls refused, {} not answered",
            course.name,
            100.0 * used,
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
        let ideal = ideal(PROMPTS);
        // So few at once never meet the limit, and leave it unused.
        assert_eq!(narrow.counted.1, 0);
        assert!(narrow.took > ideal.mul_f64(1.5), "{:?}", narrow.took);
        assert!(wide.counted.1 > wide.counted.0, "{:?}", wide.counted);
        assert!(wide.answered < PROMPTS, "{}", wide.answered);
        assert_eq!(engine.answered, PROMPTS);
        assert!(engine.took < ideal.mul_f64(1.05), "{:?}", engine.took);
        let first = engine.periods[0].1;
        assert!(first <= 2 * AT_ONCE as u64, "{first}");
        // Afterwards 1 % at most, but for the step.
        assert!(engine.counted.1 - first < 50, "{:?}", engine.periods);
    }
}
