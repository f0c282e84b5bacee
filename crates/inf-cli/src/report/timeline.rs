//! [`Timeline`]: every request in columns, and how many there were at a time.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use serde::Serialize;

use super::gathering::Sent;
use super::latency::milliseconds;
use super::model::Series;
use super::tally::Ending;

/// The most requests that a page holds one by one; of more it has the density alone.
const MOST_REQUESTS: usize = 300_000;

/// The stretches into which the whole time is divided for the density.
const STRETCHES: usize = 1200;

/// The columns count in tenths of a millisecond.
const TICK: u64 = 100;

/// Every request, oldest first, in columns, so that a hundred thousand of them are a few megabytes.
///
/// Moments are ticks from `origin`. Long stretches in which nothing happened are cut out of them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Timeline {
    /// When it begins, in milliseconds since the beginning of 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<f64>,
    /// Milliseconds of a tick.
    tick: f64,
    /// How long it is, in ticks.
    length: u64,
    /// What is cut out: where, in ticks, and how much, in milliseconds.
    cuts: Vec<(u64, f64)>,
    /// The endpoints, in the order in which they are shown.
    endpoints: Vec<String>,
    /// The kinds of failures.
    kinds: Vec<String>,
    /// How many requests there were.
    requests: usize,
    /// Empty if there are too many.
    columns: Columns,
    density: Vec<Density>,
    pauses: Vec<Vec<(u64, u64)>>,
    /// For each run its number, and when its first request was ready and its last one ended.
    runs: Vec<(u64, u64, u64)>,
}

/// A number for each request.
#[derive(Debug, Default, Serialize)]
struct Columns {
    /// Ticks since the one before was sent.
    began: Vec<u64>,
    waited: Vec<u64>,
    took: Vec<u64>,
    series: Vec<u32>,
    /// See [`Ending::code`].
    ending: Vec<u8>,
    run: Vec<u64>,
    /// The place of the input among those of its run, from 1; 0 if that is not known.
    input: Vec<u64>,
    input_tokens: Vec<u64>,
    output_tokens: Vec<u64>,
    /// Millionths of a dollar.
    cost: Vec<u64>,
    /// Those of which there are few: the place of the request, and the kind of its failure.
    kind: Vec<(usize, u32)>,
    /// Those that were sent again: the place of the request, and which sending it is.
    attempt: Vec<(usize, u32)>,
}

/// What an endpoint had to do in each stretch.
#[derive(Debug, Serialize)]
struct Density {
    /// Requests in flight at a time, in the mean, in hundredths.
    in_flight: Vec<u64>,
    /// Requests that waited, likewise.
    waiting: Vec<u64>,
    /// Requests that failed, sent again or not: the stretch and how many.
    failed: Vec<(usize, u32)>,
    /// Requests that were refused for a limit.
    refused: Vec<(usize, u32)>,
}

/// A time in which an endpoint was not to be called.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) endpoint: String,
    pub(super) from: u64,
    pub(super) until: u64,
}

impl Timeline {
    pub(super) fn of(
        mut sent: Vec<Sent>,
        series: &[Series],
        pauses: &[Pause],
        kinds: IndexSet<String>,
        epoch: Option<u64>,
    ) -> Self {
        sent.sort_by_key(|sent| sent.began);
        let clock = Clock::of(&sent);
        let names: IndexSet<&str> = series.iter().map(|it| it.endpoint.as_str()).collect();
        let endpoint_of: Vec<usize> = series
            .iter()
            .filter_map(|it| names.get_index_of(it.endpoint.as_str()))
            .collect();
        let length = sent.iter().map(|sent| clock.tick(sent.began + sent.took));
        let length = length.max().unwrap_or(0).max(1);
        let mut density: Vec<Counts> = names.iter().map(|_| Counts::new(length)).collect();
        let mut runs: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for sent in &sent {
            let ready = clock.tick(sent.began.saturating_sub(sent.waited));
            let (began, ended) = (clock.tick(sent.began), clock.tick(sent.began + sent.took));
            density[endpoint_of[sent.series as usize]].note(sent.ending, ready, began, ended);
            let run = runs.entry(sent.run).or_insert((ready, ended));
            *run = (run.0.min(ready), run.1.max(ended));
        }
        let runs = runs.into_iter();
        let of_endpoint = |name: &str| {
            let pauses = pauses.iter().filter(|pause| pause.endpoint == name);
            let pauses = pauses.map(|pause| (clock.tick(pause.from), clock.tick(pause.until)));
            pauses.collect()
        };
        Self {
            origin: epoch.map(|epoch| milliseconds(epoch + clock.origin)),
            tick: milliseconds(TICK),
            length,
            cuts: clock.cuts_in_ticks(),
            kinds: kinds.into_iter().collect(),
            requests: sent.len(),
            columns: if sent.len() <= MOST_REQUESTS {
                Columns::of(&sent, &clock)
            } else {
                Columns::default()
            },
            density: density.into_iter().map(Counts::density).collect(),
            pauses: names.iter().map(|name| of_endpoint(name)).collect(),
            endpoints: names.into_iter().map(str::to_owned).collect(),
            runs: runs
                .map(|(run, (from, until))| (run, from, until))
                .collect(),
        }
    }
}

impl Columns {
    fn of(sent: &[Sent], clock: &Clock) -> Self {
        let mut columns = Self::default();
        let mut before = 0;
        for (place, sent) in sent.iter().enumerate() {
            let began = clock.tick(sent.began);
            let ready = clock.tick(sent.began.saturating_sub(sent.waited));
            columns.began.push(began - before);
            before = began;
            columns.waited.push(began - ready);
            columns.took.push(sent.took / TICK);
            columns.series.push(sent.series);
            columns.ending.push(sent.ending.code());
            columns.run.push(sent.run);
            columns.input.push(sent.input.map_or(0, |input| input + 1));
            columns.input_tokens.push(sent.tokens.0);
            columns.output_tokens.push(sent.tokens.1);
            columns.cost.push(sent.cost);
            columns.kind.extend(sent.kind.map(|kind| (place, kind)));
            if sent.attempt > 1 {
                columns.attempt.push((place, sent.attempt));
            }
        }
        columns
    }
}

/// Makes ticks of microseconds, and leaves out where nothing happens.
struct Clock {
    origin: u64,
    /// From when to when, in microseconds of the source.
    cuts: Vec<(u64, u64)>,
}

impl Clock {
    /// What is left of a stretch that is cut out, in microseconds.
    const KEPT: u64 = 1_000_000;

    fn of(sent: &[Sent]) -> Self {
        let busy = sent.iter().map(|sent| {
            (
                sent.began.saturating_sub(sent.waited),
                sent.began + sent.took,
            )
        });
        let mut busy: Vec<(u64, u64)> = busy.collect();
        busy.sort_unstable();
        let origin = busy.first().map_or(0, |first| first.0);
        let mut until = origin;
        let mut gaps = Vec::new();
        let mut active = 0;
        for (from, to) in busy {
            if from > until {
                gaps.push((until, from));
                until = from;
            }
            active += to.saturating_sub(until);
            until = until.max(to);
        }
        // What is as long as all that happened would make that hard to see.
        let longest = active.max(10 * Self::KEPT);
        gaps.retain(|(from, to)| to - from > longest);
        let cuts = gaps.into_iter().map(|(from, to)| (from + Self::KEPT, to));
        Self {
            origin,
            cuts: cuts.collect(),
        }
    }

    fn tick(&self, moment: u64) -> u64 {
        let before = self.cuts.iter().take_while(|(from, _)| *from < moment);
        let cut: u64 = before.map(|(from, to)| moment.min(*to) - from).sum();
        moment.saturating_sub(self.origin + cut) / TICK
    }

    fn cuts_in_ticks(&self) -> Vec<(u64, f64)> {
        let cuts = self.cuts.iter();
        cuts.map(|(from, to)| (self.tick(*from), milliseconds(to - from)))
            .collect()
    }
}

/// A [`Density`] that is being counted: ticks in each stretch.
struct Counts {
    /// Ticks of a stretch.
    width: u64,
    in_flight: Ticks,
    waiting: Ticks,
    failed: Vec<u32>,
    refused: Vec<u32>,
}

impl Counts {
    fn new(length: u64) -> Self {
        Self {
            width: length.div_ceil(STRETCHES as u64).max(1),
            in_flight: Ticks::default(),
            waiting: Ticks::default(),
            failed: vec![0; STRETCHES],
            refused: vec![0; STRETCHES],
        }
    }

    fn note(&mut self, ending: Ending, ready: u64, began: u64, ended: u64) {
        self.waiting.add(self.width, ready, began);
        self.in_flight.add(self.width, began, ended);
        let stretch = stretch(ended, self.width);
        match ending {
            Ending::Failed | Ending::Retried => self.failed[stretch] += 1,
            Ending::Refused => self.refused[stretch] += 1,
            Ending::Answered | Ending::Cancelled => {}
        }
    }

    fn density(self) -> Density {
        let width = self.width;
        let mean = |ticks: Ticks| ticks.sums(width).map(|sum| sum * 100 / width).collect();
        let few = |counts: Vec<u32>| {
            let counts = counts.into_iter().enumerate();
            counts.filter(|(_, count)| *count > 0).collect()
        };
        Density {
            in_flight: mean(self.in_flight),
            waiting: mean(self.waiting),
            failed: few(self.failed),
            refused: few(self.refused),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is less than the number of stretches"
)]
fn stretch(tick: u64, width: u64) -> usize {
    (tick / width).min(STRETCHES as u64 - 1) as usize
}

/// How long something was so, in each stretch.
#[derive(Default)]
struct Ticks {
    /// In stretches in which it began or ended.
    parts: Vec<u64>,
    /// Where stretches begin that are full of it, and where they end: so that it takes no longer to
    /// add what is long.
    begin: Vec<u64>,
    end: Vec<u64>,
}

impl Ticks {
    fn add(&mut self, width: u64, from: u64, until: u64) {
        for counts in [&mut self.parts, &mut self.begin, &mut self.end] {
            counts.resize(STRETCHES + 1, 0);
        }
        let (first, last) = (stretch(from, width), stretch(until, width));
        if first == last {
            self.parts[first] += until - from;
        } else {
            self.parts[first] += (first as u64 + 1) * width - from;
            self.parts[last] += until - last as u64 * width;
            self.begin[first + 1] += 1;
            self.end[last] += 1;
        }
    }

    fn sums(self, width: u64) -> impl Iterator<Item = u64> {
        let mut full = 0;
        let stretches = self.parts.into_iter().zip(self.begin).zip(self.end);
        stretches.take(STRETCHES).map(move |((part, begin), end)| {
            full = full + begin - end;
            part + full * width
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_in_every_stretch_that_it_lies_in() {
        let check = |from, until, expected: &[u64]| {
            let mut ticks = Ticks::default();
            ticks.add(10, from, until);
            let sums: Vec<u64> = ticks.sums(10).collect();
            assert_eq!(&sums[..expected.len()], expected, "{from} {until}");
            assert_eq!(sums.iter().sum::<u64>(), until - from);
        };
        check(3, 7, &[4, 0]);
        check(3, 17, &[7, 7, 0]);
        check(0, 40, &[10, 10, 10, 10, 0]);
        check(15, 15, &[0, 0]);
    }

    #[test]
    fn a_long_stretch_of_nothing_is_cut_out() {
        let second = 1_000_000;
        let sent = |began, took| Sent {
            series: 0,
            run: 1,
            input: None,
            began,
            waited: 0,
            took,
            ending: Ending::Answered,
            kind: None,
            attempt: 1,
            tokens: (0, 0),
            cost: 0,
        };
        let clock = Clock::of(&[
            sent(5 * second, 3 * second),
            sent(10 * second, second),
            sent(500 * second, second),
        ]);
        // Ten seconds of nothing are needed, and one of them is left.
        let ticks = [5, 8, 11, 12, 400, 500, 501].map(|at| clock.tick(at * second) / 10_000);
        assert_eq!(ticks, [0, 3, 6, 7, 7, 7, 8]);
        assert_eq!(clock.cuts_in_ticks(), [(70_000, 488_000.0)]);
    }
}
