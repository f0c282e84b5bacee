//! [`Exposition`]: numbers in Prometheus' text format, version 0.0.4.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write as _};

/// The media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of number a family is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    /// It grows and shrinks.
    Gauge,
    /// Counts by upper bounds.
    Histogram,
}

/// A label's name and value.
pub(super) type Label<'l> = (&'static str, &'l str);

/// Families of numbers, one after the other, each with its samples.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    family: String,
}

impl Exposition {
    /// Begins a family.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a text can't fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        name.clone_into(&mut self.family);
    }

    /// Adds a number to the family.
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// Adds a number of a histogram: `_bucket`, `_sum` or `_count`.
    pub(super) fn sample_of(&mut self, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        self.text.push_str(&self.family);
        self.text.push_str(suffix);
        for (index, (name, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{name}=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// All of it.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_anything() {
        let mut exposition = Exposition::default();
        exposition.family("calls_total", Kind::Counter, "Calls,\nall \\ of them");
        exposition.sample(&[], 1);
        exposition.sample(&[("alias", "a\"b\\c\nd"), ("kind", "é")], 0.5);
        let expected = "# HELP calls_total Calls,\\nall \\\\ of them\n# TYPE calls_total counter\n\
                        calls_total 1\ncalls_total{alias=\"a\\\"b\\\\c\\nd\",kind=\"é\"} 0.5\n";
        assert_eq!(exposition.into_text(), expected);
    }
}
