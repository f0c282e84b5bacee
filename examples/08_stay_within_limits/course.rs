//! [`Course`]: what comes of a way to ask a server, as the server counts it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::hidden_quota::HiddenQuota;

/// How often is looked at what the server counted.
pub const PERIOD: Duration = Duration::from_secs(20);

/// What came of a way to ask.
pub struct Course {
    pub name: &'static str,
    /// What the server counted in each period: calls accepted and calls refused.
    pub periods: Vec<(u64, u64)>,
    /// What it counted in all.
    pub counted: (u64, u64),
    pub answered: u32,
    pub took: Duration,
}

/// Watches a way to ask a server of its own.
pub async fn watch<Work: Future<Output = Result<u32, Box<dyn Error>>>>(
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
