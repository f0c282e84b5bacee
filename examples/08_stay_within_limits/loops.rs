//! A loop as one writes it: so many calls at once, and a pause that doubles after each
//! refusal.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use inf_engine::clients::{LlmClient, LlmRequest};
use serde::Deserialize;

/// Tries of a call, the first included.
const TRIES: u32 = 6;

const FIRST_PAUSE: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
pub struct Listing {
    pub summary: String,
}

/// Asks all prompts, `at_once` at a time, and counts the answers.
pub async fn ask_all(
    server: Arc<impl LlmClient>,
    prompts: &[String],
    at_once: usize,
) -> Result<u32, Box<dyn Error>> {
    let calls = prompts.iter().zip(0..);
    let calls = calls.map(|(prompt, count)| ask(server.as_ref(), prompt, count));
    let answered = stream::iter(calls).buffer_unordered(at_once);
    let counted = answered.fold(0, async |sum, answered| sum + u32::from(answered));
    Ok(counted.await)
}

/// Whether there was an answer.
async fn ask(server: &impl LlmClient, prompt: &str, count: u32) -> bool {
    let request = LlmRequest::from_prompt(prompt);
    let mut pause = FIRST_PAUSE;
    for tried in 1..=TRIES {
        if server.send(&request).await.is_ok() {
            return true;
        }
        if tried < TRIES {
            // Half of the pause to one and a half, so that calls that were refused
            // together do not come back together: spread by the golden ratio.
            let spread = (f64::from(count * TRIES + tried) * 0.618_034).fract();
            tokio::time::sleep(pause.mul_f64(0.5 + spread)).await;
            pause *= 2;
        }
    }
    false
}
