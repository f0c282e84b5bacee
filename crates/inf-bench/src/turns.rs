//! Two ways to make the same calls, taking turns: without something and with it.

use std::time::Duration;

use crate::Failure;
use crate::clock::{Took, micros_each};
use crate::figure::Figure;

/// The calls that are made without a break before it is the other one's turn.
const SLICE: usize = 5_000;

/// What the calls took in each repeat: first without, then with.
pub(crate) struct Turns {
    calls: usize,
    pub(crate) took: [Vec<Took>; 2],
}

impl Turns {
    /// Has `run` make so many calls in each way, in each repeat. It is told whether it is
    /// with, and how many calls are next.
    pub(crate) fn take(
        calls: usize,
        repeats: usize,
        mut run: impl FnMut(bool, usize) -> Result<Took, Failure>,
    ) -> Result<Self, Failure> {
        // Once unmeasured, so that caches and the allocator are warm.
        for is_on in [false, true] {
            run(is_on, calls.div_ceil(10))?;
        }
        // A disturbance that is longer than a slice meets both.
        let slices = calls.div_ceil(SLICE);
        let mut took: [Vec<Took>; 2] = Default::default();
        for _ in 0..repeats {
            let mut sums = [Took::default(); 2];
            for slice in 0..slices {
                let in_slice = calls * (slice + 1) / slices - calls * slice / slices;
                for turn in 0..2 {
                    let is_on = (slice + turn) % 2 == 1;
                    sums[usize::from(is_on)] += run(is_on, in_slice)?;
                }
            }
            for (took, sum) in took.iter_mut().zip(sums) {
                took.push(sum);
            }
        }
        Ok(Self { calls, took })
    }

    /// Calls a second and CPU for each, without and with, under these names.
    pub(crate) fn figures(&self, rates: [&'static str; 2], cpu: [&'static str; 2]) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (took, (rate, cpu)) in self.took.iter().zip(rates.into_iter().zip(cpu)) {
            let each = |time: fn(&Took) -> Duration| {
                let times = took.iter();
                times.map(move |took| micros_each(time(took), self.calls))
            };
            let rates = each(|took| took.wall).map(|micros| 1e6 / micros);
            figures.push(Figure::new(rate, "calls/s", rates.collect()));
            figures.push(Figure::new(cpu, "us/call", each(|took| took.cpu).collect()));
        }
        figures
    }

    /// With ÷ without, in each repeat.
    pub(crate) fn ratios(&self, time: impl Fn(&Took) -> Duration) -> Vec<f64> {
        let [off, on] = &self.took;
        let pairs = off.iter().zip(on);
        pairs
            .map(|(off, on)| time(on).div_duration_f64(time(off)))
            .collect()
    }
}
