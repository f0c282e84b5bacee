//! [`HiddenQuota`]: a server with a limit that it tells nobody, and changes.

use std::time::Duration;

use inf_engine::clients::simulated::{
    InvalidSetting, Latency, Quota, SimulatedClient, SimulatedSettings,
};
use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest};
use tokio::time::Instant;

/// What it accepts a second, at first and later.
pub const RATES: [u32; 2] = [20, 40];

pub const CHANGES_AFTER: Duration = Duration::from_mins(1);

/// What it accepts at once after a pause.
const BURST: u32 = 10;

/// A server that refuses what is over its rate, as a token bucket does. It gives no
/// hint how long to wait, and its answers do not say what is left.
pub struct HiddenQuota {
    at_first: SimulatedClient,
    later: SimulatedClient,
    began: Instant,
}

impl HiddenQuota {
    pub fn new() -> Result<Self, InvalidSetting> {
        let [at_first, later] = RATES.map(accepting);
        Ok(Self {
            at_first: at_first?,
            later: later?,
            began: Instant::now(),
        })
    }

    /// The calls that it accepted and refused so far.
    pub fn counts(&self) -> (u64, u64) {
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

fn accepting(rate: u32) -> Result<SimulatedClient, InvalidSetting> {
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
}

/// The time in which it may have accepted so many calls, if it never waited for one.
pub fn ideal(calls: u32) -> Duration {
    let minute = BURST + RATES[0] * 60;
    CHANGES_AFTER + Duration::from_secs(1) * calls.saturating_sub(minute) / RATES[1]
}
