//! Strings for a JSON schema, out of the words of a prompt.

use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Map, Value};

/// Words for a prompt that has none.
const SPARE: [&str; 6] = ["simulated", "text", "without", "any", "words", "given"];

/// The longest text that is made, in characters; a schema that asks for more
/// is refused.
const LONGEST: u64 = 100_000;

/// A string for the keywords `map`, of the prompt's `words`.
pub(super) fn text(
    map: &Map<String, Value>,
    words: &[&str],
    rng: &mut Pcg64,
) -> Result<String, String> {
    let length = |key| map.get(key).and_then(Value::as_u64);
    let least = length("minLength").unwrap_or(0);
    let most = length("maxLength").unwrap_or(u64::MAX);
    if least > LONGEST {
        return Err(format!(
            "`minLength` {least} is more than the {LONGEST} that are made"
        ));
    }
    if least > most {
        return Err(format!(
            "`minLength` {least} is more than `maxLength` {most}"
        ));
    }
    let format = map.get("format").and_then(Value::as_str);
    if let Some(formatted) = format.and_then(|format| formatted(format, words, rng)) {
        return Ok(formatted);
    }
    let count = rng.random_range(2..=5_u32);
    let mut text = String::new();
    let mut characters = 0;
    for (index, word) in (0..).zip(running(words, rng)) {
        if index >= count && characters >= least {
            break;
        }
        // A word more would be cut in the middle: stop if the text is long enough.
        let longer = characters + u64::from(index > 0) + count_of(word);
        if index > 0 && characters >= least && longer > most {
            break;
        }
        if index > 0 {
            text.push(' ');
        }
        text.push_str(word);
        characters = longer;
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    Ok(text)
}

/// One word, such as the key of a map.
pub(super) fn word<'a>(words: &[&'a str], rng: &mut Pcg64) -> &'a str {
    running(words, rng).next().unwrap_or(SPARE[0])
}

/// The words in their order for ever, from a random one.
fn running<'a>(words: &[&'a str], rng: &mut Pcg64) -> impl Iterator<Item = &'a str> {
    let words = if words.is_empty() { &SPARE } else { words };
    let start = rng.random_range(0..words.len());
    words.iter().copied().cycle().skip(start)
}

fn count_of(text: &str) -> u64 {
    text.chars().count() as u64
}

/// A string of a common `format`; `None` for a format that is not known,
/// which the standard takes as a mere note.
fn formatted(format: &str, words: &[&str], rng: &mut Pcg64) -> Option<String> {
    let (year, month, day) = (
        rng.random_range(2000..=2030_u32),
        rng.random_range(1..=12_u32),
        rng.random_range(1..=28_u32),
    );
    let (hour, minute, second) = (
        rng.random_range(0..=23_u32),
        rng.random_range(0..=59_u32),
        rng.random_range(0..=59_u32),
    );
    let ascii: String = word(words, rng)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let name = if ascii.is_empty() {
        "someone".to_owned()
    } else {
        ascii.to_lowercase()
    };
    Some(match format {
        "date" => format!("{year}-{month:02}-{day:02}"),
        "time" => format!("{hour:02}:{minute:02}:{second:02}Z"),
        "date-time" => format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        "duration" => format!("P{day}DT{hour}H"),
        "email" | "idn-email" => format!("{name}@example.com"),
        "hostname" | "idn-hostname" => format!("{name}.example.com"),
        "uri" | "uri-reference" | "iri" | "iri-reference" | "url" => {
            format!("https://example.com/{name}")
        }
        "uuid" => uuid(rng),
        // The addresses that RFC 5737 and RFC 3849 keep for examples.
        "ipv4" => format!("192.0.2.{day}"),
        "ipv6" => format!("2001:db8::{day}"),
        "json-pointer" => format!("/{name}"),
        "regex" => name,
        _ => return None,
    })
}

/// A random UUID (version 4).
fn uuid(rng: &mut Pcg64) -> String {
    let mut bits: u128 = rng.random();
    bits = bits & !(0xf << 76) | 4 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    fn check(schema: &Value) {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .expect("a valid schema");
        let mut rng = Pcg64::seed_from_u64(5);
        for words in [&[][..], &["Crème", "brûlée", "überaus"], &["日本"], &["a"]] {
            for _ in 0..50 {
                let text =
                    text(schema.as_object().expect("an object"), words, &mut rng).expect("a text");
                assert!(validator.is_valid(&json!(text)), "{text} for {schema}");
            }
        }
    }

    #[test]
    fn every_string_has_its_length_and_format() {
        check(&json!({}));
        for (least, most) in [
            (0, 0),
            (0, 1),
            (1, 1),
            (3, 7),
            (40, 41),
            (500, 500),
            (200, 10_000),
        ] {
            check(&json!({ "minLength": least, "maxLength": most }));
        }
        for format in [
            "date",
            "time",
            "date-time",
            "duration",
            "email",
            "hostname",
            "uri",
            "uuid",
            "ipv4",
            "ipv6",
            "json-pointer",
            "regex",
            "uri-reference",
            "of-my-own",
        ] {
            check(&json!({ "format": format }));
        }
    }

    #[test]
    fn a_text_that_can_not_be_made_is_an_error() {
        let mut rng = Pcg64::seed_from_u64(5);
        let mut check = |schema: Value, expected: &str| {
            let problem =
                text(schema.as_object().expect("an object"), &[], &mut rng).expect_err("no text");
            assert_eq!(problem, expected);
        };
        check(
            json!({ "minLength": 3, "maxLength": 2 }),
            "`minLength` 3 is more than `maxLength` 2",
        );
        check(
            json!({ "minLength": 1_000_000 }),
            "`minLength` 1000000 is more than the 100000 that are made",
        );
    }
}
