//! [`TextChange`]: what changed in a parameter, line by line.

use std::fmt;

use crate::parameter::ParameterPath;

/// What changed in a parameter. As text it is its path with the scores, and its lines,
/// with `-` before those that are gone and `+` before new ones.
///
/// ```
/// use inf_engine::optimization::TextChange;
///
/// let change = TextChange::new("rule", "Classify.\nBe brief.", "Classify.\nOne word.");
/// assert_eq!(change.to_string(), "rule\n    Classify.\n  - Be brief.\n  + One word.");
/// assert_eq!(change.lines()[1], ('-', "Be brief."));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TextChange {
    /// Which one.
    pub path: ParameterPath,
    /// Its text before.
    pub before: String,
    /// Its text now.
    pub after: String,
    /// The mean on the validation examples before, with all texts as they were.
    pub score_before: Option<f64>,
    /// The mean on the validation examples now.
    pub score_after: Option<f64>,
}

impl TextChange {
    /// The change of the parameter `path` from one text to another.
    pub fn new(
        path: impl Into<ParameterPath>,
        before: impl Into<String>,
        after: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            before: before.into(),
            after: after.into(),
            score_before: None,
            score_after: None,
        }
    }

    /// The lines of both texts: after `-` those that are gone, after `+` new ones, after a space
    /// those that stayed. Between the beginning and the end that both have, texts of more than
    /// about 2,000 lines each are not compared: all old lines are gone, and all new ones new.
    pub fn lines(&self) -> Vec<(char, &str)> {
        let before: Vec<&str> = self.before.lines().collect();
        let after: Vec<&str> = self.after.lines().collect();
        diff(&before, &after)
    }

    /// The same with the means on the validation examples before and after.
    pub(crate) fn with_scores(mut self, [before, after]: [Option<f64>; 2]) -> Self {
        (self.score_before, self.score_after) = (before, after);
        self
    }
}

impl fmt::Display for TextChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path)?;
        if let (Some(before), Some(after)) = (self.score_before, self.score_after) {
            write!(formatter, " ({before:.3} → {after:.3})")?;
        }
        for (mark, line) in self.lines() {
            write!(formatter, "\n  {mark} {line}")?;
        }
        Ok(())
    }
}

/// The most pairs of lines that are compared, 16 MB of them: about 2,000 lines against as
/// many.
const MOST_PAIRS: usize = 4_000_000;

/// The lines of both, by the longest sequence that they have in common.
fn diff<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(char, &'t str)> {
    let pairs = || before.iter().zip(after);
    let begin = pairs().take_while(|(old, new)| old == new).count();
    let (old, new) = (&before[begin..], &after[begin..]);
    let pairs = || old.iter().rev().zip(new.iter().rev());
    let end = pairs().take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let same = |lines: &[&'t str]| lines.iter().map(|line| (' ', *line)).collect::<Vec<_>>();
    let mut lines = same(&before[..begin]);
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        lines.extend(old.iter().map(|line| ('-', *line)));
        lines.extend(new.iter().map(|line| ('+', *line)));
    } else {
        lines.extend(diff_by_table(old, new));
    }
    lines.extend(same(&before[before.len() - end..]));
    lines
}

fn diff_by_table<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(char, &'t str)> {
    // How many lines what is left of both has in common.
    let width = after.len() + 1;
    let mut common = vec![0u32; (before.len() + 1) * width];
    for (old, line) in before.iter().enumerate().rev() {
        for (new, other) in after.iter().enumerate().rev() {
            common[old * width + new] = if line == other {
                common[(old + 1) * width + new + 1] + 1
            } else {
                common[(old + 1) * width + new].max(common[old * width + new + 1])
            };
        }
    }
    let (mut old, mut new) = (0, 0);
    let mut lines = Vec::new();
    while old < before.len() || new < after.len() {
        if old < before.len() && new < after.len() && before[old] == after[new] {
            lines.push((' ', before[old]));
            old += 1;
            new += 1;
        } else if new == after.len()
            || (old < before.len()
                && common[(old + 1) * width + new] >= common[old * width + new + 1])
        {
            lines.push(('-', before[old]));
            old += 1;
        } else {
            lines.push(('+', after[new]));
            new += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_stay_are_shown_once() {
        let change = TextChange::new(
            "rule",
            "Classify.\nBe brief.",
            "Classify.\nOne word.\nBe brief.\nNo dots.",
        );
        let shown = change.to_string();
        assert_eq!(
            shown,
            "rule\n    Classify.\n  + One word.\n    Be brief.\n  + No dots."
        );
        let change = TextChange::new("rule", "a\nb", "c");
        let change = change.with_scores([Some(0.25), Some(0.5)]);
        assert_eq!(
            change.to_string(),
            "rule (0.250 → 0.500)\n  - a\n  - b\n  + c"
        );
    }

    /// The texts that the lines of a change are of.
    fn texts(change: &TextChange) -> [String; 2] {
        ['-', '+'].map(|own| {
            let lines = change.lines().into_iter();
            let lines = lines.filter(|(mark, _)| *mark == ' ' || *mark == own);
            lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn lines_are_those_of_both_texts_however_long_they_are() {
        let check = |before: &str, after: &str, stay: usize| {
            let change = TextChange::new("rule", before, after);
            assert_eq!(texts(&change), [before, after]);
            let lines = change.lines();
            assert_eq!(lines.iter().filter(|(mark, _)| *mark == ' ').count(), stay);
        };
        check("a\nb\nc", "a\nc", 2);
        check("a\na\na", "a\na", 2);
        check("a\nx\nb\ny\nc", "a\nb\nz\nc", 3);
        check("", "a\nb", 0);
        let long = |word: &str| -> String {
            let lines = (0..30_000).map(|line| format!("{word} {line}"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let (old, new) = (long("old"), long("new"));
        check(&old, &format!("{old}\nand more"), 30_000);
        check(&format!("top\n{old}\nend"), &format!("top\n{new}\nend"), 2);
    }
}
