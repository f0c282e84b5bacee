//! [`Stopwatch`]: CPU time of this process beside time on the wall.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// Started when it is made.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    cpu: ProcessTime,
    wall: Instant,
}

/// What a piece of work took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    /// User and system time of all threads of this process; other processes,
    /// such as the server, are not in it.
    pub(crate) cpu: Duration,
    /// Time that passed.
    pub(crate) wall: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            cpu: ProcessTime::now(),
            wall: Instant::now(),
        }
    }

    pub(crate) fn stop(self) -> Took {
        Took {
            wall: self.wall.elapsed(),
            cpu: self.cpu.elapsed(),
        }
    }
}

impl AddAssign for Took {
    fn add_assign(&mut self, more: Self) {
        self.cpu += more.cpu;
        self.wall += more.wall;
    }
}

/// Microseconds in `time`, for one of `count`.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
pub(crate) fn micros_each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_takes_time_on_the_wall_and_no_cpu() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(50));
        let took = stopwatch.stop();
        assert!(took.wall >= Duration::from_millis(50));
        assert!(took.cpu < took.wall);
    }
}
