//! [`TextChange`]: what changed in a parameter, line by line.

use std::fmt;

use crate::parameter::ParameterPath;

/// What changed in a parameter. As text it is its lines, with `-` before those
/// that are gone and `+` before new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextChange {
    /// Which one.
    pub path: ParameterPath,
    /// Its text before.
    pub before: String,
    /// Its text now.
    pub after: String,
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
        }
    }

    /// The lines of both texts: after `-` those that are gone, after `+` new ones, after a space
    /// those that stayed.
    pub fn lines(&self) -> Vec<(char, &str)> {
        let before: Vec<&str> = self.before.lines().collect();
        let after: Vec<&str> = self.after.lines().collect();
        diff(&before, &after)
    }
}

impl fmt::Display for TextChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path)?;
        for (mark, line) in self.lines() {
            write!(formatter, "\n  {mark} {line}")?;
        }
        Ok(())
    }
}

/// The lines of both, by the longest sequence that they have in common.
fn diff<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(char, &'t str)> {
    // How many lines what is left of both has in common.
    let mut common = vec![vec![0usize; after.len() + 1]; before.len() + 1];
    for (old, line) in before.iter().enumerate().rev() {
        for (new, other) in after.iter().enumerate().rev() {
            common[old][new] = if line == other {
                common[old + 1][new + 1] + 1
            } else {
                common[old + 1][new].max(common[old][new + 1])
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
            || (old < before.len() && common[old + 1][new] >= common[old][new + 1])
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
        assert_eq!(change.to_string(), "rule\n  - a\n  - b\n  + c");
    }
}
