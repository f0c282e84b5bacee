//! The JSON in an answer: models put it after their thoughts, into a fence or
//! between sentences even when they are asked not to, and write it with commas
//! too many.

use serde_json::Value as Json;

/// The longest text that is repaired, in bytes: repairing can take the square of
/// the length, and at this one a quarter of a second.
const LONGEST_REPAIRED: usize = 16 * 1024;

/// The most that is repaired of an answer, in bytes: it may have many such parts.
const MOST_REPAIRED: usize = 2 * LONGEST_REPAIRED;

/// The most parts of a text that may be JSON.
const MOST_PARTS: usize = 64;

/// Why there is no value in an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// There is no JSON in it.
    NotJson(String),
    /// The JSON in it is not what is wanted.
    Misfit(String),
}

/// The first value in `answer` that `accept` takes. What is JSON as it stands
/// goes before what has to be looked for, and that before what has to be
/// repaired. An answer that `is_cut` is not repaired: what was cut off would
/// seem never to have been there.
pub(crate) fn find<T>(
    answer: &str,
    is_cut: bool,
    accept: impl Fn(Json) -> Result<T, String>,
) -> Result<T, NoValue> {
    let text = answer.trim();
    let not_json = match serde_json::from_str(text) {
        Ok(json) => return accept(json).map_err(NoValue::Misfit),
        Err(error) => error.to_string(),
    };
    let text = match text.rsplit_once("</think>") {
        Some((_, after)) => after.trim(),
        None => text,
    };
    let mut misfit = None;
    let mut try_accept = |json| match accept(json) {
        Ok(found) => Some(found),
        Err(why) => {
            misfit.get_or_insert(why);
            None
        }
    };
    let parts = || fenced(text).chain([text]).flat_map(closed_parts);
    let whole = parts().filter_map(|part| serde_json::from_str(part).ok());
    if let Some(found) = whole.into_iter().find_map(&mut try_accept) {
        return Ok(found);
    }
    let mut left = MOST_REPAIRED;
    let affordable = parts().filter(|part| {
        let is_affordable = part.len() <= LONGEST_REPAIRED.min(left);
        left -= if is_affordable { part.len() } else { 0 };
        is_affordable
    });
    if !is_cut && let Some(found) = affordable.filter_map(repaired).find_map(&mut try_accept) {
        return Ok(found);
    }
    Err(misfit.map_or(NoValue::NotJson(not_json), NoValue::Misfit))
}

/// What is in fences of three backticks, without the name of its language.
fn fenced(text: &str) -> impl Iterator<Item = &str> {
    let inside = text.split("```").skip(1).step_by(2);
    inside.map(|block| {
        let end_of_name = block.find(|character: char| !character.is_alphanumeric());
        block[end_of_name.unwrap_or(0)..].trim()
    })
}

/// The parts of a text from a bracket to the one that closes it, outermost
/// alone: what is inside of something broken is not the answer. A bracket that
/// nothing closes is where an answer was cut, and the end.
fn closed_parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let parts = std::iter::from_fn(move || {
        let from = &rest[rest.find(['{', '['])?..];
        // Quotes that were left unescaped hide brackets.
        let end = end_of(from, true).or_else(|| end_of(from, false))?;
        let (part, after) = from.split_at(end);
        rest = after;
        Some(part)
    });
    parts.take(MOST_PARTS)
}

/// Where the bracket is closed that `text` begins with; what is in quotes
/// counts for nothing if they are heeded.
fn end_of(text: &str, heeds_quotes: bool) -> Option<usize> {
    let mut depth = 0usize;
    let mut is_quoted = false;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if is_quoted => drop(characters.next()),
            '"' if heeds_quotes => is_quoted = !is_quoted,
            '{' | '[' if !is_quoted => depth += 1,
            '}' | ']' if !is_quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The value that a text of almost JSON means.
fn repaired(text: &str) -> Option<Json> {
    let text = jsonrepair_rs::jsonrepair(text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Takes objects alone.
    fn read(answer: &str, is_cut: bool) -> Result<Json, NoValue> {
        find(answer, is_cut, |json| match json {
            json @ Json::Object(_) => Ok(json),
            other => Err(format!("{other} is no object")),
        })
    }

    fn check(answer: &str, expected: &Json) {
        let found = read(answer, false);
        assert_eq!(found.as_ref(), Ok(expected), "{answer}");
    }

    #[test]
    fn json_is_found_wherever_models_put_it() {
        let point = json!({"x": 1});
        for answer in [
            "{\"x\": 1}",
            " {\"x\": 1}\n",
            "```json\n{\"x\": 1}\n```",
            "```\n{\"x\": 1}\n```",
            "Here it is:\n```json\n{\"x\": 1}\n```\nAnything else?",
            "<think>Is it {\"x\": 2}?</think>\n{\"x\": 1}",
            "thinking {…</think>```json {\"x\": 1} ```",
            "As [1] says, the answer is {\"x\": 1}. Or {\"x\": 3}.",
            "The set {a, b} has one: {\"x\": 1}",
        ] {
            check(answer, &point);
        }
    }

    #[test]
    fn what_is_almost_json_is_repaired() {
        check("{\"x\": [1, 2,],}", &json!({"x": [1, 2]}));
        check("{'x': 'it'}", &json!({"x": "it"}));
        check("Sure: {x: True, y: None}", &json!({"x": true, "y": null}));
        check("{\"x\": 1, // one\n \"y\": 2}", &json!({"x": 1, "y": 2}));
        check(
            "{\"x\": [1,], \"y\": {\"x\": 5}}",
            &json!({"x": [1], "y": {"x": 5}}),
        );
        check("{\"x\": \"a \"b c\",}", &json!({"x": "a \"b c"}));
        check("{\"x\": 1 \"y\": 2}", &json!({"x": 1, "y": 2}));
        check("{\"x\": \"two\nlines\"}", &json!({"x": "two\nlines"}));
        check(
            "```json\n{\"x\": \"a \"b\" c\",}\n```",
            &json!({"x": "a \"b\" c"}),
        );
    }

    #[test]
    fn what_is_cut_is_not_made_whole() {
        for answer in [
            "{\"x\": [1, 2",
            "{\"x\": {\"y\": 1}, \"z",
            "{\"x\": \"a",
            "```json\n{\"x\": [{\"y\": 1},",
        ] {
            assert!(
                matches!(
                    read(answer, false),
                    Err(NoValue::NotJson(_) | NoValue::Misfit(_))
                ),
                "{answer}"
            );
        }
        assert!(read("{\"x\": 1,}", true).is_err());
        assert!(read("{\"x\": 1}", true).is_ok());
    }

    #[test]
    fn the_reason_is_the_nearest_one() {
        let not_json = read("No.", false);
        let expected = "expected value at line 1 column 1".to_owned();
        assert_eq!(not_json, Err(NoValue::NotJson(expected)));
        let misfit = Err(NoValue::Misfit("[1] is no object".to_owned()));
        assert_eq!(read("[1]", false), misfit);
        assert_eq!(read("See [1]!", false), misfit);
        assert!(read(&"[".repeat(100_000), false).is_err());
        assert!(read(&"{\"a\":".repeat(100_000), false).is_err());
    }

    #[test]
    fn no_more_is_repaired_than_can_be_quickly() {
        let broken = |length: usize| format!("[{},],", "1, ".repeat(length / 3));
        // Each is short enough, all together are not.
        let last = format!("{{'x': '{}'}}", "x".repeat(100));
        let answer = broken(LONGEST_REPAIRED - 10).repeat(2) + &last;
        assert!(read(&answer, false).is_err());
        let answer = broken(LONGEST_REPAIRED - 10) + &last;
        check(&answer, &json!({"x": "x".repeat(100)}));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_not(answer in r#"[{}\[\]"',:a1 \\`\n<>/]{0,40}"#) {
            let _ = read(&answer, false);
        }
    }
}
