//! [`ConcurrencyLimit`]: how many calls at once make a server no slower, for
//! servers that queue instead of refusing.
//!
//! By Little's law a server with `n` calls in flight that take `t` each answers
//! `n / t` a second. Where it has room, `t` is the same for any `n`; where it
//! queues, `n / t` is, and more calls at once only wait longer. So latencies are
//! kept apart by how many calls were in flight when theirs was sent, and if
//! fewer in flight brought as much a second at a clearly lower latency, no more
//! are sent than that needs, and a seventh. That is the gradient of Netflix's
//! concurrency-limits (Gradient2: limit × tolerance × unloaded ÷ present
//! latency, <https://github.com/Netflix/concurrency-limits>), but the unloaded
//! latency is not a minimum or a long average, which answers of uneven length
//! mislead, and no call is held back to measure it, as Envoy's adaptive
//! concurrency does.
//!
//! Three things keep it from costing throughput where nothing queues: a
//! difference counts only if chance does not explain it (four standard
//! errors); what longer answers take longer is taken off; and a step down after
//! which less comes back is undone, with everything forgotten that had spoken
//! for it.

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    window: f64,
    most: f64,
    /// Latencies by the calls in flight, in half octaves.
    levels: Vec<Level>,
    /// Of all calls since the window was last looked at.
    present: Level,
    /// The most of them in flight.
    peak: f64,
    /// Answers to come of calls that were sent before the window changed.
    unsettled: usize,
    /// Seconds that a token of the answer takes: sums of a regression.
    regression: Regression,
    /// The window and the answers a second before the last step down.
    before: Option<(f64, f64)>,
    /// Looks for which it is not stepped down after a step that was undone.
    patience: u32,
}

/// Latencies at about the same number of calls in flight.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    count: f64,
    in_flight: f64,
    latency: f64,
    /// Mean square of what differs from it.
    variance: f64,
    size: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Regression {
    count: f64,
    size: f64,
    latency: f64,
    squares: f64,
    products: f64,
}

impl ConcurrencyLimit {
    /// Room beyond what keeps the server busy.
    const TOLERANCE: f64 = 1.15;
    /// Answers that say something about a level.
    const ENOUGH: f64 = 12.0;

    pub(super) fn new(most: usize) -> Self {
        Self {
            window: to_f64(most),
            most: to_f64(most),
            levels: Vec::new(),
            present: Level::default(),
            peak: 0.0,
            unsettled: 0,
            regression: Regression::default(),
            before: None,
            patience: 0,
        }
    }

    /// Raises the ceiling to at least `most`.
    pub(super) fn raise(&mut self, most: usize) {
        let most = to_f64(most);
        if most > self.most {
            if self.window >= self.most {
                self.window = most;
            }
            self.most = most;
        }
    }

    /// The calls that may be in flight.
    pub(super) fn window(&self) -> usize {
        to_usize(self.window)
    }

    /// Learns from an answer of `size` tokens that took `latency` seconds and
    /// was sent as the `in_flight`th call.
    pub(super) fn note(&mut self, in_flight: usize, latency: f64, size: f64) {
        let in_flight = to_f64(in_flight.max(1));
        self.regression.note(size, latency);
        let place = level_of(in_flight);
        if self.levels.len() <= place {
            self.levels.resize(place + 1, Level::default());
        }
        self.levels[place].note(in_flight, latency, size, 64.0);
        if self.unsettled > 0 {
            self.unsettled -= 1;
            return;
        }
        self.present.note(in_flight, latency, size, f64::INFINITY);
        self.peak = self.peak.max(in_flight);
        if self.present.count >= self.window.clamp(24.0, 64.0) {
            // With fewer than may be in flight the window is not what binds.
            if self.peak >= 0.9 * self.window.floor() {
                self.look();
            }
            self.present = Level::default();
            self.peak = 0.0;
        }
    }

    fn look(&mut self) {
        let now = self.present;
        let throughput = self.peak / now.latency.max(1e-9);
        let before = self.window;
        let reference = self.before.take();
        if let Some((window, before)) = reference
            && throughput * (1.0 + now.relative_error()) < 0.85 * before
        {
            // It was no queue: what was known of fewer calls is no longer true.
            let tried = level_of(self.peak.max(1.0)).min(self.levels.len());
            self.levels[..tried].fill(Level::default());
            self.window = window;
            self.patience = 6;
            return;
        }
        self.patience = self.patience.saturating_sub(1);
        match self.level_that_is_enough(now, throughput) {
            Some((latency, true)) if self.patience == 0 => {
                let target = throughput * latency * Self::TOLERANCE;
                let window = target.clamp(0.5 * self.window, 1.1 * self.window + 1.0);
                if window < 0.95 * self.window {
                    // Many small steps are one large one.
                    let higher = reference.filter(|(_, before)| *before > throughput);
                    self.before = higher.or(Some((self.window, throughput)));
                }
                self.window = window.clamp(1.0, self.most);
            }
            Some(_) => {}
            None => self.window = (1.05 * self.window + 1.0).min(self.most),
        }
        if self.window < 0.95 * before {
            self.unsettled = to_usize(before);
        }
    }

    /// The latency at the fewest calls in flight that brought about as much a
    /// second as now, if it was lower than now, and whether chance does not
    /// explain it.
    fn level_that_is_enough(&self, now: Level, throughput: f64) -> Option<(f64, bool)> {
        let slope = self.regression.slope();
        let lower = |level: &Level| level.in_flight < 0.85 * self.peak;
        let mut found = None;
        let mut fewer = Level::default();
        for (place, level) in self
            .levels
            .iter()
            .enumerate()
            .take_while(|(_, level)| lower(level))
        {
            // Where there are few answers, those with fewer in flight count too.
            let kept = if fewer.count < Self::ENOUGH {
                fewer
            } else {
                Level::default()
            };
            fewer = kept.and(level);
            if fewer.count < Self::ENOUGH {
                continue;
            }
            let latency = (fewer.latency + slope * (now.size - fewer.size)).max(1e-9);
            let error = (fewer.variance / fewer.count + now.variance / now.count).sqrt();
            let is_enough = most_of(place).min(self.peak) / latency >= 0.85 * throughput;
            if is_enough && now.latency > Self::TOLERANCE * latency {
                let is_clear = now.latency - latency > 4.0 * error;
                found = found.or(Some((latency, false)));
                if is_clear {
                    return Some((latency, true));
                }
            }
        }
        found
    }
}

impl Level {
    fn note(&mut self, in_flight: f64, latency: f64, size: f64, memory: f64) {
        self.count = (self.count + 1.0).min(memory);
        let share = 1.0 / self.count;
        self.in_flight += share * (in_flight - self.in_flight);
        self.size += share * (size - self.size);
        let off = latency - self.latency;
        self.latency += share * off;
        self.variance += share * (off * (latency - self.latency) - self.variance);
    }
}

impl Level {
    /// The standard error of the latency, relative to it.
    fn relative_error(&self) -> f64 {
        (self.variance / self.count).sqrt() / self.latency.max(1e-9)
    }

    /// Both together.
    fn and(self, other: &Self) -> Self {
        let count = self.count + other.count;
        if count < 1.0 {
            return self;
        }
        let mean = |own: f64, others: f64| (self.count * own + other.count * others) / count;
        let latency = mean(self.latency, other.latency);
        let square = |level: &Self| level.variance + (level.latency - latency).powi(2);
        Self {
            count,
            in_flight: mean(self.in_flight, other.in_flight),
            latency,
            variance: mean(square(&self), square(other)),
            size: mean(self.size, other.size),
        }
    }
}

impl Regression {
    const MEMORY: f64 = 256.0;

    fn note(&mut self, size: f64, latency: f64) {
        self.count = (self.count + 1.0).min(Self::MEMORY);
        let share = 1.0 / self.count;
        let off = size - self.size;
        self.size += share * off;
        self.squares += share * (off * (size - self.size) - self.squares);
        let latency_off = latency - self.latency;
        self.latency += share * latency_off;
        self.products += share * (off * (latency - self.latency) - self.products);
    }

    /// Seconds that a token more takes.
    fn slope(&self) -> f64 {
        if self.count < 16.0 || self.squares < 1.0 {
            return 0.0;
        }
        (self.products / self.squares).max(0.0)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the logarithm of a number of calls is small and not negative"
)]
fn level_of(in_flight: f64) -> usize {
    (2.0 * in_flight.log2()) as usize
}

/// The calls in flight at the upper end of a level.
fn most_of(place: usize) -> f64 {
    (to_f64(place + 1) / 2.0).exp2() - 1.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a window is between 1 and a number of calls"
)]
fn to_usize(window: f64) -> usize {
    window as usize
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of calls are far below 2^52"
)]
fn to_f64(calls: usize) -> f64 {
    calls as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit after many answers of a server that needs `latency` seconds for an
    /// answer, with so many in flight and of this size.
    fn after(most: usize, latency: impl Fn(f64, f64) -> f64) -> ConcurrencyLimit {
        let mut limit = ConcurrencyLimit::new(most);
        for sent in 0..6_000 {
            // At the beginning there are few.
            let in_flight = (sent + 1).min(limit.window());
            let size = to_f64(sent * 7_919 % 500);
            limit.note(in_flight, latency(to_f64(in_flight), size), size);
        }
        limit
    }

    #[test]
    fn a_queue_of_any_length_is_left() {
        for most in [40, 64, 256, 1_000] {
            let limit = after(most, |in_flight, _| (in_flight / 32.0).max(1.0));
            assert!(
                (30..=42).contains(&limit.window()),
                "{most}: {}",
                limit.window()
            );
        }
    }

    #[test]
    fn a_server_that_becomes_no_slower_is_used_up_to_the_ceiling() {
        for most in [1, 4, 64, 1_000] {
            assert_eq!(after(most, |_, _| 1.0).window(), most);
            // Longer answers take longer, and that is all.
            assert_eq!(after(most, |_, size| 0.2 + 0.01 * size).window(), most);
        }
        // It answers more a second the more are in flight.
        let batching = after(64, |in_flight, _| 1.0 + in_flight / 64.0);
        assert!(batching.window() >= 50, "{}", batching.window());
    }

    #[test]
    fn one_that_has_become_slower_is_used_again() {
        let mut limit = after(64, |in_flight, _| (in_flight / 32.0).max(1.0));
        assert!(limit.window() < 45);
        for _ in 0..20_000 {
            limit.note(limit.window(), 3.0, 0.0);
        }
        assert_eq!(limit.window(), 64);
    }

    #[test]
    fn a_ceiling_is_raised() {
        let mut limit = ConcurrencyLimit::new(8);
        limit.raise(4);
        assert_eq!(limit.window(), 8);
        limit.raise(16);
        assert_eq!(limit.window(), 16);
    }
}
