//! [`Figure`]: one measured number with its spread.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// One measured number: the median of its repeats, and the lowest and highest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// Which one: stable, so that runs can be compared.
    name: Cow<'static, str>,
    /// What it counts.
    unit: &'static str,
    /// The middle repeat.
    median: f64,
    /// The lowest repeat.
    lowest: f64,
    /// The highest repeat.
    highest: f64,
    /// How often it was measured.
    repeats: usize,
    /// What it was measured with.
    settings: BTreeMap<&'static str, usize>,
}

/// Reads a count for the command line.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}

impl Figure {
    /// The figure of `repeats`; there has to be one.
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        unit: &'static str,
        mut repeats: Vec<f64>,
    ) -> Self {
        assert!(!repeats.is_empty(), "a figure was measured at least once");
        repeats.sort_by(f64::total_cmp);
        let middle = repeats.len() / 2;
        let median = if repeats.len().is_multiple_of(2) {
            f64::midpoint(repeats[middle - 1], repeats[middle])
        } else {
            repeats[middle]
        };
        Self {
            name: name.into(),
            unit,
            median,
            lowest: repeats[0],
            highest: repeats[repeats.len() - 1],
            repeats: repeats.len(),
            settings: BTreeMap::new(),
        }
    }

    /// Says what it was measured with.
    #[must_use]
    pub(crate) fn with(mut self, setting: &'static str, value: usize) -> Self {
        self.settings.insert(setting, value);
        self
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lowest, highest) = (Short(self.lowest), Short(self.highest));
        let spread = format!("({lowest} to {highest}, {} repeats)", self.repeats);
        let median = Short(self.median).to_string();
        write!(
            formatter,
            "{:<36} {median:>9} {:<9} {spread:<36}",
            self.name, self.unit
        )?;
        for (index, (setting, value)) in self.settings.iter().enumerate() {
            write!(
                formatter,
                "{} {setting}={value}",
                if index == 0 { "" } else { "," }
            )?;
        }
        Ok(())
    }
}

/// A number with the digits that mean something.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0.abs() {
            ..10.0 => 3,
            ..100.0 => 1,
            _ => 0,
        };
        write!(formatter, "{:.decimals$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        let check = |repeats: &[f64], expected: &str| {
            let text = Figure::new("f", "us", repeats.to_vec())
                .with("calls", 7)
                .to_string();
            let words: Vec<&str> = text.split_whitespace().collect();
            assert_eq!(words.join(" "), expected);
        };
        check(
            &[3.0, 1.0, 200.0],
            "f 3.000 us (1.000 to 200, 3 repeats) calls=7",
        );
        check(
            &[4.0, 1.0],
            "f 2.500 us (1.000 to 4.000, 2 repeats) calls=7",
        );
        check(&[40.0], "f 40.0 us (40.0 to 40.0, 1 repeats) calls=7");
    }
}
