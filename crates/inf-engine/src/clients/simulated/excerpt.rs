//! The part of a prompt that an answer can repeat and still read well.

/// Words after which a sentence is cut.
const MOST_WORDS: usize = 16;
/// Characters after which it is cut: some languages write no spaces.
const MOST_CHARACTERS: usize = 160;
/// Words of the data that are looked at for [`words`].
const VOCABULARY: usize = 200;

/// The first sentence of the prompt's data, or its first words and `…`.
pub(super) fn excerpt(prompt: &str) -> String {
    let mut taken = String::new();
    let mut characters = 0;
    for (index, word) in data_words(prompt).enumerate() {
        if index >= MOST_WORDS {
            taken.push('…');
            break;
        }
        let length = word.chars().count() + usize::from(index > 0);
        if characters + length > MOST_CHARACTERS {
            let room = MOST_CHARACTERS - characters;
            if index == 0 {
                taken.extend(word.chars().take(room));
            }
            taken.push('…');
            break;
        }
        characters += length;
        if index > 0 {
            taken.push(' ');
        }
        taken.push_str(word);
        // "1." and "Mr." end no sentence worth repeating.
        if index >= 2 && word.ends_with(['.', '!', '?']) {
            break;
        }
    }
    taken
}

/// The words of the prompt's data without punctuation, in their order.
pub(super) fn words(prompt: &str) -> Vec<&str> {
    data_words(prompt)
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()))
        .filter(|word| word.chars().any(char::is_alphabetic) && word.len() <= 24)
        .take(VOCABULARY)
        .collect()
}

fn data_words(prompt: &str) -> impl Iterator<Item = &str> {
    data(prompt)
        .lines()
        .filter(|line| !is_fence(line))
        .flat_map(|line| without_label(line).split_whitespace())
}

/// What a prompt says after its instructions: all that follows the first line
/// that ends with a colon, else its longest paragraph.
///
/// A guess, and only about looks: an answer that repeats instructions is as
/// valid as any.
fn data(prompt: &str) -> &str {
    let mut rest = prompt;
    while let Some((line, after)) = rest.split_once('\n') {
        if line.trim_end().ends_with(':') && !after.trim().is_empty() {
            return after;
        }
        rest = after;
    }
    let mut longest = "";
    for paragraph in prompt.split("\n\n") {
        if paragraph.trim().len() > longest.trim().len() {
            longest = paragraph;
        }
    }
    longest
}

/// `Text: a b` is `a b`: up to three words before the colon are a label.
fn without_label(line: &str) -> &str {
    match line.split_once(": ") {
        Some((label, rest)) if label.split_whitespace().count() <= 3 && !rest.trim().is_empty() => {
            rest
        }
        _ => line,
    }
}

/// Whether a line only marks where something starts or ends.
fn is_fence(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("```")
        || (line.starts_with('<') && line.ends_with('>') && !line.contains(' '))
        || (!line.is_empty()
            && line
                .chars()
                .all(|mark| matches!(mark, '-' | '=' | '*' | '#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, expected: &str) {
        assert_eq!(excerpt(prompt), expected, "{prompt}");
    }

    #[test]
    fn the_first_sentence_of_the_data_is_taken() {
        check("", "");
        check(" \n ", "");
        check("Rust", "Rust");
        check(
            "Rust is a\n  systems language. It is fast.",
            "Rust is a systems language.",
        );
        check(
            "List the facts.\n\nText: Rust is a systems language. It is fast.",
            "Rust is a systems language.",
        );
        check(
            "Compare:\nApples are sweet\n\nwith:\nPears.",
            "Apples are sweet with: Pears.",
        );
        check(
            "Summarize:\n```text\nApples are sweet.\n```",
            "Apples are sweet.",
        );
        check(
            "Judge this:\n<essay>\nApples are sweet.\n</essay>",
            "Apples are sweet.",
        );
        check("1. One is a number. Two too.", "1. One is a number.");
        check(
            "See https://example.com/a for more.",
            "See https://example.com/a for more.",
        );
    }

    #[test]
    fn long_data_is_cut_at_a_word() {
        check(
            "a b c d e f g h i j k l m n o p q r s",
            "a b c d e f g h i j k l m n o p…",
        );
        check(
            &"wordswords ".repeat(16),
            &format!("{}…", ["wordswords"; 14].join(" ")),
        );
        check(&"字".repeat(500), &format!("{}…", "字".repeat(160)));
    }

    #[test]
    fn words_have_letters_and_no_punctuation() {
        assert_eq!(
            words("Text: (Rust), 2015 -- \"safe\"; it's 1.0!"),
            ["Rust", "safe", "it's"]
        );
    }
}
