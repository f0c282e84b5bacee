//! [`Constraints`]: what may not be proposed.

use std::collections::HashSet;

/// What a new text has to keep to. What breaks one is not tried: the model is told
/// once, and then the text stays as it was.
///
/// ```
/// use inf_engine::optimization::Constraints;
///
/// let constraints = Constraints::default()
///     .with_max_characters(1_500)
///     .keeping("Answer in JSON.")
///     .with_copies_allowed(false);
/// # let _ = constraints;
/// ```
#[derive(Debug, Clone)]
pub struct Constraints {
    max_characters: usize,
    kept: Vec<String>,
    allows_copies: bool,
    allows_answers: bool,
}

/// Words in a row that count as a copy: small models paste examples (a lesson of
/// reflection with models below 7 billion parameters), which scores on those
/// examples and on no others.
const COPIED_WORDS: usize = 8;

impl Default for Constraints {
    fn default() -> Self {
        Self {
            max_characters: Self::DEFAULT_MAX_CHARACTERS,
            kept: Vec::new(),
            allows_copies: false,
            allows_answers: true,
        }
    }
}

impl Constraints {
    /// The most characters of a text, unless something else is said.
    pub const DEFAULT_MAX_CHARACTERS: usize = 8_000;

    /// Sets the most characters of a text; 8,000 by default.
    #[must_use]
    pub fn with_max_characters(mut self, max_characters: usize) -> Self {
        self.max_characters = max_characters;
        self
    }

    /// Has every text contain `text`. The placeholders of the text that is there,
    /// as in `{name}`, are kept in any case.
    #[must_use]
    pub fn keeping(mut self, text: impl Into<String>) -> Self {
        self.kept.push(text.into());
        self
    }

    /// Sets whether eight words in a row of an example may be in a text; not by
    /// default.
    #[must_use]
    pub fn with_copies_allowed(mut self, allows_copies: bool) -> Self {
        self.allows_copies = allows_copies;
        self
    }

    /// Sets whether a text may have the expected answer of an example that it was made
    /// from, however short; by default it may. Where there are few different answers, as
    /// with labels, a text has to name them; where each has its own, one that names them
    /// has learnt them by heart. What the text that is there has stays allowed.
    #[must_use]
    pub fn with_answers_allowed(mut self, allows_answers: bool) -> Self {
        self.allows_answers = allows_answers;
        self
    }

    /// The rules as a model is told them.
    pub(super) fn shown(&self, current: &str) -> String {
        let mut rules = vec![format!("at most {} characters", self.max_characters)];
        let kept = self.kept_of(current);
        rules.extend(kept.iter().map(|text| format!("it contains `{text}`")));
        if !self.allows_copies {
            rules.push("nothing copied from examples: general rules".to_owned());
        }
        if !self.allows_answers {
            rules.push("no answer of an example is in it".to_owned());
        }
        rules.join("; ")
    }

    fn kept_of(&self, current: &str) -> Vec<String> {
        let mut kept = self.kept.clone();
        for placeholder in placeholders(current) {
            if !kept.contains(&placeholder) {
                kept.push(placeholder);
            }
        }
        kept
    }

    /// What is wrong with `proposed` in place of `current`; `examples` are texts
    /// that it may not copy, and `answers` what was expected for them.
    pub(super) fn problem(
        &self,
        current: &str,
        proposed: &str,
        examples: &[&str],
        answers: &[&str],
    ) -> Option<String> {
        if proposed.trim().is_empty() {
            return Some("it is empty".to_owned());
        }
        let length = proposed.chars().count();
        if length > self.max_characters {
            let most = self.max_characters;
            return Some(format!(
                "it has {length} characters, and {most} are allowed"
            ));
        }
        let kept = self.kept_of(current);
        if let Some(missing) = kept.iter().find(|text| !proposed.contains(&***text)) {
            return Some(format!("it lacks `{missing}`"));
        }
        if !self.allows_copies
            && let Some(copied) = copied(current, proposed, examples)
        {
            return Some(format!("it copies an example: `{copied}`"));
        }
        if !self.allows_answers
            && let Some(answer) = answers
                .iter()
                .find(|answer| has(proposed, answer) && !has(current, answer))
        {
            return Some(format!(
                "it gives away the answer of an example: `{answer}`"
            ));
        }
        None
    }
}

/// The words of a text in small letters.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether the words of `part` stand in a row in `text`.
fn has(text: &str, part: &str) -> bool {
    let (text, part) = (words(text), words(part));
    !part.is_empty() && text.windows(part.len()).any(|row| row == part)
}

/// The placeholders in a text: `{name}` and `{name.part}`, each once.
fn placeholders(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('{') {
        let inside = text[at + 1..].split_once('}').map(|(inside, _)| inside);
        let Some(inside) = inside.filter(|inside| !inside.is_empty()) else {
            continue;
        };
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        if inside.chars().all(is_name) && !inside.starts_with(|c: char| c.is_ascii_digit()) {
            let placeholder = format!("{{{inside}}}");
            if !found.contains(&placeholder) {
                found.push(placeholder);
            }
        }
    }
    found
}

/// Words in a row that `proposed` has from an example and not from what was there.
fn copied(current: &str, proposed: &str, examples: &[&str]) -> Option<String> {
    let mut known: HashSet<Vec<String>> = HashSet::new();
    for example in examples {
        known.extend(words(example).windows(COPIED_WORDS).map(<[String]>::to_vec));
    }
    for own in words(current).windows(COPIED_WORDS) {
        known.remove(own);
    }
    let proposed = words(proposed);
    let copied = proposed
        .windows(COPIED_WORDS)
        .find(|row| known.contains(*row))?;
    Some(copied.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_constraint_is_told() {
        let constraints = Constraints::default()
            .with_max_characters(60)
            .keeping("JSON");
        let example = "the quick brown fox jumps over the lazy dog again";
        let check = |proposed: &str, expected: Option<&str>| {
            let problem = constraints.problem("JSON for {name} {0}", proposed, &[example], &[]);
            assert_eq!(problem.as_deref(), expected, "{proposed}");
        };
        check("Answer {name} in JSON.", None);
        check(" ", Some("it is empty"));
        check("Answer {name}.", Some("it lacks `JSON`"));
        check("Answer in JSON.", Some("it lacks `{name}`"));
        let long = "x".repeat(61);
        check(&long, Some("it has 61 characters, and 60 are allowed"));
        check(
            "JSON {name}: Quick brown fox jumps over the LAZY dog!",
            Some("it copies an example: `quick brown fox jumps over the lazy dog`"),
        );
        check("JSON {name}: brown fox jumps over the lazy dog", None);
    }

    #[test]
    fn what_was_there_before_is_no_copy() {
        let row = "one two three four five six seven eight";
        let constraints = Constraints::default();
        assert_eq!(constraints.problem(row, row, &[row], &[]), None);
        assert!(constraints.problem("", row, &[row], &[]).is_some());
        let allowed = constraints.with_copies_allowed(true);
        assert_eq!(allowed.problem("", row, &[row], &[]), None);
    }

    #[test]
    fn answers_of_examples_are_given_away_only_where_they_may_be() {
        let answers = ["Port Louis", "5", "!"];
        let told = Constraints::default().with_answers_allowed(false);
        let check = |proposed: &str, expected: Option<&str>| {
            let problem = told.problem("Answer within 5 words.", proposed, &[], &answers);
            assert_eq!(problem.as_deref(), expected, "{proposed}");
        };
        let given_away = "it gives away the answer of an example: `Port Louis`";
        check("Of Mauritius it is port louis.", Some(given_away));
        check("Name the port, Louis.", Some(given_away));
        check("Name the port!", None);
        // It was there before.
        check("Answer within 5 words, in full sentences.", None);
        let allowed = Constraints::default();
        assert_eq!(allowed.problem("", "Port Louis", &[], &answers), None);
        assert!(
            told.shown("")
                .ends_with("; no answer of an example is in it")
        );
    }
}
