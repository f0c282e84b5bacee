//! `inf-bench memory`: the most memory that a run needs, by its inputs.
//!
//! Inputs are made as they are taken and results are dropped, so what remains
//! is what the engine keeps: it should not depend on how many there are. The same
//! of one input that is a list, with a call for each element: what grows should be
//! the two lists alone, that of the elements and that of their results, which are
//! 24 bytes an element each while they are there (and twice as much for results in
//! the moment in which they become a list).

use crate::Failure;
use crate::figure::Figure;
use crate::load::{Load, mebibytes};

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Inputs of a run, of three calls each; each is measured.
    #[arg(long, default_value = "10000,100000,1000000", value_delimiter = ',', value_parser = crate::figure::count)]
    inputs: Vec<usize>,
    /// Elements of a list that is one input; each is measured.
    #[arg(long, default_value = "1000,10000,100000", value_delimiter = ',', value_parser = crate::figure::count)]
    elements: Vec<usize>,
    /// Calls in flight at once.
    #[arg(long, default_value_t = 256, value_parser = crate::figure::count)]
    in_flight: usize,
    /// How often each figure is measured.
    #[arg(long, default_value_t = 3, value_parser = crate::figure::count)]
    repeats: usize,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let in_flight = options.in_flight;
    let mut figures = Vec::new();
    let mut peaks: Vec<Vec<f64>> = Vec::new();
    for &inputs in &options.inputs {
        let load = Load {
            inputs,
            in_flight,
            elements: None,
        };
        let repeats =
            (0..options.repeats).map(|_| Ok(mebibytes(load.in_its_own_process()?.peak_kib)));
        let repeats = repeats.collect::<Result<Vec<f64>, Failure>>()?;
        peaks.push(repeats.clone());
        let figure = Figure::new("memory.peak", "MiB", repeats);
        figures.push(figure.with("inputs", inputs).with("in_flight", in_flight));
    }
    if let ([first, .., last], [fewest, .., most]) = (&peaks[..], &options.inputs[..]) {
        let ratios = last.iter().zip(first).map(|(last, first)| last / first);
        let figure = Figure::new("memory.ratio", "x", ratios.collect());
        let figure = figure.with("from_inputs", *fewest).with("to_inputs", *most);
        figures.push(figure.with("in_flight", in_flight));
    }
    for &elements in &options.elements {
        let load = Load {
            inputs: 1,
            in_flight,
            elements: Some(elements),
        };
        let repeats =
            (0..options.repeats).map(|_| Ok(mebibytes(load.in_its_own_process()?.peak_kib)));
        let repeats = repeats.collect::<Result<Vec<f64>, Failure>>()?;
        let figure = Figure::new("memory.map_peak", "MiB", repeats);
        figures.push(
            figure
                .with("elements", elements)
                .with("in_flight", in_flight),
        );
    }
    Ok(figures)
}
