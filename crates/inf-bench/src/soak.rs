//! `inf-bench soak`: whether memory grows in a long run.

use crate::Failure;
use crate::extract_and_compare::ExtractAndCompare;
use crate::figure::Figure;
use crate::load::{Load, Seen, mebibytes};

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Inputs of the run, of three calls each.
    #[arg(long, default_value_t = 1_000_000, value_parser = crate::figure::count)]
    inputs: usize,
    /// Calls in flight at once.
    #[arg(long, default_value_t = 256, value_parser = crate::figure::count)]
    in_flight: usize,
    /// How often each figure is measured, in a new process each time.
    #[arg(long, default_value_t = 1, value_parser = crate::figure::count)]
    repeats: usize,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let (inputs, in_flight) = (options.inputs, options.in_flight);
    let load = Load {
        inputs,
        in_flight,
        elements: None,
    };
    let seen = (0..options.repeats).map(|_| load.in_its_own_process());
    let seen = seen.collect::<Result<Vec<Seen>, Failure>>()?;
    let each = |number: &dyn Fn(&Seen) -> f64| seen.iter().map(number).collect();
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a benchmark are far below 2^52"
    )]
    let calls = (inputs * ExtractAndCompare::CALLS) as f64;
    let growth = |seen: &Seen| 100.0 * (highest(seen) / warm(seen) - 1.0);
    let figures = [
        Figure::new("soak.resident.warm", "MiB", each(&warm)),
        Figure::new("soak.resident.highest", "MiB", each(&highest)),
        Figure::new("soak.growth", "%", each(&growth)),
        Figure::new("soak.calls", "calls/s", each(&|seen| calls / seen.seconds)),
    ];
    let with_settings = |figure: Figure| figure.with("inputs", inputs).with("in_flight", in_flight);
    Ok(figures.map(with_settings).into())
}

/// Resident in MiB after the first tenth of the inputs.
fn warm(seen: &Seen) -> f64 {
    mebibytes(seen.resident_kib[0])
}

/// The most that was resident in MiB after any tenth behind it.
fn highest(seen: &Seen) -> f64 {
    mebibytes(seen.resident_kib.iter().skip(1).copied().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_resident_while_warming_up_does_not_count() {
        let seen = Seen {
            resident_kib: vec![1024, 1536, 2048, 1024],
            peak_kib: 9_999,
            seconds: 1.0,
        };
        assert!((warm(&seen) - 1.0).abs() < 1e-9);
        assert!((highest(&seen) - 2.0).abs() < 1e-9);
    }
}
