//! Environment variables in a configuration: `${NAME}` and `${NAME:-default}`.

/// Reads an environment variable; tests put their own in place of the process's.
pub(super) type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// Reads a variable of the process; one that is empty counts as not set.
pub(super) fn process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Puts the values of variables into `text`; `$$` is a `$`.
pub(super) fn interpolate(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let Some((inside, after)) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
        else {
            return Err(
                "a `$` begins a variable, as in `${NAME}`: write `$$` for a `$`".to_owned(),
            );
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            // It may be a key: it is not repeated.
            return Err(
                "`${…}` holds the name of an environment variable: letters, digits and `_`"
                    .to_owned(),
            );
        }
        match (lookup(name), default) {
            (Some(value), _) => result.push_str(&value),
            (None, Some(default)) => result.push_str(default),
            (None, None) => return Err(not_set(name)),
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// Whether `text` can be the name of an environment variable.
pub(super) fn is_name(text: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    !text.is_empty()
        && text.chars().all(word)
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// Says that a variable is missing.
pub(super) fn not_set(name: &str) -> String {
    format!("the environment variable `{name}` is not set: `export {name}=…` before you start")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in() {
        let lookup = |name: &str| (name == "HOST").then(|| "example.org".to_owned());
        let check =
            |text: &str, expected: Result<&str, &str>| match (interpolate(text, &lookup), expected)
            {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
                (result, _) => panic!("{text}: {result:?}"),
            };
        check("plain", Ok("plain"));
        check("https://${HOST}/v1", Ok("https://example.org/v1"));
        check("${PORT:-80}", Ok("80"));
        check("${HOST:-other}", Ok("example.org"));
        check("${PORT:-}", Ok(""));
        check("5$$", Ok("5$"));
        check("${PORT}", Err("`PORT` is not set"));
        check("$HOST", Err("write `$$` for a `$`"));
        check("${HOST", Err("write `$$` for a `$`"));
    }
}
