//! Keeping keys out of messages.

use secrecy::{ExposeSecret, SecretString};

/// Shorter than this, a secret can't be told from an ordinary word; taking it
/// out of messages would only garble them.
const SHORTEST_SECRET: usize = 6;

/// Takes secrets out of texts: servers echo the key that they were sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction {
    secrets: Vec<SecretString>,
}

impl Redaction {
    /// A redaction of `secrets`.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut all = Vec::new();
        for secret in secrets {
            let text = secret.expose_secret().trim();
            if text.len() < SHORTEST_SECRET {
                continue;
            }
            // Of `Bearer sk-…` in a header, servers repeat what is after the scheme.
            let after_scheme = text.split_once(' ').map(|(_, rest)| rest.trim());
            let after_scheme = after_scheme.filter(|rest| rest.len() >= SHORTEST_SECRET);
            for text in [Some(text), after_scheme].into_iter().flatten() {
                all.push(SecretString::from(text));
                // A raw JSON body may write `/` as `\/`.
                if text.contains('/') {
                    all.push(SecretString::from(text.replace('/', "\\/")));
                }
            }
        }
        Self { secrets: all }
    }

    /// `text` with every secret replaced. Redact first and shorten afterwards:
    /// half a key is no longer recognized.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        self.clean(&mut clean);
        clean
    }

    /// Replaces every secret in `text`.
    pub(crate) fn clean(&self, text: &mut String) {
        for secret in &self.secrets {
            if text.contains(secret.expose_secret()) {
                *text = text.replace(secret.expose_secret(), "[key]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret: &str, text: &str, expected: &str) {
        let redaction = Redaction::new([&SecretString::from(secret)]);
        assert_eq!(redaction.apply(text), expected);
        assert!(!format!("{redaction:?}").contains(secret));
    }

    #[test]
    fn secrets_are_replaced_wherever_they_are() {
        check(
            "sk-123456",
            "bad key sk-123456, sk-123456!",
            "bad key [key], [key]!",
        );
        check("sk-123456\n", "bad key sk-123456", "bad key [key]");
        check("ab/cd/ef", r#"{"key":"ab\/cd\/ef"}"#, r#"{"key":"[key]"}"#);
        check("Bearer sk-123456", "bad key sk-123456", "bad key [key]");
        check("Bearer sk-123456", "got `Bearer sk-123456`", "got `[key]`");
    }

    #[test]
    fn a_word_is_not_a_secret() {
        check("key", "your key is wrong", "your key is wrong");
    }
}
