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
    fn pieces_of_work_add_up_and_are_shared_out() {
        let piece = Took {
            cpu: Duration::from_millis(1),
            wall: Duration::from_millis(3),
        };
        let mut both = piece;
        both += piece;
        assert_eq!(both.cpu, Duration::from_millis(2));
        assert_eq!(both.wall, Duration::from_millis(6));
        assert!((micros_each(both.wall, 3) - 2000.0).abs() < 1e-9);
    }
}
