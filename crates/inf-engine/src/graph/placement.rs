//! [`Placement`]: where a host function that is not async runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A quick call takes less.
///
/// To hand a call to a thread of the pool and to get its result back takes
/// some 10 µs, so a call that takes much longer gains nothing by running inline.
const QUICK: Duration = Duration::from_micros(50);

/// A slow call takes this or longer: time in which a run could have started
/// hundreds of calls, and while it runs inline every run of that thread waits.
const SLOW: Duration = Duration::from_millis(1);

/// How many quick calls one after the other show that a function is quick.
const FIRST_TRIAL: u32 = 3;

/// How much longer the trial becomes with every slow call that ran inline.
const LONGER: u32 = 10;

/// Where a host function that is not async runs: inline, where the run is
/// scheduled, or on the runtime's pool for blocking code.
///
/// Clones share what was measured.
#[derive(Clone)]
pub(super) enum Placement {
    /// On the pool until it has shown to be quick, and inline from then on
    /// until it turns out slow.
    Measured(Arc<Measured>),
    /// Always on the pool.
    Blocking,
    /// Always inline.
    Quick,
}

impl Placement {
    pub(super) fn measured() -> Self {
        Self::Measured(Arc::default())
    }

    pub(super) fn runs_inline(&self) -> bool {
        match self {
            Self::Measured(measured) => Trial::of(measured.0.load(Ordering::Relaxed)).is_passed(),
            Self::Blocking => false,
            Self::Quick => true,
        }
    }

    /// Learns from a call that took so long, wherever it ran.
    pub(super) fn note_took(&self, took: Duration) {
        if let Self::Measured(measured) = self {
            // An inline function that stays quick, which is the common case,
            // writes nothing.
            let next = |now| {
                let next = Trial::of(now).after(took).bits();
                (next != now).then_some(next)
            };
            let _ = measured
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        }
    }
}

/// The bits of a [`Trial`].
pub(super) struct Measured(AtomicU64);

impl Default for Measured {
    fn default() -> Self {
        Self(Trial::FIRST.bits().into())
    }
}

/// How far a function is from being called quick.
///
/// A slow call on the pool keeps nobody waiting, so it only begins the trial
/// anew: the first call of many a function compiles an expression or fills a
/// cache. A slow call inline makes the next trial ten times as long. It is not
/// for good, because on a busy machine any call may be interrupted for
/// milliseconds, and in a run of millions one will be; a function that is slow
/// now and then still stalls a run of a million inputs six times at most.
#[derive(Clone, Copy)]
struct Trial {
    /// How many calls the trial has.
    length: u32,
    /// How many quick ones it still takes; at 0 the function runs inline.
    left: u32,
}

impl Trial {
    const FIRST: Self = Self::new(FIRST_TRIAL);

    const fn new(length: u32) -> Self {
        Self {
            length,
            left: length,
        }
    }

    fn is_passed(self) -> bool {
        self.left == 0
    }

    /// The same after a call that took so long.
    fn after(self, took: Duration) -> Self {
        if self.is_passed() {
            return if took >= SLOW {
                Self::new(self.length.saturating_mul(LONGER))
            } else {
                self
            };
        }
        if took < QUICK {
            let left = self.left - 1;
            Self { left, ..self }
        } else {
            Self::new(self.length)
        }
    }

    fn bits(self) -> u64 {
        (u64::from(self.length) << 32) | u64::from(self.left)
    }

    fn of(bits: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("half of the bits");
        Self {
            length: half(bits >> 32),
            left: half(bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls a measured function: `q` takes 49 µs, `m` 50 µs, `n` 999 µs, `s`
    /// 1 ms, and a number repeats the call after it. Gives where it runs after
    /// each (`.` on the pool, `i` inline), a repeated call once.
    fn trace_of(calls: &str) -> String {
        let placement = Placement::measured();
        assert!(!placement.runs_inline(), "nothing is known yet");
        let mut times = 0;
        let mut seen = String::new();
        for call in calls.chars() {
            if let Some(digit) = call.to_digit(10) {
                times = times * 10 + digit;
                continue;
            }
            let took = Duration::from_micros(match call {
                'q' => 49,
                'm' => 50,
                'n' => 999,
                's' => 1000,
                _ => unreachable!("no such call: {call}"),
            });
            for _ in 0..times.max(1) {
                placement.note_took(took);
            }
            times = 0;
            seen.push(if placement.runs_inline() { 'i' } else { '.' });
        }
        seen
    }

    fn check(calls: &str, expected: &str) {
        assert_eq!(trace_of(calls), expected, "{calls}");
    }

    #[test]
    fn three_quick_calls_in_a_row_make_a_function_run_inline() {
        check("qqqq", "..ii");
        check("mmmmmm", "......");
        check("ssssss", "......");
        check("qqmqqq", ".....i");
    }

    #[test]
    fn only_a_slow_call_ends_running_inline() {
        check("3q100m100n", "iii");
        check("3qs", "i.");
    }

    #[test]
    fn a_slow_first_call_is_no_verdict() {
        check("sqqq", "...i");
        check("8s3q", ".i");
        check("qqsqqq", ".....i");
    }

    #[test]
    fn every_slow_call_inline_makes_the_next_trial_longer() {
        check("3qs29qq", "i..i");
        // What is slow on the pool begins the same trial anew.
        check("3qs29qs29qq", "i....i");
        check("3qs30qs299qq", "i.i..i");
    }

    #[test]
    fn of_a_million_calls_six_stall() {
        let placement = Placement::measured();
        let mut stalls = 0;
        for _ in 0..1_000_000 {
            // The worst there is: slow whenever it is trusted.
            let is_inline = placement.runs_inline();
            stalls += u32::from(is_inline);
            placement.note_took(if is_inline { SLOW } else { Duration::ZERO });
        }
        assert_eq!(stalls, 6);
    }

    #[test]
    fn a_trial_has_an_end_to_its_length() {
        let slow = (0..100).fold(Trial::FIRST, |trial, _| {
            Trial { left: 0, ..trial }.after(SLOW)
        });
        assert_eq!((slow.length, slow.left), (u32::MAX, u32::MAX));
        let read = Trial::of(slow.after(Duration::ZERO).bits());
        assert_eq!((read.length, read.left), (u32::MAX, u32::MAX - 1));
    }

    #[test]
    fn what_is_said_is_not_measured() {
        for (placement, inline) in [(Placement::Blocking, false), (Placement::Quick, true)] {
            for took in [Duration::ZERO, SLOW] {
                (0..10).for_each(|_| placement.note_took(took));
                assert_eq!(placement.runs_inline(), inline);
            }
        }
    }

    #[test]
    fn many_threads_measure_at_once() {
        let placement = Placement::measured();
        for trial in [3, 30, 300] {
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        (0..trial / 3).for_each(|_| placement.note_took(Duration::ZERO));
                    });
                }
            });
            assert!(placement.runs_inline());
            placement.note_took(SLOW);
            assert!(!placement.runs_inline());
        }
    }
}
